"""Equivariance of predicted points under random maps of the image. Points are in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from landmarklib.core import augmentation, coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.losses import masked


def elt(
    locate: Callable[[Tensor], Tensor],
    batch: Batch,
    points: Float[Tensor, "B K 2"],
    noise: Noise,
    first: int = 0,
    **ranges: float,
) -> Float[Tensor, " b"]:
    """Equivariant landmark transformation: `equivariance` under one random affine map for each image from `first` on.

    locate: images -> points, the localiser itself.
    batch: what it was given.
    points: what it found on all images of the batch, in [-1, 1].
    noise: draws the maps.
    first: index of the first image that counts.
    ranges: of the maps, as for `warps.random_affine`.
    """
    affine = warps.random_affine(len(points) - first, noise, **ranges)
    return equivariance(warps.move(points[first:], affine), locate(augmentation.second_view(batch, first, affine)))


def equivariance(
    warped_prediction: Float[Tensor, "B K 2"], prediction_of_warped: Float[Tensor, "B K 2"]
) -> Float[Tensor, " B"]:
    """Mean over K of |T L(I) - L(T I)|^2, the second term of Eq. 2, honari2018.

    Gradient flows through both sides, as the equation is written. Points that T moves out of the frame, or that are NaN
    under it, do not count: no network can find what it cannot see.
    """
    # DEVIATION: points that the random map moves out of the image do not count in ELT; Eq. 2 of honari2018 has all
    # points.
    seen = coords.inside(warped_prediction.detach())
    return masked.squared_distance(warped_prediction, prediction_of_warped, seen)
