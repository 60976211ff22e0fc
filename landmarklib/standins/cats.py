"""Heads of cats: nine points of eyes, mouth and ears in Zhang's order, on a head that is turned in space.

Left and right are the image's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, UInt8

from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator, turn
from landmarklib.drawing.paint import Canvas, Colour, backdrop, distant, obstacle, oval

IMAGE, CAT = 0, 1  # first numbers of the generators
N_CATS = 5000
LANDMARKS = (
    *("left eye", "right eye", "mouth", "left ear outer", "left ear tip", "left ear inner"),
    *("right ear inner", "right ear tip", "right ear outer"),
)
COATS = ("black", "grey", "ginger", "white", "brown tabby", "siamese")
COLOURS = np.array([[48, 44, 46], [128, 130, 138], [212, 138, 66], [236, 230, 222], [140, 108, 78], [222, 204, 176]])
MASKS = np.array([[66, 60, 62], [168, 170, 176], [244, 216, 178], [250, 246, 242], [206, 186, 158], [96, 72, 60]])
EYES = np.array([[206.0, 176, 50], [120, 170, 70], [96, 160, 200], [196, 120, 40]])
KNOWN = ("cat", "coat")


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n cats.

    given: cat, coat (place in COATS).
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        cat = int(of.get("cat", rng.integers(N_CATS)))
        looks = generator(seed, CAT, cat)
        coat = int(of.get("coat", looks.integers(len(COATS))))
        head = Head(rng, looks, size)
        points = head.at(head.landmarks)
        image, hidden = paint(head, rng, looks, coat, size)
        return image, points, ~hidden & ((points >= -0.5) & (points <= size - 0.5)).all(-1), {"cat": cat, "coat": coat}

    return collect("cat", n, first, given, KNOWN, one)


class Head:
    """A head in units of its half width: x to the right, y down, z out of the face; and where it lies in the image."""

    def __init__(self, rng: np.random.Generator, looks: np.random.Generator, size: int):
        wide, low, tall, apart = looks.uniform([0.34, 0.46, 1.15, 0.26], [0.42, 0.6, 1.5, 0.38])
        eye, self.mouth = [wide, -0.08, 0.82], [0.0, low, 0.86]
        outer, tip, inner = [0.93, -0.42, -0.05], [0.8, -tall, -0.12], [apart, -0.86, 0.12]
        right, left = np.array([eye, outer, tip, inner]), np.array([eye, outer, tip, inner]) * [-1, 1, 1]
        self.landmarks = np.array([left[0], right[0], self.mouth, *left[1:], *right[:0:-1]])
        self.turned = turn(2, rng.normal(0, 14)) @ turn(0, rng.uniform(-18, 22)) @ turn(1, rng.uniform(-38, 38))
        self.unit = rng.uniform(0.15, 0.27) * size
        flat = np.concatenate([self.landmarks, [[-1, 0, 0], [1, 0, 0], [0, 0.9, 0]]]) @ self.turned.T * self.unit
        room = np.maximum(0.94 * size - np.ptp(flat[:, :2], axis=0), 0)
        self.middle = 0.03 * size + rng.random(2) * room - flat[:, :2].min(0)

    def at(self, points: object) -> Float[np.ndarray, "N 2"]:
        """Points of the head in pixels."""
        return self.middle - 0.5 + self.unit * (np.asarray(points, float) @ self.turned.T)[:, :2]

    def disc(self, centre: tuple[float, float, float], radii: tuple[float, float]) -> Float[np.ndarray, "n 2"]:
        """An ellipse on the head that looks ahead."""
        flat = oval(np.array(centre[:2]), radii, n=14)
        return self.at(np.concatenate([flat, np.full((len(flat), 1), centre[2])], 1))


def paint(
    head: Head, rng: np.random.Generator, looks: np.random.Generator, coat: int, size: int
) -> tuple[UInt8[np.ndarray, "3 S S"], Bool[np.ndarray, " 9"]]:
    """The picture, and which points something hides."""
    change = looks.uniform(0.85, 1.1)
    fur, mask = COLOURS[coat] * change, MASKS[coat] * change
    canvas, unit, roll = Canvas(distant(backdrop(rng, size, contrast=45.0), 0.6, 0.0)), head.unit, head.turned
    down = roll[:2, 1] * unit + [0, 0.6 * unit]
    body = head.at(np.array([[0.3 * rng.uniform(-1, 1), 0.9, -1.2]]))[0]
    canvas.taper(body, body + down * rng.uniform(1, 2), (1.5 * unit, 2.2 * unit), fur * 0.85)
    ears = head.at(head.landmarks)[3:]
    for outer, tip, inner in (ears[:3], ears[:2:-1]):
        base = 0.5 * (outer + inner) + 0.25 * (head.middle - tip)
        canvas.polygon(np.stack([outer, tip, inner, base]), fur * 0.8)
        canvas.polygon(0.75 * np.stack([outer, tip, inner]) + 0.25 * base, np.array([193, 144, 135]) * change)
    skull = np.array([[0.35, -0.9], [0.8, -0.62], [1, -0.1], [0.92, 0.35], [0.5, 0.78], [0, 0.88]])
    outline = np.concatenate([skull, skull[::-1] * [-1, 1]])[:-1]
    canvas.blob(_round(head, outline), fur)
    if coat in (2, 4):  # tabby
        for x in (-0.3, -0.1, 0.1, 0.3):
            canvas.stroke(head.at(np.array([[1.2 * x, -0.85, 0.35], [x, -0.42, 0.85]])), 0.08 * unit, fur * 0.55)
        for side in (-1, 1):
            canvas.stroke(head.at([[0.9 * side, 0.1, 0.35], [0.62 * side, 0.12, 0.7]]), 0.06 * unit, fur * 0.55)
    if coat == 5:
        canvas.polygon(head.disc((0.0, 0.2, 0.75), (0.5, 0.6)), mask)
    _face(canvas, head, looks, mask)
    hidden = obstacle(canvas, head.at(head.landmarks), rng, often=0.2, most=3)
    return canvas.pixels(rng, tuple(rng.uniform(-0.3, 0.3, 2))), hidden


def _round(head: Head, outline: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """The outline of the skull, which keeps its width when the head is turned away, as a ball does."""
    flat = head.at(np.concatenate([outline, np.zeros((len(outline), 1))], 1))
    upright = head.turned[:2, 1] / max(np.hypot(*head.turned[:2, 1]), 1e-6)
    across = np.array([upright[1], -upright[0]])
    ball = head.middle - 0.5 + head.unit * (outline[:, :1] * across + outline[:, 1:] * upright)
    return 0.25 * flat + 0.75 * ball


def _face(canvas: Canvas, head: Head, looks: np.random.Generator, mask: Colour) -> None:
    dark, unit, low = np.array([28, 22, 22.0]), head.unit, head.mouth[1]
    tint, slit = EYES[looks.integers(len(EYES))], looks.uniform(0.05, 0.13)
    for side in (-1, 1):
        canvas.polygon(head.disc((0.2 * side, low - 0.1, 0.85), (0.26, 0.2)), mask)
    canvas.polygon(head.disc((0.0, low + 0.1, 0.8), (0.22, 0.16)), mask * 0.96)
    for k, side in ((0, -1), (1, 1)):
        x, y, z = head.landmarks[k]
        if (head.turned @ [0.5 * side, 0, 0.85])[2] < 0:
            continue
        canvas.polygon(head.disc((x, y, z), (0.23, 0.19)), dark)
        canvas.polygon(head.disc((x, y, z), (0.19, 0.16)), tint)
        canvas.polygon(head.disc((x, y, z), (slit, 0.15)), dark)
    nose = low - 0.28
    canvas.polygon(
        head.at([[-0.13, nose, 1.02], [0.13, nose, 1.02], [0, nose + 0.14, 1.02]]), np.array([206.0, 120, 118])
    )
    lip = np.array(
        [
            [-0.24, low + 0.03, 0.84],
            [-0.1, low + 0.07, 0.88],
            [0, low, 0.88],
            [0.1, low + 0.07, 0.88],
            [0.24, low + 0.03, 0.84],
        ]
    )
    canvas.stroke(head.at(lip), 0.045 * unit, dark)
    canvas.stroke(head.at([[0, nose + 0.12, 1.0], [0, low, 0.88]]), 0.04 * unit, dark)
    for side in (-1, 1):
        for rise in (-0.12, 0.02, 0.16):
            canvas.stroke(
                head.at([[0.28 * side, low - 0.1, 0.88], [1.15 * side, low - 0.12 + rise, 0.6]]),
                0.02 * unit,
                np.full(3, 235.0),
            )
