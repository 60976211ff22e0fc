"""A record is reproduced to the last bit on the same kind of processor: busy or idle, alone or not, killed or not."""

from __future__ import annotations

import multiprocessing
from dataclasses import asdict

import pytest

from landmarklib.engine import ensure
from landmarklib.records import checkpoint
from landmarklib.training import train

WANTED = {"fractions": [0.1], "rows": ["Seq-MT (L+ELT+A)"], "budget": "smoke"}


@pytest.fixture
def literal():
    """The choice is as it is."""


class Stopped(Exception):
    """What ends a process, here."""


def made(results, **how) -> dict:
    """All of seed 0's record but when it was made and how long it took."""
    (found,) = (r for r in ensure.ensure("blocks", **WANTED, results=results, **how).records if not r.experiment.seed)
    values = asdict(found)
    assert values["seconds"] > 0 and values.pop("provenance")["form_chosen"] in ("listed", "measured")
    return {name: value for name, value in values.items() if name != "seconds"}


def busy(stop) -> None:
    """Keep a core busy."""
    while not stop.is_set():
        sum(range(10_000))


def stop_in_the_middle(results, monkeypatch) -> None:
    """End the run of seed 0 after its first state was kept."""
    save = checkpoint.save

    def stopping(folder, device, pack, states):
        save(folder, device, pack, states)
        raise Stopped

    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(train, "KEEP_EVERY", 0.0)
        patched.setattr(checkpoint, "save", stopping)
        made(results, seeds=[0])


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """The record of a run that is computed by itself on an idle machine."""
    return made(tmp_path_factory.mktemp("alone"), seeds=[0])


def test_on_a_busy_machine_among_other_runs_in_several_processes(tmp_path, alone):
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    load = [context.Process(target=busy, args=(stop,)) for _ in range(2)]
    for process in load:
        process.start()
    try:
        assert made(tmp_path, seeds=[0, 1], workers=2) == alone
    finally:
        stop.set()
        for process in load:
            process.join()


def test_killed_in_the_middle_and_gone_on_with(tmp_path, alone, monkeypatch):
    stop_in_the_middle(tmp_path, monkeypatch)
    assert made(tmp_path, seeds=[0]) == alone


def test_in_another_form_a_state_is_not_gone_on_with(tmp_path, alone, monkeypatch, capsys):
    """Nor is its result the same: that is why the form belongs to the run."""
    other = next(form for form in ("1x2 float32", "1x1 float32 fourier") if form != form_of(tmp_path / "first"))
    stop_in_the_middle(tmp_path, monkeypatch)
    (found,) = ensure.ensure("blocks", **WANTED, seeds=[0], results=tmp_path, form=other).records
    assert "is of another form of the convolutions; the run starts anew" in capsys.readouterr().err
    assert (found.provenance["form"], found.provenance["form_chosen"]) == (other, "given")
    assert found.curve != alone["curve"]


def form_of(results) -> str:
    """The form that is taken without being asked for."""
    return ensure.ensure("blocks", **WANTED, seeds=[0], results=results).records[0].provenance["form"]
