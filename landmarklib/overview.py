"""All tables and all claims of the papers at a glance: how far each is, and what was found. Reads records and TOML only; no torch."""

from __future__ import annotations

import html
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landmarklib import claim_tables, claims, report, tables
from landmarklib.tables import Table


def summary() -> str:
    """Every table of the four papers, one line each: how far it is here and how its claims stand."""
    lines = [_summary_line(paper["short"], entry) for paper in _papers() for entry in paper["tables"]]
    frame = pd.DataFrame(lines, columns=["paper", "table", "data set", "here", "claims", "what"])
    return report.to_html(frame, kind="summary", escape=False) + "\n"


def _summary_line(paper: str, entry: dict) -> list[str]:
    line = [paper, entry["table"], entry["dataset"]]
    if "page" in entry:
        return [*line, f'<a href="{entry["page"]}.html">measured</a>', "none stated as inequalities", entry["what"]]
    if "with" in entry:
        pages = ", ".join(f'<a href="tables/{name}.html">{tables.get(name).title}</a>' for name in entry["with"])
        return [*line, f"with {pages}", "there", entry["what"]]
    if "run" not in entry:
        return [*line, "planned", "–", entry["what"]]
    table = _recorded(entry["run"])
    runs, _ = report.read(table)
    cells, of, _, _ = report.state(table, runs)
    other = ", ".join(sorted({*runs.tier} - {"paper"})) if len(runs) else ""
    smaller = _smaller(table, runs)
    state = "done" if cells == of and not other and not smaller else "part"
    state += f": {cells} of {of} cells{f', on {other} data' if other else ''}{', in smaller images' if smaller else ''}"
    link = f'<a href="tables/{table.name}.html">{state}</a>'
    counts = claims.counted([v.verdict for v in claims.evaluate(table, _at_own_budget(table, runs))])
    return [*line, link, ", ".join(counts) or "none stated as inequalities", entry["what"]]


def claims_page() -> str:
    """Every claim of the papers whose tables are here, then every question of ours, a line each with its verdict; before them how many there are of which."""
    here = [_recorded(entry["run"]) for paper in _papers() for entry in paper["tables"] if "run" in entry]
    measured = [(table, _at_own_budget(table, report.read(table)[0])) for table in here]
    found = [(table, runs, v) for table, runs in measured for v in claims.evaluate(table, runs)]
    parts = []
    for title, wanted in (("The papers' claims", True), ("Questions of ours", False)):
        part = [line for line in found if line[2].claim.of_paper == wanted]
        counts = ", ".join(f"**{count}**" for count in claims.counted([v.verdict for *_, v in part]))
        parts += [f"## {title}", f"Of {len(part)}: {counts}.", claims_list(part)]
    return "\n\n".join(parts) + "\n"


def claims_list(found: Sequence[tuple[Table, pd.DataFrame, claims.Verdict]]) -> report.Html:
    """A line per claim, sortable: id and its table with a link, verdict, in words, mean effect, on which data, by the paper's numbers."""
    lines = [
        {
            "claim": f'{html.escape(v.claim.id)}<br><a href="tables/{table.name}.html">{html.escape(table.title)}</a>',
            "here": v.verdict,
            "in words": html.escape(v.claim.text),
            "mean effect": claim_tables.effect(v),
            "data": "none" if v.verdict == claims.MISSING else _data(table, runs),
            "by the paper's numbers": claim_tables.BY_THE_PAPER[v.paper_holds],
        }
        for table, runs, v in found
    ]
    return report.to_html(pd.DataFrame(lines), kind="claims list", escape=False)


def _recorded(name: str) -> Table:
    """That table, on the data that its records are of."""
    table = tables.get(name)
    return report.recorded(table) or table


def _at_own_budget(table: Table, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs by which the table's page decides its claims."""
    return runs[runs.budget == table.default_budget] if len(runs) else runs


def _smaller(table: Table, runs: pd.DataFrame) -> bool:
    """Whether every run saw smaller images, or had a smaller network, than the table says."""
    return len(runs) > 0 and not any(map(table.in_full, {*runs.budget}))


def _data(table: Table, runs: pd.DataFrame) -> str:
    """What the runs saw, in words."""
    return ", ".join(sorted({*runs.tier})) + ", smaller images" * _smaller(table, runs)


def _papers() -> list[dict]:
    return tomllib.loads((Path(__file__).parent / "papers.toml").read_text(encoding="utf-8"))["papers"]
