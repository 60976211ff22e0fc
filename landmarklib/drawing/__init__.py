"""How stand-ins are drawn and written: random numbers, turns, thick lines, a bar of progress. numpy only.

`raster` and `paint` have the brushes, `heads` the model of a head, `publish` the files of publishers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from landmarklib.core.types import Annotations

FEW = 500  # pictures, which are drawn too fast for a bar
_bar: ContextVar[tqdm | None] = ContextVar("bar", default=None)


@contextmanager
def progress(title: str, total: int) -> Iterator[tqdm]:
    """Within it, a bar counts the pictures that are drawn."""
    with tqdm(desc=title, total=total, unit="picture", disable=total < FEW) as bar:
        before = _bar.set(bar)
        try:
            yield bar
        finally:
            _bar.reset(before)


def expect(total: int) -> None:
    """Tell the bar how many pictures there will be, where it is not one per image."""
    if (bar := _bar.get()) is not None:
        bar.total = total


def tick() -> None:
    """Tell the bar that one more picture is drawn."""
    if (bar := _bar.get()) is not None:
        bar.update()


def generator(seed: int, *what: int) -> np.random.Generator:
    """The numbers of one thing: of image i, or of person p (told apart by a first number of their own)."""
    return np.random.default_rng([seed, *what])


def turn(axis: int, degrees: float) -> Float[np.ndarray, "3 3"]:
    """A rotation about an axis. x points to the right, y down, z towards the viewer.

    axis: 0 for x, from y to z; 1 for y, from z to x; 2 for z, from x to y.
    """
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def collect(
    kind: str,
    n: int,
    first: int,
    given: Mapping[str, object],
    known: Sequence[str],
    one: Callable[[int, dict], tuple[np.ndarray, np.ndarray, np.ndarray, dict]],
) -> Annotations:
    """n pictures of a kind.

    one: number of the image, what is given of it -> image, points, visible, attributes.
    """
    if unknown := sorted(given.keys() - set(known)):
        raise TypeError(f"{kind}: unknown attribute {unknown[0]}; known: {', '.join(known)}")
    drawn = []
    for j in range(n):
        drawn.append(one(first + j, {name: values[j] for name, values in given.items()}))
        tick()
    images, points, visible, attributes = zip(*drawn, strict=True)
    return Annotations(
        np.stack(images),
        np.stack(points),
        np.stack(visible),
        tuple(f"{kind}-{first + j:06d}" for j in range(n)),
        {name: np.array([row[name] for row in attributes]) for name in attributes[0]},
    )


def behind(
    joints: Float[np.ndarray, "K 3"], ends: Int[np.ndarray, "S 2"], radius: Float[np.ndarray, " S"]
) -> Bool[np.ndarray, " K"]:
    """Joints that a thick line between two of them hides; not the line's own ends.

    The third coordinate grows towards the viewer.
    """
    a, b = joints[ends[:, 0]], joints[ends[:, 1]]
    along = (b - a)[:, :2]
    t = ((joints[:, None, :2] - a[:, :2]) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = a + np.clip(t, 0, 1)[..., None] * (b - a)
    apart = np.linalg.norm(nearest[..., :2] - joints[:, None, :2], axis=-1)
    before = nearest[..., 2] > joints[:, None, 2] + 0.7 * radius
    own = (np.arange(len(joints))[:, None, None] == ends).any(-1)
    return ((apart < 0.9 * radius) & before & ~own).any(1)
