"""Landmarks without labels: alignment of two views by their probability maps, and diversity (thewlis2017, section 3.3).

Points are in [-1, 1]. x' is a view of x under a warp g that says where its points come from: x'(v) = x(g(v)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from landmarklib.core import warps
from landmarklib.core.warps import ThinPlate
from landmarklib.losses import masked


class Spread(NamedTuple):
    """Where the mass of K maps lies.

    mean: B x K x 2.
    variance: B x K, of both coordinates together.
    """

    mean: Float[Tensor, "B K 2"]
    variance: Float[Tensor, "B K"]


def spread(probabilities: Float[Tensor, "B K h w"], places: Float[Tensor, "#B 2 h w"]) -> Spread:
    """Mean and variance of the place under each map. Linear in cells and maps.

    places: x and y of every cell: its own, or where a warp takes it from.
    """
    p, at = probabilities.flatten(2), places.flatten(2)
    mean = p @ at.mT
    square = (p @ at.square().sum(1, keepdim=True).mT)[..., 0]
    return Spread(mean, square - mean.square().sum(-1))


def alignment(first: Spread, second: Spread) -> Float[Tensor, " B"]:
    """Squared distance of the mean places in the two views, mean over K.

    With `variance`, both at one weight, this is the probability map loss (Eq. 6, thewlis2017) to the last term:
    sum_uv |u - g(v)|^2 p(u) p'(v) is the squared distance of the means and the two variances.

    first: of x, by its own cells.
    second: of x', by where g takes its cells from.
    """
    return (first.mean - second.mean).square().sum(-1).mean(-1)


def variance(first: Spread, second: Spread) -> Float[Tensor, " B"]:
    """Sum of both maps' variances, mean over K: what of Eq. 6, thewlis2017, wants maps concentrated."""
    return (first.variance + second.variance).mean(-1)


def point_alignment(points: Float[Tensor, "B K 2"], warped: Float[Tensor, "B K 2"]) -> Float[Tensor, " B"]:
    """Mean over K of |Phi(x) - g(Phi(x'))|^2 (Eq. 5, thewlis2017, in the frame of x).

    warped: g of the points that were found in x'.
    """
    return masked.squared_distance(points, warped, warped.isfinite().all(-1))


def diversity(probabilities: Float[Tensor, "B K h w"], pool: int) -> Float[Tensor, " B"]:
    """K - sum over cells of the largest of the K maps, after sum pooling (below Eq. 8, thewlis2017).

    It is 0 where no two maps have mass in one pooled cell, and K - 1 where all K are alike.

    pool: side of the pooled cells; what is left at the right and lower edge is a smaller cell.
    """
    pooled = F.avg_pool2d(probabilities, pool, ceil_mode=True, divisor_override=1)
    return probabilities.shape[1] - pooled.amax(1).sum((1, 2))


def equivariance(
    found: Float[Tensor, "B K 2"], moved: Float[Tensor, "B K 2"], origin: Float[Tensor, "B K 2"], side: int
) -> dict[str, Float[Tensor, " B"]]:
    """How far points are from moving with the image: `equivariance_px` and `equivariance_ratio` of each image.

    The ratio is the mean distance to where they should be, by the mean distance that the warp moves them over all
    images: 0 for points that follow, about 1 for points that stay where they are or jump at random.

    found: in x.
    moved: in x'.
    origin: where the warp takes these from, in x.
    side: of the images in pixels.
    """
    missed = (origin - found).norm(dim=-1).mean(-1)
    moves = (origin - moved).norm(dim=-1).mean()
    return {"equivariance_px": missed * side / 2, "equivariance_ratio": missed / moves}


def following(
    find: Callable[[Float[Tensor, "B C H W"]], Float[Tensor, "B K 2"]],
    images: Float[Tensor, "B C H W"],
    plate: ThinPlate,
) -> dict[str, Float[Tensor, " B"]]:
    """`equivariance` of the points that are found in images, and in these moved by a plate."""
    found, moved = (find(seen) for seen in (images, warps.warp_images(images, plate)))
    return equivariance(found, moved, warps.origins(moved, plate), images.shape[-1])
