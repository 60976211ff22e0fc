"""A head in three dimensions: a mean shape, to which modes of persons and actions of the face are added, and its view.

x to the right of the image, y down, z towards the camera; 1 is about half a face's width, the eyes lie at y = 0. The
first 68 points are iBUG's.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.drawing import turn

PIVOT = np.array([0, 0.15, -0.35])  # the head turns around it
DISTANCE = 9.0  # of the camera
FLIP = np.array([-1, 1, 1])
N_POINTS = 68


def _parse(text: str) -> Float[np.ndarray, "N 3"]:
    return np.array([[float(word) for word in point.split()] for point in text.split(",")])


def _whole(half: str) -> Float[np.ndarray, "N 3"]:
    """A curve from left to right, of which "x y z, ..." gives the points from the left end to the middle."""
    left = _parse(half)
    return np.concatenate([left, left[left[:, 0] < 0][::-1] * FLIP])


BROW = _parse("-.79 -.25 .0, -.67 -.345 .17, -.5 -.375 .28, -.33 -.345 .35, -.18 -.28 .4")
EYE = _parse("-.6 .0 .14, -.51 -.066 .24, -.36 -.066 .28, -.26 .02 .28, -.37 .058 .27, -.5 .058 .23")
EAR = _parse("-1.0 -.1 -.85, -1.1 -.16 -.95, -1.16 .02 -1, -1.12 .33 -.95, -1.0 .55 -.85")
RIM = _parse(
    "-.76 -.12 .3, -.62 -.2 .42, -.36 -.2 .48, -.2 -.12 .5, -.16 .06 .5, -.26 .24 .46, -.5 .27 .43, -.7 .14 .35"
)
UPPER, LOWER = (
    _whole("-.36 .94 .26, -.22 .865 .4, -.09 .83 .49, 0 .85 .5"),
    _whole("-.22 1.03 .4, -.1 1.075 .47, 0 1.085 .48"),
)
INNER = _whole("-.3 .94 .3, -.1 .928 .45, 0 .932 .46"), _whole("-.1 .948 .45, 0 .952 .46")
CURVES = {
    "jaw": _whole(
        "-.98 -.05 -.7, -.97 .22 -.66, -.94 .5 -.6, -.875 .76 -.5, -.77 1 -.34, -.62 1.2 -.12, -.43 1.36 .08, "
        "-.21 1.46 .22, "
        "0 1.5 .26"
    ),
    "left brow": BROW,
    "right brow": BROW[::-1] * FLIP,
    "ridge": _parse("0 .0 .42, 0 .17 .52, 0 .34 .62, 0 .52 .72"),
    "base": _whole("-.2 .61 .4, -.1 .65 .5, 0 .67 .55"),
    "left eye": EYE,
    "right eye": EYE[[3, 2, 1, 0, 5, 4]] * FLIP,
    "outer lip": np.concatenate([UPPER, LOWER[::-1]]),
    "inner lip": np.concatenate([INNER[0], INNER[1][::-1]]),
    "forehead": _whole("-.97 -.2 -.6, -.93 -.5 -.45, -.8 -.78 -.25, -.5 -.98 -.02, 0 -1.05 .08"),
    "crown": _whole("-1.02 -.05 -.85, -1.06 -.5 -.75, -.96 -.95 -.65, -.6 -1.3 -.5, 0 -1.42 -.45"),
    "left ear": EAR,
    "right ear": EAR * FLIP,
    "neck": _parse("-.62 .9 -.7, -.6 1.8 -.75, .6 1.8 -.75, .62 .9 -.7"),
    "shoulders": _parse("-1.9 3.4 -.9, -1.75 2.2 -.9, -.6 1.8 -.8, .6 1.8 -.8, 1.75 2.2 -.9, 1.9 3.4 -.9"),
    "back hair": _whole("-1.0 1.9 -.9, -1.22 1.2 -.95, -1.18 .3 -.95, -1.1 -.5 -.9, -.9 -1.1 -.7, 0 -1.44 -.6"),
    "left rim": RIM,
    "right rim": RIM * FLIP,
}
_ends = np.cumsum([len(curve) for curve in CURVES.values()])
PART = {name: slice(end - len(curve), end) for (name, curve), end in zip(CURVES.items(), _ends, strict=True)}
MEAN = np.concatenate(list(CURVES.values()))
X, Y, SIDE = MEAN[:, 0], MEAN[:, 1], np.sign(MEAN[:, 0])
ZERO = np.zeros(len(MEAN))


def _of(*words: str) -> Float[np.ndarray, " M"]:
    """1 for the points of the parts whose names hold one of the words."""
    found = ZERO.copy()
    for name, place in PART.items():
        found[place] = any(word in name for word in words)
    return found


def _at(share: float, *numbers: int) -> Float[np.ndarray, " M"]:
    """That share for these points."""
    found = ZERO.copy()
    found[list(numbers)] = share
    return found


def _moves(x: np.ndarray = ZERO, y: np.ndarray = ZERO, z: np.ndarray = ZERO) -> Float[np.ndarray, "M 3"]:
    return np.stack([x, y, z], -1)


EYES, BROWS, LIPS, NOSE, RIMS = _of("eye"), _of("brow"), _of("lip"), _of("ridge", "base"), _of("rim")
CORNERS = _at(1.0, 48, 54) + _at(0.9, 60, 64) + _at(0.35, 49, 53, 55, 59)
LOWER_LIP = _at(1.0, 56, 57, 58, 65, 66, 67) + _at(0.85, 55, 59) + _at(0.35, 48, 54, 60, 64)
UPPER_LIP = _at(1.0, 50, 51, 52, 61, 62, 63) + _at(0.6, 49, 53) + _at(0.3, 48, 54, 60, 64)
INNER_BROWS = _at(1.0, 21, 22) + _at(0.7, 20, 23) + _at(0.3, 19, 24)
LOW = np.clip(Y - 0.65, 0, 1) * _of("jaw")
# How a person differs: a mode, of one standard deviation, and how much of it a woman's mean has; a man's has the
# negative.
MODES = (
    (_moves(x=0.04 * X), -0.3),
    (_moves(y=0.04 * Y), -0.2),
    (_moves(x=0.08 * X * np.clip(Y, 0, 1) * _of("jaw", "neck")), -0.8),
    (_moves(y=0.12 * LOW), -0.5),
    (_moves(x=0.025 * SIDE * (EYES + BROWS + RIMS)), 0.1),
    (_moves(y=0.18 * Y * EYES), 0.6),
    (_moves(y=0.07 * (0.43 - np.abs(X)) * EYES), 0.3),
    (_moves(y=0.07 * Y * NOSE), -0.3),
    (_moves(x=0.12 * X * NOSE), -0.5),
    (_moves(z=0.09 * Y * NOSE), -0.4),
    (_moves(x=0.08 * X * LIPS), -0.1),
    (_moves(y=0.022 * LIPS), 0.0),
    (_moves(y=0.2 * (Y - 0.94) * _of("outer lip")), 0.7),
    (_moves(y=-0.022 * BROWS), 0.6),
    (_moves(y=0.07 * (0.45 - np.abs(X)) * BROWS), 0.3),
    (_moves(y=0.06 * Y * _of("forehead", "crown")), 0.0),
)
PERSON, FEMALE = np.stack([mode for mode, _ in MODES]), np.array([mean for _, mean in MODES])
ACTIONS = {
    "brows up": _moves(y=-0.15 * BROWS),
    "frown": _moves(-0.05 * INNER_BROWS * SIDE, 0.12 * INNER_BROWS),
    "lids apart": _moves(y=0.027 * _at(1.0, 40, 41, 46, 47) - 0.055 * _at(1.0, 37, 38, 43, 44)),
    "corners": _moves(0.13 * SIDE * CORNERS, -0.1 * CORNERS, -0.05 * CORNERS),
    "jaw down": _moves(y=0.2 * LOWER_LIP + 0.19 * LOW),
    "upper lip": _moves(y=-0.07 * UPPER_LIP - 0.04 * _of("base")),
    "narrow": _moves(x=-0.1 * SIDE * CORNERS),
}
MOVES = np.stack(list(ACTIONS.values()))
EXPRESSIONS = {
    "neutral": {},
    "smile": {"corners": 1.0, "lids apart": -0.3, "upper lip": 0.5, "jaw down": 0.15},
    "surprise": {"brows up": 1.0, "lids apart": 0.8, "jaw down": 0.75, "narrow": 0.7},
    "squint": {"lids apart": -0.85, "frown": 0.5, "brows up": -0.35, "corners": 0.15},
    "disgust": {"frown": 0.9, "upper lip": 1.1, "lids apart": -0.45, "corners": -0.35, "brows up": -0.2},
    "scream": {"jaw down": 1.7, "upper lip": 0.5, "brows up": 0.3, "lids apart": -0.35, "corners": 0.25},
}
AMOUNTS = np.array([[wanted.get(name, 0.0) for name in ACTIONS] for wanted in EXPRESSIONS.values()])


def person(rng: np.random.Generator, female: bool) -> Float[np.ndarray, "M 3"]:
    """A person's head without expression."""
    weights = 0.8 * np.clip(rng.standard_normal(len(PERSON)), -2, 2) + FEMALE * (1 if female else -1)
    return MEAN + np.tensordot(weights, PERSON, 1)


