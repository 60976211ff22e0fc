"""Training images under random affine maps, cut from larger images so that no pixel is interpolated twice, and in other
light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from landmarklib.core import coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, Batch
from landmarklib.core.warps import Warp


def jitter_batch(batch: Batch, noise: Noise, side: int, **ranges: float) -> Batch:
    """The batch under one random affine map per image. Points that leave the frame are not visible in it.

    Classes of pixels and partners move as these do; no class is brought in from where the images end.

    batch: its images are MARGIN times as wide as the frame that its points are given in. They are cut to that frame,
        so what a map brings in from outside the frame is real as far as they reach.
    noise: draws the maps.
    side: of the resulting images, in pixels.
    ranges: of the maps, as for `warps.random_affine`.
    """
    jitter = warps.random_affine(len(batch.images), noise, **ranges)
    points = warps.move(batch.points, jitter)
    moved = {"images": warps.warp_images(batch.images, jitter, side, MARGIN)}
    if batch.partner is not None:
        moved["partner"] = warps.warp_images(batch.partner, jitter, side, MARGIN)
    if batch.pixel_classes is not None:
        moved["pixel_classes"] = warps.warp_classes(batch.pixel_classes, jitter, side, MARGIN)
    return replace(
        batch,
        **moved,
        points=points,
        visible=batch.visible & coords.inside(points),
        source=batch.images,
        partner_source=batch.partner,
        jitter=jitter,
    )


def second_view(batch: Batch, first: int, *further: Warp) -> Float[Tensor, "b C H W"]:
    """The batch's images from index `first` on, moved by further maps, affine ones or thin plates, one after the other.

    Jittered images are taken from `batch.source` under all maps at once, so no pixel is interpolated twice.
    """
    images, margin, side = batch.images[first:], 1.0, batch.images.shape[-1]
    before, *after = further
    if batch.source is not None:
        images, margin, before = batch.source[first:], MARGIN, warps.compose(before, batch.jitter[first:])
    if not after:
        return warps.warp_images(images, before, side, margin)
    places = warps.pixel_origins(after[-1], side, images.dtype, images.device).flatten(2).mT
    for warp in [*after[-2::-1], before]:  # what is done last is undone first
        places = warps.origins(places, warp)
    return warps.sample(images, places.mT.unflatten(2, (side, side)), margin)


def mirror(batch: Batch, noise: Noise, share: float, counterparts: Sequence[int]) -> Batch:
    """The batch with a share of its images, at random, seen in a mirror.

    share: the probability of each.
    counterparts: the landmark that each landmark becomes.
    """
    turned = noise.uniform(len(batch.images)) < share
    image, point = turned[:, None, None, None], turned[:, None]
    sign = torch.where(turned, -1.0, 1.0)[:, None]
    # One by one: an index that is a list would have to come from the host, which a captured step cannot wait for.
    others, seen = (torch.stack([t[:, k] for k in counterparts], 1) for t in (batch.points, batch.visible))
    points = torch.where(point[..., None], others, batch.points)
    moved = {"points": torch.stack([sign * points[..., 0], points[..., 1]], -1)}
    moved["visible"] = torch.where(point, seen, batch.visible)
    moved["images"] = torch.where(image, batch.images.flip(-1), batch.images)
    if batch.jitter is not None:
        x, y = batch.jitter.unbind(1)
        moved["jitter"] = torch.stack([sign * x, y], 1)
    return replace(batch, **moved)


def appearance(
    images: Float[Tensor, "B C H W"], noise: Noise, *, brightness: float, gain: float, grain: float
) -> Float[Tensor, "B C H W"]:
    """The images with other brightness and contrast and with noise, every pixel where it was.

    brightness: largest change of an image's mean.
    gain: largest change of the factor on what differs from the mean.
    grain: standard deviation of the noise of a value.
    """
    u = (2 * noise.uniform(len(images), 2) - 1)[:, :, None, None, None]
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + brightness * u[:, 0] + (1 + gain * u[:, 1]) * (images - mean) + grain * noise.normal(*images.shape)


def cut_out(images: Float[Tensor, "B C H W"], noise: Noise, n: int, side: float) -> Float[Tensor, "B C H W"]:
    """The images with n squares each, at random places, in the image's mean colour.

    side: of a square, as a share of the image's.
    """
    places = noise.uniform(len(images), n, 2)[..., None]
    along = [(torch.arange(size, device=images.device) + 0.5) / size for size in images.shape[2:]]
    rows, columns = ((axis - places[:, :, i]).abs() <= side / 2 for i, axis in enumerate(along))
    hidden = (rows[..., :, None] & columns[..., None, :]).any(1)
    return torch.where(hidden[:, None], images.mean((2, 3), keepdim=True), images)
