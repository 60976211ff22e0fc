"""Pictures of landmarks that nobody named: where a network's outputs lie on several images. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from landmarklib.core import metrics
from landmarklib.records import query
from landmarklib.records.record import Record
from landmarklib.report import galleries, markup, style
from landmarklib.tables import Table

SIZE = 34  # area of a mark, in points


def discovered(shown: Sequence[Record | None]):
    """The same test images for each run with all its outputs, each in a colour and a marker of its own.

    Returns a Figure. Images are whole. Without the runs, or where the images cannot be shown, it says so instead.
    """
    lines = [(r, fixed(r)) for r in shown if r is not None and fixed(r)]
    if not lines:
        return style.message("The runs of this picture are not computed yet.")
    if missing := next(filter(None, (galleries.lacking(r) for r, _ in lines)), ""):
        return style.message(missing)
    columns = max(len(entries) for _, entries in lines)
    side = (style.WIDTH - galleries.LABEL) / columns
    figure, axes = style.pyplot().subplots(
        len(lines), columns, figsize=(style.WIDTH, side * len(lines)), squeeze=False, layout="constrained"
    )
    for line, (r, entries) in zip(axes, lines, strict=True):
        images = query.test_images(r).images
        for axis in line:
            axis.set(xticks=[], yticks=[])
        for axis, g in zip(line, entries, strict=False):
            image, outputs = images[g["index"]], np.array(g["outputs"])
            axis.imshow(image[0] if len(image) == 1 else image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
            for (_, colour, marker), point in zip(style.styled([""] * len(outputs)), outputs, strict=True):
                axis.scatter(*point, color=colour, marker=marker, s=SIZE, edgecolor="white", lw=0.6)
        for axis in line[len(entries) :]:
            axis.axis("off")
        line[0].set_ylabel(r.experiment.row.replace(", ", ",\n"), fontsize=9)
    return figure


def fixed(r: Record) -> list[dict]:
    """The images that are the same for every run, where the record has the outputs on them."""
    return [g for g in r.gallery if g["kind"] == "fixed" and "outputs" in g]


def matches(table: Table, records: Sequence[Record]):
    """The accuracy curves of features, as Figures 1 and 2 of rahaman2021: a panel per row, a line per layer.

    A line is the share of pixels that are found within a distance, mean over seeds; dashed is a guess that nothing
    moves. Returns a Figure. Rows whose methods measure no features are left out.
    """
    found = pd.DataFrame(
        [
            {"row": r.experiment.row, "of": of, "distance": distance, "share": r.metrics[name]["mean"]}
            for r in records
            for name, distance, of in filter(None, map(_match, r.metrics))
        ]
    )
    if not len(found):
        return style.message("The runs of this picture are not computed yet.")
    means = found.groupby(["row", "of", "distance"]).share.mean()
    rows = [row.name for row in table.rows if row.name in set(found.row)]
    figure, axes = style.pyplot().subplots(
        len(rows), 1, figsize=(style.WIDTH, 2.8 * len(rows)), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, row in zip(axes[:, 0], rows, strict=True):
        guesses = list(dict.fromkeys(means[row].index.get_level_values("of")))
        layers = [of for of in guesses if of.startswith("layer")]
        for of, colour, marker in style.styled(layers):
            axis.plot(means[row, of], color=colour, marker=marker, ms=4, label=of)
        for of in (of for of in guesses if of not in layers):
            axis.plot(means[row, of], color="0.4", ls="--", lw=1, label=of)
        axis.set(title=row, ylabel=markup.label("feature_match_percent"), ylim=(0, 101))
        axis.legend(fontsize=8, frameon=False, loc="lower right")
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("within a distance of [px of an image of 128 x 128]")
    return figure


def _match(name: str) -> tuple[str, int, str] | None:
    """A metric of matched features, its distance and the guess that it judges; None for other metrics."""
    parts = re.fullmatch(r"at (\d+) px of (.+)", name.partition(" ")[2])
    return (name, int(parts[1]), parts[2]) if parts and metrics.base(name) == "feature_match_percent" else None
