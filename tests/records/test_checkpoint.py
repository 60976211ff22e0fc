"""A state of a run in the middle of training survives its file; whatever is no such state counts as none."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filling import CPU

from landmarklib import loading, tables
from landmarklib.core import files, versions
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.records import checkpoint, record, staleness

ARRAYS = {
    "noise": np.arange(5, dtype=np.uint8),
    "mean a": np.ones((2, 3), np.float32),
    "visible": np.array([True, False]),
}
DATA = {"fingerprint": "0123456789ab", "crops": {"train": [64, 1.6], "test": [32, 1.0]}}
STATE = {"step": 5, "seconds": 1.5, "failure": "", "curve": [{"step": 4, "loss": {"landmarks": 0.5}}], **ARRAYS}


@pytest.fixture(autouse=True)
def data(monkeypatch) -> dict:
    """What lies here, of every run; nothing is drawn."""
    here = dict(DATA)
    monkeypatch.setattr(loading, "described", lambda experiment: here)
    return here


def experiments(n: int = 1) -> list[Experiment]:
    """Smoke runs of Blocks, one for each seed."""
    return tables.get("blocks").experiments([0.1], range(n), ["Seq-MT (L+ELT+A)"], "smoke")


def test_a_state_survives_its_file(tmp_path):
    e, other = experiments(2)
    checkpoint.save(tmp_path, CPU, [e], [STATE])
    state = checkpoint.load(tmp_path, e, CPU)
    assert state.keys() == STATE.keys()
    for name, value in STATE.items():
        same = np.array_equal(state[name], value) if isinstance(value, np.ndarray) else state[name] == value
        assert same and type(state[name]) is type(value), name
    assert checkpoint.step(tmp_path, e, CPU) == 5
    assert checkpoint.load(tmp_path, e, checkpoint.Device("cuda:1", CPU.form)) == {}  # whose random numbers are others
    assert checkpoint.load(tmp_path, other, CPU) == {} and checkpoint.step(tmp_path, other, CPU) == 0
    checkpoint.delete(tmp_path, e)
    checkpoint.delete(tmp_path, e)
    assert checkpoint.load(tmp_path, e, CPU) == {} and list(tmp_path.rglob("*.*z*")) == []


@pytest.mark.parametrize("part", ["engine", "methods.seq_mt", "datasets.blocks"])
def test_a_state_from_before_a_version_was_raised_counts_as_none(tmp_path, monkeypatch, part):
    (e,), raised = experiments(), versions.raised()
    checkpoint.save(tmp_path, CPU, [e], [STATE])
    monkeypatch.setattr(versions, "raised", lambda: {**raised, "methods.rcn": (9, "a method of another run")})
    assert checkpoint.step(tmp_path, e, CPU) == 5
    monkeypatch.setattr(versions, "raised", lambda: {**raised, part: (raised[part][0] + 1, "it computes otherwise")})
    assert checkpoint.load(tmp_path, e, CPU) == {} and checkpoint.step(tmp_path, e, CPU) == 0


def test_a_state_of_data_that_have_changed_since_counts_as_none_until_they_are_back(tmp_path, data, capsys):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [STATE])
    data["fingerprint"] = "another"
    assert checkpoint.load(tmp_path, e, CPU) == {} and checkpoint.step(tmp_path, e, CPU) == 0
    said = "its kept state is of other data than lie here now; the run starts anew"
    assert capsys.readouterr().err == f"{e.key}: {said}\n"
    data["fingerprint"] = DATA["fingerprint"]
    assert checkpoint.load(tmp_path, e, CPU)["step"] == 5 and capsys.readouterr().err == ""


def test_a_state_of_other_stages_counts_as_none(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [STATE])
    (stage,) = e.stages
    for stages in ((stage, replace(stage, name="second")), (replace(stage, ema=0.9),)):
        assert checkpoint.load(tmp_path, replace(e, stages=stages), CPU) == {}


def test_what_a_killed_process_left_goes_with_the_state(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3}])
    (checkpoint.path_of(tmp_path, e).parent / files.ASIDE.format("left")).write_bytes(b"half")
    checkpoint.delete(tmp_path, e)
    assert list(checkpoint.path_of(tmp_path, e).parent.iterdir()) == []


def pickled(path: Path, e: Experiment) -> None:
    np.savez(path, json=np.array({"identity": identity(e), "step": 3}, dtype=object), allow_pickle=True)


def claiming(path: Path, e: Experiment) -> None:
    """A state of this run in which an array of 8 TB is said to be."""
    np.savez(path, json=np.array(json.dumps({"identity": identity(e), "step": 3})))
    with zipfile.ZipFile(path, "a") as file, file.open("array.npy", "w") as member:
        shape = {"descr": "|u1", "fortran_order": False, "shape": (1 << 43,)}
        np.lib.format.write_array_header_1_0(member, shape)


def unpacking(path: Path, e: Experiment) -> None:
    """A state of this run in which a small array unpacks to a large one."""
    state = np.array(json.dumps({"identity": identity(e), "step": 3}))
    np.savez_compressed(path, json=state, array=np.zeros(1 << 20, np.uint8))


def nested(path: Path, e: Experiment) -> None:
    np.savez(path, json=np.array("[" * 100_000))


def identity(e: Experiment, **changes) -> dict:
    return {"key": e.key, "versions": staleness.of(e), "device": "cpu", "form": CPU.form, "data": DATA} | changes


def of(**changes):
    """Writes a state that names another key, versions, device or data."""

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
        nested,
        of(key="another"),
        of(versions={"engine": 99}),
        of(device="cuda"),
        of(form="1x2 float32"),
        of(data={"fingerprint": "f00"}),
        of(data=None),
        lambda path, e: np.savez(path, json=np.array(json.dumps({"identity": [e.key, {}, "cpu"], "step": 3}))),
    ],
    ids=(
        "half,empty,text,without JSON,broken JSON,a list,pickle,nested lists,another run,other versions,another device,"
        "another form,"
        "other data,no data,identity without names"
    ).split(","),
)
def test_what_is_no_state_of_this_run_and_these_versions_counts_as_none_and_a_line_says_so(tmp_path, capsys, spoil):
    (e,) = experiments()
    path = checkpoint.path_of(tmp_path, e)
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3, "array": np.arange(3)}])
    assert checkpoint.step(tmp_path, e, CPU) == 3
    spoil(path, e)
    assert checkpoint.step(tmp_path, e, CPU) == 0 and capsys.readouterr().err == ""  # who takes it up says so, once
    assert checkpoint.load(tmp_path, e, CPU) == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{e.key}: its kept state ") and line.endswith("; the run starts anew")


@pytest.mark.parametrize("spoil", [claiming, unpacking])
def test_a_state_with_more_in_it_than_the_file_is_large_counts_as_none(tmp_path, spoil):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [STATE])
    spoil(checkpoint.path_of(tmp_path, e), e)
    assert checkpoint.load(tmp_path, e, CPU) == {}


def test_a_state_that_names_this_run_and_these_versions_is_one(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 9}])
    of()(checkpoint.path_of(tmp_path, e), e)
    assert checkpoint.load(tmp_path, e, CPU) == {"step": 3}


def test_writing_that_fails_leaves_the_state_that_was_there(tmp_path):
    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3}])
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path, CPU, [e], [{"step": 4, "what": object()}])
    assert checkpoint.step(tmp_path, e, CPU) == 3
    assert [path.name for path in checkpoint.path_of(tmp_path, e).parent.iterdir()] == [f"{e.key}.npz"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"]
)
def test_writing_that_is_cut_short_leaves_the_state_that_was_there(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    (e,) = experiments()
    checkpoint.save(tmp_path, CPU, [e], [{"step": 3}])
    monkeypatch.setattr(record.os, "replace", fail)
    expected = UserError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(
        expected, match=r"^cannot write [^\n]*: No space left on device; [^\n]*$" if error.args else None
    ):
        checkpoint.save(tmp_path, CPU, [e], [{"step": 4}])
    assert checkpoint.step(tmp_path, e, CPU) == 3
    assert [path.name for path in checkpoint.path_of(tmp_path, e).parent.iterdir()] == [f"{e.key}.npz"]
