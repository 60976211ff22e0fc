"""Birds that sit on a branch: the fifteen parts of CUB-200-2011 with their visibility, and the species.

A species has its own colours and proportions.

Left and right are the bird's. Before the view is applied x points ahead, y down and z to the bird's right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator, turn
from landmarklib.drawing.paint import Canvas, Colour, backdrop, distant, obstacle

IMAGE, SPECIES = 0, 1  # first numbers of the generators
N_SPECIES = 200
PARTS = (
    *("back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing", "nape"),
    *("right eye", "right leg", "right wing", "tail", "throat"),
)
# Where they lie: on the trunk (x ahead, y down, z right, in units of the trunk's length) or on the head (in units of
# its radius).
TRUNK = {
    "back": (-0.05, -0.25, 0.0),
    "belly": (-0.08, 0.25, 0.0),
    "breast": (0.33, 0.17, 0.0),
    "left leg": (-0.06, 0.36, -0.09),
    "left wing": (-0.05, -0.03, -0.24),
    "right leg": (-0.06, 0.36, 0.09),
    "right wing": (-0.05, -0.03, 0.24),
}
SKULL = {
    "crown": (0.05, -1.0, 0.0),
    "forehead": (0.75, -0.6, 0.0),
    "left eye": (0.42, -0.2, -0.85),
    "nape": (-0.9, 0.1, 0.0),
    "right eye": (0.42, -0.2, 0.85),
    "throat": (0.5, 0.85, 0.0),
}
# How a part looks outwards, where only one side of the bird shows it.
OUTWARDS = {
    **{part: (0, 0, -1) for part in ("left eye", "left wing")},
    **{part: (0, 0, 1) for part in ("right eye", "right wing")},
    **{part: (-1, -0.5, 0) for part in ("back", "nape")},
    **{part: (1, 0.5, 0) for part in ("breast", "throat", "forehead")},
    "belly": (0.5, 1, 0),
}
KNOWN = ("species",)


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n birds.

    given: species (0 to 199).
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        species = int(of.get("species", rng.integers(N_SPECIES)))
        bird = Bird(rng, generator(seed, SPECIES, species), size)
        image, covered = paint(bird, rng, size)
        points = bird.points()
        inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
        return image, points, inside & ~covered & bird.shown(), {"species": species}

    return collect("bird", n, first, given, KNOWN, one)


class Bird:
    """A bird's trunk and head, how they are turned, and where they lie in the image. looks: the species' numbers."""

    def __init__(self, rng: np.random.Generator, looks: np.random.Generator, size: int):
        self.skull, self.beak, self.tail, self.plump = looks.uniform([0.17, 0.9, 0.35, 0.85], [0.22, 2.6, 0.85, 1.15])
        self.colours = looks.uniform(15, 235, (6, 3)) * looks.uniform(
            0.5, 1, (6, 1)
        )  # back, head, wing, breast, beak, tail
        self.cap, self.bars = looks.random() < 0.5, looks.random() < 0.6
        yaw = rng.uniform(-60, 60) + (0 if rng.random() < 0.5 else 180)
        body = turn(2, rng.normal(0, 5)) @ turn(0, rng.uniform(-8, 12)) @ turn(1, yaw)
        self.trunk = body @ turn(2, -rng.uniform(5, 55))
        self.head = body @ turn(1, rng.uniform(-60, 60)) @ turn(2, rng.uniform(-15, 20))
        self.neck = self.trunk @ [0.48, -0.12, 0] + [0, -0.15, 0]
        self.unit, self.start = 1.0, np.zeros(2)
        far = np.concatenate([self.points(), self.on_trunk([(-0.4, 0.55, 0), (0.4, -0.3, 0)])])
        low, high = far.min(0) - 0.06, far.max(0) + 0.06
        self.unit = rng.uniform(0.5, 0.88) * size / (high - low).max()
        self.start = 0.03 * size + rng.random(2) * (0.94 * size - (high - low) * self.unit) - low * self.unit - 0.5

    def _flat(self, solid: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
        return self.start + self.unit * solid[:, :2]

    def on_trunk(self, places: object) -> Float[np.ndarray, "N 2"]:
        """Places of the trunk in pixels."""
        return self._flat(np.array(places) * [1, self.plump, self.plump] @ self.trunk.T)

    def on_head(self, places: object) -> Float[np.ndarray, "N 2"]:
        """Places of the head in pixels."""
        return self._flat(self.neck + self.skull * np.array(places, float) @ self.head.T)

    def points(self) -> Float[np.ndarray, "15 2"]:
        """The parts in pixels."""
        head = {**SKULL, "beak": (0.85 + 0.6 * self.beak, 0.08, 0)}
        trunk = {**TRUNK, "tail": (-0.45 - 0.7 * self.tail, 0.05, 0)}
        found = dict(zip(head, self.on_head(list(head.values())), strict=True))
        found |= zip(trunk, self.on_trunk(list(trunk.values())), strict=True)
        return np.array([found[part] for part in PARTS])

    def shown(self) -> Bool[np.ndarray, " 15"]:
        """Parts on the side that is turned to the viewer."""
        of_head = {part: part in SKULL for part in PARTS}
        depth = [((self.head if of_head[p] else self.trunk) @ OUTWARDS.get(p, (0, 0, 0)))[2] for p in PARTS]
        sided = np.array([OUTWARDS.get(p, (0, 0, 0))[2] != 0 for p in PARTS])
        return np.array(depth) > np.where(sided, -0.1, -0.75)


def paint(
    bird: Bird, rng: np.random.Generator, size: int
) -> tuple[UInt8[np.ndarray, "3 S S"], Bool[np.ndarray, " 15"]]:
    """The picture, and which parts something hides."""
    unit, (back, head, wing, breast, beak, tail) = bird.unit, bird.colours
    canvas = Canvas(distant(backdrop(rng, size, contrast=40.0), 0.7, 60.0))
    wood = np.array([110, 84, 60]) * rng.uniform(0.6, 1.2)
    feet = bird.on_trunk([(-0.06, 0.36, -0.09), (-0.06, 0.36, 0.09)]) + np.array([0, 0.13 * unit])
    slope = np.array([1, rng.uniform(-0.5, 0.5)]) * size
    near = 1 if bird.trunk[2, 2] > 0 else -1
    parts: list[Callable[[], None]] = [
        lambda: canvas.stroke(np.stack([feet.mean(0) - slope, feet.mean(0) + slope]), 0.1 * unit, wood),
        lambda: _wing(canvas, bird, -near, wing * 0.7),
        lambda: _tail(canvas, bird, tail),
        lambda: _legs(canvas, bird, feet, beak * 0.8),
        lambda: _trunk(canvas, bird, back, breast),
        lambda: _wing(canvas, bird, near, wing),
    ]
    front = bird.head[2, 0] > -0.2 or bird.trunk[2, 0] > -0.2
    parts.insert(6 if front else 4, lambda: _head(canvas, bird, back, head, breast, beak))
    for part in parts:
        part()
    covered = obstacle(canvas, bird.points(), rng, often=0.35, most=4)
    return canvas.pixels(rng, tuple(rng.uniform(-0.25, 0.25, 2))), covered


def _trunk(canvas: Canvas, bird: Bird, back: Colour, breast: Colour) -> None:
    rear, middle, front = bird.on_trunk([(-0.36, 0.02, 0), (0, 0, 0), (0.26, 0, 0)])
    wide = 0.54 * bird.plump * bird.unit
    canvas.taper(rear, middle, (0.45 * wide, wide), back)
    canvas.taper(middle, front, (wide, 0.88 * wide), back)
    low, mid, high = bird.on_trunk([(-0.25, 0.1, 0), (0.02, 0.09, 0), (0.3, 0.08, 0)])
    if (bird.trunk @ [0.3, 1, 0])[2] > -0.6:
        canvas.taper(low, mid, (0.4 * wide, 0.75 * wide), breast)
        canvas.taper(mid, high, (0.75 * wide, 0.68 * wide), breast)


def _wing(canvas: Canvas, bird: Bird, side: int, colour: Colour) -> None:
    if side * bird.trunk[2, 2] < -0.95:
        return
    z = 0.22 * side
    shape = [
        (0.28, -0.06, z),
        (0.1, -0.22, z),
        (-0.3, -0.14, z),
        (-0.68, 0.02, 0.5 * z),
        (-0.3, 0.12, z),
        (0.08, 0.14, z),
    ]
    canvas.blob(bird.on_trunk(shape), colour)
    if bird.bars:
        for x in (-0.02, -0.2):
            canvas.stroke(
                bird.on_trunk([(x + 0.05, -0.12, z), (x - 0.05, 0.09, z)]), 0.03 * bird.unit, colour * 0.3 + 160
            )


def _tail(canvas: Canvas, bird: Bird, colour: Colour) -> None:
    end = -0.45 - 0.8 * bird.tail
    shape = [(-0.3, -0.06, -0.06), (end, 0.0, -0.12), (end - 0.03, 0.05, 0), (end, 0.06, 0.12), (-0.3, 0.1, 0.06)]
    canvas.polygon(bird.on_trunk(shape), colour)
    canvas.stroke(bird.on_trunk([(-0.35, 0.02, 0), (end, 0.04, 0)]), 0.08 * bird.unit, colour)


def _legs(canvas: Canvas, bird: Bird, feet: Float[np.ndarray, "2 2"], colour: Colour) -> None:
    starts = bird.on_trunk([(-0.06, 0.2, -0.08), (-0.06, 0.2, 0.08)])
    knees = bird.on_trunk([(-0.06, 0.36, -0.09), (-0.06, 0.36, 0.09)])
    for start, knee, foot in zip(starts, knees, feet, strict=True):
        canvas.stroke(np.stack([start, knee, foot]), 0.045 * bird.unit, colour)
        toes = bird.trunk[:2, 0] * 0.1 * bird.unit
        canvas.stroke(np.stack([foot - 0.4 * toes, foot + toes]), 0.035 * bird.unit, colour)


def _head(canvas: Canvas, bird: Bird, back: Colour, head: Colour, breast: Colour, beak: Colour) -> None:
    radius = bird.skull * bird.unit
    centre, shoulder = bird.on_head([(0, 0, 0)])[0], bird.on_trunk([(0.3, -0.04, 0)])[0]
    canvas.taper(shoulder, centre, (2.1 * radius, 1.7 * radius), back)
    long = 0.85 + 0.6 * bird.beak

    def bill() -> None:
        canvas.polygon(
            bird.on_head([(0.7, -0.3, -0.2), (0.7, -0.3, 0.2), (long, 0.1, 0), (0.7, 0.35, 0.2), (0.7, 0.35, -0.2)]),
            beak,
        )

    if bird.head[2, 0] < 0:
        bill()
    canvas.oval(centre, (radius, radius), head)
    if bird.head[2, 0] > -0.5:
        canvas.oval(bird.on_head([(0.35, 0.5, 0)])[0], (0.55 * radius, 0.45 * radius), breast)
    if bird.cap:
        canvas.oval(bird.on_head([(0, -0.55, 0)])[0], (0.75 * radius, 0.45 * radius), head * 0.4)
    if bird.head[2, 0] >= 0:
        bill()
    for k in ("left eye", "right eye"):
        if (bird.head @ OUTWARDS[k])[2] > -0.1:
            eye = bird.on_head([SKULL[k]])[0]
            canvas.oval(eye, (0.27 * radius, 0.27 * radius), np.full(3, 225.0))
            canvas.oval(eye, (0.19 * radius, 0.19 * radius), np.full(3, 18.0))
