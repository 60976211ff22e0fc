"""Pictures of landmarks that nobody named: where a network's outputs lie on several images. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from landmarklib import loading
from landmarklib.core import metrics
from landmarklib.records import query
from landmarklib.records.record import Record
from landmarklib.report import galleries, markup, style
from landmarklib.tables import Table

SIZE = 34  # area of a mark, in points
# From so many times its even share an output's contribution is shown: of ten outputs, from the 0.2 of thewlis2017.
LEAST = 2


def discovered(shown: Sequence[Record | None]):
    """The same test images for each run with all its outputs, each in a colour and a marker of its own.

    Returns a Figure. Images are whole. Without the runs, or where the images cannot be shown, it says so instead.
    """
    return _pictures([(r, fixed(r)) for r in shown if r is not None])


def turned(shown: Sequence[Record | None]):
    """One test image as it is and turned about its centre, for each run with all its outputs on it, in the same way.

    Returns a Figure, or says why there is none. Runs on images with annotated landmarks have no such outputs.
    """
    return _pictures([(r, turns(r)) for r in shown if r is not None])


def _pictures(shown: Sequence[tuple[Record, list[dict]]]):
    """A line of images for each run, which says what tells it from the others: its row, its data set, or both."""
    lines = [(r, entries) for r, entries in shown if entries]
    if not lines:
        return style.message("The runs of this picture are not computed yet.")
    if missing := next(filter(None, (galleries.lacking(r) for r, _ in lines)), ""):
        return style.message(missing)
    columns = max(len(entries) for _, entries in lines)
    rows, sets = ({getattr(r.experiment, name) for r, _ in lines} for name in ("row", "dataset"))
    side = (style.WIDTH - galleries.LABEL) / columns
    figure, axes = style.pyplot().subplots(
        len(lines), columns, figsize=(style.WIDTH, side * len(lines)), squeeze=False, layout="constrained"
    )
    for line, (r, entries) in zip(axes, lines, strict=True):
        images, dataset = query.test_images(r).images, loading.get(r.experiment.dataset)
        for axis in line:
            axis.set(xticks=[], yticks=[], facecolor="white" if dataset.recipe.white else "black")
        for axis, g in zip(line, entries, strict=False):
            _draw(axis, images[g["index"]], g)
        for axis in line[len(entries) :]:
            axis.axis("off")
        told = [dataset.title] * (len(sets) > 1) + [r.experiment.row] * (len(rows) > 1 or len(sets) == 1)
        style.beside(line[0], ", ".join(told).replace(", ", ",\n"), side)
    return figure


def _draw(axis, image: np.ndarray, g: dict) -> None:
    """An image, turned as it was when its outputs were found, and these."""
    side = image.shape[-1]
    style.show(axis, image, transform=style.turn(side, g.get("degrees", 0.0)) + axis.transData)
    axis.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
    outputs = np.array(g["outputs"])
    for (_, colour, marker), point in zip(style.styled([""] * len(outputs)), outputs, strict=True):
        axis.scatter(*point, color=colour, marker=marker, s=SIZE, edgecolor="white", lw=0.6)


def fixed(r: Record) -> list[dict]:
    """The images that are the same for every run, where the record has the outputs on them."""
    return [g for g in r.gallery if g["kind"] == "fixed" and "outputs" in g]


def graph(shown: Sequence[Record | None]):
    """Which outputs each landmark is regressed from, on the first test image: Fig. 7 of thewlis2017.

    Outputs are crosses, regressed landmarks circles; an arrow is as thick as the output's share of the landmark. Small
    shares are left out. Returns a Figure. Without runs that keep it, or without the image, it says so instead.
    """
    kept = [r for r in shown if r is not None and r.contributions and fixed(r)]
    if not kept:
        return style.message("The runs of this picture are not computed yet.")
    if missing := next(filter(None, map(galleries.lacking, kept)), ""):
        return style.message(missing)
    figure, axes = style.pyplot().subplots(
        1, len(kept), figsize=(style.WIDTH, style.WIDTH / max(len(kept), 2)), squeeze=False, layout="constrained"
    )
    for axis, r in zip(axes[0], kept, strict=True):
        entry, shares = fixed(r)[0], np.array(r.contributions)
        outputs, points = np.array(entry["outputs"]), np.array(entry["points"])
        style.show(axis, query.test_images(r).images[entry["index"]])
        for k, j in np.argwhere(shares >= LEAST / len(shares)):
            arrow = {"arrowstyle": "->", "color": style.COLOURS[0], "lw": 12 * shares[k, j], "shrinkA": 0, "shrinkB": 3}
            axis.annotate("", points[j], outputs[k], arrowprops=arrow)
        axis.scatter(*outputs.T, marker="x", color=style.COLOURS[1], s=SIZE, lw=1.5)
        axis.scatter(*points.T, marker="o", facecolor="none", edgecolor="white", s=2 * SIZE, lw=1.5)
        axis.set(xticks=[], yticks=[], title=r.experiment.row)
    return figure


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
            axis.plot(means[row, of], color=style.MUTED, ls="--", lw=1, label=of)
        axis.set(title=row, ylabel=markup.label("feature_match_percent"), ylim=(0, 101))
        axis.legend(fontsize=8, frameon=False, loc="lower right")
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("within a distance of [px of an image of 128 x 128]")
    return figure


def _match(name: str) -> tuple[str, int, str] | None:
    """A metric of matched features, its distance and the guess that it judges; None for other metrics."""
    parts = re.fullmatch(r"at (\d+) px of (.+)", name.partition(" ")[2])
    return (name, int(parts[1]), parts[2]) if parts and metrics.base(name) == "feature_match_percent" else None


def turns(r: Record) -> list[dict]:
    """The image that was turned, as it is and then by each angle, where the record has the outputs on these."""
    found = [g for g in r.gallery if g["kind"] == "turned"]
    return [g for g in fixed(r) if found and g["index"] == found[0]["index"]] + found
