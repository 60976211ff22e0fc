"""The training loop: one golden run, and what it does when something goes wrong. 16-pixel Blocks or a fake method."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarklib import loading, methods
from landmarklib.core.experiment import Experiment
from landmarklib.core.noise import Noise
from landmarklib.core.types import Annotations, Batch
from landmarklib.datasets import blocks
from landmarklib.methods import Prediction, seq_mt
from landmarklib.training import prediction, train
from landmarklib.training.pack import Pack

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


def data_of(a: Annotations, labelled: torch.Tensor | None = None) -> train.Data:
    return train.annotated(a, labelled, torch.from_numpy(a.images))


def blocks_run(e: Experiment, n_labelled: int = 64) -> train.Run:
    generator = torch.Generator().manual_seed(e.seed)
    module = seq_mt.build(loading.get("blocks"), SIZE, OPTIONS, generator)
    return train.Run(e, module, data_of(annotations(128, 0), torch.arange(n_labelled)), generator)


def train_blocks(e: Experiment, **more) -> train.Run:
    run = blocks_run(e)
    train.train([run], seq_mt, annotations(32, 1), OPTIONS, **more)
    return run


@pytest.fixture
def steps(monkeypatch) -> list[dict]:
    """Every step of a pack: its terms, images, and each run's loss."""
    noted, step = [], Pack.step

    def spy(pack, terms, index, n_labelled, factor):
        step(pack, terms, index, n_labelled, factor)
        noted.append({"terms": set(terms), "index": index, "n_labelled": n_labelled, "parts": pack.parts()})

    monkeypatch.setattr(Pack, "step", spy)
    return noted


