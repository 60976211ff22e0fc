"""Several methods by the number of labelled images, on several data sets: curves, what to use, its cost. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from landmarklib.core import amounts
from landmarklib.report import aggregate, effects, markup, style
from landmarklib.tables import Inequality, Table

Part = tuple[Table, pd.DataFrame]  # a table and its runs
NONE = "not run yet"


def curves(parts: Sequence[Part]):
    """A panel for each table, a line for each row, with its spread over seeds. Returns a Figure.

    A row has one colour in all panels. All labels stand where as many as there are images would.
    """
    plt = style.pyplot()
    names = list(dict.fromkeys(row.name for table, _ in parts for row in table.rows))
    styles = {name: (colour, marker) for name, colour, marker in style.styled(names)}
    size = (style.WIDTH, 2.7 * len(parts) + 0.9)
    figure, axes = plt.subplots(len(parts), 1, figsize=size, squeeze=False, layout="constrained")
    for axis, (table, runs) in zip(axes[:, 0], parts, strict=True):
        frame = aggregate.cells(table, runs, aggregate.shown(table, runs))
        frame = frame[frame.n_seeds > 0]
        last = max((table.n_train(budget) for budget in frame.budget.unique()), default=1)
        frame["place"] = frame.fraction.replace({table.everything: float(last)})
        for i, (name, part) in enumerate(frame.groupby("method", sort=False)):
            colour, marker = styles[name]
            line, beside = part.sort_values("place"), 1.02 ** (i - len(table.rows) / 2)  # else spreads hide each other
            spread = line.sd.fillna(0) if line.sd.notna().any() else None
            axis.errorbar(line.place * beside, line["mean"], spread, color=colour, marker=marker, ms=4, lw=1.2)
        log = "log" if aggregate.better(table) > 0 else "linear"
        axis.set(xscale="log", yscale=log, title=table.title, ylabel=markup.label(table.metrics[0]))
        if len(frame):
            ticks = sorted(set(zip(frame.place, frame.fraction, strict=True)))
            style.plain_ticks(axis, {place: amounts.written(fraction) for place, fraction in ticks})
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("training images with landmarks")
    lines = [plt.Line2D([], [], color=c, marker=m, ms=4, label=name) for name, (c, m) in styles.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def choices(parts: Sequence[Part]) -> markup.Html:
    """What to use with so many labels, a line for each number of them: the best row, and those that may be as good.

    Numbers of labels at which some row that was run at others was not are left out: the best may be missing there.
    """
    counts = sorted({f for table, runs in parts for f in table.amounts if _complete(table, runs, f)})
    lines = [
        [amounts.written(f), *(choice(*part, f) if _complete(*part, f) else NONE for part in parts)] for f in counts
    ]
    columns = ["labels", *(table.title for table, _ in parts)]
    return markup.to_html(pd.DataFrame(lines, columns=columns), sortable=False)


def _complete(table: Table, runs: pd.DataFrame, amount: float) -> bool:
    """Whether all rows that were run have a run with so many labels, where they have such a cell."""
    if not len(runs):
        return False
    asked = {name for name in runs.row if table.has(table.row(name), amount)}
    return asked <= {*runs.row[runs.fraction == amount]}


def choice(table: Table, runs: pd.DataFrame, amount: float) -> str:
    """The best row with so many labels and its mean, then those that may be as good, in words.

    A row may be as good where the interval of the ratio of its errors to those of the best one reaches 1; where the two
    share fewer than two seeds nothing is told.
    """
    metric = table.metrics[0]
    if metric not in runs:
        return NONE
    done = runs[(runs.status == "done") & (runs.fraction == amount) & runs[metric].notna()]
    values = {name: group.set_index("seed")[metric] for name, group in done.groupby("row", sort=False)}
    if not values:
        return NONE
    order = sorted(values, key=lambda name: aggregate.better(table, metric) * values[name].mean())
    best, *others = order
    told = f"{best}: {values[best].mean():.3g} {table.unit}"
    near = [name for name in others if _may_be_as_good(table, values, best, name, amount)]
    one_seed = min(map(len, values.values())) < 2
    return told + f"; may be as good: {', '.join(near)}" * bool(near) + "; one seed, which decides nothing" * one_seed


def _may_be_as_good(table: Table, values: dict[str, pd.Series], best: str, name: str, amount: float) -> bool:
    """Whether the interval of the ratio of two rows' errors reaches 1; not so where they share fewer than two seeds."""
    low_name, high_name = (best, name) if aggregate.better(table) > 0 else (name, best)
    asked = Inequality(low_name, high_name, amount, amount, table.metrics[0])
    errors = {table.metrics[0]: {(row, amount): series for row, series in values.items()}}
    _, low, _ = effects.interval(effects.by_seed(asked, errors, in_points=False).to_numpy(), 0.95)
    return bool(np.isfinite(low)) and low <= 0


def costs(parts: Sequence[Part]) -> markup.Html:
    """What training a run of each row took, in seconds; one of a discovery serves all numbers of labels."""
    names = list(dict.fromkeys(row.name for table, _ in parts for row in table.rows))
    lines = [{"method": name} | {table.title: _seconds(runs, name) for table, runs in parts} for name in names]
    return markup.to_html(pd.DataFrame(lines))


def _seconds(runs: pd.DataFrame, name: str) -> str:
    done = runs[(runs.row == name) & (runs.status == "done")].drop_duplicates("key") if len(runs) else runs
    return f"{done.seconds.mean():.0f}" if len(done) else NONE
