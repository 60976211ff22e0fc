"""Random maps (affine, perspective, thin-plate), drawn once and applied to images and points alike.

All are in [-1, 1] coordinates. An affine map is B x 2 x 3 and a perspective one B x 3 x 3; both say where a point
GOES: p' = A p + t, and for a perspective one divided by the third coordinate. A `ThinPlate` has no inverse in closed
form, so it says where a point COMES FROM, which is what an image asks; `move` solves it for points.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from landmarklib.core import coords
from landmarklib.core.noise import Noise
from landmarklib.core.types import NO_CLASS

NEWTON_STEPS = 10
# The search for a thin plate's inverse starts from a grid: how far it reaches in [-1, 1] coordinates, and its points
# a side.
START = 1.4, 29
SOLVED = 1e-4  # largest distance, in [-1, 1] coordinates, at which it counts as found


class ThinPlate(NamedTuple):
    """Where the points p of a warped image come from: A p + t + sum_i w_i U(|p - c_i|), U(r) = r^2 log r.

    The controls c_i are an n x n grid from edge to edge of the image, row by row, the same for every plate of the
    batch.
    """

    affine: Float[Tensor, "B 2 3"]
    weights: Float[Tensor, "B N 2"]


Warp = Float[Tensor, "B 2 3"] | Float[Tensor, "B 3 3"] | ThinPlate


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
    return similarity(math.radians(rotation_degrees) * u[:, 0], 1 + scale * u[:, 1], shift * u[:, 2:])


def random_perspective(n: int, noise: Noise, *, perspective: float, **ranges: float) -> Float[Tensor, "n 3 3"]:
    """n perspective maps: `random_affine`'s with those ranges, and a third row (a, b, 1).

    a and b are from U(+-perspective). Below 0.5 no point of the image goes through infinity, so that is required.
    """
    if not 0 <= perspective < 0.5:
        raise ValueError(f"perspective must be in [0, 0.5), not {perspective}")
    affine = random_affine(n, noise, **ranges)
    third = F.pad(perspective * (2 * noise.uniform(n, 1, 2) - 1), (0, 1), value=1.0)
    return torch.cat([affine, third], 1)


def random_thin_plate(
    n: int,
    noise: Noise,
    *,
    controls: int,
    bend: float,
    strong_bend: float,
    rotation_degrees: float,
    scale: float,
    shift: float,
) -> ThinPlate:
    """n thin plates on controls x controls points (supplement of thewlis2017, Table 1).

    All ranges are standard deviations of normal distributions.

    n: how many.
    noise: draws them.
    controls: control points along a side.
    bend: of every weight.
    strong_bend: of what is added to half of the weights, drawn one by one.
    rotation_degrees, scale, shift: of the similarity, whose size factor is around 1.
    """
    u = noise.normal(n, 4)
    angle = math.radians(rotation_degrees) * u[:, 0]
    affine = similarity(angle, 1 + scale * u[:, 1], shift * u[:, 2:])
    shape = n, controls**2, 2
    weights = bend * noise.normal(*shape) + strong_bend * noise.normal(*shape) * (noise.uniform(*shape) < 0.5)
    return ThinPlate(affine, weights)


def similarity(
    angle: Float[Tensor, " n"], factor: Float[Tensor, " n"], shift: Float[Tensor, "n 2"]
) -> Float[Tensor, "n 2 3"]:
    """Affine maps that turn by an angle (radians, x towards y), scale and then shift."""
    cos, sin = factor * angle.cos(), factor * angle.sin()
    return torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], -1).view(-1, 2, 3)


def invert(matrix: Float[Tensor, "B R 3"]) -> Float[Tensor, "B R 3"]:
    """The affine or perspective map that undoes the given one."""
    if matrix.shape[1] == 3:
        a, b, c = matrix.unbind(-1)
        adjugate = torch.stack([b.cross(c, dim=-1), c.cross(a, dim=-1), a.cross(b, dim=-1)], 1)
        return adjugate / (a * adjugate[:, 0]).sum(-1)[:, None, None]
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    linear = torch.stack([d, -b, -c, a], -1).view(-1, 2, 2) / (a * d - b * c)[:, None, None]
    return torch.cat([linear, -linear @ matrix[:, :, 2:]], -1)


def move(points: Float[Tensor, "B K 2"], warp: Warp) -> Float[Tensor, "B K 2"]:
    """Where points go.

    A thin plate is solved by Newton's method; a point that comes from nowhere near the image is NaN, and so is one that
    a perspective map sends to infinity. Gradient flows through the points, for a thin plate by the implicit function
    theorem; a plate itself gets none, nor does a point that is NaN.
    """
    if isinstance(warp, ThinPlate):
        return _solve(points, warp)
    moved = coords.apply_affine(points, warp)
    if warp.shape[1] == 2:
        return moved
    finite = moved[..., 2:].abs() > 0  # not so of NaN, either
    return (moved[..., :2] / moved[..., 2:].where(finite, 1)).where(finite, torch.nan)


def origins(points: Float[Tensor, "B K 2"], warp: Warp) -> Float[Tensor, "B K 2"]:
    """Where points of the warped image come from: the inverse of `move`."""
    if not isinstance(warp, ThinPlate):
        return move(points, invert(warp))
    bending = _bending(_squared(*_offsets(points, math.isqrt(warp.weights.shape[1]))))
    return coords.apply_affine(points, warp.affine) + bending @ warp.weights


def warp_images(
    images: Float[Tensor, "B C H W"], warp: Warp, side: int = 0, margin: float = 1.0
) -> Float[Tensor, "B C S S"]:
    """Move image content by the map: bilinear, black outside. Square images only: [-1, 1] must be isotropic.

    side: of the result in pixels, 0 for that of the images.
    margin: how many times smaller than the images the result's frame is, around the same centre; the frame's edges
        are at +-1 for the map.
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f"warps need square images, not {images.shape[-1]} x {images.shape[-2]}")
    return sample(images, pixel_origins(warp, side or images.shape[-1], images.dtype, images.device), margin)


