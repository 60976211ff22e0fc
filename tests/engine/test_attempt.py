"""One pack under locks: what is free and fits is computed, what is there or held is left."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filling import CPU, hold, runs

from landmarklib import loading, tables
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import flat
from landmarklib.datasets import mtfl
from landmarklib.engine import attempt
from landmarklib.engine.attempt import How
from landmarklib.formats import archive
from landmarklib.records import checkpoint, record
from landmarklib.training import compute


def test_time_that_a_run_takes_is_estimated_from_its_images(tmp_path):
    e = runs()[0]
    # 64 images forward and backward; a third of that for each of 2 * 32 in evaluations and 2 * 64 in tests; 16 a second
    assert attempt.estimate_seconds(e, How(tmp_path)) == pytest.approx((64 + (2 * 32 + 2 * 64) / 3) / 16)


def test_of_a_pack_only_the_runs_that_would_end_in_time_are_computed(tmp_path, computed):
    pack = runs(3)
    stop = time.monotonic() + 25.0  # each is estimated at 8 s, and 1.3 times that is kept
    states = attempt.attempt(pack, How(tmp_path, stop=stop))
    assert states == [attempt.DONE, attempt.DONE, attempt.DEFERRED] and [e.seed for e in computed] == [0, 1]


def test_a_run_that_another_process_holds_is_left_to_it(tmp_path, computed):
    with hold(tmp_path, seed=0):
        e = runs()[0]
        assert attempt.attempt([e], How(tmp_path)) == [attempt.BUSY]
    assert computed == []


@pytest.fixture
def parts(monkeypatch) -> list:
    """Seeds and steps of the packs that would be trained; none is."""
    noted = []

    def noting(pack, *, states, **_):
        noted.append(([e.seed for e in pack], [state.get("step", 0) for state in states]))
        return []

    monkeypatch.setattr(compute, "run", noting)
    return noted


def test_of_the_time_that_is_left_a_run_half_way_takes_less(tmp_path):
    (e,) = runs()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 4}])
    # 32 images, one of the two evaluations, the test images as before
    assert attempt.estimate_seconds(e, How(tmp_path)) == pytest.approx((32 + (32 + 2 * 64) / 3) / 16)


def test_a_state_whose_record_is_there_is_forgotten(tmp_path, computed):
    (e,) = runs()
    assert attempt.attempt([e], How(tmp_path)) == [attempt.DONE]
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3}])
    assert attempt.attempt([e], How(tmp_path)) == [attempt.DONE] and len(computed) == 1
    assert not checkpoint.path_of(tmp_path, e).exists()


def test_a_pack_whose_runs_another_process_took_further_is_trained_in_parts(tmp_path, parts):
    pack = runs(4)
    checkpoint.save(tmp_path, CPU, pack[2:], [{"step": 3}] * 2)
    attempt.attempt(pack, How(tmp_path))
    assert parts == [([0, 1], [0, 0]), ([2, 3], [3, 3])]


def test_a_damaged_array_is_no_state_for_the_run_that_needs_it(tmp_path, parts):
    pack = runs(2)
    checkpoint.save(tmp_path, CPU, pack, [{"step": 3, "array": np.arange(1000)}] * 2)
    path = checkpoint.path_of(tmp_path, pack[1])
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(1000).tobytes()) + 100] ^= 1
    path.write_bytes(content)
    assert [checkpoint.step(tmp_path, e, CPU) for e in pack] == [3, 3]  # the arrays are not looked at
    attempt.attempt(pack, How(tmp_path))
    assert parts == [([0], [3]), ([1], [0])]


def test_a_state_that_does_not_fit_costs_no_run(tmp_path, monkeypatch, capsys):
    def run(pack, *, keep, **_):
        for _ in range(2):
            keep([{"step": 3}] * len(pack))
        return [record.Record(e, "done") for e in pack]

    def full(*_):
        raise UserError("cannot write state: No space left on device")

    monkeypatch.setattr(compute, "run", run)
    monkeypatch.setattr(checkpoint, "save", full)
    pack = runs(2)
    assert attempt.attempt(pack, How(tmp_path)) == [attempt.DONE] * 2
    assert all(record.path_of(tmp_path, e).exists() for e in pack)
    said = "landmarklib: cannot write state: No space left on device; runs go on, and their states are not kept"
    assert capsys.readouterr().err.splitlines() == [said]


def test_a_state_that_may_not_be_removed_costs_no_run(tmp_path, computed, monkeypatch):
    def another_s(*_, **__):
        raise PermissionError(13, "Permission denied")

    pack = runs(2)
    monkeypatch.setattr(Path, "unlink", another_s)
    assert attempt.attempt(pack, How(tmp_path)) == [attempt.DONE] * 2
    with pytest.raises(UserError, match=r"cannot remove .*: Permission denied; ask for the right to write there, or"):
        checkpoint.delete(tmp_path, pack[0])  # of a run that is to be computed anew


def test_locks_of_another_user_are_one_line_before_anything_is_computed(tmp_path, computed):
    (tmp_path / ".locks").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot lock .*\.lock: [^;]*; choose another results folder"):
        attempt.attempt(runs(), How(tmp_path))
    assert computed == []


def test_a_run_whose_photos_have_changed_since_it_was_stopped_starts_anew_and_says_so(
    tmp_path, monkeypatch, parts, capsys
):
    (e,) = tables.get("mtfl").experiments([0.5], [0], ["RCN+ (L)"], "smoke")
    e = replace(flat(e), size=16, tests=[]).experiment
    counts = {"train": 8, "val": 2, "test": 2}
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=counts, ids={}))
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    (tmp_path / "mtfl").mkdir()
    mtfl.write_standin(tmp_path / "mtfl", counts, 0)
    loading.forget()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3}])
    photo, other = sorted((tmp_path / "mtfl").rglob("*.jpg"))[:2]
    content = photo.read_bytes()
    for now, steps in ((content, 3), (other.read_bytes(), 0), (content, 3)):  # as it was, changed, back again
        photo.write_bytes(now)
        loading.forget()
        attempt.attempt([e], How(tmp_path))
        assert parts[-1] == ([0], [steps])
        said = "other data than lie here now; the run starts anew"
        assert capsys.readouterr().err.count(said) == (steps == 0)
    loading.forget()
