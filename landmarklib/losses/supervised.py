"""One function per equation, unreduced: a loss returns one value per image; the training loop takes the only average.

Weights, schedules and which images count are the business of the experiment and the method, not of a loss. Points are
in [-1, 1]. What does not count may be NaN, on either side: it changes neither a value nor a gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from landmarklib.core import heatmaps
from landmarklib.core.types import NO_CLASS
from landmarklib.losses import masked


def landmark_distance(
    predicted: Float[Tensor, "B K 2"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Squared distance, mean over the visible points: third term of Eq. 2, honari2018 (there 1/K sum_k |L~ - L|^2)."""
    return masked.squared_distance(predicted, target, visible)


def pixel_cross_entropy(
    maps: Float[Tensor, "B K H W"], target: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """-log softmax(map) at the pixel that holds the target, mean over the visible points.

    Source: the loss of Heatmap-MT, honari2018, section 4.2.
    """
    height, width = maps.shape[-2:]
    index = heatmaps.nearest_pixel(target.where(visible[..., None], 0), (width, height))
    counted = maps.where(visible[..., None, None], 0)
    log_p = counted.flatten(2).log_softmax(-1).gather(-1, index[..., None])[..., 0]
    return masked.mean(-log_p, visible)


def attributes(heads: Sequence[Tensor], values: Float[Tensor, "B A"], terms: Collection[str]) -> dict[str, Tensor]:
    """`Cost_attr` of honari2018: the terms `classes` and `angles`, each summed over its attributes.

    heads: for each attribute B x classes, logits, or B x 1, an angle in radians.
    values: B x A, a class or an angle in radians; NaN where it is unknown.
    terms: those that are computed.
    """
    found: dict[str, Tensor] = {}
    for head, value in zip(heads, values.unbind(-1), strict=True):
        term, cost = ("classes", class_cross_entropy) if head.shape[-1] > 1 else ("angles", angle_distance)
        if term in terms:
            found[term] = found.get(term, 0) + cost(head, value)
    return found


def class_cross_entropy(logits: Float[Tensor, "B n"], classes: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """-log P(class | image), 0 where the class is unknown (NaN)."""
    known = classes.isfinite()
    cost = F.cross_entropy(logits.where(known[:, None], 0), classes.where(known, 0).long(), reduction="none")
    return cost.where(known, 0)


def class_of_pixels(logits: Float[Tensor, "B n H W"], classes: UInt8[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """-log P(class | image) of each pixel, mean over those that have a class; 0 for an image without one."""
    known = classes.flatten(1) != NO_CLASS
    index = classes.flatten(1).long().where(known, 0)
    counted = logits.flatten(2).where(known[:, None], 0)
    log_p = counted.log_softmax(1).gather(1, index[:, None])[:, 0]
    return masked.mean(-log_p, known)


def angle_distance(predicted: Float[Tensor, "B 1"], angles: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """|difference| in radians, 0 where the angle is unknown (NaN).

    Source: honari2018, section 2, has L1 for the head's pose.
    """
    return (predicted[:, 0] - angles).where(angles.isfinite(), 0).abs()
