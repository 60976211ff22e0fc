"""A run that was stopped goes on from its last state as if nothing had happened, in whichever stage it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from experiments import changed
from filling import CPU, runs
from packs import OF_POINTS, SMALL

from landmarklib import loading, methods
from landmarklib.core.experiment import Experiment
from landmarklib.engine import ensure
from landmarklib.nets import forms
from landmarklib.records import checkpoint, query, record
from landmarklib.training import compute

ROW = "Seq-MT (L+ELT+A)"
WANTED = {"fractions": [0.1], "seeds": [0], "rows": [ROW], "budget": "smoke", "workers": 1}


def experiments(n: int = 1, row: str = ROW) -> list[Experiment]:
    """Smoke runs of 8 steps whose terms do not all start at once."""
    return runs(n, row)


def two_stages() -> Experiment:
    """A run of 4 steps on landmarks alone, without evaluation, and of 8 with all terms."""
    (e,) = experiments()
    (stage,) = e.stages
    first = replace(stage, name="first", images=32, weights={"landmarks": 900.0}, onset={}, n_evaluations=0)
    return replace(e, stages=(first, replace(stage, name="second")))


def trained(pack: list[Experiment], keep=None, states=()) -> list[record.Record]:
    return compute.run(pack, form=forms.LITERAL, states=states, keep=keep)


def content(one: record.Record) -> dict:
    """All of a record but what tells when it was made."""
    return {
        "curve": one.curve,
        "best": one.best_step,
        "metrics": one.metrics,
        "gallery": one.gallery,
        "n": one.images_processed,
    }


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


@pytest.mark.parametrize("step", [1, 4, 5, 11])
def test_a_run_of_two_stages_goes_on_in_the_stage_in_which_it_was(always, step):
    kept, steps = [], []
    (whole,) = trained([two_stages()], keep=kept.append)
    assert [state["step"] for (state,) in kept] == list(range(1, 13))
    (rest,) = trained([two_stages()], keep=steps.append, states=kept[step - 1])
    assert [state["step"] for (state,) in steps] == list(range(step + 1, 13))
    assert content(rest) == content(whole) and {point["stage"] for point in rest.curve} == {"second"}


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
    whole = ensure.ensure("blocks", **WANTED, results=tmp_path / "whole").runs
    steps = stop_after(monkeypatch, 5)
    with pytest.raises(Stopped):
        ensure.ensure("blocks", **WANTED, results=tmp_path)
    (e,) = experiments()
    assert query.load_all(tmp_path, "blocks") == [] and checkpoint.step(tmp_path, e, CPU) == 5
    frame = ensure.ensure("blocks", **WANTED, results=tmp_path).runs
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


@pytest.mark.parametrize("name", OF_POINTS)
def test_networks_of_every_method_are_kept_whole(always, name):
    kept, (e,), method = [], experiments(), methods.get(name)
    small = {"widths": [4, 4], "kernels": [3, 3]} | SMALL.get(name, {})
    options = {key: value for key, value in small.items() if key in method.options}
    term = next((t for t in ("landmarks", "heatmaps", "classes") if t in method.terms), next(iter(method.terms)))
    select = {"classes": "accuracy_percent"}.get(term, "error_px" if method.named else "equivariance_ratio")
    e = changed(e, method=name, options=options, weights={term: 1.0}, starts={}, select=select, head_rate=1.0)
    readout = methods.default_readout(method, e.fraction)
    e = replace(e, evaluation=replace(e.evaluation, readout=readout))
    trained([e], keep=kept.append)
    options = methods.complete(method, e.options)
    module = method.build(loading.get("blocks"), e.size, options, torch.Generator().manual_seed(0))
    for kind in ("value student.", "best student "):
        names = {n.removeprefix(kind) for n in kept[0][0] if n.startswith(kind)}
        assert names == module.state_dict().keys()
