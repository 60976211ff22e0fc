"""What readers see of a table: its numbers beside the paper's, every cell, other metrics. No torch.

Every function takes a `Table` and its runs as `record.frame` has them, and returns an `Html`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from landmarklib import datasets
from landmarklib.core.amounts import labelled, short
from landmarklib.core.types import whole
from landmarklib.report import aggregate
from landmarklib.report.markup import APPROXIMATE, Html, label, marked, render, to_html, unit
from landmarklib.tables import Reference, Table


@dataclass(frozen=True)
class Cell:
    """What a cell shows, as text: our mean and its spread, or why there is none, or other words; the paper's value."""

    mean: str = ""
    spread: str = ""
    failed: int = 0
    improving: str = ""  # how many of its runs had not converged, in words
    missing: str = ""
    words: str = ""
    paper: str = ""
    good: bool = False  # ours is as good as the paper's, or better


def beside_paper(table: Table, runs: pd.DataFrame, metric: str | None = None) -> Html:
    """The table in the paper's layout: a line per method, a column per fraction; ours over the paper's value.

    A cell that is as good as the paper's is marked with a tick, which also says so to those who do not see colours.

    metric: by default the one that a page shows first. Of another one only the methods and fractions are shown that
        have a value here or in the paper.
    """
    first = aggregate.shown(table, runs)
    metric = metric or first
    frame, rows = aggregate.cells(table, runs, metric), table.rows_with(metric)
    if metric != first:
        frame = frame[frame[["paper", "mean"]].notna().any(axis=1)]
        rows = [row for row in rows if row.name in set(frame.method)]
    fractions = sorted(frame.fraction[frame.method.isin([r.name for r in rows])].unique())
    sign, lines = aggregate.better(table, metric), []
    for row in rows:
        of_row = frame[frame.method == row.name]
        parts = [of_row[of_row.fraction == f] for f in fractions]
        cells = [
            _cell(part.iloc[0], sign) if len(part) else _absent(table, row.name, f)
            for f, part in zip(fractions, parts, strict=True)
        ]
        lines.append((row.name, "", cells))
    lines += [_of_others(table, r, metric, fractions) for r in table.references if table.published(r.name, metric)]
    return render("comparison", head=_head(table, fractions), groups=[("", lines)], strong=True)


def _head(table: Table, fractions: Sequence[float]) -> list[str]:
    return [short(f, table.counts) for f in fractions] if table.uses_labels else ["ours"]


def _of_others(
    table: Table, reference: Reference, metric: str, fractions: Sequence[float]
) -> tuple[str, str, list[Cell]]:
    """A line that nobody runs here: the paper's value alone."""
    numbers = table.published(reference.name, metric)
    cells = [Cell(paper=_published(numbers[f], unit(metric))) if f in numbers else Cell(words="–") for f in fractions]
    return reference.name, reference.note or "as published", cells


def _absent(table: Table, method: str, fraction: float) -> Cell:
    """Why there is no number: nobody has run the cell, it is left out on purpose, or there is no such cell."""
    row = table.row(method)
    if table.has(row, fraction):
        return Cell(missing="not run")
    return Cell(words="not defined" if row.needs_unlabelled and fraction == table.everything else "left out")


def _cell(line: pd.Series, sign: int) -> Cell:
    paper = _published(line.paper, line.unit) if pd.notna(line.paper) else ""
    good = bool(paper) and bool(sign * line.difference <= 0)
    if line.n_seeds == 0:
        return Cell(missing="failed" if line.failed else "not run", paper=paper, good=good)
    mean, spread = _mean(line, 2)
    improving = f"{line.improving} of {line.n_seeds} runs were still improving" if line.improving else ""
    return Cell(mean=mean, spread=spread, failed=int(line.failed), improving=improving, paper=paper, good=good)


def _mean(line: pd.Series, decimals: int) -> tuple[str, str]:
    """The mean over seeds and its spread, which one seed does not have."""
    return f"{line['mean']:.{decimals}f}", f"{line.sd:.{decimals}f}" if line.n_seeds > 1 else ""


def _published(value: float, unit: str) -> str:
    """Pixels with two decimals, as the papers print them; percent as given."""
    return f"{value:.2f}" if unit == "px" else f"{value:g}"


