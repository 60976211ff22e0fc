"""The training loop: one golden run, and what it does when something goes wrong. 16-pixel Blocks or a fake method."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch

from landmarklib import datasets, evaluate, methods, train
from landmarklib.datasets import blocks
from landmarklib.experiment import Experiment
from landmarklib.methods import Prediction, seq_mt
from landmarklib.types import Annotations

SIZE = 16
CPU = torch.device("cpu")
OPTIONS = {**seq_mt.OPTIONS, "kernel": 5, "depth": 2, "hidden": [16], "dropout": 0.0}
EVERYTHING = {"landmarks": 900.0, "elt": 270.0, "classes": 10.0}


def experiment(**changes) -> Experiment:
    values = {
        "table": "blocks",
        "row": "Seq-MT (L)",
        "dataset": "blocks",
        "method": "seq_mt",
        "options": {},
        "weights": {"landmarks": 900.0},
        "starts": {},
        "fraction": 0.5,
        "seed": 0,
        "budget": "smoke",
        "images": 240,
        "batch": 8,
        "batch_unlabelled": 4,
        "rate": 0.003,
        "head_rate": 1.0,
        "warmup": 2,
        "hold": 0.4,
        "size": SIZE,
        "train_images": 0,
        "n_evaluations": 4,
        "evaluation_images": 32,
        "test_images": 0,
        "select": "error_px",
    }
    return Experiment(**{**values, **changes})


def annotations(n: int, seed: int) -> Annotations:
    return blocks.generate(n, seed, SIZE)


def train_blocks(e: Experiment, method: types.ModuleType = seq_mt, n_labelled: int = 64, **more) -> train.Outcome:
    generator = torch.Generator().manual_seed(e.seed)
    module = seq_mt.build(datasets.get("blocks"), SIZE, OPTIONS, generator)
    data = train.to_device(annotations(128, 0), torch.arange(n_labelled), CPU)
    return train.train(module, method, e, data, annotations(32, 1), OPTIONS, generator, **more)


def spied(calls: list[dict]) -> types.ModuleType:
    """Seq-MT that notes every call of its loss."""
    spy = types.ModuleType("spy")
    spy.__dict__.update(seq_mt.__dict__)

    def loss(module, batch, terms, options, generator):
        values = seq_mt.loss(module, batch, terms, options, generator)
        means = {term: v[mask].mean().item() for term, (v, mask) in values.items()}
        calls.append({"terms": set(terms), "labelled": batch.labelled.tolist(), "means": means, "batch": batch})
        return values

    spy.loss = loss
    return spy


class Walker(torch.nn.Module):
    """A single number, which the fake method below moves up by one rate a step and reads as x of every point."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.tensor(-1.0))


def walking(factor=lambda step: 1.0) -> types.ModuleType:
    fake = types.ModuleType("fake")
    fake.TERMS, fake.OPTIONS, steps = {"landmarks": False}, {}, iter(range(1000))

    def loss(module, batch, terms, options, generator):
        return {"landmarks": (-module.x * factor(next(steps)) * torch.ones(len(batch.images)), batch.labelled)}

    def predict(module, images, options):
        return Prediction(torch.stack([module.x, torch.zeros(())]).expand(len(images), 5, 2))

    fake.loss, fake.predict = loss, predict
    return fake


def walk(method: types.ModuleType, target: float = 0.0, **changes) -> train.Outcome:
    """100 steps of about 0.02 from x = -1; the validation points lie at `target`."""
    e = experiment(**{"images": 800, "rate": 0.02, "warmup": 1, "hold": 1.0, "n_evaluations": 7, **changes})
    val = annotations(32, 1)
    points = np.full_like(val.points, (SIZE - 1) / 2)
    points[..., 0] += target * SIZE / 2
    val = Annotations(val.images, points, val.visible, val.ids, val.attributes)
    data = train.to_device(annotations(64, 0), None, CPU)
    return train.train(Walker(), method, e, data, val, {}, torch.Generator().manual_seed(0))


