"""One function per equation, unreduced: a loss returns one value per image; the training loop takes the only average.

Weights, schedules and which images count are the business of the experiment and the method, not of a loss. Points are
in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from landmarklib.core import heatmaps


def landmark_distance(
    predicted: Float[Tensor, "B K 2"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Squared distance, mean over the visible points: third term of Eq. 2, honari2018 (there 1/K sum_k |L~ - L|^2)."""
    squared = (predicted - target.where(visible[..., None], predicted.detach())).square().sum(-1)
    return squared.sum(-1) / visible.sum(-1).clamp(min=1)


def pixel_cross_entropy(
    maps: Float[Tensor, "B K H W"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """-log softmax(map) at the pixel that holds the target, mean over the visible points.

    Source: the loss of Heatmap-MT, honari2018, section 4.2.
    """
    height, width = maps.shape[-2:]
    index = heatmaps.nearest_pixel(target.where(visible[..., None], 0), (width, height))
    log_p = maps.flatten(2).log_softmax(-1).gather(-1, index[..., None])[..., 0]
    return -log_p.where(visible, 0).sum(-1) / visible.sum(-1).clamp(min=1)


def attributes(heads: Sequence[Tensor], values: Float[Tensor, "B A"], terms: Collection[str]) -> dict[str, Tensor]:
    """`Cost_attr` of honari2018: the terms `classes` and `angles`, each summed over its attributes.

    heads: for each attribute B x classes, logits, or B x 1, an angle in radians.
    values: B x A, a class or an angle in radians; NaN for an unknown angle.
    terms: those that are computed.
    """
    found: dict[str, Tensor] = {}
    for head, value in zip(heads, values.unbind(-1), strict=True):
        term, cost = ("classes", class_cross_entropy) if head.shape[-1] > 1 else ("angles", angle_distance)
        if term in terms:
            found[term] = found.get(term, 0) + cost(head, value)
    return found


def class_cross_entropy(logits: Float[Tensor, "B n"], classes: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """-log P(class | image)."""
    return F.cross_entropy(logits, classes.long(), reduction="none")


def angle_distance(predicted: Float[Tensor, "B 1"], angles: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """|difference| in radians, 0 where the angle is unknown: honari2018, section 2, has L1 for the head's pose."""
    found = predicted[:, 0]
    return (found - angles.where(angles.isfinite(), found.detach())).abs()
