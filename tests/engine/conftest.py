"""Fixtures of tests that fill tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from filling import SMALL

from landmarklib.core import progress
from landmarklib.engine import ensure
from landmarklib.records import record
from landmarklib.training import compute, train


@pytest.fixture(autouse=True)
def own_results(monkeypatch, tmp_path):
    """No test may write into the repository's results, whatever it forgets."""
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "default"))


@pytest.fixture
def always(monkeypatch):
    """States are kept after every step."""
    monkeypatch.setattr(train, "KEEP_EVERY", -1.0)


@pytest.fixture
def computed(monkeypatch) -> list:
    """The experiments that were computed, in order, each answered by a record made by hand."""
    done = []

    def one(experiment) -> record.Record:
        done.append(experiment)
        metrics = {"error_px": {"mean": float(len(done)), "low": 0.0, "high": 9.0, "n": 64}}
        return record.Record(experiment=experiment, status="done", metrics=metrics, best_step=8)

    def answer(pack, **_):
        return [one(experiment) for experiment in pack]

    monkeypatch.setattr(compute, "run", answer)
    return done


@pytest.fixture
def bars(monkeypatch) -> list:
    """The progress bars that were shown."""
    shown = []

    class Shown(progress.Bar):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **{**named, "disable": False})
            shown.append(self)

    monkeypatch.setattr(progress, "bar", Shown)
    return shown


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A folder with one run that was really trained, in the form that is fastest here."""
    folder = tmp_path_factory.mktemp("trained")
    assert ensure.ensure("blocks", **SMALL, results=folder).runs.status.tolist() == ["done"]
    return folder
