"""How a network's outputs become landmarks: by name, by the closest one, or by a linear map of all. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.core import coords


@dataclass(frozen=True)
class Readout:
    """From K outputs to J landmarks. Without either, output k is landmark k.

    assignment: the output of each landmark.
    weights: 2K x 2J, from the outputs' coordinates in [-1, 1] to the landmarks', without bias: 0 is the image's centre.
    """

    assignment: tuple[int, ...] | None = None
    weights: Float[np.ndarray, "D E"] | None = None

    def landmarks(self, points: Float[np.ndarray, "N K 2"], side: int) -> Float[np.ndarray, "N J 2"]:
        """The landmarks of N images of that side, from the outputs; both in pixels."""
        if self.assignment is not None:
            return points[:, list(self.assignment)]
        if self.weights is None:
            return points
        found = coords.to_norm(points, (side, side)).reshape(len(points), -1) @ self.weights
        return coords.to_pixels(found.reshape(len(points), -1, 2), (side, side))


NAMED = Readout()


def regress(
    found: Float[np.ndarray, "N K 2"], true: Float[np.ndarray, "N J 2"], visible: Bool[np.ndarray, "N J"]
) -> Float[np.ndarray, "D E"]:
    """Weights of a `Readout` by least squares, each landmark on the images where it is visible.

    This is the regressor of thewlis2017, section 4.

    found, true: in [-1, 1]. With fewer images than outputs it is the solution of least norm.
    """
    outputs = found.reshape(len(found), -1).astype(float)
    parts = [
        np.linalg.lstsq(outputs[visible[:, j]], true[visible[:, j], j].astype(float), rcond=None)[0]
        for j in range(true.shape[1])
    ]
    return np.concatenate(parts, 1)
