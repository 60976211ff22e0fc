"""The same predictions under every convention in use on faces. Reads records only; no torch.

A convention chooses the normalizer (the length that an error is divided by), which points count as correct, which faces
count as failures, and how maps are read. What no record holds is called not recorded; no number is converted from one
convention into another.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import methods, tables
from landmarklib.core import amounts, metrics
from landmarklib.records import query
from landmarklib.report import aggregate, markup, style
from landmarklib.tables import Row, Table

PICTURE = "conventions.svg"
TABLE = "w300"
READ_TWICE = ("w300", "mtfl")  # tables whose records may hold both readings of one network's maps
CELL = ["method", "fraction", "budget"]
OWN = "nme_percent"  # by the eye centres, as the table's method reads its maps
ERROR, COUNT, READING = (
    "Mean error, in % of this normalizer",
    "Points within a tenth of this normalizer, faces that fail, and the area under the distribution of errors, in %",
    "Mean error, in % of the distance of the eyes, when a network's maps are read by",
)


@dataclass(frozen=True)
class Convention:
    """A way from predictions to a number: its kind, its name within that kind, and its metric in the records."""

    kind: str
    name: str
    metric: str


def reads_both(row: Row) -> bool:
    """Whether a row's maps are read by argmax and, beside it, by soft-argmax."""
    method = methods.get(row.method)
    return bool(method.other_readings(methods.complete(method, row.options)))


NORMALIZERS = ("eye centres", "outer eye corners", "root of the points' box", "longer side of the points' box")
CONVENTIONS = (
    Convention(ERROR, NORMALIZERS[0], OWN),
    *(Convention(ERROR, name, f"{OWN} by the {name}") for name in NORMALIZERS[1:]),
    *(Convention(COUNT, name, f"pck_percent at {metrics.PCK_SHARE:g} of the {name}") for name in NORMALIZERS),
    Convention(COUNT, f"fail: over {metrics.FAILURE:g}% of the eye centres", "failures_percent"),
    Convention(COUNT, f"area: up to {metrics.FAILURE:g}% of the eye centres", "auc_percent"),
    Convention(READING, "argmax", OWN),
    Convention(READING, "soft-argmax", f"{OWN} read by soft-argmax"),
)


def measured(table: Table, runs: pd.DataFrame) -> pd.DataFrame:
    """A line per convention and cell that has a run: mean and sd over those n of its runs that recorded the metric."""
    done, lines = runs[runs.status == "done"], []
    for row in table.rows:
        for (fraction, budget), group in done[done.row == row.name].groupby(["fraction", "budget"]):
            cell = {"method": row.name, "fraction": fraction, "budget": budget, "tier": group.tier.iloc[0]}
            cell["labelled"] = amounts.short(fraction, table.counts)
            for c in (c for c in CONVENTIONS if c.kind != READING or reads_both(row)):
                found = _values(group, c.metric).dropna()
                number = {"runs": len(group), "n": len(found), "mean": found.mean(), "sd": found.std(ddof=1)}
                number["exact"] = (row.name, fraction, budget) not in aggregate.approximate(runs, c.metric)
                lines.append({"kind": c.kind, "convention": c.name, **cell, **number})
    columns = ("kind", "convention", "method", "fraction", "budget", "tier", "labelled", "runs", "n", "mean", "sd")
    return pd.DataFrame(lines, columns=[*columns, "exact"])


def _values(runs: pd.DataFrame, metric: str) -> pd.Series:
    return runs[metric] if metric in runs else pd.Series(np.nan, runs.index)