def warp_classes(classes: UInt8[Tensor, "B H W"], warp: Warp, side: int, margin: float = 1.0) -> UInt8[Tensor, "B S S"]:
    """Move the classes of pixels as `warp_images` moves pixels: nearest neighbour, NO_CLASS outside."""
    counted = NO_CLASS - classes[:, None].float()  # so that what is brought in from outside, 0, has no class
    places = pixel_origins(warp, side, counted.dtype, counted.device)
    return (NO_CLASS - sample(counted, places, margin, "nearest")[:, 0]).to(classes.dtype)


def sample(
    images: Float[Tensor, "B C H W"], places: Float[Tensor, "B 2 S S"], margin: float = 1.0, mode: str = "bilinear"
) -> Float[Tensor, "B C S S"]:
    """What images show at places in [-1, 1], black outside. margin: as for `warp_images`. mode: or `nearest`."""
    grid = places.permute(0, 2, 3, 1)
    if margin != 1:
        grid = grid / margin
    return F.grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=False)


def compose(second: Warp, first: Float[Tensor, "B 2 3"]) -> Warp:
    """The map that does what `first`, an affine one, does, and then what `second`, an affine one or a plate, does."""
    if isinstance(second, ThinPlate):  # a plate says where points come from, so what is done first is undone last
        undo = invert(first)
        return ThinPlate(compose(undo, second.affine), second.weights @ undo[:, :, :2].mT)
    linear = second[:, :, :2] @ first
    return torch.cat([linear[..., :2], linear[..., 2:] + second[..., 2:]], -1)


def pixel_origins(warp: Warp, side: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "B 2 H W"]:
    """Where every pixel of a side x side image comes from, x and y apart, in [-1, 1].

    What x and what y contribute to a matrix's result is known by column and by row, so a pixel costs one sum. What the
    controls of a thin plate contribute at each pixel is the same for all plates, so the batch costs one matrix product.
    """
    axis = coords.pixel_centres(side, dtype=dtype, device=device)
    matrix = warp.affine if isinstance(warp, ThinPlate) else invert(warp)
    of_x = matrix[:, :, :1] * axis
    of_y = matrix[:, :, 1:2] * axis + matrix[:, :, 2:]
    planes = of_x[:, :, None] + of_y[..., None]
    if isinstance(warp, ThinPlate):
        bending = _pixel_bending(side, math.isqrt(warp.weights.shape[1]), dtype, device)
        return planes + (warp.weights.mT.flatten(0, 1) @ bending).view_as(planes)
    return planes[:, :2] / planes[:, 2:] if matrix.shape[1] == 3 else planes


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # else a first use in evaluation would leave a tensor that training cannot use
def pixel_places(side: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "1 2 H W"]:
    """Where every pixel of a side x side image lies, x and y apart, in [-1, 1]."""
    axis = coords.pixel_centres(side, dtype=dtype, device=device)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # else a first use in evaluation would leave a tensor that training cannot use
