"""The protocol fits methods that nobody has written yet: one of two stages with a regressed readout, one with BatchNorm
and a teacher, one with pseudo-labels.

To add a method that trains in two stages, copy `TWO_STAGES` below into a file of `methods/`: the tests here walk it
from experiment to record.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from filling import CPU
from torch import nn

from landmarklib import methods
from landmarklib.core import coords, heatmaps, versions
from landmarklib.core.experiment import Experiment, from_json, to_json
from landmarklib.core.method import Method, Prediction, Term
from landmarklib.core.stages import Evaluation, Optimizer, Schedule, Stage
from landmarklib.core.types import MARGIN
from landmarklib.datasets import blocks
from landmarklib.engine import golden_runs
from landmarklib.losses import equivariance, supervised
from landmarklib.nets import forms
from landmarklib.nets.forms import LITERAL
from landmarklib.nets.layers import he_normal
from landmarklib.records import checkpoint
from landmarklib.records.record import Record
from landmarklib.training import autotune, compute, state, train
from landmarklib.training.pack import Pack

SIZE, K = 16, 7  # image side; outputs, where Blocks has five landmarks
RANGES = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}


class Conv(nn.Module):
    """A 3 x 3 convolution with weights of the run's own generator."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator):
        super().__init__()
        self.weight = he_normal((outputs, inputs, 3, 3), generator)

    def forward(self, x):
        return F.conv2d(x, self.weight, padding=1)


