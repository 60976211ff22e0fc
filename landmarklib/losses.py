"""One function per equation, unreduced: a loss returns one value per image; the training loop takes the only average.

Weights, schedules and which images count are the experiment's and the method's business, not a loss's. Points are in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from landmarklib import coords, heatmaps, warps
from landmarklib.noise import Noise


def landmark_distance(
    predicted: Float[Tensor, "B K 2"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Squared distance, mean over the visible points: third term of Eq. 2, honari2018 (there 1/K sum_k |L~ - L|^2)."""
    squared = (predicted - target.where(visible[..., None], predicted.detach())).square().sum(-1)
    return squared.sum(-1) / visible.sum(-1).clamp(min=1)


def elt(
    locate: Callable[[Tensor], Tensor],
    images: Float[Tensor, "B C H W"],
    points: Float[Tensor, "B K 2"],
    noise: Noise,
    **ranges: float,
) -> Float[Tensor, " B"]:
    """Equivariant landmark transformation: `equivariance` under one random affine map per image.

    locate: images -> points, the localiser itself; points: what it found on these images; ranges: `warps.random_affine`'s.
    """
    warped, expected = warps.warp_jointly(images, points, noise, **ranges)
    return equivariance(expected, locate(warped))


def equivariance(
    warped_prediction: Float[Tensor, "B K 2"], prediction_of_warped: Float[Tensor, "B K 2"]
) -> Float[Tensor, " B"]:
    """Mean over K of |T L(I) - L(T I)|^2, the second term of Eq. 2, honari2018.

    Gradient flows through both sides, as the equation is written. Points that T moves out of the frame do not count:
    no network can find what it cannot see.
    """
    seen = coords.inside(warped_prediction.detach())
    squared = (warped_prediction - prediction_of_warped).square().sum(-1).where(seen, 0)
    return squared.sum(-1) / seen.sum(-1).clamp(min=1)


def pixel_cross_entropy(
    maps: Float[Tensor, "B K H W"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """-log softmax(map) at the pixel that holds the target, mean over visible points: Heatmap-MT's loss, honari2018 4.2."""
    height, width = maps.shape[-2:]
    index = heatmaps.nearest_pixel(target.where(visible[..., None], 0), (width, height))
    log_p = maps.flatten(2).log_softmax(-1).gather(-1, index[..., None])[..., 0]
    return -log_p.where(visible, 0).sum(-1) / visible.sum(-1).clamp(min=1)


def class_cross_entropy(logits: Float[Tensor, "B classes"], classes: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """-log P(class | image): `Cost_attr` of honari2018 for classification."""
    return F.cross_entropy(logits, classes, reduction="none")
