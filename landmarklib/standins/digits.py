"""Handwritten digits, white on black: a pen that is moved along ten paths, each time a little differently."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator
from landmarklib.drawing.paint import Canvas, smooth

N_POINTS = 8  # along the pen's way, evenly
LANDMARKS = ("start", *(f"way {k}" for k in range(1, N_POINTS - 1)), "end")
IMAGE = 0  # what the numbers are drawn for
KNOWN = ("digit",)
BOX = 0.71  # side of the box that a digit fills, of the image's
# Strokes of each digit in hundredths of its box, from the left and from the top.
STROKES = (
    (((52, 4), (24, 22), (16, 56), (44, 96), (78, 72), (82, 30), (56, 4)),),
    (((36, 20), (52, 5), (51, 50), (49, 95)),),
    (((20, 26), (45, 5), (75, 22), (60, 55), (20, 92), (50, 90), (82, 92)),),
    (((22, 12), (55, 5), (75, 25), (45, 47), (78, 68), (55, 95), (20, 85)),),
    (((30, 8), (22, 36), (24, 56), (82, 52)), ((70, 10), (68, 52), (64, 95))),
    (((76, 8), (36, 8), (30, 42), (60, 40), (78, 65), (55, 93), (20, 88)),),
    (((66, 5), (36, 35), (22, 70), (46, 95), (75, 75), (60, 52), (28, 66)),),
    (((20, 10), (50, 10), (80, 8), (60, 46), (42, 95)),),
    (((70, 16), (42, 5), (28, 25), (50, 47), (75, 72), (50, 96), (25, 75), (48, 48), (73, 26), (66, 12)),),
    (((75, 22), (48, 5), (25, 28), (46, 50), (74, 26), (72, 60), (60, 95)),),
)


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n digits, their three channels alike.

    given: digit.
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        digit = int(rng.integers(10))
        digit = int(of.get("digit", digit))
        strokes = _written(rng, digit, size)
        canvas = Canvas(np.zeros((size, size, 3), np.uint8), scale=3)
        width, ink = rng.uniform(0.07, 0.14) * size, np.full(3, rng.uniform(215, 255))
        for stroke in strokes:
            canvas.stroke(stroke, width, ink)
        points = _along(np.concatenate(strokes))
        return canvas.pixels(rng, grain=0.0), points, np.ones(N_POINTS, bool), {"digit": digit}

    return collect("digit", n, first, given, KNOWN, one)


def _written(rng: np.random.Generator, digit: int, size: int) -> list[Float[np.ndarray, "_ 2"]]:
    """The strokes of one writing, in pixels: uneven, slanted, turned, and moved a little from the middle."""
    angle, slant, narrow = rng.normal(0, 0.09), rng.normal(0.1, 0.18), rng.uniform(0.72, 1.05)
    c, s = np.cos(angle), np.sin(angle)
    shape = np.array([[c, -s], [s, c]]) @ np.array([[narrow, -slant], [0.0, 1.0]])
    knots = [np.array(stroke) / 100 + rng.normal(0, 0.03, (len(stroke), 2)) for stroke in STROKES[digit]]
    curves = [smooth(k, closed=False) @ shape.T for k in knots]
    everything = np.concatenate(curves)
    low, high = everything.min(0), everything.max(0)
    unit = BOX * rng.uniform(0.88, 1.0) * size / (high - low).max()
    shift = (size - unit * (low + high)) / 2 - 0.5 + rng.uniform(-0.03, 0.03, 2) * size
    return [curve * unit + shift for curve in curves]


def _along(way: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "8 2"]:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    at = np.linspace(0, length[-1], N_POINTS)
    return np.stack([np.interp(at, length, way[:, axis]) for axis in (0, 1)], 1)
