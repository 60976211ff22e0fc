"""Painting: a canvas over Pillow with smooth shapes, backgrounds, light and grain.

Coordinates are pixels of the finished image, centres at integers from 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, UInt8

STEPS = 6  # straight pieces between two points of a smooth curve
Colour = Float[np.ndarray, " 3"]  # 0 to 255


def smooth(points: Float[np.ndarray, "N 2"], closed: bool = True) -> Float[np.ndarray, "M 2"]:
    """A Catmull-Rom curve through the points."""
    points = np.asarray(points, float)
    if not closed:
        points = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    weights = _weights()
    before, start, end, after = (np.roll(points, n, 0) for n in (1, 0, -1, -2))
    curve = np.einsum("sk,nkd->nsd", weights, np.stack([before, start, end, after], 1))
    return curve.reshape(-1, 2) if closed else np.concatenate([curve[1:-2].reshape(-1, 2), points[-2:-1]])


@lru_cache(maxsize=1)
def _weights() -> Float[np.ndarray, "S 4"]:
    t = np.arange(STEPS) / STEPS
    powers = np.stack([np.ones(STEPS), t, t**2, t**3], 1)
    return powers @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)


def oval(
    centre: Float[np.ndarray, " 2"], radii: tuple[float, float], angle: float = 0.0, n: int = 24
) -> Float[np.ndarray, "n 2"]:
    """Points of an ellipse; angle in radians, clockwise in the image."""
    circle = _circle(n)
    x, y = radii[0] * circle[0], radii[1] * circle[1]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1)


@lru_cache(maxsize=8)
def _circle(n: int) -> Float[np.ndarray, "2 n"]:
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)])


def backdrop(
    rng: np.random.Generator, size: int, contrast: float = 60.0, shapes: int = 4
) -> UInt8[np.ndarray, "S S 3"]:
    """A background: coloured clouds of several sizes, and a few soft-coloured polygons, as clutter."""
    from PIL import Image, ImageDraw

    base, picture = rng.uniform(30, 225, 3), np.zeros((size, size, 3), np.float32)
    for cells, share in ((3, 0.6), (7, 0.3), (17, 0.15)):
        small = rng.normal(0, contrast * share, (cells, cells, 3)).astype(np.float32)
        for c in range(3):
            picture[..., c] += np.asarray(Image.fromarray(small[..., c]).resize((size, size), Image.Resampling.BICUBIC))
    image = Image.fromarray(np.clip(base + picture, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(shapes):
        corners = rng.uniform(-0.1, 1.1, 2) * size + rng.normal(0, 0.22 * size, (rng.integers(3, 6), 2))
        draw.polygon([tuple(p) for p in corners], tuple(int(v) for v in rng.uniform(20, 235, 3)))
    return np.asarray(image)


class Canvas:
    """An image that is painted at a multiple of its size and then reduced, so that edges are smooth."""

    def __init__(self, background: UInt8[np.ndarray, "S S 3"], scale: int = 2):
        from PIL import Image, ImageDraw

        self.size, self.scale = len(background), scale
        side = self.size * scale
        self.image = Image.fromarray(background).resize((side, side), Image.Resampling.BILINEAR)
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Float[np.ndarray, "N 2"], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon(*self._fine(points, colour))

    def _fine(self, points: Float[np.ndarray, "N 2"], colour: Colour) -> tuple[list[float], tuple[int, int, int]]:
        """What Pillow draws with: x, y, x, y, ... in pixels of the large image, and red, green, blue."""
        places = ((np.asarray(points, float) + 0.5) * self.scale - 0.5).ravel().tolist()
        red, green, blue = (int(min(max(v, 0), 255)) for v in colour)
        return places, (red, green, blue)

    def blob(self, points: Float[np.ndarray, "N 2"], colour: Colour) -> None:
        """A filled smooth closed curve through the points."""
        self.polygon(smooth(points), colour)

    def oval(
        self, centre: Float[np.ndarray, " 2"], radii: tuple[float, float], colour: Colour, angle: float = 0.0
    ) -> None:
        """A filled ellipse; angle in radians."""
        self.polygon(oval(centre, radii, angle), colour)

    def stroke(self, points: Float[np.ndarray, "N 2"], width: float, colour: Colour, curved: bool = False) -> None:
        """A line of that width with round ends through the points, straight or curved."""
        fine, ink = self._fine(smooth(points, closed=False) if curved else points, colour)
        thick = max(1, round(width * self.scale))
        self.draw.line(fine, ink, thick, joint="curve")
        if thick > 2:
            for x, y in (fine[:2], fine[-2:]):
                r = thick / 2
                self.draw.ellipse((x - r, y - r, x + r, y + r), ink)

    def taper(
        self, start: Float[np.ndarray, " 2"], end: Float[np.ndarray, " 2"], widths: tuple[float, float], colour: Colour
    ) -> None:
        """A limb: from a round end of the first width to one of the second."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = end - start
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) / 2
        a, b = across * widths[0], across * widths[1]
        self.polygon(np.stack([start + a, end + b, end - b, start - a]), colour)
        for place, width in ((start, widths[0]), (end, widths[1])):
            self.oval(place, (width / 2, width / 2), colour)

    def pixels(
        self, rng: np.random.Generator, light: tuple[float, float] = (0.0, 0.0), grain: float = 6.0
    ) -> UInt8[np.ndarray, "3 S S"]:
        """The finished image.

        light: how much brighter the right and the lower edge are than the middle, as a share.
        grain: sd of the noise, in grey levels.
        """
        small = np.asarray(self.image.reduce(self.scale), np.float32)
        slope = np.linspace(-1, 1, self.size, dtype=np.float32)
        small = small * np.clip(1 + light[0] * slope[None, :, None] + light[1] * slope[:, None, None], 0.1, 2)
        if grain:
            small = small + rng.standard_normal(small.shape, np.float32) * grain
        return np.ascontiguousarray(np.clip(small + 0.5, 0, 255).astype(np.uint8).transpose(2, 0, 1))


def distant(picture: UInt8[np.ndarray, "S S 3"], share: float = 0.6, haze: float = 95.0) -> UInt8[np.ndarray, "S S 3"]:
    """A background as what is far: paler, so that what stands before it is the darker thing; without haze dimmer."""
    return np.clip(picture * share + haze, 0, 255).astype(np.uint8)


def obstacle(
    canvas: Canvas, points: Float[np.ndarray, "K 2"], rng: np.random.Generator, often: float = 0.4, most: int = 5
) -> Bool[np.ndarray, " K"]:
    """Sometimes a box in front of everything, never before more than so many points; which points it hides."""
    there, angle, colour = rng.random() < often, rng.uniform(0, np.pi), rng.uniform(20, 235, 3)
    middle, half = rng.uniform(0.1, 0.9, 2) * canvas.size, rng.uniform(0.04, 0.2, 2) * canvas.size
    across = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    covered = (np.abs((points + 0.5 - middle) @ across) < half).all(1)
    if not there or covered.sum() > most:
        return np.zeros(len(points), bool)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    canvas.polygon(middle - 0.5 + corners @ across.T, colour)
    return covered
