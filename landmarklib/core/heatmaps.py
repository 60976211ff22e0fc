"""From maps to points: spatial softmax, soft-argmax, argmax, and how peaked a map is.

Maps are B x K x H x W; points are B x K x 2 in [-1, 1], x first.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from landmarklib.core import coords


def spatial_softmax(maps: Float[Tensor, "B K H W"], beta: float = 1.0) -> Float[Tensor, "B K H W"]:
    """Each map becomes a probability over its pixels: softmax(beta * map), honari2018 below Eq. 1."""
    return (beta * maps).flatten(2).softmax(-1).view_as(maps)


def expectation(probabilities: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K 2"]:
    """Mean position under each map, in [-1, 1]. Row and column sums first: O(HW), no H x W x 2 grid."""
    height, width = probabilities.shape[-2:]
    options = {"dtype": probabilities.dtype, "device": probabilities.device}
    x = probabilities.sum(-2) @ coords.pixel_centres(width, **options)
    y = probabilities.sum(-1) @ coords.pixel_centres(height, **options)
    return torch.stack([x, y], -1)


def soft_argmax(maps: Float[Tensor, "B K H W"], beta: float = 1.0) -> Float[Tensor, "B K 2"]:
    """Differentiable position of each map's peak, in [-1, 1] (Eq. 1, honari2018). beta: inverse temperature."""
    return expectation(spatial_softmax(maps, beta))


def argmax(maps: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K 2"]:
    """Centre of the highest pixel of each map, in [-1, 1]. Not differentiable; half a pixel is its floor."""
    height, width = maps.shape[-2:]
    index = maps.flatten(2).argmax(-1)
    pixels = torch.stack([index % width, index // width], -1).to(maps.dtype)
    return coords.to_norm(pixels, (width, height))


def peak(maps: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K 2"]:
    """Where each map has its peak between pixels, in [-1, 1]: exact for a Gaussian. Not differentiable.

    Along x and along y that is the vertex of the parabola through the logarithms of the highest pixel and of its two
    neighbours, at most half a pixel away. At the border, and beside a pixel that is not positive, it is the pixel.
    """
    height, width = maps.shape[-2:]
    top, index = maps.flatten(2).max(-1)
    places = []
    for at, size, step in ((index % width, width, 1), (index // width, height, width)):
        inside = (at > 0) & (at < size - 1)
        before, after = (
            maps.flatten(2).gather(-1, torch.where(inside, index + sign * step, index)[..., None])[..., 0]
            for sign in (-1, 1)
        )
        known = inside & (before > 0) & (after > 0)
        a, b, c = (value.where(known, 1).log() for value in (before, top, after))
        bend = (2 * b - a - c).clamp(min=1e-6)
        places.append(at + (0.5 * (c - a) / bend).clamp(-0.5, 0.5))
    return coords.to_norm(torch.stack(places, -1).to(maps.dtype), (width, height))


def nearest_pixel(points: Float[Tensor, "B K 2"], size: tuple[int, int]) -> Int[Tensor, "B K"]:
    """Flat index y * width + x of the pixel that holds each point (clamped to the image). size: (width, height)."""
    width, height = size
    pixels = coords.to_pixels(points, size).round()
    x, y = pixels[..., 0].clamp(0, width - 1), pixels[..., 1].clamp(0, height - 1)
    return (y * width + x).long()


def peakedness(maps: Float[Tensor, "B K H W"], beta: float) -> tuple[Float[Tensor, " K"], Float[Tensor, " K"]]:
    """Health of K maps over a batch: largest |beta * map|, and mean entropy of the softmax as a share of log(HW).

    A dead channel is constant (entropy 1 and largest value 0 after removing its mean); a saturated one has no
    gradient left (entropy near 0 and values far above what a softmax can use).
    """
    logits = (beta * maps).flatten(2)
    logits = logits - logits.mean(-1, keepdim=True)
    log_p = logits.log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum(-1) / torch.log(torch.tensor(float(logits.shape[-1]), device=maps.device))
    return logits.abs().amax((0, 2)), entropy.mean(0)


def gaussians(
    points: Float[Tensor, "B K 2"], visible: Bool[Tensor, "B K"], side: int, sigma: float
) -> Float[Tensor, "B K S S"]:
    """exp(-d^2 / (2 sigma^2)), with d the distance in cells of each cell's centre from the point; 0 where none counts.

    sigma: in cells of the map.
    """
    at = coords.to_pixels(points.where(visible[..., None], 0), (side, side))
    cells = torch.arange(side, dtype=points.dtype, device=points.device)
    by_x, by_y = ((-(cells - at[..., i, None]).square() / (2 * sigma**2)).exp() for i in (0, 1))
    return (by_y[..., :, None] * by_x[..., None, :]).where(visible[..., None, None], 0)
