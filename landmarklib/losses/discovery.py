"""Landmarks without labels: alignment of two views by their probability maps, and diversity (thewlis2017, section 3.3).

Points are in [-1, 1]. x' is a view of x under a warp g that says where its points come from: x'(v) = x(g(v)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from landmarklib.core import warps
from landmarklib.core.warps import ThinPlate
from landmarklib.losses import masked


class PerLandmark(NamedTuple):
    """How each of K landmarks stands over B images, in half sides where it is a distance.

    ratio: mean distance to where it should be, by the mean distance that the warp moves it (`equivariance`).
    spread: standard deviation of its place, the root mean square of both coordinates'.
    apart: mean distance to the landmark to which that is least; infinite where it is alone.
    inside: mean distance to the nearest border of the image.
    """

    ratio: Float[Tensor, " K"]
    spread: Float[Tensor, " K"]
    apart: Float[Tensor, " K"]
    inside: Float[Tensor, " K"]


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
    return equivariance(*in_both(find, images, plate), images.shape[-1])


def in_both(
    find: Callable[[Float[Tensor, "B C H W"]], Float[Tensor, "B K 2"]],
    images: Float[Tensor, "B C H W"],
    plate: ThinPlate,
) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K 2"], Float[Tensor, "B K 2"]]:
    """Points that are found in images, in these moved by a plate, and where it takes the latter from."""
    found, moved = (find(seen) for seen in (images, warps.warp_images(images, plate)))
    return found, moved, warps.origins(moved, plate)


def per_landmark(
    found: Float[Tensor, "B K 2"], moved: Float[Tensor, "B K 2"], origin: Float[Tensor, "B K 2"]
) -> PerLandmark:
    """How each landmark stands. The arguments are those of `equivariance`."""
    missed, moves = ((origin - of).norm(dim=-1).mean(0) for of in (found, moved))
    between = (found[:, :, None] - found[:, None]).norm(dim=-1).mean(0).fill_diagonal_(torch.inf)
    return PerLandmark(
        ratio=missed / moves,
        spread=found.var(0, correction=0).mean(-1).sqrt(),
        apart=between.amin(-1),
        inside=(1 - found.abs().amax(-1)).mean(0),
    )