def showing(maps: torch.Tensor | None, beta: float = 1.0) -> types.ModuleType:
    fake = types.ModuleType("fake")
    fake.predict = lambda module, images, options: Prediction(
        torch.zeros(len(images), 1, 2), maps=None if maps is None else maps.expand(len(images), *maps.shape), beta=beta
    )
    return fake


def health_of(method: types.ModuleType, options: dict) -> list[str]:
    return train.health(Walker(), method, train.to_device(annotations(64, 0), None, CPU), options)


# Loss of 30 steps with every term, literal form, float32: computed once, and again whenever a change is meant to leave every number alone.
GOLDEN = [303.9718, 322.4273, 182.9029, 207.4963, 248.2041, 184.9413, 159.4784, 156.7171, 139.1791, 97.22536]  # fmt: skip
GOLDEN += [135.8459, 173.981, 135.196, 150.5242, 155.5825, 118.5516, 114.5236, 119.5193, 122.6154, 101.2983]
GOLDEN += [116.7387, 149.6491, 117.7543, 128.6404, 117.4933, 132.476, 116.3128, 122.856, 105.4029, 119.8845]


def test_golden_run():
    calls: list[dict] = []
    outcome = train_blocks(experiment(weights=EVERYTHING), spied(calls))
    totals = [sum(EVERYTHING[t] * mean for t, mean in call["means"].items()) for call in calls]
    assert totals == pytest.approx(GOLDEN, rel=1e-3)
    assert len(outcome.curve) == 4
    assert not outcome.failure and not outcome.warnings
    assert not outcome.module.training


@pytest.mark.parametrize("name", methods.names())
def test_a_few_steps_lower_the_loss_of_every_method(name):
    method = methods.get(name)
    options = {**method.OPTIONS, "kernel": 5, "dropout": 0.0} | ({"depth": 2} if "depth" in method.OPTIONS else {})
    generator = torch.Generator().manual_seed(0)
    module = method.build(datasets.get("blocks"), SIZE, options, generator)
    data = train.to_device(annotations(64, 0), torch.arange(8), CPU)
    weight = 1.0 if name == "heatmap_mt" else 900.0
    e = experiment(weights={"landmarks": weight}, images=320, hold=1.0)

    def loss() -> float:
        values, mask = method.loss(module, data.batch(torch.arange(8)), {"landmarks"}, options, generator)["landmarks"]
        return values[mask].mean().item()

    before = loss()
    outcome = train.train(module, method, e, data, annotations(16, 1), options, generator)
    assert not outcome.failure and loss() < 0.8 * before


