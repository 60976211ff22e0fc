"""Why runs cannot test an inequality: a class head that has learnt nothing, a sign that hangs on how maps are read.

Takes a `Table` and its runs as `record.frame` has them. No torch.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from landmarklib import datasets, methods
from landmarklib.core import amounts
from landmarklib.core.types import whole
from landmarklib.report import effects
from landmarklib.report.effects import Errors
from landmarklib.report.markup import label
from landmarklib.tables import Inequality, Row, Table


def why(table: Table, c: Inequality, errors: Errors, any_run: bool) -> str:
    """In words, why these runs do not test the inequality; "" where they do. any_run: whether the table has some."""
    if not any_run:
        return ""
    return _no_value(table, c, errors) or _blind_head(table, c, errors) or _turning_sign(c, errors)


def _no_value(table: Table, c: Inequality, errors: Errors) -> str:
    """Whether a side lacks a number that no run would give it: of a published line, or of other test images."""
    lines = {reference.name for reference in table.references}
    if c.lower in lines:
        return f"{c.lower} is published, and nothing here runs it"
    for name, fraction, metric in ((c.lower, c.fraction, c.metrics[0]), (c.higher, c.against, c.metrics[1])):
        if (name, fraction) in errors.get(metric, {}):
            continue
        if name in lines:
            return f"the published number of {name} compares only with runs on the paper's images in full"
        if any((name, fraction) in of for of in errors.values()):
            return f"no test image here has the {label(metric).rpartition(' [')[0]}"
    return ""


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
    if _constant(accuracies):
        return f"{accuracies.mean():.0f}% (every seed always predicts one class)"
    low = accuracies[accuracies < 1.5 * chance]
    some = f" with {len(low)} of {len(accuracies)} seeds" if len(low) < len(accuracies) else ""
    return f"{low.mean():.0f}%{some}" if len(low) else ""


def _constant(accuracies: pd.Series) -> bool:
    """Whether three seeds or more are all right in as many images, and not nearly in all: one class for every image."""
    return bool(len(accuracies) >= 3 and accuracies.nunique() == 1 and accuracies.max() < 99)


def _blind_head(table: Table, c: Inequality, errors: Errors) -> str:
    """Whether a row of the inequality is to show what a class is worth, and its mean accuracy is near chance."""
    for name, fraction, metric in ((c.lower, c.fraction, c.metrics[0]), (c.higher, c.against, c.metrics[1])):
        row = next((row for row in table.rows if row.name == name), None)
        if row is None or not _uses_classes(row):
            continue
        heads = class_metrics(table, row)
        heads = {metric: heads[metric]} if metric in heads else heads
        found = {m: errors.get(m, {}).get((name, fraction)) for m in heads}
        known = {m: a for m, a in found.items() if a is not None and len(a)}
        if known and all(a.mean() < 150 / heads[m] or _constant(a) for m, a in known.items()):
            m, a = next(iter(known.items()))
            return (
                f"the class head of {name} with {amounts.labelled(fraction, table.counts)} is right in {a.mean():.0f}%"
                f"{' with every seed' * _constant(a)}, by chance in {100 / heads[m]:.0f}%"
            )
    return ""


def _uses_classes(row: Row) -> bool:
    return any(part.weights.get("classes") for part in (row, *row.stages))


def _turning_sign(c: Inequality, errors: Errors) -> str:
    """Whether the effect is one of how the maps of `higher` are read.

    It is if the effect is off zero as they are read, by the other reading not surely on the same side, and surely
    another one.
    """
    if not c.other_reading:
        return ""
    as_is, other = (
        effects.by_seed(one, errors, in_points=False) for one in (c, replace(c, higher_metric=c.other_reading))
    )
    sides = [_side(sample) for sample in (as_is, other, (as_is - other).dropna())]
    if not sides[0] or sides[0] == sides[1] or not sides[2]:
        return ""
    shown = (f"{effects.reduction(sample.mean()):+.0f}%" for sample in (as_is, other))
    return "the effect hangs on how the maps of {} are read: {} as it is, {} by its {}".format(
        c.higher, *shown, label(c.other_reading)
    )


def _side(sample: pd.Series) -> int:
    """On which side of 0 the interval of the mean lies: -1, 1, or 0 for neither."""
    _, low, high = effects.interval(sample.to_numpy())
    return int(low > 0) - int(high < 0)
