"""From what a method finds to values of every image, worked by hand."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import CPU, SIZE, Walker, annotations, fake

from landmarklib import loading, methods
from landmarklib.core.method import Method, Prediction
from landmarklib.core.readouts import NAMED, Readout
from landmarklib.training import prediction
from landmarklib.training.prediction import Predictions


def test_the_lowest_error_or_the_highest_accuracy_is_selected():
    assert prediction.select({"accuracy_percent": 40.0, "error_px": 3.0}, "accuracy_percent") == -40
    assert prediction.select({"accuracy_percent": 40.0, "error_px": 3.0}, "error_px") == 3


def test_a_method_that_is_given_the_points_sees_them_in_normalised_coordinates():
    a = annotations(3, 0)
    assert prediction.inputs(methods.get("seq_mt"), a) is a.images
    seen = prediction.inputs(methods.get("from_points"), a)
    assert np.allclose((seen + 1) * SIZE / 2 - 0.5, a.points, atol=1e-5)


def test_each_kind_of_readout_is_judged_on_its_own_points():
    """Outputs are the landmarks in another order; then half as far from the centre, which a linear map doubles."""
    a, order = annotations(4, 0), [2, 0, 1, 4, 3]
    shuffled = Predictions(a.points[:, order], None)
    own = tuple(np.argsort(order).tolist())
    found = prediction.of_points(shuffled, a, Readout(own))
    assert found["error_px"] == pytest.approx(0) and found["matched_percent"].tolist() == [100.0] * 4
    named = prediction.of_points(shuffled, a, NAMED)
    assert (named["error_px"] > 0).all() and "matched_percent" not in named
    centre = (SIZE - 1) / 2
    halved = Predictions((a.points + centre) / 2, None)
    doubled = Readout(weights=2 * np.eye(10))
    assert prediction.of_points(halved, a, doubled)["error_px"] == pytest.approx(0, abs=1e-5)
    assert (prediction.of_points(halved, a, NAMED)["error_px"] > 0).all()


def test_failures_and_area_are_of_each_image_and_an_image_without_a_length_has_none():
    a = replace(annotations(4, 0), normalizer=np.array([100.0, 25.0, 0.0, np.nan]))
    found = prediction.of_points(Predictions(a.points + np.array([3, 4], a.points.dtype), None), a)
    assert found["nme_percent"] == pytest.approx([5, 20, np.nan, np.nan], nan_ok=True)
    assert found["failures_percent"] == pytest.approx([0, 100, np.nan, np.nan], nan_ok=True)
    assert found["auc_percent"] == pytest.approx([50, 0, np.nan, np.nan], nan_ok=True, abs=1e-5)


def test_other_readings_of_the_same_maps_are_read_out_the_same_way():
    a, order = replace(annotations(4, 0), normalizer=np.full(4, 5.0)), [2, 0, 1, 4, 3]
    moved = a.points + np.array([3, 4], a.points.dtype)
    found = prediction.of_points(
        Predictions(a.points[:, order], None, {"read by x": moved[:, order]}),
        a,
        Readout(tuple(np.argsort(order).tolist())),
    )
    assert found["nme_percent"] == pytest.approx(0) and found["nme_percent read by x"] == pytest.approx(100)


def showing(maps: torch.Tensor) -> Method:
    return fake(predict=lambda module, images, options: Prediction(torch.zeros(len(images), 2, 2), maps=maps))


def test_probability_maps_are_those_of_the_landmarks_relative_to_their_peaks():
    maps = torch.zeros(1, 2, 2, 2)
    maps[0, 0, 0, 1], maps[0, 1, 1, 0] = np.log(4), np.log(2)
    images = annotations(1, 0).images

    def seen(fitted: Readout) -> list[list[int]]:
        ((*shown,),) = prediction.probability_maps(Walker(), showing(maps), images, {}, CPU, fitted)
        return [list(zlib.decompress(base64.b64decode(text))) for text in shown]

    first, second = [64, 255, 64, 64], [128, 128, 255, 128]  # 255 / 4 and 255 / 2, rounded
    assert seen(NAMED) == [first, second]
    assert seen(Readout((1, 0))) == [second, first]


def test_no_probability_map_stands_for_a_landmark_that_is_read_from_all_outputs():
    images, fitted = annotations(1, 0).images, Readout(weights=np.eye(4))
    assert prediction.probability_maps(Walker(), showing(torch.zeros(1, 2, 2, 2)), images, {}, CPU, fitted) == []


def test_correct_points_are_counted_over_all_points_by_image_and_by_joint():
    """Blocks of five points, a fifth of 10 pixels apart at most: the first image has one point and finds it, the second
    all and finds three; its first two change places.
    """
    blocks = replace(loading.get("blocks"), correct_within=0.2, mirror=(1, 0, 2, 3, 4))
    a = replace(annotations(2, 0), normalizer=np.array([10.0, 10.0]))
    truth = np.tile(np.array([[0.0, 0], [8, 0], [0, 8], [8, 8], [4, 4]]), (2, 1, 1))
    a = replace(a, points=truth, visible=np.array([[False] * 4 + [True], [True] * 5]))
    found = truth.copy()
    found[0, 4] += [0, 2]  # just near enough
    found[1, [0, 1]] = truth[1, [1, 0]]
    found[0, :4] += 50  # which do not count
    values = prediction.counted(found, a, blocks)
    assert values["pck_percent"].mean() == pytest.approx(100 * 4 / 6)
    assert values["pck_percent macro"].tolist() == pytest.approx([100, 60])
    of_each = {name: values[f"pck_percent of {name}"] for name in blocks.landmarks}
    assert [v[1] for v in of_each.values()] == [0, 0, 100, 100, 100]
    assert [v[0] for v in of_each.values()][4] == 100 and np.isnan([v[0] for v in of_each.values()][:4]).all()
    assert np.isnan(values["swapped_percent"][0]) and values["swapped_percent"][1] == 100
    assert prediction.counted(found, a, replace(blocks, correct_within=0.0)) == {}
    assert "swapped_percent" not in prediction.counted(found, a, replace(blocks, mirror=(0, 1, 2, 3, 4)))
