"""Why runs cannot test an inequality: a class head that has learnt nothing, a sign that hangs on how maps are read.

Takes a `Table` and its runs as `record.frame` has them. No torch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from landmarklib import datasets, methods
from landmarklib.core.types import whole
from landmarklib.report import effects
from landmarklib.report.effects import Errors
from landmarklib.report.markup import label, percent
from landmarklib.tables import Inequality, Row, Table


def why(table: Table, c: Inequality, errors: Errors) -> str:
    """In words, why these runs do not test the inequality; "" where they do."""
    return _blind_head(table, c, errors) or _turning_sign(c, errors)


def class_metrics(table: Table, row: Row) -> dict[str, int]:
    """The accuracies of the attributes with classes that the row predicts, with the number of classes of each."""
    attributes = methods.attributes(methods.complete(methods.get(row.method), row.options))
    known = datasets.get(whole(table.dataset)).attributes  # known whether its images are here or not
    names = {
        (f"accuracy_percent of {a}" if i else "accuracy_percent"): known.get(a, 0) for i, a in enumerate(attributes)
    }
    return {metric: n for metric, n in names.items() if n}


def blind(accuracies: pd.Series, chance: float) -> str:
    """How little the seeds of a cell have learnt of a class, in words; "" where all have learnt some.

    accuracies, chance: in percent of the images.
    """
    if len(accuracies) >= 3 and accuracies.nunique() == 1 and accuracies.max() < 100:
        return f"{accuracies.mean():.0f}% with every seed, so one class whatever it sees"
    low = accuracies[accuracies < 1.5 * chance]
    some = f" with {len(low)} of {len(accuracies)} seeds" if len(low) < len(accuracies) else ""
    return f"{low.mean():.0f}%{some}" if len(low) else ""


def _blind_head(table: Table, c: Inequality, errors: Errors) -> str:
    """Whether a row of the inequality is to show what a class is worth, and its mean accuracy is near chance."""
    for name, fraction, metric in ((c.lower, c.fraction, c.metrics[0]), (c.higher, c.against, c.metrics[1])):
        row = next((row for row in table.rows if row.name == name), None)
        if row is None or not _uses_classes(row):
            continue
        heads = class_metrics(table, row)
        heads = {metric: heads[metric]} if metric in heads else heads
        found = {m: errors.get(m, {}).get((name, fraction)) for m in heads}
        means = {m: float(a.mean()) for m, a in found.items() if a is not None and len(a)}
        if means and all(mean < 150 / heads[m] for m, mean in means.items()):
            m, mean = next(iter(means.items()))
            return (
                f"the class head of {name} with {percent(fraction)} labelled is right in {mean:.0f}%, "
                f"by chance in {100 / heads[m]:.0f}%"
            )
    return ""


def _uses_classes(row: Row) -> bool:
    return any(part.weights.get("classes") for part in (row, *row.stages))


def _turning_sign(c: Inequality, errors: Errors) -> str:
    """Whether the other reading of the maps of `higher` turns the sign of the mean effect."""
    if not c.other_reading:
        return ""
    means = [
        effects.by_seed(one, errors, in_points=False).mean() for one in (c, replace(c, higher_metric=c.other_reading))
    ]
    if not np.isfinite(means).all() or means[0] * means[1] > 0:
        return ""
    as_is, other = (f"{effects.reduction(mean):+.0f}%" for mean in means)
    return (
        f"the sign turns with the reading of the maps: {as_is} for {c.higher} as it is, "
        f"{other} by its {label(c.other_reading)}"
    )
