"""Whether a trained network's maps can still learn: constant ones are dead, too peaked ones have no gradient left."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landmarklib.core import heatmaps
from landmarklib.methods import Method
from landmarklib.training.state import TrainState, frames

# largest |beta * map| and share of the full entropy beyond which a softmax has no gradient left
SATURATED = (200.0, 0.02)


def some_images(run: TrainState, n: int = 64) -> Tensor:
    """The first n training images, as they are without jitter."""
    return frames(run, torch.arange(min(n, len(run.data.images)), device=run.data.images.device))


@torch.no_grad()
def health(module: nn.Module, method: Method, images: Tensor, options: dict) -> list[str]:
    """Dead and saturated maps on these images, in words; empty for methods without maps.

    Only soft-argmax can saturate: a cross-entropy over pixels wants its maps as peaked as it can get them.
    """
    if method.input != "images":
        return []
    found = method.predict(module, images, options)
    if found.maps is None:
        return []
    largest, entropy = (v.tolist() for v in heatmaps.peakedness(found.maps, found.beta))
    dead = [k for k, v in enumerate(largest) if v < 1e-3]
    saturated = [
        k
        for k, (v, e) in enumerate(zip(largest, entropy, strict=True))
        if v > SATURATED[0] and e < SATURATED[1] and not found.peaked
    ]
    return [f"map {k} is dead: it is constant" for k in dead] + [
        f"map {k} is saturated: |beta map| {largest[k]:.0f}, entropy {entropy[k]:.3f} of the full" for k in saturated
    ]
