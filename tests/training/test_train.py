"""The training loop: one golden run, and what it does when something goes wrong. 16-pixel Blocks or a fake method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from packs import OF_POINTS, SMALL
from small import (
    CPU,
    EVERYTHING,
    OPTIONS,
    SIZE,
    Walker,
    annotations,
    data_of,
    experiment,
    fake,
    train_blocks,
    walk,
    walking,
)

from landmarklib import loading, methods
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.methods import seq_mt
from landmarklib.training import prediction, train
from landmarklib.training.pack import Pack
from landmarklib.training.state import TrainState, pixels


@pytest.fixture
def steps(monkeypatch) -> list[dict]:
    """Every step of a pack: its terms, images, and each run's loss."""
    noted, step = [], Pack.step

    def spy(pack, terms, index, n_labelled, factor):
        step(pack, terms, index, n_labelled, factor)
        noted.append({"terms": set(terms), "index": index, "n_labelled": n_labelled, "parts": pack.parts()})

    monkeypatch.setattr(Pack, "step", spy)
    return noted


@pytest.mark.parametrize("name", OF_POINTS)
def test_a_few_steps_lower_the_loss_of_every_method(name):
    method = methods.get(name)
    small = {"kernel": 5, "dropout": 0.0, "depth": 2, "kernels": [3, 2, 2], "widths": [4, 6, 8]}
    small |= SMALL["hrnet"] if name == "hrnet" else {} if method.named else {"width": 8}
    options = {**method.options, **{key: value for key, value in small.items() if key in method.options}}
    generator = torch.Generator().manual_seed(0)
    module = method.build(loading.get("blocks"), SIZE, options, generator)
    data = data_of(annotations(64, 0), torch.arange(8))
    term = next((t for t in ("landmarks", "heatmaps", "classes") if t in method.terms), next(iter(method.terms)))
    weight = 1.0 if name == "heatmap_mt" else 900.0
    select = {"classes": "accuracy_percent"}.get(term, "error_px" if method.named else "equivariance_ratio")
    e = experiment(weights={term: weight}, images=320, hold=1.0, select=select)

    def loss() -> float:
        batch = Batch(pixels(data.images[:8]), data.points[:8], data.visible[:8], data.attributes[:8], 8)
        return method.loss(Models(module), batch, {term}, options, Noise(generator))[term].mean().item()

    before, run = loss(), TrainState(e, module, data, generator)
    train.train([run], method, annotations(16, 1), options)
    assert not run.failure and loss() < 0.8 * before


