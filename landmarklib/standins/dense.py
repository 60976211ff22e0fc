"""189 points of the faces that `faces` draws, in Webmorph's order, left first, as seen.

They are also of irises, lids, folds, ears, hair and neck.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Annotations
from landmarklib.drawing import heads, paint
from landmarklib.standins import faces

N_POINTS = 189
STEP = paint.STEPS  # of a smooth curve, from one point to the next
SIDES = ("left", "right")
ALA = ((1.05, -0.24), (1.22, -0.15), (1.18, -0.04), (0.9, 0.0), (0.85, -0.06))  # around a nostril, from the nose's base


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """As `faces.draw`, with 189 points."""
    drawn = faces.draw(n, size, seed, first, **given)
    points = np.empty((n, N_POINTS, 2))
    for i, (p, looks) in enumerate(faces.curves(n, size, seed, first, **given)):
        points[i] = _dense(p, looks)
    return replace(drawn, points=points, visible=((points >= -0.5) & (points <= size - 0.5)).all(-1))


def _dense(p: Float[np.ndarray, "M 2"], looks: faces.Looks) -> Float[np.ndarray, "189 2"]:
    part = {name: p[place] for name, place in heads.PART.items()}
    face = paint.smooth(np.concatenate([part["jaw"], part["forehead"][-2:0:-1]]))
    hair = part["back hair" if looks["long"] else "forehead" if looks["bald"] else "crown"]
    down, across = p[33] - p[27], (p[35] - p[31]) / 2
    eyes = [part["left eye"], part["right eye"]]
    sides = zip((-1, 1), (31, 35), (48, 54), (1, 15), strict=True)  # nose, mouth and jaw
    folds = [_folds(p, sign * across, down, *numbers) for sign, *numbers in sides]
    brows = [faces.brow(p, side, looks) for side in SIDES]
    groups = [
        *(eye.mean(0, keepdims=True) for eye in eyes),
        *map(_iris, eyes),
        *(_along(eye[:4], 5) for eye in eyes),
        *(_along(eye[[0, 5, 4, 3]], 5)[1:4] for eye in eyes),
        *(_along(eye[:4], 5) * 1.08 - eye.mean(0) * 0.08 - down * 0.07 for eye in eyes),
        *(folds[0]["bag"], folds[1]["bag"][::-1]),
        *(folds[0]["nose"], p[30:31] * 0.7 + p[33:34] * 0.3, folds[1]["nose"]),
        *(folds[0]["ala"], folds[1]["ala"]),
        *(brows[0][0][::STEP], brows[0][1][-1:], brows[1][1][:1], brows[1][0][::STEP]),
        *(bottom[[8, 16]] for _, bottom in brows),
        *(p[48:55], p[60:65], p[[60, 67, 66, 65, 64]], p[[59, 58, 57, 56, 55]]),
        *(face[[2, 9, 16]], face[[94, 87, 80]]),
        *(part[f"{side} ear"] for side in SIDES),
        face[[22, 28, 35, 41, 48, 55, 61, 68, 74]],
        *(_along(faces.hairline(p, looks), 11), _along(hair, 13)),
        *(fold[name] for name in ("cheek", "bone", "philtrum") for fold in folds),
        _between(p[57], p[8], 0.6, 0.85),
        *(_between(p[58], p[7], 0.35), _between(p[57], p[8], 0.3), _between(p[56], p[9], 0.35)),
        p[33] + across * [[-0.4], [-0.25], [0.25], [0.4]] + down * [[-0.1], [0.0], [0.0], [-0.1]],
        _between(part["neck"][1], part["neck"][2], 0.25, 0.75),
        *(face[[5, 12]], face[[91, 84]]),
    ]
    return np.concatenate(groups)


def _folds(
    p: Float[np.ndarray, "M 2"], out: np.ndarray, down: np.ndarray, nose: int, mouth: int, jaw: int
) -> dict[str, Float[np.ndarray, "N 2"]]:
    """Lines of one half of the face, from above or outside.

    out: from the nose's middle to its wing.
    """
    outer, inner = (36, 39) if nose == 31 else (45, 42)
    top, bottom = p[nose] + 0.6 * out, p[mouth] + (p[mouth] - p[51]) * 0.3
    along = np.array([[-0.13], [0.08], [0.33], [0.58], [0.86]])
    philtrum = (32, 50) if nose == 31 else (34, 52)
    return {
        "bag": _between(p[outer], p[inner], 0.33, 0.7, 1.05) + down * [[0.45], [0.37], [0.2]],
        "nose": p[27] + (p[30] - p[27]) * along + out * [[0.45], [0.3], [0.27], [0.35], [0.5]],
        "ala": p[33] + np.array(ALA) @ np.stack([out, down]),
        "cheek": np.stack([top, (top + bottom) / 2 + 0.1 * out, bottom]),
        "bone": _between(p[jaw], p[nose], 0.2, 0.4, 0.6),
        "philtrum": _between(p[philtrum[0]], p[philtrum[1]], 0.25, 0.8),
    }


def _iris(eye: Float[np.ndarray, "6 2"]) -> Float[np.ndarray, "8 2"]:
    turn = np.arange(8) * np.pi / 4
    return eye.mean(0) - np.stack([np.sin(turn), np.cos(turn)], 1) * faces.iris(eye)


def _between(a: Float[np.ndarray, " 2"], b: Float[np.ndarray, " 2"], *shares: float) -> Float[np.ndarray, "N 2"]:
    return a + (b - a) * np.array(shares)[:, None]


def _along(points: Float[np.ndarray, "N 2"], n: int) -> Float[np.ndarray, "n 2"]:
    """n points at equal distances on the smooth curve through the points, both ends included."""
    curve = paint.smooth(points, closed=False)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = np.linspace(0, length[-1], n)
    return np.stack([np.interp(places, length, curve[:, k]) for k in range(2)], 1)
