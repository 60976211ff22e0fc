"""Errors worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from landmarklib.core import metrics
from landmarklib.core.types import NO_CLASS


def seen(*shape: int) -> np.ndarray:
    return np.ones(shape, bool)


def test_point_error_by_hand():
    predicted = np.array([[[3.0, 4.0], [0.0, 1.0]], [[1.0, 1.0], [2.0, 2.0]]])
    target = np.array([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [2.0, 2.0]]])
    assert metrics.point_error(predicted, target, seen(2, 2)).tolist() == [3, 0]
    assert metrics.point_error(predicted, target, seen(2, 2), 2.0).tolist() == [1.5, 0]
    assert metrics.point_error(predicted, target, seen(2, 2), np.array([6.0, 1.0])).tolist() == [0.5, 0]


@pytest.mark.parametrize("hidden", [1e9, np.nan])
def test_invisible_points_change_nothing(hidden):
    predicted = np.array([[[3.0, 4.0], [0.0, 1.0]]])
    target = np.array([[[0.0, 0.0], [hidden, hidden]]])
    assert metrics.point_error(predicted, target, np.array([[True, False]])).tolist() == [5]


def test_error_is_nan_where_nothing_is_visible():
    points = np.zeros((2, 3, 2))
    error = metrics.point_error(points, points, np.array([[False] * 3, [True] * 3]))
    assert np.isnan(error).tolist() == [True, False]


def test_error_does_not_change_when_points_and_normalizer_are_scaled_together():
    rng = np.random.default_rng(0)
    predicted, target = rng.normal(size=(2, 5, 3, 2))
    visible, normalizer = rng.uniform(size=(5, 3)) < 0.7, rng.uniform(1, 2, 5)
    expected = metrics.point_error(predicted, target, visible, normalizer)
    assert np.allclose(
        metrics.point_error(7 * predicted, 7 * target, visible, 7 * normalizer), expected, equal_nan=True
    )
    assert not np.allclose(
        metrics.point_error(7 * predicted, 7 * target, visible, normalizer), expected, equal_nan=True
    )


def test_angles_differ_by_the_short_way_round():
    found, true = np.array([179.0, -90.0, 10.0, 30.0]), np.array([-179.0, 90.0, 13.0, np.nan])
    np.testing.assert_array_equal(metrics.angle_error(found, true), [2, 180, 3, np.nan])


def test_best_assignment_recovers_a_permutation():
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 60, (50, 4, 2))
    output_of_landmark = [2, 0, 3, 1]
    predicted = np.empty_like(target)
    predicted[:, output_of_landmark] = target + rng.normal(scale=2, size=target.shape)
    assert metrics.best_assignment(predicted, target) == output_of_landmark


def test_best_assignment_gives_no_output_twice():
    target = np.array([[[0.0, 0.0], [3.0, 0.0]]])
    predicted = np.array([[[1.0, 0.0], [-9.0, 0.0]]])
    assert metrics.best_assignment(predicted, target) == [1, 0]


def test_landmarks_that_are_not_visible_do_not_decide_a_match():
    predicted = np.array([[[0.0, 0.0], [5.0, 0.0], [9.0, 0.0]]] * 2)
    target = np.array([[[4.0, 0.0], [np.nan, np.nan]], [[0.0, 0.0], [9.0, 0.0]]])
    visible = np.array([[True, False], [False, True]])
    assert metrics.best_assignment(predicted, target, visible) == [1, 2]
    nowhere = metrics.best_assignment(predicted, target, np.array([[True, False], [False, False]]))
    assert nowhere[0] == 1 and nowhere[1] != 1


def test_nearer_to_own_by_hand():
    target = np.array([[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]])
    predicted = np.array([[[4.0, 0.0], [4.0, 0.0], [9.0, 10.0]]])
    assert metrics.nearer_to_own(predicted, target, seen(1, 3)).tolist() == [2 / 3]


def test_interval_by_hand():
    mean, low, high = metrics.interval(np.array([1.0, 3.0]))
    assert (mean, low, high) == pytest.approx((2, 0.04, 3.96))


def test_interval_against_scipy_leaving_out_nan():
    values = np.random.default_rng(0).normal(5, 2, 40)
    mean, low, high = metrics.interval(np.append(values, [np.nan, np.nan]))
    expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx(expected, abs=1e-4)


def test_interval_of_one_value_is_unknown():
    mean, low, high = metrics.interval(np.array([4.0]))
    assert mean == 4 and np.isnan(low) and np.isnan(high)


@pytest.mark.parametrize("hidden", [0.0, -1e9, np.inf, np.nan])
def test_a_landmark_that_is_not_visible_is_nearest_to_nothing(hidden):
    target = np.array([[[0.0, 0.0], [hidden, hidden], [9.0, 0.0]], [[hidden, hidden]] * 3])
    predicted = np.array([[[1.0, 0.0], [5.0, 0.0], [2.0, 0.0]], [[0.0, 0.0]] * 3])
    found = metrics.nearer_to_own(predicted, target, np.array([[True, False, True], [False] * 3]))
    assert found[0] == 0.5 and np.isnan(found[1])


@pytest.mark.parametrize("length", [0.0, -1.0, np.nan])
def test_an_image_whose_normalizer_is_no_length_has_no_error_by_it(length):
    predicted, target = np.ones((3, 2, 2)), np.zeros((3, 2, 2))
    predicted[1] = 0.0  # no error, by no length
    lengths, known = np.array([length, length, 2.0]), [False, False, True]
    errors = metrics.point_error(predicted, target, seen(3, 2), lengths)
    assert np.isfinite(errors).tolist() == np.isfinite(metrics.correct(predicted, target, seen(3, 2), lengths)).tolist()
    assert np.isfinite(errors).tolist() == known
    for told in (metrics.failures(errors), metrics.area(errors)):
        assert np.isfinite(told).tolist() == known


def test_area_under_the_error_distribution_is_the_mean_of_what_is_left_of_the_threshold():
    assert metrics.area(np.array([0.0, 2.5, 10.0, 1e9, np.nan])).tolist()[:4] == [100, 75, 0, 0]
    assert np.isnan(metrics.area(np.array([np.nan]))).all()
    errors = np.random.default_rng(0).gamma(4.0, 2.0, 500)
    limits = np.linspace(0, 10, 5001)
    share = (errors[:, None] <= limits).mean(0)
    assert metrics.area(errors).mean() == pytest.approx(100 * np.trapezoid(share, limits) / 10, abs=0.01)


def test_points_found_within_a_distance_are_counted_of_the_visible_ones():
    target, visible = np.zeros((3, 4, 2)), np.ones((3, 4), bool)
    predicted = np.array([[[3.0, 4], [0, 0], [5, 0.1], [0, -5]], [[9, 9], [0, 1], [0, 2], [0, 3]], [[0, 0]] * 4])
    visible[1, 0], visible[2] = False, False
    assert np.allclose(metrics.found_within(predicted, target, visible, 5.0), [75, 100, np.nan], equal_nan=True)


def test_pixel_accuracy_is_a_share_of_the_pixels_that_have_a_class():
    """Two of three by hand; nothing where no pixel has a class."""
    found = np.array([[[0, 1], [2, 2]]] * 2, np.uint8)
    true = np.array([[[0, 2], [2, NO_CLASS]], [[NO_CLASS] * 2] * 2], np.uint8)
    first, second = metrics.pixel_accuracy(found, true)
    assert first == pytest.approx(200 / 3) and np.isnan(second)


def test_scatter_is_the_distance_from_the_mean_over_photos_of_one_thing():
    """Of a, the first point moves from (0, 0) to (6, 8) and the second stays; b has one photo."""
    found = np.array([[[0.0, 0], [1, 1]], [[50, 50], [60, 60]], [[6, 8], [1, 1]]])
    assert metrics.scatter(found, np.array(["a", "b", "a"])).tolist() == [2.5, 0, 2.5]


def test_a_share_over_all_points_weighs_an_image_by_its_points():
    """One of one point, one of four and none: 2 of 5, and not the mean of 100 and 25%; its spread by the linearised
    ratio.
    """
    visible = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    found = metrics.over_points(np.array([100.0, 25.0, np.nan]), visible)
    assert found[:2].mean() == pytest.approx(40) and np.isnan(found[2])
    assert found[:2].tolist() == pytest.approx([40 + (100 - 40) / 2.5, 40 + (100 - 160) / 2.5])
    nothing = np.array([np.nan])
    assert np.isnan(metrics.over_points(nothing, np.zeros((1, 4), bool))).all()


def test_a_point_is_swapped_where_it_is_near_enough_to_its_counterpart_and_nearer_than_to_itself():
    """Left at x = 0, right at 10, a nose in between; within a tenth of 40 pixels."""
    target = np.zeros((1, 3, 2))
    target[0, :, 0] = [0, 10, 5]
    every, mirror, length = np.ones((1, 3), bool), (1, 0, 2), np.array([40.0])

    def share(*x: float, visible=every) -> float:
        points = np.zeros((1, 3, 2))
        points[0, :, 0] = x
        return float(metrics.swapped(points, target, visible, length, mirror, 0.1)[0])

    assert share(0, 10, 5) == 0 and share(10, 0, 5) == 1 and share(9, 10, 5) == 0.5
    assert share(6, 4, 5) == 1 and share(5.9, 10, 5) == 0  # 4 pixels off, and 4.1
    assert share(15, 10, 5) == 0  # nearer to the right one, too far from it
    hidden = np.array([[True, False, True]])
    assert np.isnan(share(10, 0, 5, visible=hidden))
