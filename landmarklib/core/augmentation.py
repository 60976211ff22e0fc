"""Training images under random affine maps, cut from larger images so that no pixel is interpolated twice."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from landmarklib.core import coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, Batch


def jitter_batch(batch: Batch, noise: Noise, side: int, **ranges: float) -> Batch:
    """The batch as seen under one random affine map per image: images of that side, cut from larger ones, so that what comes in from outside is real as far as those reach.

    batch.images: what to cut from, MARGIN times as wide as the frame in which batch.points are. Points that leave the frame do not count.
    """
    jitter = warps.random_affine(len(batch.images), noise, **ranges)
    points = warps.move(batch.points, jitter)
    return replace(
        batch,
        images=warps.warp_images(batch.images, jitter, side, MARGIN),
        points=points,
        visible=batch.visible & coords.inside(points),
        source=batch.images,
        jitter=jitter,
    )


def second_view(batch: Batch, first: int, affine: Float[Tensor, "b 2 3"]) -> Float[Tensor, "b C H W"]:
    """The batch's images from `first` on, moved by a further affine map; taken from what they were cut from, where there is that, so that no pixel is interpolated twice."""
    if batch.source is None:
        return warps.warp_images(batch.images[first:], affine)
    return warps.warp_images(
        batch.source[first:], warps.compose(affine, batch.jitter[first:]), batch.images.shape[-1], MARGIN
    )
