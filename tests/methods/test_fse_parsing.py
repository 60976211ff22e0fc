"""Face parsing on discovered features, from archives to the picture: what each stage trains, and on which labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landmarklib import loading, methods, tables
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.stages import Evaluation, Optimizer, Schedule, Stage
from landmarklib.core.types import NO_CLASS, Crop
from landmarklib.datasets import helen_parsing
from landmarklib.engine import golden_runs
from landmarklib.losses import supervised
from landmarklib.methods import fse_parsing
from landmarklib.nets.forms import LITERAL
from landmarklib.records import checkpoint, distributions, query, record
from landmarklib.records.record import Record
from landmarklib.report import parsing
from landmarklib.training import compute, train

TABLE = tables.get("helen")
SIZE, N, METRIC = 16, 20, "pixel_accuracy_percent"
OPTIONS = {"widths": [2, 2, 2, 3, 4], "n_landmarks": 4, "pool": 3}
AGREE = {"align": 1.0, "variance": 0.1, "diversity": 0.02}


@pytest.fixture(scope="module", autouse=True)
def archives(tables_read):
    """Few faces of both data sets, HELEN's as if they were all."""
    counts = {"train": N, "val": 6, "test": 8}
    with golden_runs.archives(["helen_parsing", "mtfl_wide"], counts), pytest.MonkeyPatch.context() as patch:
        patch.setattr(helen_parsing, "DATASET", replace(helen_parsing.DATASET, counts=counts))
        yield


def stage(name: str, weights: dict[str, float], **changes) -> Stage:
    values = {"images": 24, "batch": 4, "batch_unlabelled": 0, "n_evaluations": 2, "evaluated_from": 0.0}
    values |= {"optimizer": Optimizer(0.01, clip=10.0), "schedule": Schedule(1, 0.5)}
    return Stage(name=name, weights=weights, **{**values, **changes})


DISCOVERY = stage("discovery", AGREE, batch=0, batch_unlabelled=4, dataset="mtfl_wide", n_evaluations=0)
FROZEN, TUNED = (stage("parsing", {"parse": 1.0}, trains=group) for group in ("head", ""))


def experiment(*stages: Stage, **changes) -> Experiment:
    values = {"table": "helen", "row": "Pretrained", "dataset": "helen_parsing", "method": "fse_parsing"}
    values |= {"options": OPTIONS, "fraction": 0.5, "labels": N // 2, "seed": 0, "budget": "smoke", "size": SIZE}
    values |= {"train_images": 0, "stages": stages, "evaluation": Evaluation(METRIC, 0, 0)}
    return Experiment(**{**values, **changes})


def run(*experiments: Experiment, **more) -> list[Record]:
    return compute.run(experiments, form=LITERAL, **more)


@pytest.mark.parametrize("second, expected", [(FROZEN, {"head"}), (TUNED, {"first", "head"})], ids=["frozen", "tuned"])
def test_frozen_features_stay_bit_for_bit_and_fine_tuned_ones_do_not(trained, second, expected):
    """Parameters, and the statistics and counters of batch normalization."""
    (r,) = run(experiment(DISCOVERY, second))
    assert r.status == "done"
    before, after = trained["discovery"], trained["parsing"]
    assert {n.split()[1].split(".")[0] for n in before if not torch.equal(before[n], after[n])} == expected
    kept = ("student head.out", "student head.out_bias")  # of landmarks, which nothing asks for
    assert all(torch.equal(before[name], after[name]) for name in kept)


def test_rows_with_one_seed_start_from_the_same_weights_and_one_discovery(trained):
    run(experiment(DISCOVERY, FROZEN))
    first = trained["discovery"]
    run(experiment(DISCOVERY, TUNED))
    assert all(torch.equal(first[name], value) for name, value in trained["discovery"].items())


def test_only_labelled_images_have_classes_and_they_are_the_data_sets(monkeypatch):
    seen = []

    def spy(models, batch, *rest):
        seen.append(batch)
        return fse_parsing.loss(models, batch, *rest)

    monkeypatch.setattr(methods, "get", lambda name: replace(fse_parsing.METHOD, loss=spy))
    both = {"parse": 1.0, **AGREE}
    run(experiment(stage("both", both, batch_unlabelled=2)))
    a = loading.split("helen_parsing", "train", Crop(SIZE))
    known = {image.tobytes(): classes for image, classes in zip(a.images, a.pixel_classes, strict=True)}
    for batch in seen:
        assert batch.n_labelled == 4 and (batch.pixel_classes[4:] == NO_CLASS).all()
        images = (255 * batch.images).round().byte().numpy()
        for image, classes in zip(images[:4], batch.pixel_classes[:4].numpy(), strict=True):
            assert np.array_equal(classes, known[image.tobytes()])


def test_a_pack_computes_what_each_run_computes_alone():
    jitter = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.1}
    wide = experiment(replace(DISCOVERY, jitter=jitter), FROZEN)  # whose second stage sees the middle of its crops
    jittered = experiment(replace(TUNED, jitter=jitter))
    for e in (wide, jittered):
        packed = run(e, replace(e, seed=1))
        for one, together in zip((*run(e), *run(replace(e, seed=1))), packed, strict=True):
            assert together.curve[0]["loss"]["parse"] == pytest.approx(one.curve[0]["loss"]["parse"], rel=1e-3)


