"""How stand-ins are drawn and written: random numbers, turns, thick lines, all cores, a bar of progress.

`raster` and `paint` have the brushes, `heads` the model of a head, `publish` the files of publishers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from landmarklib.core.progress import Bar, bar, say
from landmarklib.core.types import Annotations

FEW = 500  # pictures, which are drawn too fast for a bar
ALONE = 500  # pictures, which one process draws sooner than more of them would start
Drawn = TypeVar("Drawn")
IDLE = 30  # seconds until a process without work ends


class _Count:
    """What counts pictures in a process that shows no bar."""

    n = 0

    def update(self, n: int = 1) -> None:
        self.n += n


_bar: ContextVar[Bar | _Count | None] = ContextVar("bar", default=None)


@contextmanager
def progress(title: str, total: int, place: Path | None = None) -> Iterator[Bar]:
    """Within it, a bar counts the pictures that are drawn; many are told of before.

    place: the folder that they are kept in.
    """
    if place is not None and total >= FEW:
        say(f"{title}: {total:,} pictures are drawn, this once, and kept in {place}")
    with bar(desc=title, total=total, unit="picture", disable=total < FEW) as shown, _counting(shown):
        yield shown


@contextmanager
def _counting(what: Bar | _Count) -> Iterator[None]:
    before = _bar.set(what)
    try:
        yield
    finally:
        _bar.reset(before)


def expect(total: int) -> None:
    """Tell the bar how many pictures there will be, where it is not one per image."""
    if (shown := _bar.get()) is not None:
        shown.total = total


def tick(n: int = 1) -> None:
    """Tell the bar that n more pictures are drawn."""
    if (shown := _bar.get()) is not None:
        shown.update(n)


def spread(draw: Callable[..., Drawn], jobs: Sequence[tuple], total: int) -> Iterator[Drawn]:
    """What `draw` gives for the arguments of each job, in order; on all cores unless the pictures are few.

    total: how many pictures all jobs draw.
    """
    if total < ALONE:
        yield from (draw(*job) for job in jobs)
        return
    from joblib import Parallel, delayed  # its processes import no script of the user, who need not guard it

    run = Parallel(n_jobs=-1, return_as="generator", max_nbytes=None, idle_worker_timeout=IDLE)
    for drawn, n in run(delayed(_counted)(draw, job) for job in jobs):
        tick(n)
        yield drawn


def _counted(draw: Callable[..., Drawn], job: tuple) -> tuple[Drawn, int]:
    """What is drawn, and how many pictures that were."""
    count = _Count()
    with _counting(count):
        return draw(*job), count.n


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
