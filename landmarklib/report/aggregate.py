"""The numbers of a table: its cells, ours and the paper's. Reads records and TOML only; no torch.

Every function takes a `Table` and its runs as `record.frame` has them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from landmarklib.core import metrics
from landmarklib.report import markup
from landmarklib.tables import Row, Table

COLUMNS = (
    *("method", "fraction", "n_seeds", "mean", "sd", "unit", "paper", "difference"),
    *("tier", "budget", "failed", "warned", "improving"),
)
Group = tuple[str, float, str]  # row, fraction, budget


def cells(table: Table, runs: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """One line per cell, with COLUMNS: n_seeds, mean and sd are over seeds.

    A cell of the paper's table without a run has n_seeds 0, so that nothing is blank by accident. difference is NaN
    unless the tier is `paper` and the budget leaves images and networks at the table's size: other numbers do not
    compare.
    """
    metric = metric or table.metrics[0]
    rows = table.rows_with(metric)
    groups: dict[Group, pd.DataFrame] = {}
    if len(runs):
        groups = {(row, f, b): g for (row, f, b), g in runs.groupby(["row", "fraction", "budget"])}
    papers = _papers(table, rows, metric, groups)
    budgets = sorted({budget for *_, budget in groups}) or [table.default_budget]
    nothing = pd.DataFrame({"status": []})
    lines = [
        {"method": name, "fraction": fraction, "unit": markup.unit(metric), "paper": paper, "budget": budget}
        | _found(groups.get((name, fraction, budget), nothing), metric, paper, table.in_full(budget))
        for row in rows
        for (name, fraction), paper in sorted((key, papers[key]) for key in papers if key[0] == row.name)
        for budget in budgets
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _papers(table: Table, rows: Sequence[Row], metric: str, groups: dict[Group, pd.DataFrame]) -> dict:
    """(row, fraction) -> the paper's value, NaN without one: of every cell that the paper has, or that was run."""
    wanted = {(r.name, f) for r in rows for f in {*r.published, *table.published(r.name, metric)}}
    values = {(name, f): table.paper_value(name, f, metric) for name, f in wanted}
    return values | {(name, f): float("nan") for name, f, _ in groups if (name, f) not in wanted}


def _found(group: pd.DataFrame, metric: str, paper: float, in_full: bool) -> dict:
    """What the runs of one cell at one budget found."""
    done = group[group.status == "done"]
    values = done[metric].dropna() if metric in done else pd.Series(dtype=float)
    tier = done.tier.iloc[0] if len(done) else ""
    comparable = tier == "paper" and in_full
    return {
        "n_seeds": len(values),
        "mean": values.mean(),
        "sd": values.std(ddof=1),
        "difference": values.mean() - paper if comparable else float("nan"),
        "tier": tier,
        "failed": int((group.status == "failed").sum()),
        "warned": int((done.warnings > 0).sum()) if len(done) else 0,
        "improving": int(done.improving.sum()) if "improving" in done else 0,
    }


def approximate(runs: pd.DataFrame, metric: str) -> set[Group]:
    """The cells in which the metric of some run is approximate."""
    rough = runs[runs.approximate == metric] if "approximate" in runs else runs[:0]
    return set(zip(rough.row, rough.fraction, rough.budget, strict=True))


def better(table: Table, metric: str | None = None) -> int:
    """+1 if a smaller value is better, -1 if a larger one is."""
    return 1 if metrics.lower_is_better(metric or table.metrics[0]) else -1


def state(table: Table, runs: pd.DataFrame) -> tuple[int, int, int, int]:
    """How many of the paper's cells have a run, cells in all, done runs, failed runs."""
    frame = cells(table, runs)
    published = frame[frame.paper.notna()]
    done = published[published.n_seeds > 0].drop_duplicates(["method", "fraction"])
    failed = int((runs.status == "failed").sum()) if len(runs) else 0
    return len(done), len(published.drop_duplicates(["method", "fraction"])), len(runs) - failed, failed