class Killed(Exception):
    """As if the process had ended."""


@pytest.mark.parametrize("steps", [3, 8])
def test_a_run_that_is_killed_and_resumed_is_the_run_that_never_stopped(tmp_path: Path, monkeypatch, steps):
    e = experiment(DISCOVERY, FROZEN)
    monkeypatch.setattr(train, "KEEP_EVERY", 0.0)
    here = checkpoint.Device("cpu", str(LITERAL))

    def keep(states) -> None:
        checkpoint.save(tmp_path, here, [e], states)
        if states[0]["step"] == steps:
            raise Killed

    with pytest.raises(Killed):
        run(e, keep=keep)
    (again,), (never,) = run(e, states=[checkpoint.load(tmp_path, e, here)]), run(e)
    assert again.status == "done" and replace(again, seconds=never.seconds) == never


def test_the_record_has_accuracies_errors_and_classes_and_they_agree(tmp_path):
    import matplotlib.pyplot as plt

    (r,) = run(experiment(DISCOVERY, FROZEN))
    assert set(r.metrics) == {METRIC} and [point["step"] for point in r.curve] == [3, 6]
    errors = distributions.unpacked(r.errors)
    assert len(errors) == r.metrics[METRIC]["n"] == 8
    assert 100 - errors.mean() == pytest.approx(r.metrics[METRIC]["mean"], abs=0.02)
    record.save(r, tmp_path)
    kept = record.load(record.path_of(tmp_path, r.experiment))
    test = loading.split("helen_parsing", "test", Crop(SIZE))
    for g in kept.gallery:
        found, true = record.unpacked(g["pixel_classes"], SIZE), test.pixel_classes[g["index"]]
        assert g["error_px"] == (found != true).sum() == pytest.approx(SIZE**2 * errors[g["index"]] / 100, abs=0.1)
    assert query.is_of(kept, test)
    other = replace(test, pixel_classes=(test.pixel_classes + 1) % 11)
    assert not query.is_of(kept, other)
    figure = parsing.classes([kept, None])
    assert [axis.get_ylabel() for axis in figure.axes[::4]] == ["image", "true classes", "Pretrained"]
    (line,) = parsing.convergence(TABLE, [kept], N // 2).axes[0].lines
    assert line.get_xdata().tolist() == [1.2, 2.4]  # 12 and 24 of 10 labelled images
    assert line.get_ydata().tolist() == [point["validation"][METRIC] for point in kept.curve]
    assert parsing.convergence(TABLE, [kept]).texts and parsing.classes([None]).texts
    plt.close("all")


def test_a_record_whose_classes_do_not_fill_the_image_is_refused(tmp_path):
    (r,) = run(experiment(TUNED))
    first = {**r.gallery[0], "pixel_classes": r.gallery[0]["pixel_classes"][:-8]}
    record.save(replace(r, gallery=(first,)), tmp_path)
    with pytest.raises(UserError, match=r"gallery 1, pixel_classes: one (cannot be unpacked|has fewer bytes)"):
        record.load(record.path_of(tmp_path, r.experiment))


def test_the_cross_entropy_is_a_mean_over_the_pixels_that_have_a_class():
    """Two classes at odds of 3 to 1: -log 3/4 for the first, -log 1/4 for the second."""
    logits = torch.tensor([np.log(3.0), 0.0]).view(1, 2, 1, 1).expand(2, 2, 2, 2)
    classes = torch.tensor([[[0, 1], [NO_CLASS, 0]], [[NO_CLASS] * 2] * 2], dtype=torch.uint8)
    found = supervised.class_of_pixels(logits, classes)
    assert found.tolist() == pytest.approx([(2 * np.log(4 / 3) + np.log(4)) / 3, 0.0], rel=1e-5)


def test_a_data_set_without_classes_of_pixels_is_refused_in_one_line():
    e = experiment(TUNED, dataset="mtfl_wide")
    with pytest.raises(UserError, match=r"^fse_parsing learns the classes of pixels, and mtfl_wide has none$"):
        run(e)


def test_a_readout_of_points_is_refused():
    with pytest.raises(UserError, match="readout 'regressed', and the method predicts no points"):
        methods.check(experiment(TUNED, evaluation=Evaluation(METRIC, 0, 0, readout="regressed")))