def test_a_run_is_decided_by_its_seed():
    losses = [[str(entry) for entry in train_blocks(experiment(weights=EVERYTHING, seed=s)).curve] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    train_blocks(experiment(weights=EVERYTHING, images=24, n_evaluations=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_points_of_unlabelled_images_never_reach_a_method():
    a = annotations(4, 0)
    a.visible[1, 2] = False
    data = train.to_device(a, torch.tensor([1, 3]), CPU)
    assert data.labelled.tolist() == [False, True, False, True]
    assert data.points[[0, 2]].isnan().all() and not data.visible[[0, 2]].any()
    assert data.points[1].isnan().any(-1).tolist() == [False, False, True, False, False]
    assert np.allclose((data.points[3].numpy() + 1) * SIZE / 2 - 0.5, a.points[3], atol=1e-5)
    assert train.to_device(a, None, CPU).labelled.all()


def test_batches_are_images_in_zero_to_one():
    a = annotations(4, 0)
    batch = train.to_device(a, torch.tensor([1]), CPU).batch(torch.tensor([3, 1]))
    assert batch.images.dtype == torch.float32 and batch.images.max() == 1
    assert np.allclose(batch.images.numpy() * 255, a.images[[3, 1]])
    assert batch.labelled.tolist() == [False, True]
    assert batch.classes.tolist() == a.attributes["class"][[3, 1]].tolist()


def test_schedule_by_hand():
    factors = [train.schedule(step, 100, 4, 0.5) for step in (0, 1, 3, 4, 49, 50, 51, 75, 90, 99)]
    assert factors == pytest.approx([0.25, 0.5, 1, 1, 1, 1, 0.98, 0.5, 0.2, 0.02])


def test_schedule_stays_above_its_floor():
    assert train.schedule(999, 1000, 0, 0.4) == 0.02
    assert train.schedule(960, 1000, 0, 0.0) == pytest.approx(0.04)


def test_schedule_without_decay_and_warm_up_is_flat():
    assert [train.schedule(step, 10, 0, 1.0) for step in range(10)] == [1] * 10


def test_rates_follow_the_schedule_and_the_head_has_its_own(monkeypatch):
    rates, adam = [], torch.optim.Adam

    class Spy(adam):
        def step(self, *args, **kwargs):
            rates.append([(group["lr"], len(group["params"])) for group in self.param_groups])
            return super().step(*args, **kwargs)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    weights = {"landmarks": 900.0, "classes": 10.0}
    train_blocks(experiment(weights=weights, images=80, rate=0.01, head_rate=10.0, warmup=2, hold=0.5))
    expected = [0.005, 0.01, 0.01, 0.01, 0.01, 0.01, 0.008, 0.006, 0.004, 0.002]
    n_head = 4
    assert [body for (body, _), _ in rates] == pytest.approx(expected)
    assert [head for _, (head, _) in rates] == pytest.approx([10 * rate for rate in expected])
    assert {n for _, (_, n) in rates} == {n_head}


def test_endless_gives_each_image_once_per_epoch_in_a_new_order(generator):
    index = torch.arange(10, 16)
    batches = train.endless(index, 4, generator)
    drawn = torch.cat([next(batches) for _ in range(30)]).view(20, 6)
    assert (drawn.sort(1).values == index).all()
    assert len({tuple(epoch) for epoch in drawn.tolist()}) > 15


def test_endless_fills_a_batch_that_is_larger_than_the_pool(generator):
    batches = train.endless(torch.arange(3), 7, generator)
    drawn = torch.cat([next(batches) for _ in range(3)])
    assert len(drawn) == 21 and drawn.bincount().tolist() == [7, 7, 7]


@pytest.mark.parametrize("pool, n", [(0, 4), (5, 0)])
def test_endless_gives_empty_batches_where_there_is_nothing_to_give(generator, pool, n):
    batches = train.endless(torch.arange(pool), n, generator)
    assert [len(next(batches)) for _ in range(3)] == [0, 0, 0]


def test_evaluations_are_spread_over_the_last_seventy_percent():
    assert train.evaluations(experiment(images=800, n_evaluations=7)) == {40, 50, 60, 70, 80, 90, 100}
    assert train.evaluations(experiment(images=800, n_evaluations=1)) == {100}
    assert train.evaluations(experiment(images=8, n_evaluations=3)) == {1}


def test_the_best_checkpoint_is_restored():
    outcome = walk(walking(), target=0.25)
    errors = {entry["step"]: entry["validation"]["error_px"] for entry in outcome.curve}
    assert set(errors) == {40, 50, 60, 70, 80, 90, 100}
    assert outcome.best_step == min(errors, key=errors.get) == 60
    assert outcome.module.x.item() == pytest.approx(-1 + 60 * 0.02, abs=1e-4)
    assert errors[60] == pytest.approx(0.05 * SIZE / 2, abs=1e-3)


def test_of_equally_good_checkpoints_the_last_is_kept():
    outcome = walk(walking(factor=lambda step: 0.0))
    assert outcome.best_step == 100 and len({entry["validation"]["error_px"] for entry in outcome.curve}) == 1


def test_the_returned_module_scores_the_minimum_of_the_curve():
    outcome = train_blocks(experiment(rate=0.03, hold=1.0))
    found = evaluate.scores(outcome.module, seq_mt, annotations(32, 1), OPTIONS, CPU)["error_px"]
    errors = [entry["validation"]["error_px"] for entry in outcome.curve]
    assert len(set(errors)) == 4
    assert found == pytest.approx(min(errors), rel=1e-6)


def test_higher_is_better_where_accuracy_selects():
    assert evaluate.select({"accuracy_percent": 40.0, "error_px": 3.0}, "accuracy_percent") == -40
    assert evaluate.select({"accuracy_percent": 40.0, "error_px": 3.0}, "error_px") == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_a_failure(bad):
    outcome = walk(walking(factor=lambda step: bad if step >= 59 else 1.0))
    assert outcome.failure == "loss or weights are not finite at step 60 of 100"
    assert [entry["step"] for entry in outcome.curve] == [40, 50]
    assert all(np.isfinite(entry["loss"]["landmarks"]) for entry in outcome.curve)
    assert outcome.module.x.item() == pytest.approx(-1 + 50 * 0.02, abs=1e-4)


def test_weights_that_break_at_the_very_last_update_are_a_failure():
    method = walking()
    whole, calls = method.loss, iter(range(1000))

    def loss(module, *rest):
        values = whole(module, *rest)
        if next(calls) == 99:  # the loss itself stays finite, its gradient does not
            values["landmarks"][0].register_hook(lambda gradient: gradient * float("nan"))
        return values

    method.loss = loss
    assert walk(method).failure == "loss or weights are not finite at step 100 of 100"


def test_health_looks_at_as_many_images_as_there_are():
    few = train.to_device(annotations(8, 0), None, CPU)
    assert train.health(Walker(), showing(torch.zeros(1, 4, 4)), few, {}) == ["map 0 is dead: it is constant"]


def test_terms_that_start_later_are_absent_before():
    calls: list[dict] = []
    starts = {"elt": 0.3, "classes": 0.6}
    outcome = train_blocks(experiment(weights=EVERYTHING, starts=starts, images=80), spied(calls))
    expected = [{"landmarks"}] * 3 + [{"landmarks", "elt"}] * 3 + [set(EVERYTHING)] * 4
    assert [call["terms"] for call in calls] == expected
    assert [len(call["labelled"]) for call in calls] == [8] * 3 + [12] * 7
    assert all(call["labelled"] == [True] * 8 + [False] * (len(call["labelled"]) - 8) for call in calls)
    assert [set(entry["loss"]) for entry in outcome.curve] == [{"landmarks", "elt"}] * 2 + [set(EVERYTHING)] * 2


def test_terms_of_no_weight_are_never_computed():
    calls: list[dict] = []
    train_blocks(experiment(weights={"landmarks": 900.0, "elt": 0.0}, images=16), spied(calls))
    assert [call["terms"] for call in calls] == [{"landmarks"}] * 2


def test_passes_count_labelled_unlabelled_and_warped_images():
    told: list[int] = []
    e = experiment(weights={"landmarks": 900.0, "elt": 270.0}, starts={"elt": 0.5}, images=80, n_evaluations=1)
    outcome = train_blocks(e, progress=told.append)
    assert told == [8] * 5 + [16] * 5
    assert outcome.passes == sum(told) == e.passes


def test_dead_and_saturated_maps_are_reported():
    maps = torch.zeros(4, 8, 8)
    maps[0] = 5
    maps[1, 2, 3] = 1000
    maps[2] = torch.linspace(-1, 1, 64).view(8, 8)
    maps[3] = 150 * torch.eye(8)
    warnings = health_of(showing(maps), {})
    assert warnings == [
        "map 0 is dead: it is constant",
        "map 1 is saturated: |beta map| 984, entropy 0.000 of the full",
    ]


def test_beta_counts_towards_saturation():
    maps = torch.zeros(1, 8, 8)
    maps[0, 0, 0] = 100
    assert health_of(showing(maps, beta=1.0), {}) == []
    assert health_of(showing(maps, beta=10.0), {}) == ["map 0 is saturated: |beta map| 984, entropy 0.000 of the full"]


def test_a_softmax_decoder_cannot_saturate_but_may_die():
    maps = torch.zeros(2, 8, 8)
    maps[0, 2, 3] = 1000
    assert health_of(showing(maps), {"decoder": "softmax"}) == ["map 1 is dead: it is constant"]
    assert len(health_of(showing(maps), {"decoder": "soft-argmax"})) == 2


def test_methods_without_maps_have_nothing_to_report():
    assert health_of(showing(None), {}) == []