def side_by_side(parts: Sequence[tuple[Table, pd.DataFrame]]) -> Html:
    """The cells that all these tables have, a column per table under its data set's title, a group per metric.

    parts: tables with their runs at one budget.
    """
    first, groups = parts[0][0], []
    known = [{(row.name, f) for row in table.rows for f in table.amounts if table.has(row, f)} for table, _ in parts]
    shared = [
        (row.name, f) for f in first.amounts for row in first.rows if all((row.name, f) in cells for cells in known)
    ]
    for metric in (m for m in first.metrics if all(m in table.metrics for table, _ in parts)):
        frames = [aggregate.cells(table, runs, metric) for table, runs in parts]
        sign = aggregate.better(first, metric)
        lines = [
            (row, labelled(f, first.counts) if first.uses_labels else "", _across(frames, row, f, sign))
            for row, f in shared
        ]
        groups.append((label(metric), lines))
    head = [datasets.get(whole(table.dataset)).title for table, _ in parts]
    return render("comparison", head=head, groups=groups, strong=True)


def _across(frames: Sequence[pd.DataFrame], row: str, fraction: float, sign: int) -> list[Cell]:
    """A cell that is in several tables, in each of them."""
    found = [frame[(frame.method == row) & (frame.fraction == fraction)] for frame in frames]
    return [_cell(part.iloc[0], sign) if len(part) else Cell(missing="not run") for part in found]


def long_table(table: Table, runs: pd.DataFrame) -> Html:
    """Every cell as a sortable line: ours mean ± sd over n seeds, paper, difference, same or better?"""
    frame = aggregate.cells(table, runs, aggregate.shown(table, runs))
    sign = aggregate.better(table)
    out = pd.DataFrame({"method": frame.method})
    if table.uses_labels:
        out["labelled"] = [short(f, table.counts) for f in frame.fraction]
    out[f"ours [{table.unit}]"] = [
        f"{m:.2f}" + (f" ± {s:.2f}" if n > 1 else "") if n else "not run"
        for m, s, n in zip(frame["mean"], frame.sd, frame.n_seeds, strict=True)
    ]
    out["seeds"] = frame.n_seeds
    if frame.paper.isna().all():
        return to_html(out.assign(budget=frame.budget, tier=frame.tier.replace("", "none")))
    out[f"paper [{table.unit}]"] = [_published(v, table.unit) if pd.notna(v) else "none" for v in frame.paper]
    out["difference"] = [f"{v:+.2f}" if pd.notna(v) else "none" for v in frame.difference]
    out["same or better?"] = ["none" if pd.isna(v) else "yes" if sign * v <= 0 else "no" for v in frame.difference]
    out["budget"], out["data tier"] = frame.budget, frame.tier.replace("", "none")
    counts = zip(frame.failed, frame.warned, frame.improving, strict=True)
    out["failed, flagged, still improving"] = [", ".join(map(str, of_cell)) for of_cell in counts]
    return to_html(out)


def other_metrics(table: Table, runs: pd.DataFrame) -> Html:
    """Mean ± sd of the table's other metrics, one below the other: methods that have it, fractions with a run.

    Accuracy needs a trained class head. A mean over seeds of which one is approximate is marked, and a line says so.
    """
    others = [metric for metric in table.metrics[1:] if metric != aggregate.shown(table, runs)]
    frames = {metric: aggregate.cells(table, runs, metric) for metric in others if metric in runs}
    frames = {metric: f[f.method.isin(f.method[f.n_seeds > 0])] for metric, f in frames.items()}
    fractions = sorted({fraction for f in frames.values() for fraction in f.fraction[f.n_seeds > 0]})
    if not fractions:
        return render("paragraph", text="No run has another metric yet.")
    groups, any_rough = [], False
    for metric, frame in frames.items():
        rough = aggregate.approximate(runs, metric)
        any_rough = any_rough or bool(rough)
        lines = [
            (method, "", [_value(table, part, method, f, rough) for f in fractions])
            for method, part in frame.groupby("method", sort=False)
        ]
        groups += [(label(metric), lines)] if lines else []
    shown = render("comparison", head=_head(table, fractions), groups=groups, strong=False)
    return shown + render("paragraph", text=APPROXIMATE) if any_rough else shown


def _value(
    table: Table, cells_of_method: pd.DataFrame, method: str, fraction: float, rough: Collection[aggregate.Group]
) -> Cell:
    """A mean and its spread, or why there is none. rough: the cells whose mean is approximate."""
    found = cells_of_method[(cells_of_method.fraction == fraction) & (cells_of_method.n_seeds > 0)]
    if not len(found):
        return _absent(table, method, fraction)
    mean, spread = _mean(found.iloc[0], 1)
    return Cell(mean=marked(mean, (method, fraction, found.budget.iloc[0]) not in rough), spread=spread)
