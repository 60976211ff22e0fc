"""What survived: the papers' claims in three sentences and one picture. Reads records only; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from landmarklib import loading
from landmarklib.pages.overview import Measured, page_of
from landmarklib.report import aggregate, claim_cards, claim_tables, claims, marks, markup

LINE, HEAD, TOP = 24, 26, 24  # heights in pixels: of a claim, of a group's head, of the axis
TIERS = ("paper", "open", "stand-in", "")
TICKS = (-100, -50, 0, 50, 75, 90)  # in percent of the error
WIDEST = -0.8, 2.4  # effects: the error more than doubled, or less than a tenth; what is beyond ends in an arrow
SAYS = {  # of one claim and of several
    claims.EVERYWHERE: ("holds everywhere", "hold everywhere"),
    claims.AVERAGE: ("holds on average", "hold on average"),
    claims.REVERSED: ("is reversed", "are reversed"),
    claims.MIXED: ("is mixed", "are mixed"),
    claims.NO_EFFECT: ("has no effect", "have no effect"),
    claims.UNDECIDED: ("is undecided (the interval leaves it open)", "are undecided (the intervals leave them open)"),
    claims.INCOMPLETE: ("is incomplete (cells lack two seeds)", "are incomplete (cells lack two seeds)"),
    claims.VOID: ("is void (the runs cannot test it)", "are void (the runs cannot test them)"),
}
Found = tuple[Measured, claims.Verdict]


def of_papers(measured: Sequence[Measured]) -> list[Found]:
    """Every claim of the papers with its table."""
    return [(m, v) for m in measured for v in m.verdicts if v.claim.of_paper]


def sentences(found: Sequence[Found]) -> list[str]:
    """What became of the claims, what cannot be decided and why, and what the papers' own numbers contradict."""
    verdicts = [v.verdict for _, v in found]
    papers = sorted({m.table.paper for m, _ in found})
    open_ones = sum(verdict in claims.OPEN for verdict in verdicts)
    against = sum(v.paper_holds is False for _, v in found)
    return [
        f"Of {len(found)} claims of {_and(papers)}, {_told(verdicts, decided=True)}.",
        f"{open_ones} cannot be decided yet: {_told(verdicts, decided=False)}.",
        f"{against} of the {len(found)} {'is' if against == 1 else 'are'} contradicted by the paper's own numbers.",
    ]


def _told(verdicts: Sequence[str], decided: bool) -> str:
    counts = [(verdicts.count(word), SAYS[word]) for word in SAYS if (word not in claims.OPEN) == decided]
    return _and([f"{n} {many if n > 1 else one}" for n, (one, many) in counts if n]) or "none"


def _and(parts: Sequence[str]) -> str:
    *most, last = parts or [""]
    return f"{', '.join(most)} and {last}" if most else last


def page(measured: Sequence[Measured]) -> str:
    """The part of the first page that says what survived."""
    found = of_papers(measured)
    points = [(m, v) for m, v in found if v.claim.in_points]
    parts = [f"**{markup.plain(text)}**" if i == 0 else markup.plain(text) for i, text in enumerate(sentences(found))]
    parts.append(picture([(m, v) for m, v in found if not v.claim.in_points]))
    if points:
        parts.append(in_points(points))
    return "\n\n".join(parts) + "\n"


def in_points(found: Sequence[Found]) -> markup.Html:
    """A line of the claims whose effect is a difference in their metric's unit."""
    return markup.render(
        "in_points",
        claims=[
            {"href": _href(m, v), "id": v.claim.id, "about": f"{m.table.title}, {_data(m)}", "verdict": v.verdict}
            | {"mark": marks.mark(v.verdict), "effect": claim_tables.effect(v), "paper": claim_tables.paper(v)}
            for m, v in found
        ],
    )


def _href(m: Measured, v: claims.Verdict) -> str:
    return f"tables/{page_of(m.table.name)}.html#{claim_cards.anchor(v.claim)}"


