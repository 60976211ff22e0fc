"""How large an effect is, and what its spread over seeds lets one say: intervals, Holm's correction, seeds needed.

An effect is the logarithm of the ratio of two errors, so that one scale serves every table. A claim is looked at after
5, 10 and 20 seeds. Each interval is wide enough for all three looks together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from landmarklib.core import metrics
from landmarklib.tables import Inequality

Errors = Mapping[str, Mapping[tuple[str, float], pd.Series]]  # by metric, then by row and fraction: by seed

STAGES = (5, 10, 20)  # numbers of seeds after which a claim is looked at
ALPHA = 0.05  # of a claim, over all looks
LEVEL = 1 - ALPHA / len(STAGES)  # of every interval, by Bonferroni's correction for the looks
POWER = 0.8
MOST_SEEDS = 10_000  # beyond that no number of seeds is told
FLOOR = 0.01  # an error below it counts as this much, in the metric's unit: no ratio is infinite


def by_seed(c: Inequality, errors: Errors, in_points: bool) -> pd.Series:
    """What supports an inequality, for each seed that both of its cells have."""
    nothing = pd.Series(dtype=float)
    lower = errors.get(c.metrics[0], {}).get((c.lower, c.fraction), nothing)
    higher = errors.get(c.metrics[1], {}).get((c.higher, c.against), nothing)
    both = pd.concat([lower, higher], axis=1, keys=["lower", "higher"]).dropna()
    return effect(c, both.lower, both.higher, in_points)


def effect(c: Inequality, lower, higher, in_points: bool):
    """The logarithm of the ratio of the larger error to the smaller one, as the inequality has it.

    Of a metric of which more is better, such as an accuracy, the error is what is missing to 100.
    in_points: instead the difference in the metric's unit, with the inequality's margin.
    """
    if in_points:
        return higher + c.margin - lower
    if metrics.lower_is_better(c.metric):
        return np.log(np.maximum(higher, FLOOR) / np.maximum(lower, FLOOR))
    return np.log(np.maximum(100 - lower, FLOOR) / np.maximum(100 - higher, FLOOR))


def reduction(effect: float) -> float:
    """By how many percent the one error is smaller than the other, as the claim has it; negative where it is larger."""
    return 100 * (1 - np.exp(-effect))


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and its two-sided Student t interval; NaN bounds for fewer than two values."""
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    from scipy import stats  # here, so that reading a table does not wait for it

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def sure(samples: Sequence[np.ndarray]) -> list[bool]:
    """Which of several means differ from 0 after Holm's correction for their number, at the level of all looks.

    samples: of each mean, at least two values.
    """
    from scipy import stats

    p = np.array([_p_value(values, stats) for values in samples])
    found, limit = np.zeros(len(p), bool), 1 - LEVEL
    for rank, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] > limit / (len(p) - rank):
            break
        found[i] = True
    return found.tolist()


def _p_value(values: np.ndarray, stats) -> float:
    """Two-sided, of Student's t test against 0. Values without spread leave no doubt."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    mean = np.mean(values)
    if error == 0:
        return float(mean == 0)
    return float(2 * stats.t.sf(abs(mean / error), len(values) - 1))


def seeds_needed(values: np.ndarray, margin: float) -> int:
    """How many seeds would decide at 80% power, if mean and spread stay as they are: an effect, or none.

    margin: within which there is no effect; NaN where that is not asked. MOST_SEEDS + 1 where so many do not do.
    """
    from scipy import stats

    n = np.arange(2, MOST_SEEDS + 1)
    half, error = stats.t.ppf((1 + LEVEL) / 2, n - 1), np.std(values, ddof=1) / np.sqrt(n)
    mean = abs(np.mean(values))
    off_zero = (half + stats.t.ppf(POWER, n - 1)) * error < mean
    # An interval may leave the margin on either side, so each may take half of what is not found.
    within = (half + stats.t.ppf((1 + POWER) / 2, n - 1)) * error < margin - mean
    enough = off_zero | within
    return int(n[enough.argmax()]) if enough.any() else MOST_SEEDS + 1


def looks(n_seeds: int) -> int:
    """How many of the looks a claim with so many seeds has had."""
    return sum(stage <= n_seeds for stage in STAGES)
