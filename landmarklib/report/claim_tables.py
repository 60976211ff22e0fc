"""Verdicts on claims as readers see them: a line per claim or inequality, an effect with its interval. No torch.

Takes the verdicts of `claims.evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from landmarklib.report import claims, markup
from landmarklib.tables import Claim

NO_BREAK = "\u00a0"  # a space at which no line ends
BY_THE_PAPER = {True: "holds", False: "does not hold", None: "no number"}


def per_claim(verdicts: Sequence[claims.Verdict]) -> markup.Html:
    """A line per claim: the paper's words, our verdict, the mean effect with its interval, counts of inequalities."""
    out = pd.DataFrame(
        {
            "claim": [v.claim.id for v in verdicts],
            "in words": [v.claim.text for v in verdicts],
            "here": [v.verdict for v in verdicts],
            "mean effect": [effect(v) for v in verdicts],
            "hold / fail / not decided / not run": [
                " / ".join(str(v.count(x)) for x in (claims.HOLDS, claims.FAILS, claims.UNDECIDED, claims.MISSING))
                for v in verdicts
            ],
            "by the paper's numbers": [BY_THE_PAPER[v.paper_holds] for v in verdicts],
        }
    )
    return markup.to_html(out, kind="claims")


def per_inequality(verdicts: Sequence[claims.Verdict]) -> markup.Html:
    """Every inequality behind the claims, sortable."""
    lines = [
        {
            "claim": v.claim.id,
            "smaller": c.inequality.lower,
            "larger": c.inequality.higher,
            "labelled": " against ".join(
                markup.percent(f) for f in dict.fromkeys((c.inequality.fraction, c.inequality.against))
            ),
            "error": " against ".join(map(markup.label, dict.fromkeys(c.inequality.metrics))),
            "verdict": c.verdict,
        }
        | {
            "larger - smaller, 95% interval": _effect(c, markup.unit(c.inequality.metric)),
            "seeds": c.n,
            "paper": f"{c.paper:+.2f}" if pd.notna(c.paper) else "none",
        }
        for v in verdicts
        for c in v.comparisons
    ]
    return markup.to_html(pd.DataFrame(lines))


def effect(v: claims.Verdict) -> str:
    """A verdict's mean effect with its interval and unit, or that it is not run."""
    return _effect(v, effect_unit(v.claim))


def effect_unit(claim: Claim) -> str:
    """The unit of a claim's mean effect; its inequalities are all of one."""
    return markup.unit(claim.comparisons[0].metric)


def _effect(found: claims.Verdict | claims.Comparison, unit: str) -> str:
    if pd.isna(found.effect):
        return "not run"
    interval = f"[{found.low:+.2f}, {found.high:+.2f}] {unit}" if pd.notna(found.low) else f"{unit} (one seed)"
    return f"{found.effect:+.2f} {interval.replace(' ', NO_BREAK)}"
