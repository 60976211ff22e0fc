"""Random affine maps, drawn once and applied to images and points alike.

An affine map is B x 2 x 3 in [-1, 1] coordinates and says where a point GOES: p' = A p + t. `warp_images` inverts it,
because sampling asks where a pixel COMES FROM.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from landmarklib import coords
from landmarklib.noise import Noise


def random_affine(
    n: int, noise: Noise, *, rotation_degrees: float, scale: float, shift: float
) -> Float[Tensor, "n 2 3"]:
    """n similarity maps: rotation U(+-rotation_degrees), size factor U(1 +- scale), shift U(+-shift) per axis.

    shift is in [-1, 1] coordinates (0.1 is 3 px of 60). A map without shift would make "all points at the centre" a
    perfect solution of the equivariance term, so 0 is refused.
    """
    if shift <= 0:
        raise ValueError(f"shift must be positive, not {shift}: without it the image centre is equivariant")
    u = 2 * noise.uniform(n, 4) - 1
    angle = u[:, 0] * math.radians(rotation_degrees)
    factor = 1 + scale * u[:, 1]
    cos, sin = factor * angle.cos(), factor * angle.sin()
    return torch.stack([cos, -sin, shift * u[:, 2], sin, cos, shift * u[:, 3]], -1).view(n, 2, 3)


def invert(affine: Float[Tensor, "B 2 3"]) -> Float[Tensor, "B 2 3"]:
    """The affine map that undoes the given one."""
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    linear = torch.stack([d, -b, -c, a], -1).view(-1, 2, 2) / (a * d - b * c)[:, None, None]
    return torch.cat([linear, -linear @ affine[:, :, 2:]], -1)


def warp_images(images: Float[Tensor, "B C H W"], affine: Float[Tensor, "B 2 3"]) -> Float[Tensor, "B C H W"]:
    """Move image content by the map: bilinear, black outside. Square images only: [-1, 1] must be isotropic."""
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f"affine warps need square images, not {images.shape[-1]} x {images.shape[-2]}")
    n, side = len(images), images.shape[-1]
    centres = coords.pixel_centres(side, dtype=images.dtype, device=images.device)
    pixels = torch.stack([centres.expand(side, side), centres[:, None].expand(side, side)], -1).view(1, -1, 2)
    grid = coords.apply_affine(pixels, invert(affine)).view(n, side, side, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp_jointly(
    images: Float[Tensor, "B C H W"], points: Float[Tensor, "B K 2"], noise: Noise, **ranges: float
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B K 2"]]:
    """T I and T L(I) for one random map per image; ranges: those of `random_affine`. Gradient flows through the points."""
    affine = random_affine(len(images), noise, **ranges)
    return warp_images(images, affine), coords.apply_affine(points, affine)
