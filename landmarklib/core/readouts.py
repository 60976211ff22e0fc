"""How a network's outputs become landmarks: by name, by the closest one, or by a linear map of all. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.core import coords

Origin = Literal["centre", "corner", "free"]


@dataclass(frozen=True)
class Readout:
    """From K outputs to J landmarks. Without either, output k is landmark k.

    assignment: the output of each landmark.
    weights: 2K x 2J, from the outputs' coordinates to the landmarks', or (2K + 1) x 2J with a bias last.
    origin: of these coordinates (`stages.Regressor`).
    """

    assignment: tuple[int, ...] | None = None
    weights: Float[np.ndarray, "D E"] | None = None
    origin: Origin = "centre"

    def landmarks(self, points: Float[np.ndarray, "N K 2"], side: int) -> Float[np.ndarray, "N J 2"]:
        """The landmarks of N images of that side, from the outputs; both in pixels."""
        if self.assignment is not None:
            return points[:, list(self.assignment)]
        if self.weights is None:
            return points
        found = _inputs(coords.to_norm(points, (side, side)), self.origin) @ self.weights
        return coords.to_pixels(found.reshape(len(points), -1, 2) - _zero(self.origin), (side, side))

    def contributions(self) -> Float[np.ndarray, "K J"]:
        """What each output contributes to each landmark, of a linear map: a share of 1 (thewlis2017, Fig. 7).

        It is the sum of the absolute coefficients between their coordinates; a bias is left out. A landmark that was
        visible on no image has 0 of all.
        """
        pairs = np.abs(self.weights[: len(self.weights) // 2 * 2])
        sums = pairs.reshape(len(pairs) // 2, 2, -1, 2).sum((1, 3))
        return sums / np.maximum(sums.sum(0), np.finfo(float).tiny)


NAMED = Readout()


def regress(
    found: Float[np.ndarray, "N K 2"],
    true: Float[np.ndarray, "N J 2"],
    visible: Bool[np.ndarray, "N J"],
    origin: Origin = "centre",
    ridge: float = 0.0,
) -> Readout:
    """The `Readout` by least squares, each landmark on the images where it is visible.

    This is the regressor of thewlis2017, section 4.3, and of rahaman2021, which has a ridge; both have no bias and say
    no origin.

    found, true: in [-1, 1]. With fewer images than outputs and no ridge it is the solution of least norm.
    origin, ridge: as in `stages.Regressor`.
    """
    outputs, target = _inputs(found.astype(float), origin), true.astype(float) + _zero(origin)
    cost = np.sqrt(ridge) * np.eye(outputs.shape[1])
    if origin == "free":
        cost[-1] = 0
    parts = [
        np.linalg.lstsq(
            np.concatenate([outputs[seen], cost]),
            np.concatenate([target[seen, j], np.zeros((len(cost), 2))]),
            rcond=None,
        )[0]
        for j, seen in enumerate(visible.T)
    ]
    return Readout(weights=np.concatenate(parts, 1), origin=origin)


def _zero(origin: Origin) -> float:
    """What is added to coordinates in [-1, 1] so that they are 0 at the origin."""
    return 1.0 if origin == "corner" else 0.0


def _inputs(points: Float[np.ndarray, "N K 2"], origin: Origin) -> Float[np.ndarray, "N D"]:
    """Coordinates in a row, with a 1 last where there is a bias. points: in [-1, 1]."""
    flat = points.reshape(len(points), -1) + _zero(origin)
    return np.concatenate([flat, np.ones((len(flat), 1), flat.dtype)], 1) if origin == "free" else flat
