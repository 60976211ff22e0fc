"""Contact sheets: images of a data set with their points, mirror pairs and skeleton. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landmarklib.core.dataset import Dataset
from landmarklib.loading import inspection
from landmarklib.report import style


def draw(dataset: Dataset, shown: Sequence[inspection.Sample], columns: int = 4, titled: bool = True):
    """Images cut to their points, with the skeleton. Returns a Figure.

    A mirror pair has one colour, round on one side and square on the other.

    shown: the images.
    columns: images side by side.
    titled: draw them larger, with their ids.
    """
    plt = style.pyplot()
    lines, width = -(-len(shown) // columns), 2 * style.WIDTH if titled else style.WIDTH
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(width, width / columns * (1.1 if titled else 1) * lines),
        squeeze=False,
        layout="constrained",
    )
    groups = _markers(dataset.mirror)
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis, sample in zip(axes.flat, shown, strict=False):
        image, points = sample.image, np.where(sample.visible[:, None], sample.points, np.nan)
        style.show(axis, image)
        for edge in dataset.skeleton:
            axis.plot(*points[list(edge)].T, color="white", lw=0.8)
        for marker, (places, colours) in groups.items():
            size = 14 if len(points) < 30 else 5
            mark = {"color": colours, "edgecolor": "black", "lw": 0.4, "s": size, "zorder": 3}
            axis.scatter(*points[places].T, marker=marker, **mark)
        if titled:
            axis.set_title(sample.id[-28:], fontsize=7)
        axis.set(xticks=[], yticks=[])
        if len(seen := points[np.isfinite(points).all(-1)]):
            (left, top), side = _window(seen, image.shape[2], image.shape[1])
            axis.set(xlim=(left, left + side), ylim=(top + side, top), facecolor="0.5")
    return figure


def _window(points: np.ndarray, width: int, height: int) -> tuple[np.ndarray, float]:
    """Left and top corner, and side, of a square around the points; it leaves the image no further than it must."""
    low, high = points.min(0), points.max(0)
    side = float(min(1.8 * (high - low).max() + 8, max(width, height)))
    room = np.maximum([width - side, height - side], 0)
    return np.clip((low + high) / 2 - side / 2, -0.5, room - 0.5), side


def _markers(mirror: Sequence[int]) -> dict[str, tuple[list[int], list[str]]]:
    """Marker -> landmarks and their colours.

    A mirror pair has a colour, and its two sides are round and square; a landmark in the middle is a diamond.
    """
    groups: dict[str, tuple[list[int], list[str]]] = {}
    for i, (a, b) in enumerate(sorted({(min(k, m), max(k, m)) for k, m in enumerate(mirror)})):
        for side, k in enumerate([a, b] if a != b else [a]):
            places, colours = groups.setdefault("D" if a == b else "os"[side], ([], []))
            places.append(k)
            colours.append(style.COLOURS[i % len(style.COLOURS)])
    return groups
