"""Pictures of single runs: galleries of predictions, probability maps, and which runs to show in them. No torch.

They redraw test images from the data set's generator, so they need no picture files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landmarklib import loading
from landmarklib.core import metrics
from landmarklib.records import query, record
from landmarklib.records.record import Record
from landmarklib.report import style
from landmarklib.tables import Table


def gallery(table: Table, shown: Sequence[Record | None], kind: str = "fixed"):
    """Test images with truth, prediction and the line between them; a line of images per run. Returns a Figure.

    Images are cut to where the points are.

    kind: `fixed` shows the same images for every run, `worst` each run's own worst ones, `best`, `median` likewise.
    """
    runs = [r for r in shown if r is not None and any(g["kind"] == kind for g in r.gallery)]
    if not runs:
        return style.message("The runs of this picture are not computed yet.")
    plt = style.pyplot()
    entries = [[g for g in r.gallery if g["kind"] == kind][:4] for r in runs]
    columns = max(len(e) for e in entries)
    side = style.WIDTH / columns * 1.3
    figure, axes = plt.subplots(
        len(runs), columns, figsize=(style.WIDTH, side * len(runs)), squeeze=False, layout="constrained"
    )
    for line, r, chosen in zip(axes, runs, entries, strict=True):
        test = query.test_images(r)
        for axis, g in zip(line, chosen, strict=False):
            _draw(axis, test, g)
        for axis in line[len(chosen) :]:
            axis.axis("off")
        line[0].set_ylabel(r.experiment.row.replace(" (", "\n("), fontsize=9)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def runs_of(records: Sequence[Record], rows: Sequence[str], fraction: float, seed: int = 0) -> list[Record]:
    """The run of each of these rows at that label fraction with that seed, where there is one."""
    done = {(r.experiment.row, r.experiment.fraction, r.experiment.seed): r for r in records if r.status == "done"}
    return [done[row, fraction, seed] for row in rows if (row, fraction, seed) in done]


def best(records: Sequence[Record], row: str) -> Record | None:
    """The run of that row with the best validation value: what one would keep. None if there is none."""
    return min(_of_row(records, row), key=_validation, default=None)


def worst(records: Sequence[Record], row: str) -> Record | None:
    """The run of that row with the worst validation value. None if there is none."""
    return max(_of_row(records, row), key=_validation, default=None)


def _of_row(records: Sequence[Record], row: str) -> list[Record]:
    return [r for r in records if r.experiment.row == row and r.status == "done" and r.curve]


def _validation(r: Record) -> float:
    """What the kept weights reached on validation images, as a number of which less is better."""
    sign = 1 if metrics.lower_is_better(r.experiment.evaluation.select) else -1
    return min(sign * point["validation"][r.experiment.evaluation.select] for point in r.curve)


def probability_maps(table: Table, r: Record | None, n_images: int = 4):
    """Images on top, below them the softmax of each landmark's map, bright where it is high. Returns a Figure.

    Predicted points are rings.
    """
    plt = style.pyplot()
    entries = [g for g in r.gallery if "maps" in g][:n_images] if r else []
    if not entries:
        return style.message("There is no run here that keeps its probability maps.")
    dataset = loading.get(table.dataset)
    test, size = query.test_images(r), r.experiment.size
    names = [name.split(" (")[0] for name in dataset.landmarks]
    figure, axes = plt.subplots(
        len(names) + 1,
        len(entries),
        figsize=(style.WIDTH, style.WIDTH / len(entries) * (len(names) + 1)),
        squeeze=False,
        layout="constrained",
    )
    for column, g in zip(axes.T, entries, strict=True):
        image = test.images[g["index"], 0]
        column[0].imshow(image, cmap="gray")
        for k, text in enumerate(g["maps"]):
            probability = record.unpacked(text, size)
            # Probabilities of a peaked softmax span many decades: the square root shows the tails.
            column[k + 1].imshow(np.sqrt(probability / 255), cmap="cividis", vmin=0, vmax=1)
            for axis in (column[0], column[k + 1]):
                _ring(axis, g["points"][k], style.COLOURS[k])
    for axis, name in zip(axes[:, 0], ["image", *names], strict=True):
        axis.set_ylabel(name, fontsize=9)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


def _draw(axis, test, g: dict) -> None:
    """One image, cut to a square around truth and prediction."""
    found, truth = np.array(g["points"]), test.points[g["index"]]
    both, side = np.concatenate([truth, found]), test.images.shape[-1]
    low, high = both.min(0), both.max(0)
    half = max(0.17 * side, (high - low).max() / 2 + 0.09 * side)
    (x, y) = (low + high) / 2
    axis.imshow(test.images[g["index"], 0], cmap="gray", vmin=0, vmax=255)
    for a, b in zip(truth, found, strict=True):
        axis.plot(*zip(a, b, strict=True), color=style.ERROR, lw=1.5, zorder=2)
    axis.scatter(*truth.T, facecolor="none", edgecolor=style.TRUTH, lw=1.5, marker="o", s=30, label="truth", zorder=3)
    axis.scatter(*found.T, color=style.FOUND, marker="x", lw=1.2, s=18, label="prediction", zorder=4)
    axis.plot([], [], color=style.ERROR, lw=1.5, label="error")
    axis.set_title(f"{g['error_px']:.1f} px", fontsize=9)
    axis.set(xticks=[], yticks=[], xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor="black")


def _ring(axis, point: Sequence[float], colour: str) -> None:
    """A ring that shows what is under it, with a white edge, so that it stands out on black and on white."""
    for edge, width in (("white", 3.5), (colour, 2)):
        axis.scatter(*point, facecolor="none", edgecolor=edge, lw=width, s=45)
