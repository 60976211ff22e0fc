"""Where a table's numbers come from, and which of its runs to beware of. Reads records only; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
import pandas as pd

from landmarklib import methods
from landmarklib.core import amounts, metrics
from landmarklib.core.types import whole
from landmarklib.records import record, staleness
from landmarklib.report import untestable
from landmarklib.report.markup import Html, render, to_html
from landmarklib.tables import Table

CHOSEN = {
    "": "chosen by timing in the run",
    "listed": "looked up by kind of processor",
    "measured": "measured once on that machine",
    "given": "given by hand",
}
FLAWS = "dead or saturated maps or collapsed landmarks"


def origin(table: Table, records: Sequence[record.Record]) -> Html:
    """Where the numbers come from: budget, data, seeds, devices, commits, dates, cost, flags, staleness."""
    if not records:
        return render("paragraph", text="No record yet.")
    lines = []
    for budget in sorted({r.experiment.budget for r in records}):
        part = [r for r in records if r.experiment.budget == budget]
        spec = table.budgets[budget]
        # A row may have its own number.
        seen = " or ".join(f"{n:,}" for n in sorted({sum(stage.images for stage in r.experiment.stages) for r in part}))
        joined = {
            name: ", ".join(sorted({str(r.provenance.get(name)) for r in part}))
            for name in ("device", "form", "commit", "date")
        }
        lines.append(
            {
                "budget": f"{budget}: {seen} images seen in steps of {spec.batch or spec.batch_unlabelled}",
                "runs": f"{len(part)}, of which {sum(r.status == 'failed' for r in part)} failed",
                "seeds": ", ".join(str(s) for s in sorted({r.experiment.seed for r in part})),
                "data": "; ".join(sorted({words for r in part for words in _data(r)})),
                "device": joined["device"],
                "form of the convolutions": joined["form"],
                "that form was": _counted(CHOSEN[r.provenance.get("form_chosen", "")] for r in part),
                "commit": joined["commit"]
                + (" (with uncommitted code)" if any(r.provenance.get("dirty") for r in part) else ""),
                "date": joined["date"],
                "training time": f"{sum(r.seconds for r in part) / 3600:.2f} h in all, {took(part)}",
                "flagged": f"{sum(bool(r.warnings) for r in part)} runs with {FLAWS}",
                "versions since then": staleness.standings(part),
            }
        )
    return to_html(pd.DataFrame(lines).set_index("budget").T.reset_index(names=""), sortable=False)


def _data(r: record.Record) -> list[str]:
    """Of each data set that a run learnt from, its tier and fingerprint, in words."""
    named = {"": r.data, **{f"{whole(name)}: ": known for name, known in r.data.get("others", {}).items()}}
    return [f"{name}{d.get('tier')} tier, fingerprint {d.get('fingerprint')}" for name, d in named.items()]


def _counted(words: Iterable[str]) -> str:
    """Each text with how often it comes, the frequent ones first."""
    return ", ".join(f"{word} ({n} run{'s' * (n > 1)})" for word, n in Counter(words).most_common())


def took(records: Sequence[record.Record]) -> str:
    """How long the runs trained: the shortest and the longest, and the median where these differ."""
    least, median, most = (_time(s) for s in np.quantile([r.seconds for r in records], (0, 0.5, 1)))
    return f"{least} a run" if least == most else f"{least} to {most} a run, the median {median}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 99.5 else f"{seconds / 60:.0f} min"


def flagged(records: Sequence[record.Record]) -> Html:
    """Runs that failed, that have FLAWS, or that are outliers of their cell, with the reason."""
    far = outliers(records)
    lines = [
        {
            "run": r.key,
            "status": r.status,
            "what": r.reason or "; ".join([*r.warnings, *filter(None, [far.get(r.key)])]),
        }
        for r in records
        if r.warnings or r.status == "failed" or r.key in far
    ]
    none = f"No run failed, none has {FLAWS}, and none is an outlier of its cell."
    return to_html(pd.DataFrame(lines)) if lines else render("paragraph", text=none)


def outliers(records: Sequence[record.Record]) -> dict[str, str]:
    """Runs whose error is more than twice the median of their cell, by key (`Record.key`), and by how much.

    A cell needs three seeds. Metrics of which more is better have no outliers.
    """
    done = [r for r in records if r.status == "done" and metrics.lower_is_better(r.experiment.evaluation.select)]
    cell = attrgetter("experiment.row", "experiment.fraction", "experiment.budget")
    found = {}
    for _, group in groupby(sorted(done, key=cell), cell):
        errors = {r.key: r.metrics[r.experiment.evaluation.select]["mean"] for r in group}
        if len(errors) >= 3:
            middle = float(np.median([*errors.values()]))
            found |= {
                key: f"its error is {error / middle:.1f} times the median of its cell's {len(errors)} seeds"
                for key, error in errors.items()
                if error > 2 * middle
            }
    return found


def warn_locked(records: Sequence[record.Record]) -> list[Html]:
    """A warning for runs that ended with dead or saturated maps: their initial weights may decide their numbers."""
    done = [r for r in records if r.status == "done"]
    n = sum(any(map(_of_maps, r.warnings)) for r in done)
    return _beware(
        n,
        f"{n} of {len(done)} runs ended with dead or saturated maps. Such a run may still be right and is in "
        "the means; “Flagged runs” below names them.",
    )


def warn_collapsed(records: Sequence[record.Record]) -> list[Html]:
    """A warning for rows whose landmarks, which nobody labelled, are none in some run: what they tell is of chance."""
    done = [r for r in records if r.status == "done"]
    collapsed = [r for r in done if not all(map(_of_maps, r.warnings))]
    counts = Counter(r.experiment.row for r in collapsed)
    recovered = sum(all(_of_maps(line) or line.startswith("by ") for line in r.warnings) for r in collapsed)
    of_row = Counter(r.experiment.row for r in done)
    rows = "; ".join(f"{row} ({n} of {of_row[row]} runs)" for row, n in counts.items())
    return _beware(
        len(counts),
        f"landmarks have collapsed in {rows}: some do not move with the image, lie on another one or on the border. "
        + f"In {recovered} of these runs that was so early, and no more at the end. " * bool(recovered)
        + "Such a run is in the means; “Flagged runs” below says which landmarks, and when.",
    )


def _of_maps(warning: str) -> bool:
    """Whether it is of a dead or saturated map; else it is of collapsed landmarks (`training.health`)."""
    return warning.startswith("map ")


def warn_outliers(records: Sequence[record.Record]) -> list[Html]:
    """A warning for outliers: a cell's mean and intervals depend on them."""
    n = len(outliers(records))
    return _beware(
        n,
        f"in {n} of {len(records)} runs the error is more than twice the median of the cell's seeds. Such a run is in "
        "the mean and widens the interval; “Flagged runs” below names them.",
    )


