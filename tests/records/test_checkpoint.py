"""A run that was stopped goes on from its last state as if nothing had happened; whatever is no such state counts as none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landmarklib import loading, methods, tables
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import UserError
from landmarklib.engine import attempt, ensure, packing
from landmarklib.nets import forms
from landmarklib.records import checkpoint, query, record, staleness
from landmarklib.training import compute, train

ROW = "Seq-MT (L+ELT+A)"
WANTED = {"fractions": [0.1], "seeds": [0], "rows": [ROW], "budget": "smoke", "workers": 1}


@pytest.fixture(autouse=True)
def literal(monkeypatch):
    """The form as printed in the paper: the same on every machine, and nothing to measure."""
    monkeypatch.setattr(compute, "measured_form", lambda *_: (forms.LITERAL, 1000.0))


@pytest.fixture
def always(monkeypatch):
    """States are kept after every step."""
    monkeypatch.setattr(train, "KEEP_EVERY", -1.0)


def experiments(n: int = 1, row: str = ROW) -> list[Experiment]:
    """Smoke runs of 8 steps whose terms do not all start at once."""
    return tables.get("blocks").experiments([0.1], range(n), [row], "smoke")


def trained(pack: list[Experiment], keep=None, states=()) -> list[record.Record]:
    return compute.run(pack, form=forms.LITERAL, states=states, keep=keep)


def content(one: record.Record) -> dict:
    """All of a record but what tells when it was made."""
    return {"curve": one.curve, "best": one.best_step, "metrics": one.metrics, "gallery": one.gallery, "n": one.passes}


@pytest.mark.parametrize("row", ["Seq-MT (L+ELT+A)", "Comm-MT (L+A)", "Heatmap-MT (L+A)"])
@pytest.mark.parametrize("step", [1, 3, 7])
def test_a_run_goes_on_as_if_it_had_never_stopped(always, row, step):
    kept = []
    whole = trained(experiments(row=row), keep=kept.append)
    assert [state["step"] for (state,) in kept] == list(range(1, 9))
    steps, (state,) = [], kept[step - 1]
    (rest,) = trained(experiments(row=row), keep=steps.append, states=[state])
    assert len(steps) == 8 - step
    assert content(rest) == content(whole[0])
    assert rest.seconds >= round(state["seconds"], 2) > 0


def test_runs_of_a_pack_go_on_together_or_in_another_pack(always):
    kept = []
    whole = trained(experiments(3), keep=kept.append)
    assert [content(r) for r in trained(experiments(3), states=kept[3])] == [content(r) for r in whole]
    pair = trained(experiments(3)[1:], states=kept[3][1:])
    for one, expected in zip(pair, whole[1:], strict=True):
        assert [e["step"] for e in one.curve] == [e["step"] for e in expected.curve]
        assert one.metrics["error_px"]["mean"] == pytest.approx(expected.metrics["error_px"]["mean"], abs=0.01)


def test_a_run_that_failed_stays_failed(always):
    kept = []
    trained(experiments(), keep=kept.append)
    (state,) = kept[5]
    (one,) = trained(experiments(), states=[{**state, "failure": "loss or weights are not finite at step 4 of 8"}])
    assert one.status == "failed" and one.reason.endswith("at step 4 of 8")


def test_a_state_survives_its_file(tmp_path, always):
    kept, (e,) = [], experiments()
    trained([e], keep=kept.append)
    checkpoint.save(tmp_path, "cpu", [e], kept[4])
    state = checkpoint.load(tmp_path, e, "cpu")
    assert state.keys() == kept[4][0].keys()
    for name, value in kept[4][0].items():
        same = np.array_equal(state[name], value) if isinstance(value, np.ndarray) else state[name] == value
        assert same and type(state[name]) is type(value), name
    assert checkpoint.step(tmp_path, e, "cpu") == 5
    assert checkpoint.load(tmp_path, e, "cuda:1") == {}  # whose random numbers are others
    assert (
        checkpoint.load(tmp_path, replace(e, seed=1), "cpu") == {}
        and checkpoint.step(tmp_path, replace(e, seed=1), "cpu") == 0
    )
    checkpoint.delete(tmp_path, e)
    checkpoint.delete(tmp_path, e)
    assert checkpoint.load(tmp_path, e, "cpu") == {} and list(tmp_path.rglob("*.*z*")) == []


def pickled(path: Path, e: Experiment) -> None:
    np.savez(path, json=np.array({"identity": identity(e), "step": 3}, dtype=object), allow_pickle=True)


def identity(e: Experiment, **changes) -> list:
    return list(({"key": e.key, "versions": staleness.of(e), "device": "cpu"} | changes).values())


def of(**changes):
    """Writes a state that names another key, versions or device."""

    def write(path: Path, e: Experiment) -> None:
        np.savez(path, json=np.array(json.dumps({"identity": identity(e, **changes), "step": 3})))

    return write


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path, e: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path, e: path.write_bytes(b""),
        lambda path, e: path.write_text("not an archive"),
        lambda path, e: np.savez(path, step=np.array(3)),
        lambda path, e: np.savez(path, json=np.array("{")),
        lambda path, e: np.savez(path, json=np.array("[3]")),
        pickled,
        of(key="another"),
        of(versions={"engine": 99}),
        of(device="cuda"),
    ],
    ids="half,empty,text,without JSON,broken JSON,a list,pickle,another run,other versions,another device".split(","),
)
def test_what_is_no_state_of_this_run_and_these_versions_counts_as_none(tmp_path, spoil):
    (e,) = experiments()
    path = checkpoint.path_of(tmp_path, e)
    checkpoint.save(tmp_path, "cpu", [e], [{"step": 3, "array": np.arange(3)}])
    assert checkpoint.step(tmp_path, e, "cpu") == 3
    spoil(path, e)
    assert checkpoint.load(tmp_path, e, "cpu") == {} and checkpoint.step(tmp_path, e, "cpu") == 0


def test_a_state_that_names_this_run_and_these_versions_is_one(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, "cpu", [e], [{"step": 9}])
    of()(checkpoint.path_of(tmp_path, e), e)
    assert checkpoint.load(tmp_path, e, "cpu") == {"step": 3}


def test_a_damaged_array_is_no_state_for_the_run_that_needs_it(tmp_path, monkeypatch):
    pack, parts = experiments(2, "Seq-MT (L)"), []
    checkpoint.save(tmp_path, "cpu", pack, [{"step": 3, "array": np.arange(1000)}] * 2)
    path = checkpoint.path_of(tmp_path, pack[1])
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(1000).tobytes()) + 100] ^= 1
    path.write_bytes(content)
    assert [checkpoint.step(tmp_path, e, "cpu") for e in pack] == [3, 3]  # the arrays are not looked at

    def noting(pack, *, states, **_):
        parts.append(([e.seed for e in pack], [state.get("step", 0) for state in states]))
        return []

    monkeypatch.setattr(compute, "run", noting)
    attempt.attempt(pack, tmp_path, "cpu", float("inf"), False, 0)
    assert parts == [([0], [3]), ([1], [0])]


def test_writing_that_fails_leaves_the_state_that_was_there(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, "cpu", [e], [{"step": 3}])
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path, "cpu", [e], [{"step": 4, "what": object()}])
    assert checkpoint.step(tmp_path, e, "cpu") == 3
    assert [path.name for path in checkpoint.path_of(tmp_path, e).parent.iterdir()] == [f"{e.key}.npz"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"]
)
def test_writing_that_is_cut_short_leaves_the_state_that_was_there(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    (e,) = experiments()
    checkpoint.save(tmp_path, "cpu", [e], [{"step": 3}])
    monkeypatch.setattr(record.os, "replace", fail)
    expected = UserError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(
        expected, match=r"^cannot write [^\n]*: No space left on device; [^\n]*$" if error.args else None
    ):
        checkpoint.save(tmp_path, "cpu", [e], [{"step": 4}])
    assert checkpoint.step(tmp_path, e, "cpu") == 3
    assert [path.name for path in checkpoint.path_of(tmp_path, e).parent.iterdir()] == [f"{e.key}.npz"]


class Stopped(Exception):
    """What ends a process, here."""


def stop_after(monkeypatch, n: int) -> list[int]:
    """The next run is stopped when its nth state has been kept. Gives the steps of every state that is kept."""
    save, steps = checkpoint.save, []

    def stopping(folder, device, pack, states):
        save(folder, device, pack, states)
        steps.append(states[0]["step"])
        if len(steps) == n:
            raise Stopped

    monkeypatch.setattr(checkpoint, "save", stopping)
    return steps


def test_a_table_goes_on_inside_a_run_that_was_stopped(tmp_path, monkeypatch, always):
    whole = ensure.ensure("blocks", **WANTED, results=tmp_path / "whole")
    steps = stop_after(monkeypatch, 5)
    with pytest.raises(Stopped):
        ensure.ensure("blocks", **WANTED, results=tmp_path)
    (e,) = experiments()
    assert query.load_all(tmp_path, "blocks") == [] and checkpoint.step(tmp_path, e, "cpu") == 5
    frame = ensure.ensure("blocks", **WANTED, results=tmp_path)
    assert steps == list(range(1, 9))
    assert frame.error_px.tolist() == whole.error_px.tolist()
    assert content(query.load_all(tmp_path, "blocks")[0]) == content(query.load_all(tmp_path / "whole", "blocks")[0])
    assert not checkpoint.path_of(tmp_path, e).exists()


def test_computing_anew_does_not_go_on_from_a_state(tmp_path, monkeypatch, always):
    steps = stop_after(monkeypatch, 5)
    with pytest.raises(Stopped):
        ensure.ensure("blocks", **WANTED, results=tmp_path)
    for _ in range(2):  # without a record, and with one
        ensure.ensure("blocks", **WANTED, results=tmp_path, refresh=True)
    assert steps == [*range(1, 6), *range(1, 9), *range(1, 9)]


def test_a_state_whose_record_is_there_is_forgotten(tmp_path):
    ensure.ensure("blocks", **WANTED, results=tmp_path)
    (e,) = experiments()
    checkpoint.save(tmp_path, "cpu", [e], [{"step": 3}])
    assert attempt.attempt([e], tmp_path, "cpu", float("inf"), False, 0) == [attempt.DONE]
    assert not checkpoint.path_of(tmp_path, e).exists()


def test_runs_that_have_come_equally_far_are_packed(tmp_path, monkeypatch):
    pack = experiments(4, "Seq-MT (L)")
    checkpoint.save(tmp_path, "cuda", pack[2:], [{"step": 3}] * 2)
    monkeypatch.setattr(compute, "pack_size", lambda *_: 4)
    assert [[e.seed for e in p] for p in packing.packed(pack, tmp_path, "cuda")] == [[0, 1], [2, 3]]


def test_a_pack_whose_runs_another_process_took_further_is_trained_in_parts(tmp_path, monkeypatch):
    pack, parts = experiments(4, "Seq-MT (L)"), []
    checkpoint.save(tmp_path, "cpu", pack[2:], [{"step": 3}] * 2)

    def noting(pack, *, states, **_):
        parts.append(([e.seed for e in pack], [state.get("step", 0) for state in states]))
        return []

    monkeypatch.setattr(compute, "run", noting)
    attempt.attempt(pack, tmp_path, "cpu", float("inf"), False, 0)
    assert parts == [([0, 1], [0, 0]), ([2, 3], [3, 3])]


def test_networks_of_every_method_are_kept_whole(always):
    for name in methods.names():
        kept, (e,) = [], experiments()
        small = {"widths": [4, 4], "kernels": [3, 3]}
        options = {key: value for key, value in small.items() if key in methods.get(name).OPTIONS}
        points = "landmarks" in methods.get(name).TERMS
        term, select = ("landmarks", "error_px") if points else ("classes", "accuracy_percent")
        e = replace(e, method=name, options=options, weights={term: 1.0}, starts={}, select=select)
        trained([e], keep=kept.append)
        module = methods.get(name).build(
            loading.get("blocks"), e.size, methods.complete_options(e), torch.Generator().manual_seed(0)
        )
        for kind in ("parameter module.", "best "):
            names = {n.removeprefix(kind) for n in kept[0][0] if n.startswith(kind)}
            assert names == module.state_dict().keys()
