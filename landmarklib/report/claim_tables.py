"""Verdicts on claims as readers see them: a line per claim or inequality, an effect with its interval. No torch.

Takes the verdicts of `claims.evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from landmarklib.core import amounts
from landmarklib.report import claims, effects, markup
from landmarklib.tables import Claim, Table

NO_BREAK = "\u00a0"  # a space at which no line ends
BY_THE_PAPER = {True: "holds", False: "does not hold", None: "no number"}


def per_inequality(table: Table, verdicts: Sequence[claims.Verdict]) -> markup.Html:
    """Every inequality behind the claims, sortable."""
    lines = [
        {
            "claim": v.claim.id,
            "smaller": c.inequality.lower,
            "larger": c.inequality.higher,
            "labelled": " against ".join(
                amounts.short(f, table.counts) for f in dict.fromkeys((c.inequality.fraction, c.inequality.against))
            ),
            "error": " against ".join(map(markup.label, dict.fromkeys(c.inequality.metrics))),
            "verdict": c.verdict,
        }
        | {
            "effect": _interval(v.claim, c),
            "seeds": c.n,
            "paper": _value(v.claim, c.paper),
        }
        for v in verdicts
        for c in v.comparisons
    ]
    return markup.to_html(pd.DataFrame(lines))


def verdict(v: claims.Verdict) -> str:
    """The verdict, with the number of seeds that would decide it or the reason why it is void."""
    if v.needed:
        return f"{v.verdict}: {seeds_needed(v)}"
    return f"{v.verdict}: {v.why}" if v.verdict == claims.VOID else v.verdict


def seeds_needed(v: claims.Verdict) -> str:
    """How many seeds would decide the mean of an undecided claim, as far as that is known."""
    if not v.needed:
        return "more seeds would tell how many would decide"
    most = effects.MOST_SEEDS
    told = f"about {v.needed:,}" if v.needed <= most else f"more than {most:,}"
    return f"{told} seeds would decide its mean"


def effect(v: claims.Verdict) -> str:
    """A verdict's mean effect with its interval, or that it is not run, or not counted as all is void."""
    return "not counted" if not v.n and v.count(claims.VOID) else _interval(v.claim, v)


def in_paper(v: claims.Verdict) -> str:
    """The paper's own effect, and how large ours is beside it."""
    return _value(v.claim, v.paper) + f"; ours is {v.size}" * bool(v.size)


def paper(v: claims.Verdict) -> str:
    """The paper's own effect; "" where it prints none."""
    return _value(v.claim, v.paper) if pd.notna(v.paper) else ""


def unit(claim: Claim) -> str:
    """The unit of a claim's effect: percent of the error, or that of its metric where it grants a margin."""
    return markup.unit(claim.comparisons[0].metric) if claim.in_points else "%"


def _interval(claim: Claim, found: claims.Verdict | claims.Comparison) -> str:
    if pd.isna(found.effect):
        return "not run"
    mean = _value(claim, found.effect)
    if pd.isna(found.low):
        return f"{mean} (one seed)"
    return f"{mean} [{_number(claim, found.low)}, {_number(claim, found.high)}]".replace(" ", NO_BREAK)


def _value(claim: Claim, value: float) -> str:
    return f"{_number(claim, value)}{NO_BREAK * claim.in_points}{unit(claim)}" if pd.notna(value) else "none"


def _number(claim: Claim, value: float) -> str:
    return f"{value:+.2f}" if claim.in_points else f"{effects.reduction(value):+.0f}"
