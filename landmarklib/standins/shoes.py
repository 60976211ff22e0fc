"""Shoes from the side on white: a sole, a heel, and an upper between eight points; four categories.

Lengths are in shoes: x runs from the toe to the heel, y up from the ground.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator
from landmarklib.drawing.paint import Canvas, Colour, smooth

LANDMARKS = (
    *("toe tip", "ball on the ground", "heel front on the ground", "heel back on the ground"),
    *("counter", "collar back", "collar front", "vamp"),
)
SKELETON = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 0))
CATEGORIES = ("boots", "sandals", "shoes", "slippers")
# Least and most of what differs: heel, collar above the heel's seat behind and in front, its width.
LIMITS = (
    ((0.03, 0.32), (0.42, 1.2), (0.40, 1.2), (0.30, 0.42)),
    ((0.02, 0.34), (0.14, 0.30), (0.16, 0.34), (0.24, 0.34)),
    ((0.02, 0.30), (0.18, 0.30), (0.20, 0.36), (0.30, 0.52)),
    ((0.01, 0.06), (0.02, 0.10), (0.18, 0.28), (0.46, 0.60)),
)
BALL, SEAT = 0.29, 0.72  # where the foot's bed begins to rise, and where it is level again
IMAGE = 0  # what the numbers are drawn for
KNOWN = ("category",)
Place = Callable[[object], np.ndarray]  # of the model to pixels


class Shoe(NamedTuple):
    """A shoe's outline.

    sole: thickness.
    spring: of the toe above the ground.
    toe: height of its box.
    breast: x of the heel's front.
    points: the landmarks.
    """

    category: int
    heel: float
    sole: float
    spring: float
    toe: float
    breast: float
    points: Float[np.ndarray, "8 2"]

    def bed(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """The edge between sole and upper."""
        rise = np.clip((x - BALL) / (SEAT - BALL), 0, 1)
        bent = np.clip(1 - x / BALL, 0, 1)
        return np.stack([x, self.sole + self.heel * rise**2 * (3 - 2 * rise) + self.spring * bent**2], 1)


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n shoes, their toes on the left.

    given: category (place in CATEGORIES).
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        category = int(rng.integers(len(CATEGORIES)))
        category = int(of.get("category", category))
        shoe = shape(rng, category)
        image, points = _painted(rng, shoe, size)
        return image, points, np.ones(len(LANDMARKS), bool), {"category": category}

    return collect("shoe", n, first, given, KNOWN, one)


def shape(rng: np.random.Generator, category: int) -> Shoe:
    """A shoe of that category."""
    heel, back, front, opening = (low + (high - low) * rng.uniform() for low, high in LIMITS[category])
    if rng.uniform() < 0.4:
        heel *= 0.3
    if category == CATEGORIES.index("boots"):
        front = back + rng.uniform(-0.05, 0.08)
    sole, spring, toe = rng.uniform(0.03, 0.09), rng.uniform(0.0, 0.05), rng.uniform(0.09, 0.19)
    end = 0.99 - rng.uniform(0.0, 0.3) * heel
    breast = end - rng.uniform(0.05, 0.28) if heel > 0.12 else end - rng.uniform(0.2, 0.3)
    seat = sole + heel
    collar = np.array([[rng.uniform(0.93, 0.99), seat + back], [0.0, seat + front]])
    collar[1, 0] = collar[0, 0] - opening
    vamp = np.array([collar[1, 0] - rng.uniform(0.1, 0.22), sole + toe + 0.45 * heel + rng.uniform(0.03, 0.1)])
    low = [[0.0, sole + spring + 0.35 * toe], [BALL, 0.0], [breast, 0.0], [end, 0.0], [1.0, seat + 0.1]]
    low[4][1] = min(low[4][1], collar[0, 1] - 0.01)
    return Shoe(category, heel, sole, spring, toe, breast, np.concatenate([low, collar, vamp[None]]))


def _upper(shoe: Shoe) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "m 2"], Float[np.ndarray, "k 2"]]:
    """Three curves: behind, over the foot, and the sole's edge.

    The first goes from the seat to the collar, the second from the collar to the toe, the third from the toe to the
    seat.
    """
    tip, _, _, _, counter, back, front, vamp = shoe.points
    behind = smooth(np.stack([[0.985, shoe.sole + shoe.heel], counter, back]), closed=False)
    box = np.array([0.1, shoe.bed(np.array([0.1]))[0, 1] + shoe.toe])
    over = [front, 0.5 * (vamp + box) + [0, 0.01], box, tip, shoe.bed(np.array([0.01]))[0]]
    middle = [0.55 * front + 0.45 * vamp + [0.02, -0.02] if front[1] - vamp[1] > 0.2 else 0.5 * (front + vamp)]
    above = smooth(np.stack([over[0], *middle, vamp, *over[1:]]), closed=False)
    return behind, above, shoe.bed(np.linspace(0.01, 0.985, 14))


def _painted(rng: np.random.Generator, shoe: Shoe, size: int) -> tuple[np.ndarray, Float[np.ndarray, "8 2"]]:
    """The picture and its points, in pixels: a little turned, seen from a little before or behind."""
    squeeze, angle = rng.uniform(0.86, 1.0), np.radians(rng.uniform(-5, 5))
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]]) @ np.diag([squeeze, -1.0])
    box = np.concatenate([shoe.points, shoe.bed(np.linspace(0, 1, 9)), shoe.points[:4] * [1, 0]]) @ turn.T
    low, high = box.min(0), box.max(0)
    unit = rng.uniform(0.62, 0.86) / (high - low).max() * size
    room = np.maximum(0.94 * size - unit * (high - low), 0) / 2
    middle = size / 2 + np.clip(rng.uniform(-0.1, 0.1, 2) * size, -room, room)
    shift = middle - unit * (low + high) / 2 - 0.5

    def place(points: object) -> np.ndarray:
        return np.asarray(points) @ turn.T * unit + shift

    canvas = Canvas(np.full((size, size, 3), int(rng.integers(246, 256)), np.uint8))
    canvas.oval(place([[0.52, -0.005]])[0], (0.5 * squeeze * unit, 0.03 * unit), np.full(3, 222.0), angle)
    colour = np.clip(rng.uniform(20, 215) + rng.normal(0, 32, 3), 8, 235)
    dark = rng.uniform(10, 120) + rng.normal(0, 10, 3) if rng.uniform() < 0.7 else np.array([236.0, 234, 228])
    curves = tuple(place(curve) for curve in _upper(shoe))
    if shoe.category == CATEGORIES.index("sandals"):
        _straps(canvas, shoe, place, curves[1], unit, colour)
    else:
        _body(canvas, rng, shoe, place, curves, unit, colour)
    _sole(canvas, shoe, place, unit, dark, colour)
    light = rng.uniform(-0.08, 0.08, 2)
    return canvas.pixels(rng, (light[0], light[1]), rng.uniform(1, 4)), place(shoe.points)


def _sole(canvas: Canvas, shoe: Shoe, place: Place, unit: float, dark: Colour, colour: Colour) -> None:
    """Sole and heel. Under a high heel the sole is thin and leaves the ground behind the ball."""
    breast, end = shoe.points[2:4]
    x = np.linspace(0.0, 0.985, 14)
    edge = shoe.bed(x)
    under = edge - [0, 0.8 * shoe.sole]
    under[x < BALL + 0.06, 1] = edge[x < BALL + 0.06, 1] - shoe.sole
    if shoe.heel < 0.06:
        under[(x > BALL) & (x < breast[0]), 1] = 0.012
        under[x >= breast[0], 1] = 0.0
    if shoe.heel >= 0.06:
        top = shoe.bed(np.array([min(breast[0] - 0.25 * shoe.heel, 0.78), 0.985])) - [0, 0.5 * shoe.sole]
    else:
        top = shoe.bed(np.array([breast[0], 0.985]))
    heel = np.stack([breast, end, top[1], top[0]])
    canvas.polygon(place(heel), 0.75 * np.asarray(dark))
    canvas.polygon(place(np.concatenate([edge, under[::-1]])), dark)
    canvas.stroke(place(edge), 0.012 * unit, 0.5 * np.asarray(colour))


def _body(
    canvas: Canvas,
    rng: np.random.Generator,
    shoe: Shoe,
    place: Place,
    curves: tuple[np.ndarray, ...],
    unit: float,
    colour: Colour,
) -> None:
    """A closed upper with its opening, seams, and laces, a stripe or a furry edge."""
    behind, above, edge = curves
    back, front = place(shoe.points[5:7])
    canvas.polygon(np.concatenate([behind, above, edge]), colour)
    rim = smooth(
        np.stack([back, 0.5 * (back + front) + [0, 0.05 * unit], front, 0.5 * (back + front) - [0, 0.02 * unit]])
    )
    canvas.polygon(rim, 0.4 * colour)
    line, thin = 0.72 * colour, 0.012 * unit
    seam = place(
        [
            [0.24, shoe.bed(np.array([0.24]))[0, 1]],
            [0.27, shoe.sole + 0.7 * shoe.toe],
            [0.22, shoe.sole + shoe.toe + 0.02],
        ]
    )
    canvas.stroke(seam, thin, line, curved=True)
    quarter = place([[0.8, shoe.bed(np.array([0.8]))[0, 1]], [0.78, shoe.sole + shoe.heel + 0.1]])
    canvas.stroke(np.stack([*quarter, 0.8 * back + 0.2 * front]), thin, line, curved=True)
    canvas.stroke(np.concatenate([behind, above]), thin, 0.6 * colour)
    shine = 0.88 * above[len(above) // 2 :] + 0.12 * edge.mean(0)
    canvas.stroke(shine, 0.02 * unit, np.minimum(1.15 * colour + 14, 255))
    if shoe.category == CATEGORIES.index("slippers"):
        fur = np.minimum(1.2 * colour + 40, 250)
        for share in np.linspace(0, 1, 9):
            canvas.oval((1 - share) * back + share * front, (0.035 * unit, 0.035 * unit), fur)
    elif rng.uniform() < 0.6:
        lace = np.full(3, 240.0) if colour.mean() < 128 else np.full(3, 40.0)
        for start in above[2:13:3]:  # from the collar to the vamp
            canvas.stroke(np.stack([start, start + 0.05 * unit]), 0.018 * unit, lace)
    if shoe.category == CATEGORIES.index("shoes") and rng.uniform() < 0.4:
        ends = place([[0.52, shoe.bed(np.array([0.52]))[0, 1] + 0.02], [0.62, shoe.sole + shoe.heel + 0.12]])
        canvas.stroke(np.stack([*ends, 0.6 * back + 0.4 * ends[1]]), 0.03 * unit, 255 - colour, curved=True)


def _straps(
    canvas: Canvas, shoe: Shoe, place: Place, above: Float[np.ndarray, "m 2"], unit: float, colour: Colour
) -> None:
    """A sandal's: over the toes, over the instep, around the heel and the ankle."""
    back, front, vamp = place(shoe.points[5:])
    counter = place(shoe.points[4:5])[0]
    seat, width = place(shoe.bed(np.array([0.96])))[0], 0.055 * unit
    for foot, top in (((0.16, 0.34), above[-13] + 0.04 * unit), ((0.46, 0.6), vamp)):
        low = place(shoe.bed(np.array(foot)))
        half = 0.3 * (low[1] - low[0])
        canvas.polygon(np.stack([*low, top + half, top - half]), colour)
    canvas.stroke(np.stack([seat, counter, back]), width, 0.85 * colour, curved=True)
    canvas.stroke(np.stack([back, 0.5 * (back + front) + [0, 0.04 * unit], front]), width, colour, curved=True)
    canvas.stroke(np.stack([vamp, front]), 0.8 * width, 0.85 * colour)
    canvas.oval(
        0.7 * back + 0.3 * front + np.array([0, 0.03 * unit]), (0.025 * unit, 0.03 * unit), np.array([214.0, 190, 90])
    )
    canvas.stroke(place([[0.0, shoe.points[0, 1]], [0.02, shoe.sole + shoe.spring]]), 0.03 * unit, colour)
