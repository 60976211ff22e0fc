"""A stage on the images of another data set: those alone, none labelled; the rest of the run is its own data set's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filling import CPU

from landmarklib import loading, methods
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment, canonical, from_json, to_json
from landmarklib.core.stages import Evaluation, Optimizer, Regressor, Schedule, Stage
from landmarklib.core.types import Crop
from landmarklib.methods import fse
from landmarklib.nets.forms import LITERAL
from landmarklib.records import checkpoint, record, staleness
from landmarklib.training import compute, train

SIZE, N = 16, 24  # image side, training images at most
STEPS = 6  # of each stage


def stage(name: str, **changes) -> Stage:
    values = {"images": 4 * STEPS, "batch": 4, "batch_unlabelled": 0, "n_evaluations": 2}
    values |= {"optimizer": Optimizer(0.01, clip=10.0), "schedule": Schedule(1, 0.5)}
    return Stage(name=name, weights={"align": 1.0, "diversity": 0.01}, **{**values, **changes})


OTHER = stage("discovery", batch=0, batch_unlabelled=4, dataset="shapes", n_evaluations=0)
MEASURED = replace(OTHER, n_evaluations=1)
OWN = stage("fine-tuning")


def experiment(*stages: Stage, seed: int = 0, **changes) -> Experiment:
    """FSE on Blocks after Shapes. changes: fields of `Experiment`."""
    values = {
        "table": "blocks",
        "row": "FSE",
        "dataset": "blocks",
        "method": "fse",
        "options": {"n_landmarks": 4, "widths": [2, 2, 2, 2, 4], "pool": 3},
        "fraction": 1.0,
        "labels": "all",
        "seed": seed,
        "budget": "smoke",
        "size": SIZE,
        "train_images": N,
        "stages": stages or (OTHER, OWN),
        "evaluation": Evaluation("error_px", 8, 8, [], "regressed", Regressor(ridge=0.1)),
    }
    return Experiment(**{**values, **changes})


def run(*experiments: Experiment, **more) -> list[record.Record]:
    return compute.run(experiments, form=LITERAL, **more)


def training_images(name: str) -> set[bytes]:
    """The first N training images of a data set, which its stage may see."""
    return {image.tobytes() for image in loading.split(name, "train", Crop(SIZE)).images[:N]}


@pytest.fixture
def seen(monkeypatch) -> list:
    """The batches that the loss is formed on, in order."""
    found = []

    def spy(models, batch, *rest):
        found.append(batch)
        return fse.loss(models, batch, *rest)

    get = methods.get
    monkeypatch.setattr(methods, "get", lambda name: replace(fse.METHOD, loss=spy) if name == "fse" else get(name))
    return found


def images_of(batch) -> set[bytes]:
    return {image.tobytes() for image in (255 * batch.images).round().to(torch.uint8).numpy()}


def test_each_stage_learns_from_the_images_of_its_own_data_set(seen):
    run(experiment())
    half = len(seen) // 2
    for name, batches in (("shapes", seen[:half]), ("blocks", seen[half:])):
        assert set.union(*map(images_of, batches)) == training_images(name)  # 6 steps of 4 are one epoch of 24


def test_no_label_of_the_other_data_set_is_there(seen):
    run(experiment(OTHER, replace(MEASURED, name="again")))
    for batch in seen:
        assert batch.n_labelled == 0 and batch.points.shape == (4, 5, 2)  # as Blocks, which has five landmarks
        assert batch.points.isnan().all() and batch.attributes.isnan().all() and not batch.visible.any()


def test_other_points_of_the_other_data_set_change_no_number(monkeypatch):
    (first,), split = run(experiment()), loading.split

    def moved(name: str, which: str, crop: Crop):
        found = split(name, which, crop)
        return replace(found, points=found.points + 3, attributes={}) if name == "shapes" else found

    monkeypatch.setattr(loading, "split", moved)
    monkeypatch.setattr(loading, "described", lambda e: {"fingerprint": "f00"})
    (again,) = run(experiment())
    assert (again.curve, again.metrics, again.gallery) == (first.curve, first.metrics, first.gallery)


def test_the_other_images_matter_and_the_judging_ones_are_the_runs_own():
    (alone,), (both,) = run(experiment(replace(OWN, name="discovery"), OWN)), run(experiment())
    assert alone.metrics["error_px"]["mean"] != both.metrics["error_px"]["mean"]
    assert alone.metrics["error_px"]["n"] == both.metrics["error_px"]["n"] == 8
    assert (alone.data["n_labelled"], alone.data["labelled"]) == (both.data["n_labelled"], both.data["labelled"])
    assert [g["index"] for g in both.gallery][:4] == [0, 1, 2, 3]


def test_images_are_counted_as_they_were_estimated():
    """Each is seen twice, the second time bent: 2 stages of 6 steps of 4."""
    (r,) = run(experiment())
    assert r.images_processed == methods.images_processed(r.experiment) == 2 * 2 * STEPS * 4


class Killed(Exception):
    """As if the process had ended."""


@pytest.mark.parametrize("steps", [1, STEPS, STEPS + 1, 2 * STEPS - 1])
@pytest.mark.parametrize("first", [OTHER, MEASURED], ids=["last weights", "best weights"])
@pytest.mark.parametrize("other_first", [True, False])
def test_a_run_that_is_killed_and_resumed_is_the_run_that_never_stopped(
    tmp_path: Path, monkeypatch, steps, first, other_first
):
    """Killed within either stage, at the end of the first and after the first step of the second."""
    e = experiment(first, OWN) if other_first else experiment(OWN, replace(first, n_evaluations=2))
    monkeypatch.setattr(train, "KEEP_EVERY", 0.0)

    def keep(states) -> None:
        checkpoint.save(tmp_path, CPU, [e], states)
        if states[0]["step"] == steps:
            raise Killed

    with pytest.raises(Killed):
        run(e, keep=keep)
    (again,), (never,) = run(e, states=[checkpoint.load(tmp_path, e, CPU)]), run(e)
    assert again.status == "done" and replace(again, seconds=never.seconds) == never


def test_a_pack_computes_what_each_run_computes_alone():
    packed = run(experiment(), experiment(seed=1))
    for one, together in zip((*run(experiment()), *run(experiment(seed=1))), packed, strict=True):
        assert together.metrics["error_px"]["mean"] == pytest.approx(one.metrics["error_px"]["mean"], rel=1e-3)
        assert together.images_processed == one.images_processed


def test_the_record_says_of_each_data_set_what_it_was(tmp_path):
    (r,) = run(experiment())
    crops = {"train": Crop(SIZE)}
    assert r.data["tier"] == "stand-in" and r.data["others"] == {
        "shapes": {
            "tier": "stand-in",
            "fingerprint": loading.fingerprint("shapes", crops),
            "crops": {"train": [SIZE, 1.0]},
        }
    }
    assert loading.covered(r.data["others"]["shapes"], "shapes", SIZE) == crops
    assert "datasets.shapes" in staleness.of(r.experiment)
    record.save(r, tmp_path)
    found = record.load(record.path_of(tmp_path, r.experiment)).data
    assert json.loads(json.dumps(found)) == r.data  # which has no tuples


def test_a_stage_on_the_runs_own_data_set_is_as_it_was_before_there_were_others():
    """No key changes: the empty name is left out of what a key is made of."""
    e = experiment(replace(OWN, name="first"), OWN)
    assert canonical(e).count('"dataset"') == 1 and canonical(experiment()).count('"dataset"') == 2
    old = to_json(e)
    for written in old["stages"]:
        del written["dataset"]
    assert from_json(old, "a test") == e
    assert from_json(to_json(experiment()), "a test") == experiment() != e
    alone = experiment(MEASURED)  # fields side by side have no place for it
    assert from_json(to_json(alone), "a test") == alone and alone.others == ["shapes"]


@pytest.mark.parametrize(
    "dataset, words",
    [
        ("no-such", "unknown data set 'no-such'"),
        ("blocks", "dataset of a stage: blocks is the run's own; leave it out"),
        ("afw", "dataset of a stage: afw has no train images"),
        ("bbcpose", "dataset of a stage: bbcpose is in colour, and blocks is grey"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused_in_one_line(dataset, words):
    with pytest.raises(UserError, match=words) as refusal:
        run(experiment(replace(OTHER, dataset=dataset), OWN))
    assert "\n" not in str(refusal.value)


def test_jitter_of_generated_images_is_refused():
    jitter = {"scale": 0.1, "shift": 0.1, "rotation_degrees": 5.0}
    with pytest.raises(UserError, match="jitter: shapes is generated"):
        loading.get("mtfl").check_other(loading.get("shapes"), jitter)


@pytest.mark.parametrize(
    "method, weights, batch, words",
    [
        (
            "fse",
            {"align": 1.0},
            4,
            "stage discovery: images of shapes have no labels, and batch is 4; batch_unlabelled",
        ),
        ("seq_mt", {"landmarks": 1.0}, 0, "have no labels, and the loss term 'landmarks' needs labelled images"),
        ("seq_mt", {"elt": 1.0, "classes": 1.0}, 0, "no labels, and the loss term 'classes' needs labelled images"),
    ],
)
def test_what_needs_labels_is_refused(method, weights, batch, words):
    one, options = replace(OTHER, weights=weights, batch=batch), {"n_landmarks": 4} if method == "fse" else {}
    with pytest.raises(UserError, match=words):
        methods.check(
            experiment(one, replace(OWN, weights=weights, batch=4, batch_unlabelled=4), method=method, options=options)
        )


def test_the_ranges_of_the_runs_own_jitter_come_first():
    """By them the labelled images are jittered on which a regressor is fitted."""
    wide, narrow = ({"scale": s, "shift": s, "rotation_degrees": 1.0} for s in (0.3, 0.1))
    e = experiment(replace(OTHER, jitter=wide), replace(OWN, jitter=narrow))
    assert e.jitter == narrow and experiment(replace(OTHER, jitter=wide), OWN).jitter == wide
    assert experiment().jitter == {} and np.isclose(experiment(MEASURED).steps, STEPS)
