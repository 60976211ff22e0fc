"""Pictures of single runs: galleries of predictions, probability maps, and which runs to show in them. No torch.

They need the test images: drawn anew where a data set is generated, else its photos or its stand-in's pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from landmarklib import loading
from landmarklib.core import amounts, metrics
from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations
from landmarklib.loading import at_hand
from landmarklib.records import query, record
from landmarklib.records.record import Record
from landmarklib.report import style
from landmarklib.tables import Table

LABEL, TITLE, LEGEND = 0.5, 0.28, 0.4  # inches beside the images, above each line of them and below all
LIMB = 0.6  # opacity of what joins points
# Areas of a ring and of a cross and the width of lines, in points, where so many landmarks or fewer are shown: those of
# a face of 68 must not hide it.
MARKS = ((10, 30, 18, 1.5), (40, 9, 7, 1.0), (np.inf, 3, 3, 0.6))


def gallery(table: Table, shown: Sequence[Record | None], kind: str | Sequence[str] = "fixed", limbs: bool = False):
    """Test images with truth, prediction and the line between them; a line of images per run. Returns a Figure.

    Images are cut to where the points are. Points that do not count are not shown. Above an image stands its error.
    Where lines are of several label fractions, each says its own. Without the runs, or where the images cannot be shown
    at once, the picture says so instead.

    kind: `fixed` shows the same images for every run, `worst` each run's own worst ones, `best`, `median` likewise.
        Several kinds stand side by side.
    limbs: whether lines join the points of a body, by the data set's skeleton.
    """
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    chosen = [(r, _entries(r, kinds)) for r in shown if r is not None]
    lines = [(r, entries) for r, entries in chosen if entries]
    if not lines:
        return style.message("The runs of this picture are not computed yet.")
    if missing := next(filter(None, (lacking(r) for r, _ in lines)), ""):
        return style.message(missing)
    if not lines[0][1][0]["points"]:
        return style.message(
            "These images have no annotated landmarks; what a network discovers on them is shown apart."
        )
    plt = style.pyplot()
    columns = max(len(entries) for _, entries in lines)
    side = (style.WIDTH - LABEL) / columns
    size = style.WIDTH, (side + TITLE) * len(lines) + LEGEND
    figure, axes = plt.subplots(len(lines), columns, figsize=size, squeeze=False, layout="constrained")
    fractions = {r.experiment.amount for r, _ in lines}
    for line, (r, entries) in zip(axes, lines, strict=True):
        test, skeleton = query.test_images(r), loading.get(r.experiment.dataset).skeleton if limbs else ()
        for axis, g in zip(line, entries, strict=False):
            _draw(axis, test, g, skeleton)
            axis.set_title(f"{g['kind']}: " * (len(kinds) > 1) + _error(test, g), fontsize=9)
        for axis in line[len(entries) :]:
            axis.axis("off")
        style.beside(line[0], _label(r, fractions), side)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def predictions(
    table: Table,
    records: Sequence[Record],
    cells: Sequence[tuple[str, float | int | str]],
    hard: Sequence[tuple[str, float | int | str]],
    seed: int = 0,
    limbs: bool = False,
) -> list:
    """A gallery of the same test images for each of these cells; then of some, their median and worst images.

    Returns the Figures: one alone where the runs or the images are not there, which says so.

    cells: row and label fraction, in the order of the lines.
    hard: those whose median and worst images are shown.
    limbs: as for `gallery`.
    """
    shown = of_cells(records, cells, seed)
    first = gallery(table, shown, limbs=limbs)
    if not shown or any(map(lacking, shown)):
        return [first]
    return [first, gallery(table, of_cells(records, hard, seed), ("median", "worst"), limbs)]


def _entries(r: Record, kinds: Sequence[str]) -> list[dict]:
    return [g for kind in kinds for g in [g for g in r.gallery if g["kind"] == kind][:4]]


def lacking(r: Record) -> str:
    """Why the test images of a run cannot be shown now; "" where they can."""
    name = r.experiment.dataset
    if missing := at_hand.lacking(name):
        return missing
    try:
        if query.is_of(r, query.test_images(r)):
            return ""
    except UserError:  # its words name folders of this machine, which belong on no page
        pass
    return (
        f"The test images of {loading.get(name).title} that are here cannot be read, or are not those of these runs: "
        f"`landmarklib data check {name}` says more."
    )


def _label(r: Record, fractions: Collection[float]) -> str:
    """What stands beside the images of a run: its row, and its label fraction where there are several."""
    e = r.experiment
    row = e.row.replace(" (", "\n(").replace(", ", ",\n")
    return row + f"\n{amounts.labelled(e.amount, e.labels)}" * (len(fractions) > 1)


def _error(test: Annotations, g: dict) -> str:
    """The error of an image as the table has it: in percent of a length of the image, or in its pixels."""
    if test.normalizer is None:
        return f"{g['error_px']:.1f} px"
    return f"{100 * g['error_px'] / test.normalizer[g['index']]:.1f}%"


def of_cells(records: Sequence[Record], cells: Sequence[tuple[str, float | int | str]], seed: int = 0) -> list[Record]:
    """The run of each of these cells with that seed, where there is one.

    cells: row and label fraction, or number of labels; `all` is every one.
    """
    done = {(r.experiment.row, r.experiment.amount, r.experiment.seed): r for r in records if r.status == "done"}
    wanted = [(row, amounts.ALL if fraction == amounts.EVERY else fraction, seed) for row, fraction in cells]
    return [done[run] for run in wanted if run in done]


def runs_of(records: Sequence[Record], rows: Sequence[str], fraction: float | int | str, seed: int = 0) -> list[Record]:
    """The run of each of these rows at that label fraction with that seed, where there is one."""
    return of_cells(records, [(row, fraction) for row in rows], seed)


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
    side = style.WIDTH / len(entries)
    figure, axes = plt.subplots(
        len(names) + 1,
        len(entries),
        figsize=(style.WIDTH, side * (len(names) + 1)),
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
        style.beside(axis, name, side)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


def _draw(axis, test: Annotations, g: dict, skeleton: Sequence[tuple[int, int]]) -> None:
    """One image, cut to a square around truth and prediction. Limbs join points that both count."""
    seen, image = test.visible[g["index"]], test.images[g["index"]]
    found, truth = np.array(g["points"])[seen], test.points[g["index"]][seen]
    both, side = np.concatenate([truth, found]), image.shape[-1]
    low, high = both.min(0), both.max(0)
    half = max(0.17 * side, (high - low).max() / 2 + 0.09 * side)
    (x, y) = (low + high) / 2
    style.show(axis, image)
    ring, cross, width = next(marks for most, *marks in MARKS if len(truth) <= most)
    for points, colour in ((test.points[g["index"]], style.TRUTH), (np.array(g["points"]), style.FOUND)):
        for joint, other in ((a, b) for a, b in skeleton if seen[a] and seen[b]):
            axis.plot(*points[[joint, other]].T, color=colour, lw=width, alpha=LIMB, zorder=1.5)
    for a, b in zip(truth, found, strict=True):
        axis.plot(*zip(a, b, strict=True), color=style.ERROR, lw=width, zorder=2)
    edge = {"facecolor": "none", "edgecolor": style.TRUTH, "marker": "o"}
    axis.scatter(*truth.T, lw=width, s=ring, label="truth", zorder=3, **edge)
    axis.scatter(*found.T, color=style.FOUND, marker="x", lw=0.8 * width, s=cross, label="prediction", zorder=4)
    axis.plot([], [], color=style.ERROR, lw=1.5, label="error")
    axis.set(xticks=[], yticks=[], xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor="black")


def _ring(axis, point: Sequence[float], colour: str) -> None:
    """A ring that shows what is under it, with a white edge, so that it stands out on black and on white."""
    for edge, width in (("white", 3.5), (colour, 2)):
        axis.scatter(*point, facecolor="none", edgecolor=edge, lw=width, s=45)
