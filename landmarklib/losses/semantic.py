"""The losses of moskvyak2021 on heatmaps and on what a network thinks of each keypoint. One value per image.

Heatmaps have no softmax: a peak is 1 where a keypoint is.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from landmarklib.losses import masked


def heatmap_mse(
    predicted: Float[Tensor, "B K H W"], target: Float[Tensor, "B K H W"], counted: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Mean squared error over the pixels of the maps that count; 0 for an image where none does."""
    return masked.mean((predicted - target).where(counted[..., None, None], 0).square().mean((2, 3)), counted)


def representations(features: Float[Tensor, "B C H W"], maps: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K C"]:
    """z_k, the largest value over all places of each feature times keypoint k's heatmap (section 3.1)."""
    return torch.stack([(features * maps[:, k, None]).amax((2, 3)) for k in range(maps.shape[1])], 1)


def consistency(logits: Float[Tensor, "B K K"], counted: Bool[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """Semantic consistency (Eq. 1): -log P(keypoint k | z_k), mean over the keypoints that count."""
    log_p = logits.where(counted[..., None], 0).log_softmax(-1)
    return masked.mean(-torch.diagonal(log_p, dim1=1, dim2=2), counted)


def invariance(
    first: Float[Tensor, "B K C"], second: Float[Tensor, "B K C"], counted: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Transformation invariance (Eq. 4): squared difference of representations, mean over those that count."""
    # DEVIATION: Eq. 4 of moskvyak2021 is a squared norm, so a sum over features and keypoints. At the paper's weight
    # that sum takes all heatmaps to zero; the author's code takes means of squares elsewhere.
    return masked.mean((first - second).where(counted[..., None], 0).square().mean(-1), counted)
