"""What readers see of a table: its numbers beside the paper's, and other metrics. Reads records and TOML only; no torch.

Every function takes a `Table` and the runs that `run.ensure` returned (or `record.frame`), and gives a frame or an `Html`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import datasets, metrics, record
from landmarklib.tables import Reference, Table

UNITS = {"error_px": "px", "angle_error_degrees": "degrees"}  # others are in percent
LABELS = {
    "error_px": "landmark error [px]",
    "nme_percent": "NME [%]",
    "failures_percent": f"images with an NME over {metrics.FAILURE:g}% [%]",
    "auc_percent": f"area under the distribution of the NME up to {metrics.FAILURE:g}% [%]",
    "pck_percent": "correct points [%]",
    "accuracy_percent": "class accuracy [%]",
    "own_percent": "points nearer to their own shape [%]",
    "angle_error_degrees": "error of the head's angles [degrees]",
}


def unit(metric: str) -> str:
    """The unit of a metric."""
    return UNITS.get(metrics.base(metric), "%")


def label(metric: str) -> str:
    """A metric in words, with its unit."""
    words, _, of = LABELS[metrics.base(metric)].rpartition(" [")
    return f"{words} {metric.partition(' ')[2]}".rstrip() + f" [{of}"


class Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def cells(table: Table, runs: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """One line per cell: method, fraction, n_seeds, mean, sd (over seeds), unit, paper, difference, tier, budget, failed, warned.

    Cells of the paper's table without a run are there with n_seeds 0, so that nothing is blank by accident. difference is NaN unless the
    tier is `paper` and the budget leaves images and networks as the table has them: other numbers are not comparable.
    """
    metric = metric or table.metrics[0]
    rows = table.rows_with(metric)
    wanted = {
        (r.name, f): table.paper_value(r.name, f, metric)
        for r in rows
        for f in {*r.published, *table.published(r.name, metric)}
    }
    groups = {}
    if len(runs):
        groups = {(row, f, b): g for (row, f, b), g in runs.groupby(["row", "fraction", "budget"])}
        wanted |= {(row, f): wanted.get((row, f), float("nan")) for row, f, _ in groups if (row, f) not in wanted}
    budgets = sorted({b for *_, b in groups}) or [table.default_budget]
    lines = []
    for row in rows:
        for fraction in sorted(f for name, f in wanted if name == row.name):
            for budget in budgets:
                group = groups.get((row.name, fraction, budget), pd.DataFrame({"status": []}))
                done = group[group.status == "done"]
                values = done[metric].dropna() if metric in done else pd.Series(dtype=float)
                paper = wanted[row.name, fraction]
                tier = done.tier.iloc[0] if len(done) else ""
                lines.append(
                    {"method": row.name, "fraction": fraction, "n_seeds": len(values), "mean": values.mean()}
                    | {"sd": values.std(ddof=1), "unit": unit(metric), "paper": paper}
                    | {
                        "difference": values.mean() - paper
                        if tier == "paper" and table.in_full(budget)
                        else float("nan"),
                        "tier": tier,
                        "budget": budget,
                    }
                    | {
                        "failed": int((group.status == "failed").sum()),
                        "warned": int((done.warnings > 0).sum()) if len(done) else 0,
                    }
                )
    columns = [
        "method",
        "fraction",
        "n_seeds",
        "mean",
        "sd",
        "unit",
        "paper",
        "difference",
        "tier",
        "budget",
        "failed",
        "warned",
    ]
    return pd.DataFrame(lines, columns=columns)


def better(table: Table, metric: str | None = None) -> int:
    """+1 if a smaller value is better, -1 if a larger one is."""
    return 1 if metrics.lower_is_better(metric or table.metrics[0]) else -1


def percent(fraction: float) -> str:
    """0.05 -> 5%."""
    return f"{100 * fraction:g}%"


def state(table: Table, runs: pd.DataFrame) -> tuple[int, int, int, int]:
    """How many of the paper's cells have a run, cells in all, done runs, failed runs."""
    frame = cells(table, runs)
    published = frame[frame.paper.notna()]
    done = published[published.n_seeds > 0].drop_duplicates(["method", "fraction"])
    failed = int((runs.status == "failed").sum()) if len(runs) else 0
    return len(done), len(published.drop_duplicates(["method", "fraction"])), len(runs) - failed, failed


