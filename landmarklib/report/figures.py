"""Pictures of numbers: label-efficiency curves, effects of claims, distributions of errors, single seeds. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from landmarklib.core import amounts, metrics
from landmarklib.records import distributions
from landmarklib.records.record import Record
from landmarklib.report import aggregate, claims, markup, style
from landmarklib.report.effects import reduction
from landmarklib.tables import Table

MOST = 4  # rows of a panel that find room within it


def curve(table: Table, runs: pd.DataFrame):
    """Error against labelled fraction, or number of labels, a panel per method that has been run. Returns a Figure.

    Ours has its spread over seeds; the paper's is dashed. All labels stand where as many as there are images would.
    """
    plt = style.pyplot()
    metric = aggregate.shown(table, runs)
    frame = aggregate.cells(table, runs, metric)
    everything = {table.everything: _everything(table, frame)}
    frame["place"] = frame.fraction.replace(everything)
    methods = {name: table.row(name).method for name in frame.method}
    measured = {methods[name] for name in frame.method[frame.n_seeds > 0]} or set(methods.values())
    families = [method for method in dict.fromkeys(methods.values()) if method in measured]
    figure, axes = plt.subplots(
        len(families), 1, figsize=(style.WIDTH, 2.8 * len(families)), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, family in zip(axes[:, 0], families, strict=True):
        rows = _drawn([name for name, method in methods.items() if method == family], frame)
        for i, (name, colour, marker) in enumerate(style.styled(rows)):
            part = frame[frame.method == name].sort_values("place")
            ours, paper = part[part.n_seeds > 0], part[part.paper.notna()]
            beside = 1.04 ** (i - (len(rows) - 1) / 2)  # else spreads hide each other
            spread = ours.sd.fillna(0) if ours.sd.notna().any() else None
            axis.errorbar(ours.place * beside, ours["mean"], spread, color=colour, marker=marker, capsize=3, label=name)
            axis.plot(paper.place * beside, paper.paper, color=colour, marker=marker, mfc=style.PAPER, ls="--", lw=1)
        if table.rows[0].published:
            axis.plot([], [], color=style.MUTED, marker="o", mfc=style.PAPER, ls="--", lw=1, label="paper")
        axis.set(xscale="log", yscale="log", ylabel=markup.label(metric))
        first, *others = dict.fromkeys(re.split(r" \(|, ", name)[0] for name in rows)
        axis.set_title(", ".join([first, *others]) if len(others) < MOST else f"{first} and {len(others)} others")
        style.plain_ticks(axis, _ticks(table, frame))
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.3), "ncols": 2} if len(rows) > MOST else {}
        axis.legend(fontsize=8, frameon=False, **below)
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel(f"{table.labelled_split} images with landmarks" + " [%]" * (not table.counts))
    return figure


def _drawn(rows: list[str], frame: pd.DataFrame) -> list[str]:
    """The rows of a panel, or those that have been run where there are many of them."""
    run = [name for name in rows if (frame.n_seeds[frame.method == name] > 0).any()]
    return run if run and len(rows) > MOST else rows


def _everything(table: Table, frame: pd.DataFrame) -> float:
    """Where a point of all labels stands on the axis of a figure."""
    if not table.counts:
        return 1.0
    return float(max((table.n_train(budget) for budget in frame.budget.unique()), default=1))


def _ticks(table: Table, frame: pd.DataFrame) -> dict[float, str]:
    """Place and text of each tick on the axis of labels."""
    places = sorted(set(zip(frame.place, frame.fraction, strict=True)))
    return {place: amounts.written(f) if table.counts else f"{100 * f:g}" for place, f in places}


def effects(verdicts: Sequence[claims.Verdict]):
    """Every claim's mean effect with its interval, and the paper's as a hollow mark. Returns a Figure.

    An effect right of zero supports the claim. Claims in points, which have another scale, are left out.
    """
    plt = style.pyplot()
    verdicts = [v for v in verdicts if not v.claim.in_points]
    figure, axis = plt.subplots(figsize=(style.WIDTH, 1.2 + 0.5 * len(verdicts)), layout="constrained")
    labelled: set[str] = set()
    for y, v in enumerate(verdicts):
        if np.isfinite(v.effect):
            effect, low, high = map(reduction, (v.effect, v.low, v.high))
            spread = [[effect - low], [high - effect]] if np.isfinite(v.low) else None
            label = None if "ours" in labelled else "ours"
            labelled.add("ours")
            axis.errorbar(effect, y - 0.13, xerr=spread, color=style.COLOURS[0], marker="o", capsize=4, label=label)
        if np.isfinite(v.paper):
            label = None if "paper" in labelled else "paper"
            labelled.add("paper")
            axis.plot(
                reduction(v.paper), y + 0.13, color=style.COLOURS[1], marker="D", mfc=style.PAPER, ls="", label=label
            )
    axis.axvline(0, color=style.MUTED, lw=1)
    axis.set_yticks(range(len(verdicts)), [f"{v.claim.id}: {v.verdict}" for v in verdicts])
    axis.set_ylim(max(len(verdicts), 1) - 0.5, -0.5)
    axis.set_xlabel("error reduced by [%], mean over seeds with its interval")
    if labelled:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    axis.grid(alpha=0.3, axis="x")
    return figure


def distribution(table: Table, records: Sequence[Record], most: float = 20.0):
    """Cumulative error distribution: the share of test images with at most which error. Returns a Figure.

    It has a panel per labelled fraction and a line per method, mean over seeds (`distributions.share_within`), and says
    how large the area under it is. Records that keep neither errors nor quantiles, as the oldest do, are left out.

    most: the largest error shown.
    """
    done = [r for r in records if r.status == "done" and (r.errors or r.quantiles)]
    if not done:
        return style.message("No run has kept the distribution of its errors.")
    plt = style.pyplot()
    fractions = sorted({r.experiment.amount for r in done})
    size = (style.WIDTH, 2.8 * len(fractions))
    figure, axes = plt.subplots(len(fractions), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    errors = np.linspace(0, most, 401)
    dashes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
    for axis, fraction in zip(axes[:, 0], fractions, strict=True):
        for i, row in enumerate(table.rows):
            of_cell = [r for r in done if (r.experiment.row, r.experiment.amount) == (row.name, fraction)]
            if of_cell:
                share = np.mean([distributions.share_within(r, errors) for r in of_cell], 0)
                colour, dash = style.COLOURS[i % len(style.COLOURS)], dashes[i % len(dashes)]
                axis.plot(errors, share, color=colour, ls=dash, label=f"{row.name}{_area(of_cell)}")
        axis.set(
            title=amounts.labelled(fraction, table.counts), ylabel="test images [%]", xlim=(0, most), ylim=(0, 100)
        )
        legend = axis.legend(fontsize=8, frameon=False, loc="lower right")
        if metrics.base(table.metrics[0]) == "nme_percent":
            axis.axvline(metrics.FAILURE, color=style.MUTED, lw=1)
            legend.set_title(f"area below {metrics.FAILURE:g}%", {"size": 8})
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel(markup.label(table.metrics[0]).replace(" [", " at most ["))
    return figure


def _area(records: Sequence[Record]) -> str:
    """What the legend says of the area under the mean curve of these records; nothing where errors are in pixels."""
    areas = [distributions.auc(r) for r in records]
    mean, exact = np.mean([area for area, _ in areas]), all(exact for _, exact in areas)
    return f": {markup.marked(f'{mean:.0f}', exact)}%" if np.isfinite(mean) else ""


def per_seed(table: Table, runs: pd.DataFrame):
    """Accuracy against the share of points on their own shape, a mark per seed. Returns a Figure."""
    plt = style.pyplot()
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.2), layout="constrained")
    axis.axhline(99, color=style.MUTED, lw=1, ls="--", label="accuracy in the paper")
    for row, colour, marker in zip(table.rows, style.COLOURS[1::-1], style.MARKERS, strict=False):
        part = runs[(runs.row == row.name) & (runs.status == "done")] if len(runs) else runs
        if len(part):
            mark = {"facecolor": "none", "edgecolor": colour, "marker": marker, "s": 50, "lw": 1.5}
            label = f"{row.name}, {len(part)} seeds"
            axis.scatter(part.matched_percent, part.accuracy_percent, **mark, label=label)
            for (x, y), n in part.groupby([part.matched_percent.round(), part.accuracy_percent.round()]).size().items():
                if 1 < n and x < 90:  # runs that fail alike hide each other
                    axis.annotate(f"{n} seeds", (x, y), (8, 0), textcoords="offset points", va="center", fontsize=9)
    low = runs.accuracy_percent.min() if "accuracy_percent" in runs else 80
    axis.set(xlabel=markup.label("matched_percent"), ylabel=markup.label("accuracy_percent"))
    axis.set(xlim=(45, 103), ylim=(min(80, low - 2), 101))
    axis.legend(loc="center left", fontsize=8)
    axis.grid(alpha=0.3)
    return figure