def warn_improving(runs: pd.DataFrame) -> list[Html]:
    """A warning for runs that had not converged: rows and fractions may differ by how far they came."""
    done = _done(runs)
    n = int(done.improving.sum()) if len(done) else 0
    return _beware(
        n,
        f"{n} of {len(done)} runs had not converged: their best validation value still improved by 2% or more over the "
        "last fifth of training, while the learning rate fell. More training would move them, and perhaps the order of "
        "rows and fractions.",
    )


def warn_timed_forms(records: Sequence[record.Record]) -> list[Html]:
    """A warning for runs whose last digits hang on how busy the machine was: the same command gives others."""
    n = sum("form_chosen" not in r.provenance for r in records)
    return _beware(
        n,
        f"in {n} of {len(records)} runs the form of the convolutions was chosen by timing. The same command may give "
        "other numbers for them; they stay until they are run again.",
    )


def _done(runs: pd.DataFrame) -> pd.DataFrame:
    """Each run once: one with several cells has a line for each."""
    done = runs[runs.status == "done"] if len(runs) else runs
    return done.drop_duplicates("key") if "key" in done else done


def _beware(n: int, text: str) -> list[Html]:
    """A warning of so many runs; none of no run."""
    return [render("beware", text=text)] if n else []


def warn_untrained_heads(table: Table, runs: pd.DataFrame, enough: float = 50.0) -> list[Html]:
    """A warning for class heads that have learnt little: their rows do not test what a class label is worth.

    Each attribute is judged by itself. On generated images, whose classes are balanced, it names methods whose mean
    accuracy is below `enough` percent. Elsewhere it names cells with a seed that is right less than one and a half
    times as often as chance, and cells of three seeds or more that all have one and the same accuracy below 100%.
    """
    if table.metrics[0] == "accuracy_percent" or not len(runs):
        return []
    done, text, row = _done(runs), [], table.rows[0]
    first = methods.attributes(methods.complete(methods.get(row.method), row.options))[:1]
    for metric, n_classes in untestable.class_metrics(table, row).items():
        if metric not in done:
            continue
        attribute = metric.partition(" of ")[2] or first[0]
        told, found = done.dropna(subset=metric), {}  # by what to say, then by row: fractions
        if attribute == "class":
            of = "Class accuracy over all fractions"
            for row, accuracy in told.groupby("row", sort=False)[metric].mean().items():
                if accuracy < enough:
                    found.setdefault(f"{accuracy:.0f}%", {})[row] = []
        else:
            of = f"{attribute.capitalize()} accuracy"
            for (row, fraction), accuracies in told.groupby(["row", "fraction"])[metric]:
                if says := untestable.blind(accuracies, 100 / n_classes):
                    found.setdefault(says, {}).setdefault(row, []).append(amounts.short(fraction, table.counts))
        low = [
            "; ".join(
                row + f" with {', '.join(at)}{' labelled' * (not table.counts)}" * bool(at) for row, at in rows.items()
            )
            + f" {says}"
            for says, rows in found.items()
        ]
        if low:
            text.append(f"{of}: {', '.join(low)}, chance {100 / n_classes:.0f}%.")
    if not text:
        return []
    what = "class heads have learnt little at this budget, so some rows hardly show what a class label is worth."
    return [render("beware", text=" ".join([what, *text]))]
