"""Pictures of classified pixels: their classes on test images, and how soon they are right in training. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from landmarklib import loading
from landmarklib.core import amounts
from landmarklib.core.types import NO_CLASS
from landmarklib.records import query, record
from landmarklib.records.record import Record
from landmarklib.report import galleries, markup, style
from landmarklib.tables import Table

COLOURS = "tab20"  # has more than HELEN has classes


def classes(shown: Sequence[Record | None]):
    """The same test images for all runs: each image, the true classes of its pixels, and those that each run finds.

    Pixels without a class are white. Returns a Figure. Without the runs, or where the images cannot be shown, it says
    so instead.
    """
    kept = [(r, found) for r in shown if r is not None and (found := _fixed(r))]
    if not kept:
        return style.message("The runs of this picture are not computed yet.")
    (first, entries), *_ = kept
    if missing := next(filter(None, (galleries.lacking(r) for r, _ in kept)), ""):
        return style.message(missing)
    test, n = query.test_images(first), len(loading.get(first.experiment.dataset).pixel_names)
    indices = list(entries)
    lines = [
        ("image", [test.images[i] for i in indices]),
        ("true classes", [test.pixel_classes[i] for i in indices]),
        *((r.experiment.row, [found[i] for i in indices]) for r, found in kept),
    ]
    side = (style.WIDTH - galleries.LABEL) / len(indices)
    size = style.WIDTH, side * len(lines)
    figure, axes = style.pyplot().subplots(len(lines), len(indices), figsize=size, squeeze=False, layout="constrained")
    for line, (name, images) in zip(axes, lines, strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.set(xticks=[], yticks=[])
            if name == "image":
                style.show(axis, image)
            else:
                axis.imshow(np.ma.masked_equal(image, NO_CLASS), COLOURS, vmin=0, vmax=n - 1, interpolation="nearest")
        style.beside(line[0], name.replace(", ", ",\n"), side)
    return figure


def _fixed(r: Record) -> dict[int, np.ndarray]:
    """Of the images that are the same for every run, the classes that this one found, by the image's index."""
    shown = [g for g in r.gallery if g["kind"] == "fixed" and "pixel_classes" in g]
    return {g["index"]: record.unpacked(g["pixel_classes"], r.experiment.size) for g in shown}


def convergence(table: Table, records: Sequence[Record], labels: float | int | str = amounts.EVERY):
    """The metric of the checkpoints on validation images after so many epochs, a line per row, mean over seeds.

    An epoch is as many labelled images seen as there are; those of earlier stages are not counted. Returns a Figure.

    labels: of the cells that are shown.
    """
    amount = amounts.ALL if labels == amounts.EVERY else labels
    points = [
        {"row": r.experiment.row, "epoch": epoch, "value": value}
        for r in records
        if r.experiment.amount == amount
        for epoch, value in _curve(r)
    ]
    if not points:
        return style.message("The runs of this picture are not computed yet.")
    means = pd.DataFrame(points).groupby(["row", "epoch"]).value.mean()
    figure, axis = style.pyplot().subplots(figsize=(style.WIDTH, 3.0), layout="constrained")
    rows = [row.name for row in table.rows if row.name in means.index.get_level_values("row")]
    for row, colour, marker in style.styled(rows):
        axis.plot(means[row], color=colour, marker=marker, label=row)
    axis.set(xlabel="epochs of labelled images", ylabel=f"validation, {markup.label(table.select)}")
    axis.legend(fontsize=8, frameon=False)
    axis.grid(alpha=0.3)
    return figure


def _curve(r: Record) -> list[tuple[float, float]]:
    """Epochs and validation value of each evaluation of the last stage."""
    stage, e = r.experiment.stages[-1], r.experiment
    return [
        (round(point["step"] * stage.batch / r.data["n_labelled"], 2), point["validation"][e.evaluation.select])
        for point in r.curve
        if point.get("stage", stage.name) == stage.name
    ]