def beside_each_other(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Conventions of one kind side by side, a line per cell, with what each cell was computed on."""
    lines = []
    for (method, _, budget), cell in frame[frame.kind == kind].groupby(CELL, sort=False):
        numbers = {line.convention: _number(line) for line in cell.itertuples()}
        origin = {"seeds": cell.runs.iloc[0], "budget": budget, "data tier": cell.tier.iloc[0]}
        lines.append({"method": method, "labelled": cell.labelled.iloc[0], **numbers, **origin})
    return pd.DataFrame(lines)


def _number(line) -> str:
    if not line.n:
        return "not recorded"
    spread = f" ± {line.sd:.2f}" if line.n > 1 else ""
    mean = markup.marked(f"{line.mean:.2f}", line.exact)
    return f"{mean}{spread}" + (f" ({line.n} of {line.runs} seeds)" if line.n < line.runs else "")


def readings(results: str | Path | None = None) -> pd.DataFrame:
    """Argmax beside soft-argmax for each network that is read by both; one that has no run is there, too."""
    nothing = {"argmax": "not run", "soft-argmax": "not run", "seeds": 0, "budget": "none", "data tier": "none"}
    found = []
    for name in READ_TWICE:
        table, runs = recorded(name, results)
        frame = measured(table, runs)
        for row in filter(reads_both, table.rows):
            cells = beside_each_other(frame[frame.method == row.name], READING)
            if cells.empty:
                cells = pd.DataFrame([{"method": row.name, "labelled": "any", **nothing}])
            found.append(cells.assign(**{"data set": table.title}))
    return pd.concat(found).set_index("data set").reset_index()


def ratios(runs: pd.DataFrame) -> pd.DataFrame:
    """How many times the error by another normalizer the error by the eye centres is: least and largest over runs."""
    done, lines = runs[runs.status == "done"], []
    for c in CONVENTIONS[1 : len(NORMALIZERS)]:
        found = (_values(done, OWN) / _values(done, c.metric)).dropna()
        numbers = [f"{found.min():.3f}", f"{found.max():.3f}"] if len(found) else ["not recorded"] * 2
        lines.append([c.name, *numbers, len(found)])
    return pd.DataFrame(lines, columns=["eye centres against", "least", "largest", "runs"])


def orders(runs: pd.DataFrame) -> tuple[int, int]:
    """Pairs of runs at one label fraction and budget, and in how many of them two metrics disagree on which is better.

    A tie is no order.
    """
    known = [c.metric for c in CONVENTIONS if c.kind != READING and c.metric in runs]
    pairs = opposite = 0
    for _, group in runs[runs.status == "done"].groupby(["fraction", "budget"]):
        for (_, a), (_, b) in combinations(group.iterrows(), 2):
            better = {np.sign(a[m] - b[m]) * (1 if metrics.lower_is_better(m) else -1) for m in known}
            pairs, opposite = pairs + 1, opposite + ({1, -1} <= better)
    return pairs, opposite


def summary(table: Table, runs: pd.DataFrame) -> markup.Html:
    """Counts of cells and runs, the ratios between conventions and between cells, and what has not been run."""
    frame, done = measured(table, runs), runs[runs.status == "done"]
    errors = frame[(frame.kind == ERROR) & (frame.n > 0)]
    between = max(v.max() / v.min() for _, v in errors.groupby(CELL)["mean"])
    within = max(v.max() / v.min() for _, v in errors.groupby("convention")["mean"])
    cells, (pairs, opposite) = frame.groupby(CELL).runs.first(), orders(runs)
    missing = [row.name for row in table.rows if row.name not in set(frame.method)]
    seeds, budgets, tiers = (", ".join(map(str, sorted(set(v)))) for v in (cells, done.budget, done.tier))
    return markup.render(
        "conventions",
        title=table.title,
        cells=len(cells),
        between=f"{between:.2f}",
        within=f"{within:.2f}",
        pairs=pairs,
        opposite=opposite,
        seeds=seeds,
        budgets=budgets,
        tiers=tiers,
        missing=", ".join(missing),
        failed=len(runs) - len(done),
        runs=len(runs),
    )


def pictured(table: Table, runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """What the picture shows: the cells at one budget, the table's own where it has runs; and that budget."""
    frame = measured(table, runs)
    budgets = [table.default_budget, *frame.budget]
    budget = next(b for b in budgets if b in set(frame.budget))
    return frame[(frame.budget == budget) & (frame.kind != READING)], budget


def figure(table: Table, runs: pd.DataFrame):
    """A row per convention with a dot per cell and its spread over seeds. Returns a Figure.

    A larger dot has more labels.
    """
    plt = style.pyplot()
    frame, _ = pictured(table, runs)
    panels = {kind: [c.name for c in CONVENTIONS if c.kind == kind] for kind in (ERROR, COUNT)}
    rows = [len(names) for names in panels.values()]
    size = style.WIDTH, 1.4 + 0.5 * sum(rows)
    drawn, axes = plt.subplots(len(panels), 1, figsize=size, layout="constrained", height_ratios=rows)
    for axis, (kind, names) in zip(axes, panels.items(), strict=True):
        _dots(axis, frame[frame.kind == kind], names)
        axis.set_yticks(range(len(names)), [textwrap.fill(name, 17) for name in names])
        axis.set(xlabel=textwrap.fill(kind, 44), xlim=(0, None), ylim=(len(names) - 0.5, -0.5))
        axis.grid(alpha=0.3, axis="x")
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return drawn


def _dots(axis, frame: pd.DataFrame, names: list[str]) -> None:
    """The cells of one panel, methods one below the other within a row, so that none hides another."""
    methods = list(dict.fromkeys(frame.method))
    for i, (method, colour, marker) in enumerate(style.styled(methods)):
        mark = {"color": colour, "marker": marker, "ls": "", "lw": 1}
        axis.plot([], [], label=method, **mark)
        for cell in frame[(frame.method == method) & (frame.n > 0)].itertuples():
            y = names.index(cell.convention) + 0.7 * ((i + 0.5) / len(methods) - 0.5)
            spread = cell.sd if cell.n > 1 else 0
            axis.errorbar(cell.mean, y, xerr=spread, ms=4 + 4 * np.sqrt(min(cell.fraction, 1)), capsize=2, **mark)
    for y, name in enumerate(names):
        if not frame[frame.convention == name].n.any():
            middle = axis.get_yaxis_transform()
            axis.text(0.5, y, "not recorded", transform=middle, ha="center", va="center", fontsize=9)


def alt(table: Table, runs: pd.DataFrame) -> str:
    """The picture in words: the least and the largest cell under each convention."""
    frame, budget = pictured(table, runs)
    parts = [f"Dots of the same predictions under each convention, at the budget {budget}."]
    for kind, part in frame[frame.n > 0].groupby("kind", sort=False):
        spans = (f"{name} {v.min():.1f} to {v.max():.1f}" for name, v in part.groupby("convention", sort=False)["mean"])
        parts.append(f"{kind}: {', '.join(spans)}.")
    return " ".join(parts)


def page(results: str | Path | None = None) -> str:
    """All of it, as the book includes it; the book has drawn the picture."""
    table, runs = recorded(TABLE, results)
    if not is_recorded(runs):
        return f"No run of {markup.plain(table.title)} is recorded yet.\n"
    frame, (_, budget) = measured(table, runs), pictured(table, runs)
    lines = [summary(table, runs), "", markup.picture(f"_generated/{PICTURE}", alt(table, runs)), ""]
    cell = f"A dot is a cell at the budget {markup.plain(budget)}, mean ± standard deviation over seeds"
    lines += [f"{cell}; a larger dot has more labels."]
    shown = {kind: beside_each_other(frame, kind) for kind in (ERROR, COUNT)} | {READING: readings(results)}
    shown["Error by the eye centres over that by another normalizer"] = ratios(runs)
    for title, part in shown.items():
        lines += ["", f"**{title}**", "", markup.to_html(part, kind="conventions")]
    if not frame.exact.all():
        lines += ["", markup.APPROXIMATE]
    return "\n".join([*lines, ""])


def is_recorded(runs: pd.DataFrame) -> bool:
    """Whether there is a run that did not fail, so that there is something to show."""
    return bool((runs.status == "done").any())


def recorded(name: str = TABLE, results: str | Path | None = None) -> tuple[Table, pd.DataFrame]:
    """A table on the best data that it has records of, and its runs at every budget."""
    return query.read_recorded(tables.get(name), results=results)[:2]