def expressed(head: Float[np.ndarray, "M 3"], expression: int, rng: np.random.Generator) -> Float[np.ndarray, "M 3"]:
    """The head with more or less of an expression, and with a little of every action."""
    weights = AMOUNTS[expression] * rng.uniform(0.75, 1.2) + 0.06 * rng.standard_normal(len(MOVES))
    return head + np.tensordot(weights, MOVES, 1)


def view(head: Float[np.ndarray, "M 3"], yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "M 2"]:
    """The head as the camera sees it, around its pivot.

    Angles are in radians. With positive ones it looks to the right of the image, down, and leans clockwise.
    """
    solid = head - PIVOT
    # The contour of the half that turns away is where the face ends, not where its ear is.
    far = (_CONTOUR > 0) & (SIDE == np.sign(yaw)) & (head[:, 2] < 0)
    solid[far, 2] -= head[far, 2] * min(1.0, 1.3 * abs(math.sin(yaw)))
    yaw, pitch, roll = map(math.degrees, (yaw, pitch, roll))
    seen = solid @ (turn(2, roll) @ turn(0, -pitch) @ turn(1, yaw)).T
    return seen[:, :2] * (DISTANCE / (DISTANCE - seen[:, 2:]))


_CONTOUR = _of("jaw", "forehead", "crown")


def seen(yaw: float) -> Bool[np.ndarray, " 68"]:
    """Which of the 68 points the head itself does not hide.

    It hides the far ones if it is turned by more than 40 degrees.
    """
    bearing = np.clip(np.arctan2(X[:N_POINTS], MEAN[:N_POINTS, 2] + 0.9), -0.6, 0.6)
    return np.abs(bearing + yaw) < 1.3
