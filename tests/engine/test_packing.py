"""Which runs are trained at once."""

from __future__ import annotations

import pytest
from experiments import changed
from filling import runs

from landmarklib import tables
from landmarklib.engine import packing
from landmarklib.training import autotune


def fresh(experiment) -> int:
    """No step is done."""
    return 0


def packs_of(monkeypatch, n: int) -> None:
    """So many runs are to be trained at once."""
    monkeypatch.setattr(autotune, "choose", lambda *_: autotune.Choice("1x1 bfloat16", "1x1 float32", n))


def test_a_processor_trains_each_run_alone_and_a_gpu_as_many_of_a_kind_as_it_likes(monkeypatch):
    table = tables.get("blocks")
    missing = table.experiments([0.1, 0.2, 1.0], [0, 1, 2], ["Seq-MT (L)", "Seq-MT (L+A)"], "paper")
    assert packing.packed(missing, fresh, "cpu") == [[e] for e in missing]
    packs_of(monkeypatch, 4)
    packs = packing.packed(missing, fresh, "cuda")
    assert sorted(len(pack) for pack in packs) == [
        3,
        3,
        3,
        3,
        3,
        3,
    ]  # 9 of L; of L+A 6, and 3 without unlabelled images
    assert sorted(e.key for pack in packs for e in pack) == sorted(e.key for e in missing)
    assert all(len({autotune.pack_key(e) for e in pack}) == 1 for pack in packs)


def test_runs_of_one_pack_differ_in_row_seed_fraction_and_weight_alone():
    table = tables.get("blocks")
    (e,) = table.experiments([0.1], [0], ["Seq-MT (L+ELT)"], "cpu")
    (other,) = table.experiments([0.5], [3], ["Seq-MT (L+ELT)"], "cpu")
    heavier = changed(e, weights={**e.stages[0].weights, "elt": 9.0})
    assert autotune.pack_key(e) == autotune.pack_key(other) == autotune.pack_key(heavier)
    for change in (
        {"rate": 0.1},
        {"images": 8},
        {"starts": {}},
        {"weights": {"landmarks": 900.0}},
        {"options": {"beta": 1.0}},
    ):
        assert autotune.pack_key(changed(e, **change)) != autotune.pack_key(e)


def test_runs_that_have_come_equally_far_are_packed(monkeypatch):
    pack = runs(4)
    packs_of(monkeypatch, 4)
    packs = packing.packed(pack, lambda e: 3 * (e.seed > 1), "cuda")
    assert [[e.seed for e in p] for p in packs] == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("n", "size", "sizes"), [(5, 4, [2, 3]), (9, 4, [3, 3, 3]), (4, 4, [4]), (3, 1, [1, 1, 1])])
def test_packs_are_evenly_spread(monkeypatch, n, size, sizes):
    packs_of(monkeypatch, size)
    assert [len(pack) for pack in packing.packed(runs(n), fresh, "cuda")] == sizes


def test_runs_are_put_together_where_they_have_done_as_many_steps():
    pack = list(zip(runs(4), [{"step": 3}, {}, {"step": 3}, {"step": 5}], strict=True))
    parts = [([e.seed for e in part], states) for part, states in packing.group_by_step(pack)]
    assert parts == [([0, 2], [{"step": 3}] * 2), ([1], [{}]), ([3], [{"step": 5}])]
