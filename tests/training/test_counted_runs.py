"""Runs of a table that counts labelled images see as many, the same ones as a regressor that is fitted to as few."""

from __future__ import annotations

from dataclasses import replace

import counting
import numpy as np
import pytest
from experiments import changed

from landmarklib import loading
from landmarklib.core import coords, subsets
from landmarklib.core.stages import Regressor
from landmarklib.core.types import Annotations, Crop
from landmarklib.nets import forms
from landmarklib.training import autotune, compute, evaluate_test, prediction, readout

SIDE = 40


@pytest.mark.parametrize(
    "row, small",
    [("Supervised", {"widths": [4, 4, 4, 4, 4]}), ("With ELT", {"kernel": 3, "depth": 2, "width": 4})],
)
def test_a_run_has_its_number_of_labels(tmp_path, row, small):
    few = counting.read(tmp_path)
    (e,) = few.experiments([10], [1], [row], "smoke")
    (r,) = compute.run([changed(e, options=small, images=16, n_evaluations=1, test_images=4)], form=forms.LITERAL)
    assert r.status == "done" and r.data["n_labelled"] == 10 and np.isfinite(r.metrics["error_px"]["mean"])


def test_a_network_and_a_draw_of_the_same_seed_have_the_same_images(tmp_path):
    few = counting.read(tmp_path)
    train = loading.first(loading.split("blocks", "train", Crop(32)), 320)
    (e,) = few.experiments([10], [1], ["Supervised"], "smoke")
    given = subsets.label_subset(train.ids, e.share(320), e.seed, train.attributes.get("none"))
    assert sorted(readout.in_order(np.arange(320), train.ids, e.seed)[:10]) == given.tolist()
    other = subsets.label_subset(train.ids, replace(e, seed=2).share(320), 2)
    assert other.tolist() != given.tolist()


def test_runs_of_other_numbers_of_labels_may_be_one_pack(tmp_path):
    runs = counting.read(tmp_path).experiments([10, 40], [0, 1], ["Supervised"], "smoke")
    assert len({autotune.pack_key(e) for e in runs}) == 1


def test_backward_regresses_the_outputs_from_landmarks_where_all_are_visible():
    rng = np.random.default_rng(0)
    points, matrix = rng.uniform(-0.5, 0.5, (30, 3, 2)), rng.normal(size=(6, 8)) / 8
    outputs, visible = (points.reshape(30, 6) @ matrix).reshape(30, 4, 2), np.ones((30, 3), bool)
    visible[20:, 1], points[20:, 1] = False, 99.0
    fitted = readout.backward(readout.Labelled(outputs, points, visible, np.arange(30)), Regressor())
    test = annotations(points, visible)
    error = evaluate_test.backward_error(fitted, coords.to_pixels(outputs, (SIDE, SIDE)), test)["error_px backward"]
    assert np.allclose(error[:20], 0, atol=1e-6) and np.isnan(error[20:]).all()


def annotations(points: np.ndarray, visible: np.ndarray) -> Annotations:
    n = len(points)
    images = np.zeros((n, 1, SIDE, SIDE), np.uint8)
    return Annotations(images, coords.to_pixels(points, (SIDE, SIDE)), visible, tuple(map(str, range(n))), {})


def test_near_points_are_told_of_all_and_of_the_data_sets_parts():
    points, visible = np.zeros((2, 7, 2)), np.ones((2, 7), bool)
    test = annotations(points, visible)
    found = test.points.copy()
    found[0, 1] += [SIDE * 6 / 128 + 0.1, 0]  # a wrist, just beyond
    found[1, 3:5] += SIDE  # both elbows
    near = prediction.counted(found, test, loading.get("bbcpose"))
    expected = {"": [600 / 7, 500 / 7], " of head": [100, 100], " of wrists": [50, 100], " of elbows": [100, 0]}
    assert {f"within_percent{of}" for of in (*expected, " of shoulders")} == near.keys()
    assert all(np.allclose(near[f"within_percent{of}"], values) for of, values in expected.items())
    assert prediction.counted(found, test, loading.get("blocks")) == {}


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_regressor_is_fitted_on_the_labelled_images_of_its_split(tmp_path, split):
    few = counting.read(tmp_path)
    (e,) = few.experiments(["all"], [1], ["FSE"], "smoke")
    regressor = replace(e.evaluation.regressor, split=split, few=(), ridge=0.1, views=0)
    e = replace(e, evaluation=replace(e.evaluation, regressor=regressor, images=12, test_images=4))
    e = replace(e, stages=(replace(e.stages[0], images=16, n_evaluations=1),))
    (r,) = compute.run([e], form=forms.LITERAL)
    ids = loading.split("blocks", split, Crop(e.size)).ids[: 12 if split == "val" else e.train_images]
    assert r.status == "done" and r.data["n_labelled"] == len(ids)
    assert r.data["labelled"] == subsets.ids_hash(list(ids))