def beside_paper(table: Table, runs: pd.DataFrame, metric: str | None = None) -> Html:
    """The table in the paper's layout: a line per method, a column per fraction; ours over the paper's value. metric: the table's first one without.

    A cell that is as good as the paper's is marked with a tick, which also says so to those who do not see colours. Of another metric than the first
    one, only the methods and fractions are shown that have a value here or in the paper.
    """
    metric = metric or table.metrics[0]
    frame, rows = cells(table, runs, metric), table.rows_with(metric)
    if metric != table.metrics[0]:
        frame = frame[frame[["paper", "mean"]].notna().any(axis=1)]
        rows = [row for row in rows if row.name in set(frame.method)]
    sign, fractions = better(table, metric), sorted(frame.fraction[frame.method.isin([r.name for r in rows])].unique())
    head = "".join(f"<th>{percent(f)}</th>" for f in fractions) if table.uses_labels else "<th>ours</th>"
    body = []
    for row in rows:
        columns = []
        for fraction in fractions:
            part = frame[(frame.method == row.name) & (frame.fraction == fraction)]
            columns.append(f"<td>{_cell(part.iloc[0], sign) if len(part) else _absent(table, row.name, fraction)}</td>")
        body.append(f"<tr><th>{html.escape(row.name)}</th>{''.join(columns)}</tr>")
    body += [_of_others(table, r, metric, fractions) for r in table.references if table.published(r.name, metric)]
    return Html(
        f'<div class="scroll"><table class="dataframe paper"><thead><tr><th>method</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _of_others(table: Table, reference: Reference, metric: str, fractions: Sequence[float]) -> str:
    """A line that nobody runs here: the paper's value alone."""
    numbers = table.published(reference.name, metric)
    shown = [
        f'<span class="paper">paper {_published(numbers[f], unit(metric))}</span>' if f in numbers else ""
        for f in fractions
    ]
    note = html.escape(reference.note or "as published")
    name = f'{html.escape(reference.name)}<span class="paper note">{note}</span>'
    return f"<tr><th>{name}</th>{''.join(f'<td>{v or chr(8211)}</td>' for v in shown)}</tr>"


def _absent(table: Table, method: str, fraction: float) -> str:
    """Why there is no number: nobody has run the cell, or there is no such cell."""
    return '<span class="missing">not run</span>' if table.row(method).has(fraction) else "not defined"


def _cell(line: pd.Series, sign: int) -> str:
    good = ' <span class="good" title="as good as the paper or better">✓</span>' if sign * line.difference <= 0 else ""
    paper = (
        f'<br><span class="paper">paper {_published(line.paper, line.unit)}</span>{good}'
        if pd.notna(line.paper)
        else ""
    )
    if line.n_seeds == 0:
        return f'<span class="missing">{"failed" if line.failed else "not run"}</span>{paper}'
    mean, spread = _mean(line, 2)
    note = f' <span class="failed">({line.failed} failed)</span>' if line.failed else ""
    return f"<b>{mean}</b>{spread}{note}{paper}"


def _mean(line: pd.Series, decimals: int) -> tuple[str, str]:
    """The mean over seeds and its spread, which one seed does not have."""
    spread = f'<span class="spread"> ± {line.sd:.{decimals}f}</span>' if line.n_seeds > 1 else ""
    return f"{line['mean']:.{decimals}f}", spread


def _published(value: float, unit: str) -> str:
    """Pixels with two decimals, as the papers print them; percent as given."""
    return f"{value:.2f}" if unit == "px" else f"{value:g}"


def long_table(table: Table, runs: pd.DataFrame) -> Html:
    """Every cell as a sortable line: ours mean ± sd over n seeds, paper, difference, same or better?"""
    frame = cells(table, runs)
    sign = better(table)
    out = pd.DataFrame({"method": frame.method})
    if table.uses_labels:
        out["labelled"] = [percent(f) for f in frame.fraction]
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
    out["failed, flagged"] = [f"{f}, {w}" for f, w in zip(frame.failed, frame.warned, strict=True)]
    return to_html(out)


def other_metrics(table: Table, runs: pd.DataFrame) -> Html:
    """Mean ± sd of the table's other metrics, one below the other: every method that has it (accuracy needs a trained class head), every fraction with a run."""
    frames = {metric: cells(table, runs, metric) for metric in table.metrics[1:] if metric in runs}
    frames = {metric: f[f.method.isin(f.method[f.n_seeds > 0])] for metric, f in frames.items()}
    fractions = sorted({fraction for f in frames.values() for fraction in f.fraction[f.n_seeds > 0]})
    if not fractions:
        return Html("<p>No run has another metric yet.</p>")
    head = "".join(f"<th>{percent(f)}</th>" for f in fractions) if table.uses_labels else "<th>ours</th>"
    parts = []
    for metric, frame in frames.items():
        lines = [
            f"<tr><th>{html.escape(method)}</th>{''.join(_value(table, part, method, f) for f in fractions)}</tr>"
            for method, part in frame.groupby("method", sort=False)
        ]
        name = f'<tr class="metric"><th colspan="{len(fractions) + 1}">{label(metric)}</th></tr>'
        parts.append(f"<tbody>{name}{''.join(lines)}</tbody>" if lines else "")
    return Html(
        f'<div class="scroll"><table class="dataframe paper"><thead><tr><th>method</th>{head}</tr></thead>'
        f"{''.join(parts)}</table></div>"
    )


def _value(table: Table, cells_of_method: pd.DataFrame, method: str, fraction: float) -> str:
    """A table cell with a mean and its spread, or why there is none."""
    found = cells_of_method[(cells_of_method.fraction == fraction) & (cells_of_method.n_seeds > 0)]
    if not len(found):
        return f"<td>{_absent(table, method, fraction)}</td>"
    return f"<td>{''.join(_mean(found.iloc[0], 1))}</td>"


def to_html(frame: pd.DataFrame, sortable: bool = True, kind: str = "", escape: bool = True) -> Html:
    """A frame as a table that scrolls in its own box and sorts at a click on a column's head. escape: of what HTML takes for its own."""
    classes = f"{'sortable' if sortable else ''} {kind}".split()
    return Html(
        f'<div class="scroll">{frame.rename_axis(columns=None).to_html(classes=classes, index=False, border=0, escape=escape)}</div>'
    )


def read(
    table: Table, budget: str | None = None, results: str | Path | None = None
) -> tuple[pd.DataFrame, list[record.Record]]:
    """The records of a table, at one budget or all, as a frame and as they are. Runs with other settings than today's are left out."""
    records = record.load_all(record.results_folder(results), table.name)
    records = [r for r in records if budget in (None, r.experiment.budget) and table.makes(r.experiment)]
    return record.frame(records), records


def recorded(table: Table, results: str | Path | None = None, budget: str | None = None) -> Table | None:
    """The table on the best kind of data that there are records of: at that budget, by default the table's own, else at any. None without a record."""
    computed = list(record.experiments(record.results_folder(results), table.name))
    at_budget = [e for e in computed if e.budget == (budget or table.default_budget)]
    for records in (at_budget, computed):
        for variant in table.variants().values():
            if any(map(variant.makes, records)):
                return variant
    return None


def recheck(table: Table, records: Sequence[record.Record], tolerance_px: float = 0.02) -> str:
    """Recompute the errors of every stored prediction with today's data set and metric; one line that says whether they agree.

    Stored points are rounded to 0.01 px. A change of a generator or of a metric shows here without training anything.
    """
    worst, number = 0.0, 0
    for r in records:
        test = datasets.split(r.experiment.dataset, "test", r.experiment.size)
        for g in r.gallery:
            i = g["index"]
            error = metrics.point_error(
                np.array([g["points"]]), test.points[i : i + 1].astype(float), test.visible[i : i + 1]
            )
            worst, number = max(worst, abs(float(error[0]) - g["error_px"])), number + 1
    return f"errors recomputed from stored predictions agree: {bool(number) and worst < tolerance_px}"
