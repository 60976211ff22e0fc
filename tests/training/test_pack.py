"""A pack: every run is trained as if alone, with its own images, labels, numbers and weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from experiments import flat
from packs import ATTRIBUTES, DATASET, JITTER, OF_POINTS, about, losses_of, select_of, taught, with_angle

from landmarklib import methods
from landmarklib.core import heatmaps
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Method
from landmarklib.core.noise import Noise
from landmarklib.core.types import Annotations
from landmarklib.nets import forms
from landmarklib.nets.forms import LITERAL, Form
from landmarklib.training import prediction, train
from landmarklib.training.pack import Pack
from landmarklib.training.state import TrainState, annotated, pixels

N, STEPS = 48, 20
SIZES = {"heatmap_mt": 32}  # of images, else 16
SMALL = {
    "kernel": 5,
    "depth": 2,
    "width": 4,
    "hidden": [16],
    "dropout": 0.25,
    "point_noise": 0.05,
    "kernels": [3, 2, 2],
    "widths": [4, 4, 6],
    "attributes": ATTRIBUTES,
    "stem": [4, 2, 2],
    "modules": [1, 1, 1],
    "bottlenecks": [1, 4],
    "painter": 4,
}
OTHERS = {"two_step": {"temperature": 1.0, "feature_length": 0.0}}  # else rounding grows a thousand times as fast
WEIGHTS = {"landmarks": 900.0, "classes": 10.0, "angles": 10.0, "elt": 270.0}
BLOCKS, PRODUCT = Form((2, 2)), Form((2, 2), product=True)
NAN = float("nan")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def size_of(name: str) -> int:
    return SIZES.get(name, 16)


def options_of(name: str) -> dict:
    options = methods.get(name).options
    return {**options, **{key: value for key, value in SMALL.items() if key in options}, **OTHERS.get(name, {})}


def experiment(name: str, **changes) -> Experiment:
    """At a low rate: a ReLU or a pooling that rounding tips over would else be blown up to 1% of the loss within 20
    steps.
    """
    values = {
        "table": "blocks",
        "row": "row",
        "dataset": "blocks",
        "method": name,
        "options": {},
        "weights": {"landmarks": 900.0},
        "starts": {},
        "fraction": 0.5,
        "seed": 0,
        "budget": "smoke",
        "images": 8 * STEPS,
        "batch": 8,
        "batch_unlabelled": 4,
        "rate": 0.0001,
        "head_rate": 2.0,
        "warmup": 2,
        "hold": 0.4,
        "size": size_of(name),
        "train_images": 0,
        "n_evaluations": 1,
        "evaluation_images": 8,
        "test_images": 0,
        "select": select_of(name),
    }
    e = flat(**{**values, **changes})
    stages = tuple(replace(stage, ema=0.9 if taught(name, stage.weights) else 0.0) for stage in e.stages)
    readout = methods.default_readout(methods.get(name), e.fraction)
    return replace(e, stages=stages, evaluation=replace(e.evaluation, readout=readout))


def annotations(name: str, n: int = N, seed: int = 0) -> Annotations:
    return with_angle(n, seed, size_of(name))


def run_of(e: Experiment, module: torch.nn.Module, n_labelled: int, generator: torch.Generator) -> TrainState:
    a = annotations(e.method)
    labelled = torch.randperm(N, generator=seeded(10 + e.seed))[:n_labelled]
    teacher = deepcopy(module) if e.stages[0].ema else None
    return TrainState(e, module, annotated(a, labelled, torch.from_numpy(a.images), ATTRIBUTES), generator, teacher)


def three(name: str, form: Form = LITERAL, **changes) -> list[TrainState]:
    """Runs with all terms, the last of several later; each has a seed, labelled images and weights of its own."""
    runs, terms = [], list(methods.get(name).terms)
    later = {term: 0.25 for term in terms[1:][-1:]}
    for seed, n_labelled, factor in ((0, 16, 1.0), (1, 24, 0.5), (2, 10, 3.0)):
        weights = {term: WEIGHTS.get(term, 1.0) * factor**i for i, term in enumerate(terms)}
        e, generator = experiment(name, seed=seed, weights=weights, starts=later, **changes), seeded(seed)
        module = methods.get(name).build(DATASET, e.size, options_of(name), generator)
        forms.set_form(module, form)
        runs.append(run_of(e, module, n_labelled, generator))
    return runs


def trained(runs: list[TrainState], **more) -> list[TrainState]:
    name = runs[0].experiment.method
    train.train(runs, methods.get(name), annotations(name, 8, 1), options_of(name), **more)
    return runs


def parameters_of(run: TrainState) -> dict[str, torch.Tensor]:
    """All but the maps' biases: a softmax over pixels cancels them, so their gradient is rounding, and Adam makes steps
    of it.
    """
    return {n: p.detach().clone() for n, p in run.module.named_parameters() if not n.endswith("out_bias")}


@torch.no_grad()
def points_of(run: TrainState) -> torch.Tensor:
    name = run.experiment.method
    inputs = torch.from_numpy(prediction.inputs(methods.get(name), annotations(name, 8, 1)))
    inputs = pixels(inputs) if inputs.dtype == torch.uint8 else inputs
    found = methods.get(name).predict(run.module, inputs, options_of(name))
    if found.points is None:
        return torch.cat(found.attributes, -1)
    return found.points if found.maps is None else heatmaps.soft_argmax(found.maps, found.beta)


class Number(torch.nn.Module):
    """A network of a single number."""

    def __init__(self, x: float = 0.0):
        super().__init__()
        self.x = torch.nn.Parameter(torch.tensor(x))


def fake(loss) -> Method:
    return replace(methods.get("seq_mt"), name="fake", options={}, groups={}, loss=loss)


def pack_of_numbers(loss, runs: list[tuple[float, int, dict[str, float]]], **changes) -> tuple[Pack, list[TrainState]]:
    """A pack of the fake method; runs: start, seed and weights of each."""
    made = [
        run_of(experiment("seq_mt", seed=seed, weights=weights, **changes), Number(x), 16, seeded(seed))
        for x, seed, weights in runs
    ]
    return Pack(made, fake(loss), {}, made[0].experiment.stages[0]), made


@pytest.fixture
def losses(monkeypatch) -> list[list[dict[str, float]]]:
    """The loss terms of every step, run by run."""
    noted, step = [], Pack.step

    def spy(pack, *arguments):
        step(pack, *arguments)
        noted.append(pack.parts())

    monkeypatch.setattr(Pack, "step", spy)
    return noted


@pytest.mark.parametrize(
    "name, form, clip",
    [
        *((name, *how) for name in OF_POINTS for how in ((LITERAL, 100.0), (BLOCKS, 0.0))),
        ("seq_mt", LITERAL, 0.0),
        ("seq_mt", PRODUCT, 100.0),
    ],
    ids=str,
)
def test_runs_of_a_pack_equal_each_trained_alone(losses, name, form, clip):
    runs = three(name, form, clip=clip)
    start = [parameters_of(run) for run in runs]
    trained(runs)
    packed = losses[:]
    assert [set(parts[0]) for parts in packed[4:6]] == [set(packed[0][0]), set(methods.get(name).terms)]
    for i, run in enumerate(runs):
        losses.clear()
        (alone,) = trained([three(name, form, clip=clip)[i]])
        assert [parts[i] for parts in packed] == [pytest.approx(parts, rel=1e-3) for (parts,) in losses]
        assert torch.allclose(points_of(run), points_of(alone), rtol=0, atol=1e-3)
        for key, value in parameters_of(alone).items():
            moved, apart = (value - start[i][key]).norm(), (parameters_of(run)[key] - value).norm()
            share = 0.4 if name == "two_step" else 0.1 if key.endswith("bias") else 0.05  # it makes more of rounding
            assert apart <= share * moved + 1e-6, key
        assert (
            (run.images_processed, run.best_step)
            == (alone.images_processed, alone.best_step)
            == (run.images_processed, STEPS)
        )


@pytest.mark.parametrize("name", OF_POINTS)
def test_runs_of_a_pack_on_jittered_images_equal_each_trained_alone(name):
    terms = list(methods.get(name).terms)
    starts = {**dict.fromkeys(terms, 0.0), **{term: 0.5 for term in terms[1:][-1:]}}
    small = {key: value for key, value in {"depth": 2, "width": 4}.items() if key in methods.get(name).options}
    packed = losses_of(name, "cpu", [0, 1], LITERAL, starts, 0.25, JITTER, small)
    assert [set(parts[0]) for parts in packed] == [set(terms[:-1] or terms)] * 8 + [set(terms)] * 8
    alone = losses_of(name, "cpu", [1], LITERAL, starts, 0.25, JITTER, small)
    assert [second for _, second in packed] == [about(parts) for (parts,) in alone]


@pytest.mark.parametrize(
    "name, form", [*((name, LITERAL) for name in OF_POINTS), ("seq_mt", BLOCKS), ("seq_mt", PRODUCT)], ids=str
)
def test_a_run_that_turns_nan_leaves_its_neighbours_as_they_are(name, form):
    healthy, runs, told = trained(three(name, form, n_evaluations=7)), three(name, form, n_evaluations=7), []

    def break_the_second_after_13_steps(images):
        told.append(images)
        if len(told) == 13:
            next(runs[1].module.parameters()).data.fill_(NAN)

    trained(runs, progress=break_the_second_after_13_steps)
    assert runs[1].failure == "loss or weights are not finite at step 14 of 20"
    assert runs[1].curve == healthy[1].curve[:3] and [entry["step"] for entry in runs[1].curve] == [8, 10, 12]
    assert all(p.isfinite().all() for p in runs[1].module.parameters())
    assert len(told) == STEPS and [run.images_processed * 3 for run in runs] == [sum(told), sum(told[:14]), sum(told)]
    for run, expected in ((runs[0], healthy[0]), (runs[2], healthy[2])):
        assert not run.failure and len(run.curve) == 7
        assert run.curve == expected.curve
        assert all(
            torch.equal(a, b) for a, b in zip(run.module.parameters(), expected.module.parameters(), strict=True)
        )


def test_training_stops_when_no_run_is_left():
    runs, told = three("seq_mt", n_evaluations=7), []
    for run in runs:
        next(run.module.parameters()).data.fill_(NAN)
    trained(runs, progress=told.append)
    assert {run.failure for run in runs} == {"loss or weights are not finite at step 8 of 20"}
    assert len(told) == 8


def test_a_step_goes_down_the_weighted_sum_of_each_terms_mean():
    def loss(models, batch, terms, options, noise):
        return {
            "landmarks": models.student.x * torch.tensor([1.0, 2.0, 6.0]),
            "classes": models.student.x.square().expand(2),
        }

    numbers = [(1.0, 0, {"landmarks": 2.0, "classes": 0.5}), (-2.0, 1, {"landmarks": 1.0, "classes": 0.25})]
    pack, runs = pack_of_numbers(loss, numbers)
    pack.optimizer = torch.optim.SGD([{"params": list(pack.parameters.values()), "base": 0.2, "lr": torch.tensor(0.0)}])
    pack.step(("landmarks", "classes"), torch.tensor([[0, 1, 2], [2, 1, 0]]), 3, 0.5)
    assert pack.parts() == [{"landmarks": 3, "classes": 1}, {"landmarks": -6, "classes": 4}]
    assert [run.module.x.item() for run in runs] == pytest.approx(
        [1 - 0.1 * (2 * 3 + 0.5 * 2), -2 - 0.1 * (3 - 0.25 * 4)]
    )


class Pair(torch.nn.Module):
    """Two numbers, as two parameters."""

    def __init__(self):
        super().__init__()
        self.x, self.y = (torch.nn.Parameter(torch.zeros(())) for _ in range(2))


@pytest.mark.parametrize("clip, moved", [(0.0, [(30, 40), (3, 4)]), (10.0, [(6, 8), (3, 4)]), (1.0, [(0.6, 0.8)] * 2)])
def test_the_gradient_of_each_run_is_shortened_to_the_largest_norm_that_is_allowed(clip, moved):
    def loss(models, batch, terms, options, noise):
        return {"landmarks": -(3 * models.student.x + 4 * models.student.y).expand(2)}

    runs = [
        run_of(experiment("seq_mt", seed=i, weights={"landmarks": w}, clip=clip), Pair(), 16, seeded())
        for i, w in enumerate((10.0, 1.0))
    ]
    pack = Pack(runs, fake(loss), {}, runs[0].experiment.stages[0])
    pack.optimizer = torch.optim.SGD([{"params": list(pack.parameters.values()), "base": 1.0, "lr": torch.tensor(0.0)}])
    pack.step(("landmarks",), torch.zeros(2, 2, dtype=torch.long), 2, 1.0)
    assert [(run.module.x.item(), run.module.y.item()) for run in runs] == [pytest.approx(m) for m in moved]


def test_adam_forgets_squared_gradients_at_the_experiments_pace():
    """By hand: gradients 1 and 0 give the second step 0.09 / (1 - 0.81) over the root of (1 - b) b / (1 - b^2)."""

    def loss(models, batch, terms, options, noise):
        return {"landmarks": (models.student.x * next(gradients)).expand(2)}

    for beta2 in (0.5, 0.999):
        gradients = iter([0.0, 1.0, 0.0])  # the first is asked for when the pack looks at what is drawn
        pack, (run,) = pack_of_numbers(loss, [(0.0, 0, {"landmarks": 1.0})], rate=0.1, beta2=beta2)
        for _ in range(2):
            before = run.module.x.item()
            pack.step(("landmarks",), torch.zeros(1, 2, dtype=torch.long), 2, 1.0)
        step = 0.1 * (0.09 / 0.19) / ((1 - beta2) * beta2 / (1 - beta2**2)) ** 0.5
        assert before - run.module.x.item() == pytest.approx(step, rel=1e-4)


def test_numbers_of_a_run_depend_on_its_seed_and_not_on_its_place():
    def loss(models, batch, terms, options, noise):
        values = {"landmarks": noise.uniform(1), "classes": noise.normal(40)}
        return {term: 0 * models.student.x + values[term] for term in values}

    def steps_of(seed: int) -> list[dict]:
        noise = Noise(seeded(int(torch.randint(2**62, (), generator=seeded(seed)))))
        return [{"landmarks": noise.uniform(1).item(), "classes": noise.normal(40).mean().item()} for _ in range(4)]

    for seeds in ([3], [3, 4, 5], [5, 3], [4, 4]):
        pack, _ = pack_of_numbers(loss, [(0.0, seed, dict.fromkeys(("landmarks", "classes"), 1.0)) for seed in seeds])
        for step in range(4):
            index = torch.zeros(len(seeds), 3 if step < 2 else 5, dtype=torch.long)
            pack.step(("landmarks", "classes"), index, 3, 1.0)
            for parts, seed in zip(pack.parts(), seeds, strict=True):
                assert parts == pytest.approx(steps_of(seed)[step], rel=1e-5)
                assert parts["landmarks"] == steps_of(seed)[step]["landmarks"]


@pytest.mark.parametrize(
    "terms, n_unlabelled, images",
    [(("landmarks",), 0, 8), (("landmarks", "classes"), 4, 12), (("landmarks", "elt"), 4, 16), (("elt",), 4, 16)],
)
def test_an_image_of_the_elt_term_is_processed_twice(terms, n_unlabelled, images):
    def loss(models, batch, terms, options, noise):
        return {term: models.student.x.expand(3) for term in terms}

    pack, _ = pack_of_numbers(loss, [(0.0, seed, WEIGHTS) for seed in range(3)])
    pack.step(terms, torch.zeros(3, 8 + n_unlabelled, dtype=torch.long), 8, 1.0)
    assert pack.images_processed == images


def test_parameters_of_a_run_are_views_of_the_packs():
    runs = three("seq_mt")
    before = [dict(run.module.named_parameters()) for run in runs]
    values = [parameters_of(run) for run in runs]
    pack = Pack(runs, methods.get("seq_mt"), options_of("seq_mt"), runs[0].experiment.stages[0])
    for i, run in enumerate(runs):
        for name, p in run.module.named_parameters():
            assert p is before[i][name]
            assert p.data_ptr() == pack.parameters[f"student.{name}"][i].data_ptr()
        assert all(torch.equal(values[i][name], value) for name, value in parameters_of(run).items())
    pack.step(("landmarks",), torch.stack([run.data.labelled.nonzero()[:8, 0] for run in runs]), 8, 1.0)
    for i, run in enumerate(runs):
        name, p = next(iter(run.module.named_parameters()))
        assert torch.equal(p, pack.parameters[f"student.{name}"][i]) and not torch.equal(p, values[i][name])


def test_training_changes_a_module_in_place():
    runs = three("seq_mt")
    before, values = [list(run.module.parameters()) for run in runs], [parameters_of(run) for run in runs]
    trained(runs)
    for run, objects, old in zip(runs, before, values, strict=True):
        assert all(p is q for p, q in zip(run.module.parameters(), objects, strict=True))
        assert any(not torch.equal(value, old[name]) for name, value in parameters_of(run).items())