def _tier(m: Measured) -> str:
    return next((tier for tier in TIERS if tier in set(m.deciding.tier)), "") if len(m.deciding) else ""


def _data(m: Measured) -> str:
    return aggregate.kind_of_data(m.table, _tier(m)) if _tier(m) else "no run"


def picture(found: Sequence[Found]) -> markup.Html:
    """Every claim on one scale: ours with its interval, the paper's hollow, in groups by paper, kind of data and table.

    It needs no script, has links, and takes the page's colours.
    """
    scale = _Scale([x for _, v in found for x in (v.effect, v.paper) if np.isfinite(x)])
    lines: list[tuple[str, int, object]] = []
    y = TOP
    for kind, content in _grouped(found):
        y += LINE if kind == "claim" else HEAD
        lines.append((kind, y - LINE // 2, scale.line(*content) if kind == "claim" else content))
    shown = [v.verdict for _, v in found]
    text = "; ".join(
        f"{v.claim.id}, {m.table.title}: {v.verdict}, {claim_tables.effect(v)}, paper {claim_tables.paper(v) or 'none'}"
        for m, v in found
    )
    return markup.render(
        "survived",
        title=f"The effects of {len(found)} claims, here and in their papers",
        description=text,
        caption="By how many percent the error is smaller, as each claim has it, with its interval over seeds; ◇ is "
        "the paper's own effect. Right of 0 supports the claim. A line leads to the claim's card."
        " An arrow: the interval goes on.",
        height=y + LINE // 2,
        ticks=scale.ticks,
        lines=lines,
        paper=marks.PAPER,
        key=[(marks.mark(word), word) for word in claims.WORDS if word in shown],
    )


def _grouped(found: Sequence[Found]):
    """Heads and claims in the order of the picture: paper by paper, the paper's data first, table by table."""
    papers = list(dict.fromkeys(m.table.paper for m, _ in found))
    order = sorted(
        found,
        key=lambda f: (
            papers.index(f[0].table.paper),
            TIERS.index(_tier(f[0])),
            loading.generated(f[0].table.dataset),
        ),
    )
    for (paper, data), group in groupby(order, key=lambda f: (f[0].table.paper, _data(f[0]))):
        yield "group", f"{paper}: {data}"
        for table, claims_of in groupby(group, key=lambda f: f[0].table):
            yield "table", f"{table.title}, {table.where}"
            yield from (("claim", one) for one in claims_of)


class _Scale:
    """Effects, logarithms of ratios, as percent of a strip's width; ticks are in percent of the error."""

    def __init__(self, values: Sequence[float]):
        self.low = max(min([-0.45, *values]) - 0.05, WIDEST[0])
        self.high = min(max([0.75, *values]) + 0.35, WIDEST[1])
        places = ((-np.log1p(-t / 100), f"{t:+d}%" if t else "0") for t in TICKS)
        self.ticks = [(self.at(x), text) for x, text in places if self.low <= x <= self.high]

    def at(self, value: float) -> float:
        """Where it is, within the strip."""
        return round(float(np.clip((value - self.low) / (self.high - self.low), 0, 1)) * 100, 2)

    def place(self, value: float) -> float | None:
        """The same, None for NaN."""
        return self.at(value) if np.isfinite(value) else None

    def line(self, m: Measured, v: claims.Verdict) -> dict:
        """What the template draws of a claim."""
        ends = [(0.0, -1)] * bool(min(v.low, v.effect) < self.low)
        ends += [(100.0, 1)] * bool(max(v.high, v.effect) > self.high)
        told = f"{v.claim.id}, {m.table.title}: {v.claim.text} {claim_tables.effect(v)}, {v.verdict}."
        return {"href": _href(m, v), "id": v.claim.id, "words": told, "ends": ends} | {
            "name": marks.name(v.verdict),
            "path": marks.SHAPES[v.verdict][1],
            "verdict": v.verdict,
            "x": self.place(v.effect),
            "low": self.place(v.low),
            "high": self.place(v.high),
            "paper": self.place(v.paper) if self.low <= v.paper <= self.high else None,
        }