class Walker(torch.nn.Module):
    """A single number, which the fake method below moves up by one rate a step and reads as x of every point."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.tensor(-1.0))


def walking(factor=lambda step: 1.0) -> types.ModuleType:
    fake = types.ModuleType("fake")
    fake.TERMS, fake.OPTIONS, steps = {"landmarks": False}, {}, iter(range(1000))

    def loss(module, batch, terms, options, noise):
        step = next(steps) if torch.is_grad_enabled() else 0  # a pack first looks at what is drawn, without gradient
        return {"landmarks": -module.x * factor(step) * torch.ones(batch.n_labelled)}

    def predict(module, images, options):
        return Prediction(torch.stack([module.x, torch.zeros(())]).expand(len(images), 5, 2))

    fake.loss, fake.predict = loss, predict
    return fake


def walk(method: types.ModuleType, target: float = 0.0, **changes) -> train.Run:
    """100 steps of about 0.02 from x = -1; the validation points lie at `target`."""
    e = experiment(**{"images": 800, "rate": 0.02, "warmup": 1, "hold": 1.0, "n_evaluations": 7, **changes})
    val = annotations(32, 1)
    points = np.full_like(val.points, (SIZE - 1) / 2)
    points[..., 0] += target * SIZE / 2
    val = Annotations(val.images, points, val.visible, val.ids, val.attributes)
    run = train.Run(e, Walker(), data_of(annotations(64, 0)), torch.Generator().manual_seed(0))
    train.train([run], method, val, {})
    return run


def showing(maps: torch.Tensor | None, beta: float = 1.0) -> types.ModuleType:
    fake = types.ModuleType("fake")
    fake.predict = lambda module, images, options: Prediction(
        torch.zeros(len(images), 1, 2), maps=None if maps is None else maps.expand(len(images), *maps.shape), beta=beta
    )
    return fake


def health_of(method: types.ModuleType, options: dict) -> list[str]:
    return train.health(Walker(), method, train.pixels(data_of(annotations(64, 0)).images), options)


@pytest.mark.parametrize("name", methods.names())
def test_a_few_steps_lower_the_loss_of_every_method(name):
    method = methods.get(name)
    small = {"kernel": 5, "dropout": 0.0, "depth": 2, "kernels": [3, 2, 2], "widths": [4, 6, 8]}
    options = {**method.OPTIONS, **{key: value for key, value in small.items() if key in method.OPTIONS}}
    generator = torch.Generator().manual_seed(0)
    module = method.build(loading.get("blocks"), SIZE, options, generator)
    data = data_of(annotations(64, 0), torch.arange(8))
    term = "landmarks" if "landmarks" in method.TERMS else "classes"
    weight = 1.0 if name == "heatmap_mt" else 900.0
    select = "error_px" if term == "landmarks" else "accuracy_percent"
    e = experiment(weights={term: weight}, images=320, hold=1.0, select=select)

    def loss() -> float:
        batch = Batch(train.pixels(data.images[:8]), data.points[:8], data.visible[:8], data.attributes[:8], 8)
        return method.loss(module, batch, {term}, options, Noise(generator))[term].mean().item()

    before, run = loss(), train.Run(e, module, data, generator)
    train.train([run], method, annotations(16, 1), options)
    assert not run.failure and loss() < 0.8 * before


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
    data = data_of(a, torch.tensor([1, 3]))
    assert data.labelled.tolist() == [False, True, False, True]
    assert data.points[[0, 2]].isnan().all() and not data.visible[[0, 2]].any()
    assert data.points[1].isnan().any(-1).tolist() == [False, False, True, False, False]
    assert np.allclose((data.points[3].numpy() + 1) * SIZE / 2 - 0.5, a.points[3], atol=1e-5)
    assert data_of(a).labelled.all()


def test_runs_share_their_images():
    a = annotations(4, 0)
    images = torch.from_numpy(a.images)
    assert train.annotated(a, torch.tensor([1]), images).images is train.annotated(a, None, images).images


def test_batches_are_images_in_zero_to_one_with_the_labelled_ones_first():
    a, seen, fake = annotations(4, 0), [], types.ModuleType("fake")

    def loss(module, batch, terms, options, noise):
        seen.append(batch)
        return {"landmarks": module.x.expand(batch.n_labelled)}

    fake.loss = loss
    run = train.Run(experiment(), Walker(), data_of(a, torch.tensor([1])), torch.Generator().manual_seed(0))
    Pack([run], fake, {}).step(("landmarks",), torch.tensor([[1, 3]]), 1, 1.0)
    for batch in seen:
        assert batch.images.dtype == torch.float32 and batch.images.max() == 1
        assert np.allclose(batch.images.numpy() * 255, a.images[[1, 3]])
        assert batch.n_labelled == 1
        assert torch.equal(batch.points[0], run.data.points[1]) and batch.visible[0].all()
        assert batch.points[1].isnan().all() and not batch.visible[1].any()
        assert batch.attributes[:, 0].tolist() == a.attributes["class"][[1, 3]].tolist()
    assert seen


def test_schedule_by_hand():
    e = experiment(images=800, warmup=4, hold=0.5)
    factors = [train.schedule(step, e) for step in (0, 1, 3, 4, 49, 50, 51, 75, 90, 99)]
    assert factors == pytest.approx([0.25, 0.5, 1, 1, 1, 1, 0.98, 0.5, 0.2, 0.02])


def test_schedule_stays_above_its_floor():
    e = experiment(images=8000, warmup=0, hold=0.4)
    assert train.schedule(999, e) == 0.02
    assert train.schedule(960, replace(e, hold=0.0)) == pytest.approx(0.04)


def test_schedule_without_decay_and_warm_up_is_flat():
    e = experiment(images=80, warmup=0, hold=1.0)
    assert [train.schedule(step, e) for step in range(10)] == [1] * 10


def test_rates_follow_the_schedule_and_the_head_has_its_own(monkeypatch):
    rates, adam = [], torch.optim.Adam

    class Spy(adam):
        def step(self, *args, **kwargs):
            rates.append([(float(group["lr"]), len(group["params"])) for group in self.param_groups])
            return super().step(*args, **kwargs)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    weights = {"landmarks": 900.0, "classes": 10.0}
    train_blocks(experiment(weights=weights, images=80, rate=0.01, head_rate=10.0, warmup=2, hold=0.5))
    expected = [0.005, 0.01, 0.01, 0.01, 0.01, 0.01, 0.008, 0.006, 0.004, 0.002]
    n_head = 4
    assert [body for (body, _), _ in rates] == pytest.approx(expected)
    assert [head for _, (head, _) in rates] == pytest.approx([10 * rate for rate in expected])
    assert {n for _, (_, n) in rates} == {n_head}


def order_of(
    e: Experiment, labelled: list[int], n: int, start: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    data = data_of(annotations(n, 0), torch.tensor(labelled, dtype=torch.long))
    return train.image_order(train.Run(e, Walker(), data, generator), start)


def endless(index: torch.Tensor, n: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """The slow oracle: batches from a pool that is refilled, in an order drawn anew, whenever it is too short."""
    pool = index[:0]
    while True:
        while 0 < len(index) and len(pool) < n:
            pool = torch.cat([pool, index[torch.randperm(len(index), generator=generator)]])
        yield pool[:n]
        pool = pool[n:]


def step_by_step(
    e: Experiment, labelled: list[int], n: int, start: int, generator: torch.Generator
) -> list[list[list[int]]]:
    """Labelled and unlabelled images of each step, drawn by the oracle when the step comes."""
    is_labelled = torch.zeros(n, dtype=torch.bool)
    is_labelled[labelled] = True
    first = endless(is_labelled.nonzero()[:, 0], e.batch, generator)
    second = endless((~is_labelled).nonzero()[:, 0], e.batch_unlabelled, generator)
    steps = [(next(first).tolist(), next(second).tolist() if i >= start else None) for i in range(e.steps)]
    return [[drawn for drawn, _ in steps], [drawn for _, drawn in steps if drawn is not None]]


@pytest.mark.parametrize(
    "n_labelled, n_unlabelled, batch, batch_unlabelled, start",
    [
        (20, 12, 8, 4, 0),
        (20, 12, 8, 4, 17),
        (20, 12, 8, 4, 29),
        (20, 12, 8, 4, 30),
        (16, 8, 8, 4, 0),
        (12, 30, 7, 11, 3),
        (3, 2, 8, 7, 0),
        (3, 2, 8, 7, 5),
        (1, 1, 1, 1, 1),
        (0, 12, 8, 5, 0),
        (20, 0, 8, 4, 0),
        (7, 12, 0, 5, 0),
        (7, 12, 5, 0, 2),
    ],
)
def test_images_come_in_the_order_of_batches_drawn_step_by_step(
    n_labelled, n_unlabelled, batch, batch_unlabelled, start
):
    n = n_labelled + n_unlabelled
    labelled = torch.randperm(n, generator=torch.Generator().manual_seed(1))[:n_labelled].tolist()
    e = experiment(images=30 * (batch or batch_unlabelled), batch=batch, batch_unlabelled=batch_unlabelled)
    ours, oracles = (torch.Generator().manual_seed(2) for _ in range(2))
    order, expected = order_of(e, labelled, n, start, ours), step_by_step(e, labelled, n, start, oracles)
    assert [drawn.tolist() for drawn in order] == expected
    assert [len(drawn) for drawn in order] == [30, 30 - start]
    assert torch.equal(ours.get_state(), oracles.get_state())


@pytest.mark.parametrize("starts, start", [({}, 0), ({"elt": 0.5}, 5), ({"elt": 0.99}, 10)])
def test_training_takes_the_images_in_that_order_after_one_number_for_the_noise(steps, starts, start):
    e = experiment(weights={"landmarks": 900.0, "elt": 270.0}, starts=starts, images=80, n_evaluations=1)
    drawn = blocks_run(e).generator
    train_blocks(e)
    torch.randint(2**62, (), generator=drawn)
    labelled, unlabelled = step_by_step(e, list(range(64)), 128, start, drawn)
    expected = [first + second for first, second in zip(labelled, [[]] * start + unlabelled, strict=True)]
    assert [step["index"].tolist() for step in steps] == [[images] for images in expected]


def test_each_image_comes_once_per_epoch_in_a_new_order(generator):
    e = experiment(images=120, batch=4)
    drawn = order_of(e, list(range(10, 16)), 16, 30, generator)[0].view(20, 6)
    assert (drawn.sort(1).values == torch.arange(10, 16)).all()
    assert len({tuple(epoch) for epoch in drawn.tolist()}) > 15


def test_a_batch_that_is_larger_than_its_set_is_filled(generator):
    drawn, _ = order_of(experiment(images=21, batch=7), [0, 1, 2], 4, 3, generator)
    assert drawn.shape == (3, 7) and drawn.flatten().bincount().tolist() == [7, 7, 7]


@pytest.mark.parametrize("n_labelled, batch", [(0, 4), (5, 0)])
def test_batches_are_empty_where_there_is_nothing_to_give(generator, n_labelled, batch):
    e = experiment(images=3 * (batch or 4), batch=batch)
    drawn, others = order_of(e, list(range(n_labelled)), 9, 0, generator)
    assert drawn.shape == (3, 0) and others.shape == (3, 4)


def test_next_images_are_the_labelled_ones_and_then_the_unlabelled_ones_of_each_run():
    labelled, unlabelled = torch.arange(12).view(2, 3, 2), torch.arange(20, 24).view(2, 2, 1)
    orders = list(zip(labelled, unlabelled, strict=True))
    found = [(index.tolist(), n) for index, n in (train.next_images(orders, step) for step in range(3))]
    assert found == [([[0, 1], [6, 7]], 2), ([[2, 3, 20], [8, 9, 22]], 2), ([[4, 5, 21], [10, 11, 23]], 2)]


def test_unlabelled_images_are_taken_from_the_first_term_on_that_needs_no_labels():
    for starts, first in (({}, 0), ({"elt": 0.3, "classes": 0.6}, 3), ({"elt": 0.95, "classes": 0.25}, 3)):
        assert train.unlabelled_from(experiment(weights=EVERYTHING, starts=starts, images=80), seq_mt) == first
    assert train.unlabelled_from(experiment(weights={"landmarks": 900.0, "elt": 0.0}, images=80), seq_mt) == 10


def test_evaluations_are_spread_over_the_last_seventy_percent():
    assert train.evaluations(experiment(images=800, n_evaluations=7)) == {40, 50, 60, 70, 80, 90, 100}
    assert train.evaluations(experiment(images=800, n_evaluations=1)) == {100}
    assert train.evaluations(experiment(images=8, n_evaluations=3)) == {1}


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
    found = prediction.scores(run.module, seq_mt, annotations(32, 1), OPTIONS, CPU)["error_px"]
    errors = [entry["validation"]["error_px"] for entry in run.curve]
    assert len(set(errors)) == 4
    assert found == pytest.approx(min(errors), rel=1e-6)


def test_higher_is_better_where_accuracy_selects():
    assert prediction.select({"accuracy_percent": 40.0, "error_px": 3.0}, "accuracy_percent") == -40
    assert prediction.select({"accuracy_percent": 40.0, "error_px": 3.0}, "error_px") == 3


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

    def loss(module, *rest):
        values = whole(module, *rest)
        if torch.is_grad_enabled() and next(calls) == 99:  # the loss itself stays finite, its gradient does not
            values["landmarks"].register_hook(lambda gradient: gradient * float("nan"))
        return values

    method.loss = loss
    assert walk(method).failure == "loss or weights are not finite at step 100 of 100"


def test_health_looks_at_as_many_images_as_there_are():
    few = train.pixels(data_of(annotations(8, 0)).images)
    assert train.health(Walker(), showing(torch.zeros(1, 4, 4)), few, {}) == ["map 0 is dead: it is constant"]


def test_terms_that_start_later_are_absent_before(steps):
    starts = {"elt": 0.3, "classes": 0.6}
    run = train_blocks(experiment(weights=EVERYTHING, starts=starts, images=80))
    expected = [{"landmarks"}] * 3 + [{"landmarks", "elt"}] * 3 + [set(EVERYTHING)] * 4
    assert [step["terms"] for step in steps] == [set(step["parts"][0]) for step in steps] == expected
    assert [step["index"].shape for step in steps] == [(1, 8)] * 3 + [(1, 12)] * 7
    for step in steps:
        assert step["n_labelled"] == 8
        assert run.data.labelled[step["index"][0]].tolist() == [True] * 8 + [False] * (step["index"].shape[1] - 8)
    assert [set(entry["loss"]) for entry in run.curve] == [{"landmarks", "elt"}] * 2 + [set(EVERYTHING)] * 2


def test_terms_of_no_weight_are_never_computed(monkeypatch, steps):
    asked, loss = [], seq_mt.loss

    def spy(module, batch, terms, options, noise):
        asked.append(set(terms))
        return loss(module, batch, terms, options, noise)

    monkeypatch.setattr(seq_mt, "loss", spy)
    train_blocks(experiment(weights={"landmarks": 900.0, "elt": 0.0}, images=16))
    assert [step["terms"] for step in steps] == [{"landmarks"}] * 2
    assert len(asked) >= 2 and all(terms == {"landmarks"} for terms in asked)


def test_passes_count_labelled_unlabelled_and_warped_images():
    told: list[int] = []
    e = experiment(weights={"landmarks": 900.0, "elt": 270.0}, starts={"elt": 0.5}, images=80, n_evaluations=1)
    run = train_blocks(e, progress=told.append)
    assert told == [8] * 5 + [16] * 5
    assert run.passes == sum(told) == e.passes


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
