"""What does not count is taken out before anything is computed of it.

A mask on a result alone hides a NaN from the value and not from the gradient: backwards, NaN times 0 is NaN.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def squared_distance(
    a: Float[Tensor, "B K 2"], b: Float[Tensor, "B K 2"], counted: Bool[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Squared distance of two sets of points, mean over those that count; 0 for an image where none does."""
    return mean((a - b).where(counted[..., None], 0).square().sum(-1), counted)


def mean(values: Float[Tensor, "B K"], counted: Bool[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """Mean over the values that count, which are finite like the others; 0 for an image where none does."""
    return values.where(counted, 0).sum(-1) / counted.sum(-1).clamp(min=1)