def _pixel_bending(side: int, n: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "N P"]:
    """U between n x n controls and side x side pixels."""
    axis = coords.pixel_centres(side, dtype=dtype, device=device)
    pixels = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], -1)
    return _bending(_squared(*_offsets(pixels, n))).T.contiguous()


def _offsets(points: Float[Tensor, "*B K 2"], n: int) -> tuple[Float[Tensor, "*B K n"], Float[Tensor, "*B K n"]]:
    """From each column of n x n controls to each point along x, and from each row along y."""
    axis = torch.linspace(-1, 1, n, dtype=points.dtype, device=points.device)
    return points[..., :1] - axis, points[..., 1:] - axis


def _squared(x: Float[Tensor, "*B K n"], y: Float[Tensor, "*B K n"]) -> Float[Tensor, "*B K N"]:
    """Squared distance to each control, row by row."""
    return (y.square()[..., :, None] + x.square()[..., None, :]).flatten(-2)


def _bending(squared: Tensor) -> Tensor:
    """U(r) = r^2 log r of squared distances; the tiny number keeps its slope at a control finite."""
    return 0.5 * squared * (squared + 1e-12).log()


def _solve(points: Float[Tensor, "B K 2"], plate: ThinPlate) -> Float[Tensor, "B K 2"]:
    """Points of the warped image that come from the given ones."""
    plate, target = ThinPlate(*(part.detach() for part in plate)), points.detach()
    # The affine part alone can be far off, so the search starts from the nearest point of a coarse grid over the
    # image and its surroundings; where a plate has folded outside, a place in the image is preferred.
    axis = torch.linspace(-START[0], START[0], START[1], dtype=points.dtype, device=points.device)
    grid = torch.cartesian_prod(axis, axis)
    outside = (grid.abs().amax(-1) - 1).clamp(min=0)
    came = origins(grid.expand(len(points), -1, -1), plate)
    found = grid[(torch.cdist(target, came) + 0.3 * outside).argmin(-1)]
    for _ in range(NEWTON_STEPS):
        found = found - _newton_step(found, plate, origins(found, plate) - target)
    missed = origins(found, plate) - target
    solved = missed.norm(dim=-1, keepdim=True) < SOLVED
    found = found.where(solved, 0)
    # No change in value; its slope by the points is the implicit function's.
    found = found - _newton_step(found, plate, (target - points).where(solved, 0))
    return found.where(solved, torch.nan)


def _newton_step(points: Tensor, plate: ThinPlate, residual: Tensor) -> Float[Tensor, "B K 2"]:
    """The step in the warped image that changes where points come from by the residual.

    It is J^-1 residual, with J the Jacobian of `origins`.
    """
    n = math.isqrt(plate.weights.shape[1])
    x, y = _offsets(points.detach(), n)
    slope = (1 + (_squared(x, y) + 1e-12).log()).unflatten(-1, (n, n))  # of U at each control, as a share of the offset
    weights = plate.weights.unflatten(1, (n, n))
    by_x = plate.affine[:, None, :, 0] + torch.einsum("bkyx,bkx,byxi->bki", slope, x, weights)
    by_y = plate.affine[:, None, :, 1] + torch.einsum("bkyx,bky,byxi->bki", slope, y, weights)
    (a, c), (b, d) = by_x.unbind(-1), by_y.unbind(-1)
    right, down = residual.unbind(-1)
    return torch.stack([d * right - b * down, a * down - c * right], -1) / (a * d - b * c)[..., None]
