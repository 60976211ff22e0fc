"""All tables and claims of the papers: how far each is, and what was found. Reads records and TOML only; no torch."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from landmarklib import loading, tables
from landmarklib.records import query
from landmarklib.report import aggregate, claim_tables, claims, markup
from landmarklib.tables import Table


@dataclass(frozen=True)
class Measured:
    """A table on the data of its records, its runs, the runs that decide its claims on its page, and the verdicts."""

    table: Table
    runs: pd.DataFrame
    deciding: pd.DataFrame
    verdicts: list[claims.Verdict]


def read() -> list[Measured]:
    """Every table of the papers that is here, in the order of the list of papers."""
    found = []
    for name in (entry["run"] for paper in _papers() for entry in paper["tables"] if "run" in entry):
        table, runs, _ = query.read_recorded(tables.get(name))
        deciding = runs[runs.budget == table.default_budget] if len(runs) else runs
        found.append(Measured(table, runs, deciding, claims.evaluate(table, deciding)))
    return found


def summary(measured: Sequence[Measured]) -> str:
    """Every table of the four papers, one line each: how far it is here and how its claims stand."""
    by_name = {m.table.name: m for m in measured}
    lines = [_summary_line(paper["short"], entry, by_name) for paper in _papers() for entry in paper["tables"]]
    frame = pd.DataFrame(lines, columns=["paper", "table", "data set", "here", "claims", "what"], dtype=object)
    return f"{markup.to_html(frame, kind='summary')}\n"


def page_of(table: str) -> str:
    """The name of the page that a table stands on: its own, or that of another table."""
    return _list()["shown_with"].get(table, table)


def _page(table: Table, text: str = "") -> markup.Html:
    """A link to a table's page, by default with its title."""
    return markup.link(f"tables/{page_of(table.name)}.html", text or table.title)


def _summary_line(paper: str, entry: dict, by_name: Mapping[str, Measured]) -> list[str]:
    line = [paper, entry["table"], entry["dataset"]]
    if "page" in entry:
        return [*line, markup.link(f"{entry['page']}.html", "measured"), "none stated as inequalities", entry["what"]]
    if "with" in entry:
        pages = markup.Html(", ").join(_page(tables.get(name)) for name in entry["with"])
        return [*line, "with " + pages, "there", entry["what"]]
    if "run" not in entry:
        return [*line, "planned", "–", entry["what"]]
    m = by_name[entry["run"]]
    counts = claims.counted([v.verdict for v in m.verdicts if v.claim.of_paper])
    return [*line, _page(m.table, _state(m)), ", ".join(counts) or "none stated as inequalities", entry["what"]]


def _state(m: Measured) -> str:
    """How far a table is: done if every number of the paper's has one here that compares with it, else part."""
    cells, of, _, _ = aggregate.state(m.table, m.runs)
    comparable, numbers = aggregate.compared(m.table, m.runs)
    if not numbers:
        return f"the paper prints no number; {len(m.runs)} runs" + f", {_kinds(m.table, m.runs)}" * (len(m.runs) > 0)
    told = f"{cells} of {of} cells"
    if comparable == numbers:
        return f"done: {told}"
    if len(m.runs) and (loading.generated(m.table.dataset) or {*m.runs.tier} != {"paper"}):
        told += f", {_kinds(m.table, m.runs)}"
    if comparable:
        told += f", {comparable} of {numbers} numbers comparable with the paper's"
    return f"part: {told}{', smaller images' * _smaller(m.table, m.runs)}"


def claims_page(measured: Sequence[Measured]) -> str:
    """Every claim of the papers whose tables are here, then every question of ours: counts, then a line each."""
    parts = []
    for title, of_paper in (("The papers' claims", True), ("Questions of ours", False)):
        found = [(m, v) for m in measured for v in m.verdicts if v.claim.of_paper == of_paper]
        counts = ", ".join(f"**{count}**" for count in claims.counted([v.verdict for _, v in found]))
        parts += [f"## {title}", f"Of {len(found)}: {counts}.", claims_list(found)]
    return "\n\n".join(parts) + "\n"


def claims_list(found: Sequence[tuple[Measured, claims.Verdict]]) -> markup.Html:
    """A sortable line per claim: id and link to its table, verdict, words, mean effect, data, the paper's numbers."""
    lines = [
        {
            "claim": markup.render("claim", id=v.claim.id, link=_page(m.table)),
            "here": claim_tables.verdict(v),
            "in words": v.claim.text,
            "mean effect": claim_tables.effect(v),
            "in the paper": claim_tables.in_paper(v),
            "data": _data(m) if any(c.n for c in v.comparisons) else "none",
            "by the paper's numbers": claim_tables.BY_THE_PAPER[v.paper_holds],
        }
        for m, v in found
    ]
    return markup.to_html(pd.DataFrame(lines, dtype=object), kind="claims list")


def _smaller(table: Table, runs: pd.DataFrame) -> bool:
    """Whether every run saw smaller images, or had a smaller network, than the table says."""
    return len(runs) > 0 and not any(map(table.in_full, {*runs.budget}))


def _data(m: Measured) -> str:
    """What the runs that decide a table's claims saw, in words."""
    return _kinds(m.table, m.deciding) + ", smaller images" * _smaller(m.table, m.deciding)


def _kinds(table: Table, runs: pd.DataFrame) -> str:
    return "; ".join(aggregate.kind_of_data(table, tier) for tier in sorted({*runs.tier}))


def _papers() -> list[dict]:
    return _list()["papers"]


def _list() -> dict:
    return tomllib.loads((Path(__file__).parent / "papers.toml").read_text(encoding="utf-8"))
