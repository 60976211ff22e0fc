"""Pictures of landmarks that nobody named: where a network's outputs lie on several images. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landmarklib.records import query
from landmarklib.records.record import Record
from landmarklib.report import galleries, style

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
