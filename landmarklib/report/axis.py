"""Several methods by the number of labelled images, on several data sets: curves, what to use, its cost. No torch."""

from __future__ import annotations

from collections.abc import Sequence

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
        metric = table.metrics[0]
        frame = aggregate.cells(table, runs, metric)
        frame = frame[frame.n_seeds > 0]
        last = max((table.n_train(budget) for budget in frame.budget.unique()), default=1)
        frame["place"] = frame.fraction.replace({table.everything: float(last)})
        for i, (name, part) in enumerate(frame.groupby("method", sort=False)):
            colour, marker = styles[name]
            line, beside = part.sort_values("place"), 1.02 ** (i - len(table.rows) / 2)  # else spreads hide each other
            spread = line.sd.fillna(0) if line.sd.notna().any() else None
            axis.errorbar(line.place * beside, line["mean"], spread, color=colour, marker=marker, ms=4, lw=1.2)
        scale = "log" if aggregate.better(table) > 0 else "linear"
        axis.set(xscale="log", yscale=scale, title=table.title, ylabel=markup.label(metric))
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

    A row may be as good unless the interval of the ratio of its errors to those of the best one, over the seeds that
    both have, says otherwise. Of one seed nothing is said but that.
    """
    metric = table.metrics[0]
    of_cell = runs[runs.fraction == amount]
    done = of_cell[of_cell.status == "done"]
    if metric not in done or not done[metric].notna().any():
        return NONE
    done = done[done[metric].notna()]
    values = {name: group.set_index("seed")[metric] for name, group in done.groupby("row", sort=False)}
    best, *others = sorted(values, key=lambda name: aggregate.better(table, metric) * values[name].mean())
    told = f"{best}: {values[best].mean():.3g} {table.unit}"
    failed = list(dict.fromkeys(of_cell.row[of_cell.status == "failed"]))
    lost = f"; failed runs: {', '.join(failed)}" * bool(failed)
    if len(values[best]) < 2:
        return f"{told}; one seed, which decides nothing{lost}"
    near = [name for name in others if not _is_worse(table, values, best, name, amount)]
    return told + f"; may be as good: {', '.join(near)}" * bool(near) + lost


def _is_worse(table: Table, values: dict[str, pd.Series], best: str, name: str, amount: float) -> bool:
    """Whether the interval of the ratio of a row's errors to the best one's lies above 1; not so without two seeds."""
    lower, higher = (best, name) if aggregate.better(table) > 0 else (name, best)
    asked = Inequality(lower, higher, amount, amount, table.metrics[0])
    errors = {table.metrics[0]: {(row, amount): series for row, series in values.items()}}
    _, low, _ = effects.interval(effects.by_seed(asked, errors, in_points=False).to_numpy())
    return low > 0


def costs(parts: Sequence[Part]) -> markup.Html:
    """What training a run of each row took, in seconds; one of a discovery serves all numbers of labels."""
    names = list(dict.fromkeys(row.name for table, _ in parts for row in table.rows))
    lines = [{"method": name} | {table.title: _seconds(runs, name) for table, runs in parts} for name in names]
    return markup.to_html(pd.DataFrame(lines))


def _seconds(runs: pd.DataFrame, name: str) -> str:
    done = runs[(runs.row == name) & (runs.status == "done")].drop_duplicates("key") if len(runs) else runs
    return f"{done.seconds.mean():.0f}" if len(done) else NONE