def test_a_run_is_decided_by_its_seed():
    losses = [[str(entry) for entry in train_blocks(experiment(weights=EVERYTHING, seed=s)).curve] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    train_blocks(experiment(weights=EVERYTHING, images=24, n_evaluations=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_are_images_in_zero_to_one_with_the_labelled_ones_first():
    a, seen = annotations(4, 0), []

    def loss(models, batch, terms, options, noise):
        seen.append(batch)
        return {"landmarks": models.student.x.expand(batch.n_labelled)}

    run = TrainState(experiment(), Walker(), data_of(a, torch.tensor([1])), torch.Generator().manual_seed(0))
    Pack([run], fake(loss), {}, run.experiment.stages[0]).step(("landmarks",), torch.tensor([[1, 3]]), 1, 1.0)
    for batch in seen:
        assert batch.images.dtype == torch.float32 and batch.images.max() == 1
        assert np.allclose(batch.images.numpy() * 255, a.images[[1, 3]])
        assert batch.n_labelled == 1
        assert torch.equal(batch.points[0], run.data.points[1]) and batch.visible[0].all()
        assert batch.points[1].isnan().all() and not batch.visible[1].any()
        assert batch.attributes[:, 0].tolist() == a.attributes["class"][[1, 3]].tolist()
    assert seen


def test_the_best_checkpoint_is_restored():
    run = walk(walking(), target=0.25)
    errors = {entry["step"]: entry["validation"]["error_px"] for entry in run.curve}
    assert set(errors) == {40, 50, 60, 70, 80, 90, 100}
    assert run.best_step == min(errors, key=errors.get) == 60
    assert run.module.x.item() == pytest.approx(-1 + 60 * 0.02, abs=1e-4)
    assert errors[60] == pytest.approx(0.05 * SIZE / 2, abs=1e-3)


def test_of_equally_good_checkpoints_the_last_is_kept():
    run = walk(walking(factor=lambda step: 0.0))
    assert run.best_step == 100 and len({entry["validation"]["error_px"] for entry in run.curve}) == 1


def test_the_returned_module_scores_the_minimum_of_the_curve():
    run = train_blocks(experiment(rate=0.03, hold=1.0))
    found = prediction.scores(run.module, seq_mt.METHOD, annotations(32, 1), OPTIONS, CPU)["error_px"]
    errors = [entry["validation"]["error_px"] for entry in run.curve]
    assert len(set(errors)) == 4
    assert found == pytest.approx(min(errors), rel=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_a_failure(bad):
    run = walk(walking(factor=lambda step: bad if step >= 59 else 1.0))
    assert run.failure == "loss or weights are not finite at step 60 of 100"
    assert [entry["step"] for entry in run.curve] == [40, 50]
    assert all(np.isfinite(entry["loss"]["landmarks"]) for entry in run.curve)
    assert run.module.x.item() == pytest.approx(-1 + 50 * 0.02, abs=1e-4)


def test_weights_that_break_at_the_very_last_update_are_a_failure():
    method = walking()
    whole, calls = method.loss, iter(range(1000))

    def loss(*given):
        values = whole(*given)
        if torch.is_grad_enabled() and next(calls) == 99:  # the loss itself stays finite, its gradient does not
            values["landmarks"].register_hook(lambda gradient: gradient * float("nan"))
        return values

    assert walk(replace(method, loss=loss)).failure == "loss or weights are not finite at step 100 of 100"


def test_terms_are_absent_before_their_onset(steps):
    onset = {"elt": 0.3, "classes": 0.6}
    run = train_blocks(experiment(weights=EVERYTHING, starts=onset, images=80))
    expected = [{"landmarks"}] * 3 + [{"landmarks", "elt"}] * 3 + [set(EVERYTHING)] * 4
    assert [step["terms"] for step in steps] == [set(step["parts"][0]) for step in steps] == expected
    assert [step["index"].shape for step in steps] == [(1, 8)] * 3 + [(1, 12)] * 7
    for step in steps:
        assert step["n_labelled"] == 8
        assert run.data.labelled[step["index"][0]].tolist() == [True] * 8 + [False] * (step["index"].shape[1] - 8)
    assert [set(entry["loss"]) for entry in run.curve] == [{"landmarks", "elt"}] * 2 + [set(EVERYTHING)] * 2


def test_terms_of_no_weight_are_never_computed(steps):
    asked = []

    def spy(models, batch, terms, options, noise):
        asked.append(set(terms))
        return seq_mt.loss(models, batch, terms, options, noise)

    method = replace(seq_mt.METHOD, loss=spy)
    train_blocks(experiment(weights={"landmarks": 900.0, "elt": 0.0}, images=16), method)
    assert [step["terms"] for step in steps] == [{"landmarks"}] * 2
    assert len(asked) >= 2 and all(terms == {"landmarks"} for terms in asked)


def test_images_are_counted_labelled_unlabelled_and_warped():
    told: list[int] = []
    e = experiment(weights={"landmarks": 900.0, "elt": 270.0}, starts={"elt": 0.5}, images=80, n_evaluations=1)
    run = train_blocks(e, progress=told.append)
    assert told == [8] * 5 + [16] * 5
    assert run.images_processed == sum(told) == methods.images_processed(e)