class FeaturesThenMaps(nn.Module):
    """Features F, and maps T on top of them."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.features = nn.Sequential(Conv(1, 4, generator), nn.BatchNorm2d(4), nn.ReLU())
        self.maps = Conv(4, K, generator)

    def forward(self, images):
        return self.maps(self.features(images))


def two_stage_loss(models, batch, terms, options, noise) -> dict:
    """First the features tell a pixel from its neighbour; then maps on frozen features are equivariant and apart."""
    net, result = models.student, {}
    features = net.features(batch.images)
    if "contrast" in terms:
        shifted = net.features(batch.images.roll(1, -1) + 0.1 * noise.normal(*batch.images.shape))
        result["contrast"] = (features.roll(1, -1) - shifted).square().mean((1, 2, 3)) - features.var((1, 2, 3))
    if {"equivariance", "diversity"} & terms:
        maps = net.maps(features)
        points = heatmaps.soft_argmax(maps, 5.0)
    if "equivariance" in terms:
        result["equivariance"] = equivariance.elt(
            lambda images: heatmaps.soft_argmax(net(images), 5.0), batch, points, noise, **RANGES
        )
    if "diversity" in terms:
        result["diversity"] = -heatmaps.spatial_softmax(maps, 5.0).amax(1).sum((1, 2))
    return result


def find(module, images, options) -> Prediction:
    maps = module(images)
    return Prediction(heatmaps.soft_argmax(maps, 5.0), (), maps, 5.0)


TWO_STAGES = Method(
    name="two_stages",
    options={},
    terms={"contrast": Term("all", passes=1), "equivariance": Term("all", passes=1), "diversity": Term("all")},
    groups={"features": "features", "maps": "maps"},
    costly="features",
    named=False,
    build=lambda dataset, size, options, generator: FeaturesThenMaps(generator),
    loss=two_stage_loss,
    predict=find,
)


def teacher_loss(models, batch, terms, options, noise) -> dict:
    """The student finds in noisy unlabelled images what the teacher finds in the images."""
    n = batch.n_labelled
    target = heatmaps.soft_argmax(models.teacher(batch.images[n:]), 5.0)
    noisy = batch.images[n:] + 0.3 * noise.normal(*batch.images[n:].shape)
    found = heatmaps.soft_argmax(models.student(noisy), 5.0)
    return {"consistency": (found - target.detach()).square().sum((1, 2))}


WITH_TEACHER = replace(
    TWO_STAGES, name="with_teacher", terms={"consistency": Term("unlabelled", teacher=True)}, loss=teacher_loss
)


class FiveMaps(FeaturesThenMaps):
    def __init__(self, generator: torch.Generator):
        super().__init__(generator)
        self.maps = Conv(4, 5, generator)


def landmark_loss(models, batch, terms, options, noise) -> dict:
    points, n = find(models.student, batch.images, options).points, batch.n_labelled
    return {"landmarks": supervised.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])}


def label(module, images, options):
    points = find(module, images, options).points
    return points, torch.arange(5).expand(len(images), 5) < 3  # of the first three it is sure


PSEUDO_LABELS = replace(
    TWO_STAGES,
    name="pseudo_labels",
    named=True,
    terms={"landmarks": Term("labelled")},
    build=lambda dataset, size, options, generator: FiveMaps(generator),
    loss=landmark_loss,
    relabel=label,
)
ALONE = replace(WITH_TEACHER, name="alone", packable=False)
KNOWN = {m.name: m for m in (TWO_STAGES, WITH_TEACHER, PSEUDO_LABELS, ALONE)}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """These methods, beside those of the library."""
    get, raised = methods.get, versions.raised()
    monkeypatch.setattr(methods, "get", lambda name: KNOWN.get(name) or get(name))
    new = {f"methods.{name}": (1, "of a test") for name in KNOWN}
    monkeypatch.setattr(versions, "raised", lambda: raised | new)


def stage(name: str, weights: dict[str, float], **changes) -> Stage:
    values = {"images": 48, "batch": 4, "batch_unlabelled": 4, "n_evaluations": 2}
    values |= {"optimizer": Optimizer(0.01, clip=10.0), "schedule": Schedule(2, 0.5)}
    return Stage(name=name, weights=weights, **{**values, **changes})


STAGES = {
    "two_stages": (
        stage("features", {"contrast": 1.0}, trains="features", n_evaluations=0),
        stage("maps", {"equivariance": 1.0, "diversity": 0.01}, trains="maps", onset={"diversity": 0.25}),
    ),
    "with_teacher": (stage("train", {"consistency": 1.0}, batch=0, ema=0.9),),
    "pseudo_labels": (
        stage("labelled", {"landmarks": 1.0}, batch_unlabelled=0),
        stage("all", {"landmarks": 1.0}, batch_unlabelled=0),
    ),
}
STAGES["alone"] = STAGES["with_teacher"]
KNOWN["distilled"] = replace(PSEUDO_LABELS, name="distilled")
STAGES["distilled"] = (STAGES["pseudo_labels"][0], replace(STAGES["pseudo_labels"][1], afresh=True))


def experiment(method: str, seed: int = 0, **changes) -> Experiment:
    readout = "named" if method in ("pseudo_labels", "distilled") else "regressed"
    values = {
        "table": "blocks",
        "row": method,
        "dataset": "blocks",
        "method": method,
        "options": {},
        "fraction": 0.25,
        "seed": seed,
        "budget": "smoke",
        "size": SIZE,
        "train_images": 64,
        "stages": STAGES[method],
        "evaluation": Evaluation("error_px", 16, 32, [], readout),
    }
    return Experiment(**{**values, **changes})


def run(*experiments: Experiment, **more) -> list[Record]:
    return compute.run(experiments, form=LITERAL, **more)


def told(record: Record) -> tuple:
    """All that a run decides, without times."""
    return (
        record.status,
        record.reason,
        record.curve,
        record.metrics,
        record.gallery,
        record.best_step,
        record.images_processed,
    )


def values(record: Record) -> dict[str, float]:
    parts = {f"{p['step']} {k} {n}": v for p in record.curve for k in ("loss", "validation") for n, v in p[k].items()}
    return parts | {name: v["mean"] for name, v in record.metrics.items()}


@pytest.fixture(scope="module")
def once() -> dict[tuple[str, int], Record]:
    return {}


@pytest.fixture
def alone(once):
    """A run that was trained by itself, without a stop."""

    def trained(method: str, seed: int) -> Record:
        if (method, seed) not in once:
            (once[method, seed],) = run(experiment(method, seed))
        return once[method, seed]

    return trained


@pytest.mark.parametrize("method", ["two_stages", "with_teacher", "pseudo_labels"])
def test_a_pack_computes_what_each_run_computes_alone(alone, method):
    packed = run(*(experiment(method, seed) for seed in (0, 1, 2)))
    for seed, record in enumerate(packed):
        one = alone(method, seed)
        assert record.status == one.status == "done", one.reason
        assert values(record) == pytest.approx(values(one), rel=1e-3, abs=1e-4)
        assert record.images_processed == one.images_processed


class Killed(Exception):
    """As if the process had ended."""


@pytest.mark.parametrize("steps", [1, 5, 11, 12, 13, 20])
@pytest.mark.parametrize("method", ["two_stages", "with_teacher", "pseudo_labels", "distilled"])
def test_a_run_that_is_killed_and_resumed_is_the_run_that_never_stopped(
    alone, tmp_path: Path, monkeypatch, method, steps
):
    """Stages have 12 steps, so it is killed within each, at the end of the first and at the beginning of the second."""
    e, done = experiment(method), []
    if steps >= e.steps:
        pytest.skip("it has one stage")
    monkeypatch.setattr(train, "KEEP_EVERY", 0.0)

    def keep(states) -> None:
        checkpoint.save(tmp_path, CPU, [e], states)
        done.append(states[0]["step"])
        if done[-1] == steps:
            raise Killed

    with pytest.raises(Killed):
        run(e, keep=keep)
    assert checkpoint.step(tmp_path, e, CPU) == steps
    (again,) = run(e, states=[checkpoint.load(tmp_path, e, CPU)])
    assert told(again) == told(alone(method, 0))


def test_a_run_goes_on_in_another_pack_than_before(alone, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(train, "KEEP_EVERY", 0.0)
    kept: dict[int, list] = {}
    run(*(experiment("two_stages", s) for s in (0, 1)), keep=lambda states: kept.setdefault(states[0]["step"], states))
    (again,) = run(experiment("two_stages", 1), states=[kept[15][1]])
    assert values(again) == pytest.approx(values(alone("two_stages", 1)), rel=1e-3, abs=1e-4)


def test_a_method_that_cannot_be_mapped_is_trained_alone(alone, monkeypatch):
    from landmarklib.engine import packing

    monkeypatch.setattr(forms, "fastest_form", lambda *_: (forms.LITERAL, 16.0))
    monkeypatch.setattr(autotune, "_costly", lambda *_: (None, None))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    assert autotune.measure(autotune.Network("blocks", "alone", SIZE, (), "float32"), "cuda").runs == 1
    (record,) = run(experiment("alone"))
    assert values(record) == values(alone("with_teacher", 0))
    assert packing.packed([experiment("alone", s) for s in (0, 1)], lambda e: 0, "cpu") == [
        [experiment("alone", s)] for s in (0, 1)
    ]


def test_seven_outputs_are_read_out_for_five_landmarks(alone):
    record = alone("two_stages", 0)
    assert {len(entry["points"]) for entry in record.gallery} == {5} and record.assignment is None
    middle = 8.0  # an error of a network that knows nothing and says the centre is about a third of the side
    assert 0 < record.metrics["error_px"]["mean"] < middle


def test_each_stage_notes_its_own_evaluations_and_counts_its_images(alone):
    record = alone("two_stages", 0)
    assert [(p["stage"], p["step"]) for p in record.curve] == [("maps", 8), ("maps", 12)]
    assert set(record.curve[-1]["loss"]) == {"equivariance", "diversity"}
    # 12 steps of 4 + 4 images twice, each seen once more by the term that warps it
    assert record.images_processed == 12 * 16 + 12 * 16
    assert [(p["stage"], p["step"]) for p in alone("pseudo_labels", 0).curve] == [
        ("labelled", 8),
        ("labelled", 12),
        ("all", 8),
        ("all", 12),
    ]


@pytest.fixture
def trained(monkeypatch) -> list:
    """The states of runs after training, and their weights after each stage."""
    found, end = [], train.end_stage

    def spy(runs, method, options, stage, final):
        end(runs, method, options, stage, final)
        found.append((stage.name, [r.weights() for r in runs], runs))

    monkeypatch.setattr(train, "end_stage", spy)
    return found


def test_what_a_stage_does_not_train_stays_bit_for_bit_buffers_included(trained):
    run(experiment("two_stages"))
    (_, (first,), _), (_, (second,), _) = trained
    changed = {name for name, value in first.items() if not torch.equal(value, second[name])}
    assert changed == {"student maps.weight"}
    assert first["student features.1.num_batches_tracked"] == 12 * 2  # images and their shifted copies, no pass more


def test_buffers_count_the_steps_and_nothing_else(trained):
    """The pass that notes random numbers is none of them, alone and in a pack."""
    run(experiment("with_teacher"))
    run(*(experiment("with_teacher", s) for s in (0, 1)))
    for _, all_weights, _ in trained:
        for weights in all_weights:
            counted = weights["student features.1.num_batches_tracked"]
            assert counted == weights["teacher features.1.num_batches_tracked"] and counted in (8, 12)


def test_the_teacher_is_the_moving_average_and_predicts(monkeypatch, trained):
    """By hand from the students of every step; the record is judged by the teacher."""
    students, update = [], Pack._update

    def spy(pack):
        update(pack)
        students.append({n: p.detach().clone()[0] for n, p in pack.parameters.items()})

    monkeypatch.setattr(Pack, "_update", spy)
    e = experiment("with_teacher", stages=(replace(STAGES["with_teacher"][0], n_evaluations=1),))
    (record,) = run(e)
    ((_, (weights,), (state,)),) = trained
    generator = torch.Generator().manual_seed(0)
    average = dict(FeaturesThenMaps(generator).named_parameters())["maps.weight"].detach()
    for student in students:
        average = 0.9 * average + 0.1 * student["student.maps.weight"]
    assert torch.allclose(weights["teacher maps.weight"], average, atol=1e-6)
    assert state.predictor is state.teacher and not state.teacher.training
    assert record.best_step == 12


def test_pseudo_labels_teach_the_images_that_had_none(trained):
    (record,) = run(experiment("pseudo_labels"))
    (*_, (state,)) = trained[-1]
    assert bool(state.data.labelled.all()) and state.data.visible.sum(1).unique().tolist() == [3, 5]
    assert state.data.visible.all(1).sum() == 16 and not state.data.points[state.data.visible].isnan().any()
    assert record.data["n_labelled"] == 16  # what it was given, not what it made up


def test_an_experiment_of_several_stages_is_written_and_read():
    e = experiment("two_stages")
    raw = to_json(e)
    assert [s["name"] for s in raw["stages"]] == ["features", "maps"]
    assert from_json(raw, "a test") == e and from_json(raw, "a test").key == e.key
    slower = replace(e, stages=(replace(e.stages[0], trains="maps"), e.stages[1]))
    assert slower.key != e.key


FIVE = {"landmarks": Term("labelled"), "consistency": Term("unlabelled", teacher=True)}


def both_losses(models, batch, terms, options, noise) -> dict:
    found = landmark_loss(models, batch, terms, options, noise) if "landmarks" in terms else {}
    return found | (teacher_loss(models, batch, terms, options, noise) if "consistency" in terms else {})


SURE_OF_SOME = replace(
    PSEUDO_LABELS,
    name="sure_of_some",
    terms=FIVE,
    loss=both_losses,
    relabel=lambda module, images, options: (
        find(module, images, options).points,
        (images.mean((1, 2, 3)) > images.mean())[:, None].expand(-1, 5),
    ),
)
KNOWN["sure_of_some"] = SURE_OF_SOME
STAGES["sure_of_some"] = (
    stage("burn-in", {"landmarks": 1.0}, batch_unlabelled=0),
    stage("teacher", {"landmarks": 1.0, "consistency": 1.0}, ema=0.9),
)


def test_pseudo_labels_change_no_batch_of_images_without_true_labels(trained):
    """Runs of a pack make up labels for different numbers of images, and all images may get some."""
    e = [experiment("sure_of_some", seed, evaluation=Evaluation("error_px", 16, 32)) for seed in (0, 1)]
    assert [r.status for r in run(*e)] == ["done", "done"]
    *_, (_, _, states) = trained
    assert len({int(s.data.labelled.sum()) for s in states}) == 2


def test_a_teacher_that_comes_later_starts_where_the_student_is(trained, monkeypatch):
    begun = []
    init = Pack.__init__

    def spy(pack, runs, method, options, stage):
        begun.append((stage.name, {name: w.clone() for name, w in runs[0].weights().items()}))
        init(pack, runs, method, options, stage)

    monkeypatch.setattr(Pack, "__init__", spy)
    run(experiment("sure_of_some", evaluation=Evaluation("error_px", 16, 32)))
    weights = dict(begun)["teacher"]
    names = [name.removeprefix("student ") for name in weights if name.startswith("student ")]
    assert all(torch.equal(weights[f"student {name}"], weights[f"teacher {name}"]) for name in names)
    (_, _, (state,)) = trained[-1]
    assert state.predictor is state.teacher


@pytest.mark.parametrize("afresh", [False, True])
def test_a_stage_may_begin_as_training_did(monkeypatch, afresh):
    """What it keeps of the stage before are pseudo-labels."""
    begun, init = [], Pack.__init__

    def spy(pack, runs, method, options, stage):
        begun.append({name: w.clone() for name, w in runs[0].weights().items()})
        init(pack, runs, method, options, stage)

    monkeypatch.setattr(Pack, "__init__", spy)
    first, second = STAGES["pseudo_labels"]
    run(experiment("pseudo_labels", stages=(first, replace(second, afresh=afresh))))
    assert all(torch.equal(begun[0][name], w) for name, w in begun[1].items()) == afresh


def test_a_stage_without_a_teacher_is_predicted_by_the_student(trained, monkeypatch):
    e = experiment("sure_of_some", evaluation=Evaluation("error_px", 16, 32))
    states = []
    monkeypatch.setattr(train, "evaluate_run", lambda run, stage, *_: states.append((stage.name, run.predictor)))
    run(e)
    (_, _, (state,)) = trained[-1]
    assert {name: found is state.teacher for name, found in states} == {"burn-in": False, "teacher": True}


def test_more_outputs_than_landmarks_are_matched_on_validation_images():
    one = stage("maps", {"equivariance": 1.0, "diversity": 0.01}, batch=0)
    e = experiment("two_stages", fraction=0.0, stages=(one,), evaluation=Evaluation("error_px", 16, 32, [], "matched"))
    (record,) = run(e)
    assert record.status == "done" and len(set(record.assignment)) == 5 and max(record.assignment) < K
    assert record.metrics["matched_percent"]["n"] == 32 and len(record.gallery[0]["points"]) == 5


@pytest.mark.parametrize("name", KNOWN)
def test_a_new_method_has_a_golden_run(name):
    """Whatever its terms, its options, and whether it has a teacher."""
    e = golden_runs._experiment(name, "blocks", ["class"])
    methods.check(e)
    (record,) = run(e)
    assert record.status == "done" and {"error_px"} <= set(record.metrics)


def test_a_stage_without_jitter_sees_the_middle_of_the_wider_images():
    """Where another stage jitters, all images are cut wider; points beyond the frame do not count."""
    e = experiment("pseudo_labels")
    jittered = replace(e.stages[0], jitter={"rotation_degrees": 1.0, "scale": 0.1, "shift": 0.1})
    e = replace(e, stages=(jittered, e.stages[1]))
    a = blocks.generate(8, 0, 2 * SIZE)
    data = state.annotated(a, torch.arange(8), torch.from_numpy(a.images), ["class"], MARGIN)
    one = state.TrainState(e, FiveMaps(torch.Generator().manual_seed(0)), data, torch.Generator().manual_seed(1))
    packed = Pack([one], PSEUDO_LABELS, {}, e.stages[1])
    packed.step(("landmarks",), torch.arange(8)[None], 8, 0.0)
    middle, inside = state.frames(one, torch.arange(8)), data.visible & coords.inside(data.points)
    assert middle.shape == (8, 1, SIZE, SIZE) and not inside.all()
    expected = supervised.landmark_distance(find(one.module.train(), middle, {}).points, data.points, inside)
    assert packed.parts()[0]["landmarks"] == pytest.approx(expected.mean().item(), rel=1e-4)
