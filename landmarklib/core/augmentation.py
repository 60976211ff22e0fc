"""Training images under random affine maps, cut from larger images so that no pixel is interpolated twice."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from landmarklib.core import coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, Batch
from landmarklib.core.warps import Warp


def jitter_batch(batch: Batch, noise: Noise, side: int, **ranges: float) -> Batch:
    """The batch under one random affine map per image. Points that leave the frame are not visible in it.

    batch: its images are MARGIN times as wide as the frame that its points are given in. They are cut to that frame,
        so what a map brings in from outside the frame is real as far as they reach.
    noise: draws the maps.
    side: of the resulting images, in pixels.
    ranges: of the maps, as for `warps.random_affine`.
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


def second_view(batch: Batch, first: int, warp: Warp) -> Float[Tensor, "b C H W"]:
    """The batch's images from index `first` on, moved by a further map, an affine one or a thin plate.

    Jittered images are taken from `batch.source` under both maps at once, so no pixel is interpolated twice.
    """
    if batch.source is None:
        return warps.warp_images(batch.images[first:], warp)
    both = warps.compose(warp, batch.jitter[first:])
    return warps.warp_images(batch.source[first:], both, batch.images.shape[-1], MARGIN)
