"""Whether the paper's claims hold on a set of records: inequalities between rows, decided over paired seeds. No torch.

A comparison says that one row has a smaller error than another at one label fraction. The two rows share their seeds:
the same labelled images, the same initial weights. So the effect is taken seed by seed, and its mean gets a Student t
interval. effects.py has the scale and the intervals, untestable.py what makes an inequality void.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from landmarklib import datasets
from landmarklib.core import metrics
from landmarklib.core.types import whole
from landmarklib.report import aggregate, effects, untestable
from landmarklib.tables import Claim, Inequality, Table

EVERYWHERE, AVERAGE = "holds everywhere", "holds on average"
MIXED, NO_EFFECT, REVERSED = "mixed", "no effect", "reversed"
UNDECIDED, INCOMPLETE, VOID = "undecided", "incomplete", "void"
WORDS = (EVERYWHERE, AVERAGE, MIXED, NO_EFFECT, REVERSED, UNDECIDED, INCOMPLETE, VOID)
OPEN = (UNDECIDED, INCOMPLETE, VOID)  # the others are decisions
COUNTED = ("accuracy_percent", "failures_percent", "matched_percent", "feature_match_percent", "within_percent")
HOLDS, MISSING = "holds", "not run"  # what an inequality may be, too


@dataclass(frozen=True)
class Comparison:
    """One inequality, decided.

    n: seeds that both cells have, and those of the claim's other inequalities.
    effect: mean over them, on the claim's scale (`Verdict`); a positive one supports the claim.
    low, high: its interval.
    paper: the same of the published numbers, NaN where the paper has none.
    verdict: holds, reversed (after Holm's correction for the claim's inequalities), undecided, not run or void.
    why: it is void, in words.
    """

    inequality: Inequality
    n: int
    effect: float
    low: float
    high: float
    paper: float
    verdict: str
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """A claim as a whole.

    verdict: one of WORDS.
    effect, low, high: mean over seeds of the mean effect of all inequalities that are run and not void, with its
        interval: a logarithm of ratios of errors, or a difference in the metric's unit where the claim grants a margin.
    n: seeds that all of these have.
    paper: the mean effect of the published numbers of the same inequalities, NaN where the paper lacks one.
    paper_holds: whether they agree with the claim; None where the paper prints no number that would say.
    needed: seeds that would decide an undecided claim, 0 for any other.
    """

    claim: Claim
    verdict: str
    effect: float
    low: float
    high: float
    n: int
    paper: float
    paper_holds: bool | None
    needed: int
    comparisons: tuple[Comparison, ...]

    @property
    def decided(self) -> bool:
        """Whether the runs gave an answer, whatever it is."""
        return self.verdict not in OPEN

    @property
    def looks(self) -> int:
        """How often the claim was looked at; 0 while it has fewer seeds than the first look takes."""
        return effects.looks(self.n)

    @property
    def size(self) -> str:
        """How large the effect is beside the paper's; "" where the paper's is not known, or ours reversed or open."""
        if not self.decided or self.verdict == REVERSED or not np.isfinite([self.low, self.high, self.paper]).all():
            return ""
        return "smaller" if self.high < self.paper else "larger" if self.paper < self.low else "as large"

    @property
    def why(self) -> str:
        """Why it is void, or some of its inequalities are: the first reason; "" where none is."""
        return next((c.why for c in self.comparisons if c.why), "")

    def count(self, verdict: str) -> int:
        """How many comparisons have that verdict."""
        return sum(c.verdict == verdict for c in self.comparisons)


def evaluate(table: Table, runs: pd.DataFrame) -> list[Verdict]:
    """Every claim of the table on these runs (`record.frame`).

    A claim holds everywhere if each inequality's interval lies above 0 (so that their number needs no correction). It
    holds on average if the mean's interval does and none is reversed after Holm's correction. It is mixed if some are
    reversed and the mean is not, or some hold where the mean is; it is reversed if the mean's interval lies below 0. It
    has no effect if that lies within the claim's margin and no inequality holds. It is void if half of its inequalities
    or more are; fewer are left out. It is incomplete if one of the others lacks two seeds, or if they share no two. A
    published line (`Reference`) can only be the larger one: an inequality in which it is the smaller is void.
    """
    if "budget" in runs and runs.budget.nunique() > 1:
        raise ValueError(f"claims compare runs of one budget, not of {', '.join(sorted(runs.budget.unique()))}")
    wanted = {m for claim in table.claims for c in claim.comparisons for m in (*c.metrics, c.other_reading) if m}
    wanted |= {table.metrics[0]} | {m for row in table.rows for m in untestable.class_metrics(table, row)}
    n_images = datasets.get(whole(table.dataset)).counts["test"]
    errors = {metric: published(table, runs, metric) | seed_errors(runs, metric, n_images) for metric in sorted(wanted)}
    tiers = set(runs.tier) if "tier" in runs else set()
    return [_evaluate(table, claim, errors, tiers) for claim in table.claims]


def seed_errors(runs: pd.DataFrame, metric: str, n_images: int) -> dict[tuple[str, float], pd.Series]:
    """(row, fraction) -> error by seed, of the runs that are done.

    n_images: of the test split. A share of images that is right in all of them counts as wrong in half an image: it is
    not known better, and a ratio of errors is to be finite.
    """
    if metric not in runs:
        return {}
    done = runs[(runs.status == "done") & runs[metric].notna()]
    if metrics.base(metric) in COUNTED:
        done = done.assign(**{metric: done[metric].clip(50 / n_images, 100 - 50 / n_images)})
    return {key: group.set_index("seed")[metric] for key, group in done.groupby(["row", "fraction"])}


def published(table: Table, runs: pd.DataFrame, metric: str) -> dict[tuple[str, float], pd.Series]:
    """The same of the lines that others measured: one value for all seeds.

    Empty unless all runs compare with the paper's (`aggregate.compares`).
    """
    kinds = runs[["tier", "budget"]].drop_duplicates().itertuples(index=False) if table.references and len(runs) else ()
    compared = [aggregate.compares(table, metric, tier, budget) for tier, budget in kinds]
    if not compared or not all(compared):
        return {}
    seeds = sorted(runs.seed.unique())
    found = {}
    for reference in table.references:
        for fraction in table.amounts:
            if np.isfinite(value := table.paper_value(reference.name, fraction, metric)):
                found[reference.name, fraction] = pd.Series(value, index=seeds)
    return found


def _evaluate(table: Table, claim: Claim, errors: effects.Errors, tiers: set[str]) -> Verdict:
    comparisons, means = _compare(table, claim, errors, tiers)
    effect, low, high = effects.interval(means)
    # a share of the error as the ratio of what is left to all: a claim in points has no such margin
    margin = np.nan if claim.in_points else -np.log1p(-claim.equivalence_margin)
    verdict = _word(comparisons, low, high, margin)
    asked = [c for c in comparisons if c.verdict != VOID] or comparisons  # as ours, where there is one
    return Verdict(
        claim,
        verdict,
        effect,
        low,
        high,
        len(means),
        float(np.mean([c.paper for c in asked])),
        _paper_holds([c.paper for c in comparisons]),
        effects.seeds_needed(means, margin) if verdict == UNDECIDED and len(means) > 1 else 0,
        comparisons,
    )


def _word(comparisons: tuple[Comparison, ...], low: float, high: float, margin: float) -> str:
    """The verdict on a claim whose mean effect has this interval. margin: NaN for none."""
    verdicts = [c.verdict for c in comparisons]
    if 2 * verdicts.count(VOID) >= len(verdicts):
        return VOID
    if MISSING in verdicts or np.isnan(low):  # of the mean, where the inequalities share no two seeds
        return INCOMPLETE
    if set(verdicts) <= {HOLDS, VOID}:
        return EVERYWHERE
    if high < 0:
        return MIXED if HOLDS in verdicts else REVERSED
    if REVERSED in verdicts:
        return MIXED
    if low > 0:
        return AVERAGE
    return NO_EFFECT if -margin < low and high < margin and HOLDS not in verdicts else UNDECIDED


def _compare(
    table: Table, claim: Claim, errors: effects.Errors, tiers: set[str]
) -> tuple[tuple[Comparison, ...], np.ndarray]:
    """Each inequality of a claim, and the mean effect of those that are run and not void, by seed."""
    everywhere = next((claim.void_on[tier] for tier in sorted(tiers) if tier in claim.void_on), "")
    reasons = [everywhere or untestable.why(table, c, errors, bool(tiers)) for c in claim.comparisons]
    lines = {reference.name for reference in table.references}
    seen = [effects.by_seed(c, errors, claim.in_points)[: 0 if c.lower in lines else None] for c in claim.comparisons]
    samples = _shared([sample[:0] if why else sample for sample, why in zip(seen, reasons, strict=True)])
    enough = [i for i, sample in enumerate(samples) if len(sample) > 1]
    sure = dict(zip(enough, effects.sure([samples[i].to_numpy() for i in enough]), strict=True))
    found = []
    for i, (c, why) in enumerate(zip(claim.comparisons, reasons, strict=True)):
        sample = seen[i] if why else samples[i]
        effect, low, high = effects.interval(sample.to_numpy())
        verdict = VOID if why else MISSING if i not in sure else HOLDS if low > 0 else UNDECIDED
        if verdict == UNDECIDED and effect < 0 and sure[i]:
            verdict = REVERSED
        found.append(Comparison(c, len(sample), effect, low, high, _paper(table, claim, c), verdict, why))
    shown = [sample for sample in samples if len(sample)]
    means = pd.concat(shown, axis=1).dropna().mean(axis=1).to_numpy() if shown else np.array([])
    return tuple(found), means


def _shared(samples: list[pd.Series]) -> list[pd.Series]:
    """Of each inequality the seeds that all of the claim's have which are run, where these are two at least.

    So an inequality whose cells got more seeds for another claim is looked at no more often than its claim.
    """
    run = [set(sample.index) for sample in samples if len(sample) > 1]
    shared = sorted(set.intersection(*run)) if run else []
    if len(shared) < 2:
        return samples
    return [sample[shared] if len(sample) > 1 else sample for sample in samples]


def _paper(table: Table, claim: Claim, c: Inequality) -> float:
    of_lower, of_higher = c.metrics
    of_one, of_other = (line or row for line, row in zip(c.printed, (c.lower, c.higher), strict=True))
    lower, higher = table.paper_value(of_one, c.fraction, of_lower), table.paper_value(of_other, c.against, of_higher)
    return float(effects.effect(c, lower, higher, claim.in_points))


def _paper_holds(papers: list[float]) -> bool | None:
    """Whether the paper's own effects agree with a claim; None where they are silent on some and against none."""
    if any(p <= 0 for p in papers):
        return False
    return None if np.isnan(papers).any() else True


