"""Effects on one scale, intervals for three looks, Holm's correction, seeds needed: by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from landmarklib.report import effects
from landmarklib.tables import Inequality

T2 = stats.t.ppf(1 - 0.05 / 6, 2)  # two degrees of freedom, 5% over three looks


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        ([1, 2, 3], 0.95, (2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)),
        ([1, 2, 3], 0.99, (2, 2 - 9.924843 / 3**0.5, 2 + 9.924843 / 3**0.5)),
        ([0, 2], 0.95, (1, 1 - 12.706205, 1 + 12.706205)),
        ([4, 4, 4], 0.95, (4, 4, 4)),
    ],
)
def test_interval_is_students(values, level, expected):
    assert effects.interval(np.array(values, float), level) == pytest.approx(expected, rel=1e-6)


def test_an_interval_is_wide_enough_for_three_looks():
    mean, low, high = effects.interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, low, high) == pytest.approx((2, 2 - T2 / 3**0.5, 2 + T2 / 3**0.5))


def test_interval_of_one_value_has_no_bounds_and_of_none_no_mean():
    mean, low, high = effects.interval(np.array([2.5]))
    assert mean == 2.5 and np.isnan([low, high]).all()
    assert np.isnan(effects.interval(np.array([]))).all()


def of(metric: str, lower: float, higher: float, margin: float = 0.0, in_points: bool = False) -> float:
    """The effect of one pair of values."""
    return effects.effect(Inequality("a", "b", 0.1, 0.1, metric, margin), lower, higher, in_points)


def test_an_effect_is_the_logarithm_of_the_ratio_of_what_is_wrong():
    assert of("error_px", 2.0, 4.0) == pytest.approx(np.log(2))  # half the error
    assert of("accuracy_percent", 80.0, 90.0) == pytest.approx(np.log(2))  # half of what is missing to 100
    assert of("pck_percent on afw", 90.0, 80.0) == pytest.approx(-np.log(2))
    assert effects.reduction(np.log(2)) == pytest.approx(50) and effects.reduction(-np.log(2)) == pytest.approx(-100)


def test_nothing_wrong_at_all_is_no_infinite_effect():
    assert of("accuracy_percent", 99.0, 100.0) == pytest.approx(np.log(1 / effects.FLOOR))
    assert of("error_px", 0.0, 0.0) == 0


def test_a_margin_is_in_points():
    assert of("angle_error_degrees", 5.1, 5.0, 0.15, in_points=True) == pytest.approx(0.05)


def test_effects_are_paired_by_seed():
    lower, higher = pd.Series({0: 1.0, 1: 2.0, 5: 3.0}), pd.Series({1: 4.0, 0: 3.0, 7: 9.0})
    errors = {"error_px": {("a", 0.1): lower, ("b", 0.1): higher}}
    found = effects.by_seed(Inequality("a", "b", 0.1, 0.1, "error_px"), errors, in_points=False)
    assert found.to_dict() == pytest.approx({0: np.log(3), 1: np.log(2)})
    assert not len(effects.by_seed(Inequality("a", "c", 0.1, 0.1, "error_px"), errors, in_points=False))


def test_holm_lets_the_next_pass_only_after_the_smaller_one():
    """p values by hand: t = 2 / (s / sqrt 3) with spread s around a mean of 2."""

    def around(p: float) -> np.ndarray:
        t = stats.t.isf(p / 2, 2)
        return 2 + np.array([-1, 0, 1]) * 2 * 3**0.5 / t  # their standard deviation is 2 sqrt(3) / t

    limit = 0.05 / 3
    assert effects.sure([around(0.9 * limit)]) == [True]
    assert effects.sure([around(0.9 * limit), around(0.4 * limit)]) == [True, True]
    assert effects.sure([around(0.9 * limit), around(0.6 * limit)]) == [False, False]
    assert effects.sure([around(0.3 * limit), around(1.1 * limit)]) == [True, False]
    assert effects.sure([np.array([1.0, 1.0]), np.array([0.0, 0.0])]) == [True, False] and effects.sure([]) == []


@pytest.mark.parametrize(("mean", "margin"), [(0.05, np.nan), (0.0, 0.05), (0.05, 0.02), (0.02, 0.06)])
def test_so_many_seeds_decide_in_eight_of_ten_trials(mean, margin):
    """A slow oracle: trials of the number that is told, with the mean and the spread that were seen."""
    seen = mean + 0.1 * np.array([-1, 1, -1, 1, -1, 1]) * (5 / 6) ** 0.5  # a standard deviation of 0.1
    n = effects.seeds_needed(seen, margin)
    trials = np.random.default_rng(0).normal(mean, 0.1, (20_000, n))
    half = stats.t.ppf(1 - 0.05 / 6, n - 1) * trials.std(1, ddof=1) / n**0.5
    means = trials.mean(1)
    decided = (abs(means) - half > 0).mean(), (abs(means) + half < margin).mean()
    assert 0.77 < max(decided) < 0.93  # where mean and margin are far apart, one side alone may leave it


def test_of_effects_that_no_number_of_seeds_would_decide_none_is_told():
    assert effects.seeds_needed(np.array([-1.0, 1.0]), np.nan) > effects.MOST_SEEDS


@pytest.mark.parametrize(("seeds", "times"), [(0, 0), (3, 0), (5, 1), (9, 1), (10, 2), (20, 3), (50, 3)])
def test_looks(seeds, times):
    assert effects.looks(seeds) == times
