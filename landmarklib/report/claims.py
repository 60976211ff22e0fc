"""Whether the paper's claims hold on a set of records: inequalities between rows, decided over paired seeds. No torch.

A comparison says that one row has a smaller error than another at one label fraction. The two rows share their seeds:
the same labelled images, the same initial weights. So the difference is taken seed by seed, and its mean gets a
Student t interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from landmarklib.tables import Claim, Inequality, Table

HOLDS, SO_FAR, FAILS = "holds", "holds so far", "fails"
UNDECIDED, MISSING = "not decided", "not run"
NO_SEED = pd.Series(dtype=float)  # what a cell without a run has


@dataclass(frozen=True)
class Comparison:
    """One inequality, decided.

    effect: error(higher) + margin - error(lower), mean over n paired seeds; a positive one supports the claim.
    low, high: its 95% interval.
    paper: the same difference in the published numbers, NaN where the paper has none.
    """

    inequality: Inequality
    n: int
    effect: float
    low: float
    high: float
    paper: float
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """A claim as a whole.

    effect, low, high: mean over seeds of the mean difference of all comparisons that are run, and its 95% interval.
    paper_holds: None where the paper prints no number that would say.
    """

    claim: Claim
    verdict: str
    effect: float
    low: float
    high: float
    paper_holds: bool | None
    comparisons: tuple[Comparison, ...]

    def count(self, verdict: str) -> int:
        """How many comparisons have that verdict."""
        return sum(c.verdict == verdict for c in self.comparisons)


def evaluate(table: Table, runs: pd.DataFrame, level: float = 0.95) -> list[Verdict]:
    """Every claim of the table on these runs (`record.frame`).

    A claim holds if each comparison's interval lies above 0 (so no correction is needed); it holds so far if some have
    no two seeds yet. It fails if one interval lies below 0 after Bonferroni's correction for their number. It is not
    run if no comparison has two seeds, and not decided otherwise. A published line (`Reference`) can only be the larger
    one: an inequality in which it is the smaller counts as not run.
    """
    if "budget" in runs and runs.budget.nunique() > 1:
        raise ValueError(f"claims compare runs of one budget, not of {', '.join(sorted(runs.budget.unique()))}")
    metrics = {metric for claim in table.claims for c in claim.comparisons for metric in c.metrics}
    errors = {metric: published(table, runs, metric) | seed_errors(runs, metric) for metric in metrics}
    return [_evaluate(table, claim, errors, level) for claim in table.claims]


def seed_errors(runs: pd.DataFrame, metric: str) -> dict[tuple[str, float], pd.Series]:
    """(row, fraction) -> error by seed, of the runs that are done."""
    if metric not in runs:
        return {}
    done = runs[(runs.status == "done") & runs[metric].notna()]
    return {key: group.set_index("seed")[metric] for key, group in done.groupby(["row", "fraction"])}


def published(table: Table, runs: pd.DataFrame, metric: str) -> dict[tuple[str, float], pd.Series]:
    """The same of the lines that others measured: one value for all seeds.

    Empty unless all runs are on the paper's data and in full.
    """
    if (
        not table.references
        or not len(runs)
        or set(runs.tier) != {"paper"}
        or not all(map(table.in_full, runs.budget.unique()))
    ):
        return {}
    seeds = sorted(runs.seed.unique())
    found = {}
    for reference in table.references:
        for fraction in table.fractions:
            if np.isfinite(value := table.paper_value(reference.name, fraction, metric)):
                found[reference.name, fraction] = pd.Series(value, index=seeds)
    return found


def _evaluate(table: Table, claim: Claim, errors: dict, level: float) -> Verdict:
    published_lines = {r.name for r in table.references}
    differences = [NO_SEED if c.lower in published_lines else _difference(c, errors) for c in claim.comparisons]
    comparisons = tuple(
        _compare(table, comparison, d.to_numpy(), level, len(claim.comparisons))
        for comparison, d in zip(claim.comparisons, differences, strict=True)
    )
    verdicts = {c.verdict for c in comparisons}
    overall = UNDECIDED
    if FAILS in verdicts:
        overall = FAILS
    elif verdicts == {MISSING}:
        overall = MISSING
    elif verdicts <= {HOLDS, MISSING}:
        overall = SO_FAR if MISSING in verdicts else HOLDS
    measured = [d for d in differences if len(d)]
    per_seed = pd.concat(measured, axis=1).dropna().mean(axis=1).to_numpy() if measured else np.array([])
    silent = all(np.isnan(c.paper) for c in comparisons)
    holds = None if silent else all(c.paper > 0 for c in comparisons)
    return Verdict(claim, overall, *interval(per_seed, level), holds, comparisons)


def _difference(c: Inequality, errors: dict[str, dict[tuple[str, float], pd.Series]]) -> pd.Series:
    """What supports the inequality, by seed. errors: by metric, then by row and fraction."""
    of_lower, of_higher = c.metrics
    higher = errors[of_higher].get((c.higher, c.against), NO_SEED)
    return (higher + c.margin - errors[of_lower].get((c.lower, c.fraction), NO_SEED)).dropna()


def _compare(table: Table, inequality: Inequality, d: np.ndarray, level: float, number: int) -> Comparison:
    effect, low, high = interval(d, level)
    _, _, surely_below = interval(d, 1 - (1 - level) / number)
    c = inequality
    of_lower, of_higher = c.metrics
    published = table.paper_value(c.higher, c.against, of_higher), table.paper_value(c.lower, c.fraction, of_lower)
    verdict = MISSING if len(d) < 2 else HOLDS if low > 0 else FAILS if surely_below < 0 else UNDECIDED
    return Comparison(c, len(d), effect, low, high, published[0] + c.margin - published[1], verdict)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean and its two-sided Student t interval; NaN bounds for fewer than two values."""
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    from scipy import stats  # here, so that reading a table does not wait for it

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def counted(verdicts: list[str]) -> list[str]:
    """How many there are of each verdict, in words: 2 hold, 1 not decided."""
    several = {HOLDS: "hold", SO_FAR: "hold so far", FAILS: "fail"}
    counts = [(v, verdicts.count(v)) for v in (HOLDS, SO_FAR, FAILS, UNDECIDED, MISSING)]
    return [f"{n} {several.get(v, v) if n > 1 else v}" for v, n in counts if n]


def frame(verdicts: list[Verdict]) -> pd.DataFrame:
    """One line per claim: id, verdict, effect, low, high, paper_holds, and counts of its comparisons."""
    lines = [
        {
            "id": v.claim.id,
            "verdict": v.verdict,
            "effect": v.effect,
            "low": v.low,
            "high": v.high,
            "paper_holds": v.paper_holds,
        }
        | {"n_comparisons": len(v.comparisons), "n_hold": v.count(HOLDS), "n_fail": v.count(FAILS)}
        | {"n_open": v.count(UNDECIDED) + v.count(MISSING), "text": v.claim.text}
        for v in verdicts
    ]
    return pd.DataFrame(lines)