def counted(verdicts: list[str]) -> list[str]:
    """How many there are of each verdict, in words: 2 hold everywhere, 1 undecided."""
    counts = [(v, verdicts.count(v)) for v in WORDS]
    return [f"{n} {v.replace('holds', 'hold') if n > 1 else v}" for v, n in counts if n]


def frame(verdicts: list[Verdict]) -> pd.DataFrame:
    """One line per claim: what `Verdict` has, effects in percent of the error as well, counts of its comparisons."""
    lines = [
        {"id": v.claim.id, "verdict": v.verdict, "effect": v.effect, "low": v.low, "high": v.high}
        | {"paper_holds": v.paper_holds, "n_comparisons": len(v.comparisons), "n_hold": v.count(HOLDS)}
        | {"n_fail": v.count(REVERSED), "n_open": v.count(UNDECIDED) + v.count(MISSING), "n_void": v.count(VOID)}
        | {"seeds": v.n, "looks": v.looks, "seeds_needed": v.needed}
        | {"paper_effect": v.paper}
        | {f"{name}_percent": _percent(v, value) for name, value in _effects(v).items()}
        | {"size_beside_paper": v.size, "text": v.claim.text, "why_void": v.why}
        for v in verdicts
    ]
    return pd.DataFrame(lines)


def _effects(v: Verdict) -> dict[str, float]:
    return {"effect": v.effect, "low": v.low, "high": v.high, "paper_effect": v.paper}


def _percent(v: Verdict, value: float) -> float:
    return np.nan if v.claim.in_points else effects.reduction(value)
