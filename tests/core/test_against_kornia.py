"""The same numbers as kornia, where it has the same function; benchmarks/against_kornia.py compares the speed."""

from __future__ import annotations

import kornia.geometry.transform as theirs
import pytest
import torch
from kornia.geometry.linalg import transform_points
from kornia.geometry.subpix import spatial_soft_argmax2d

from landmarklib.core import heatmaps, warps
from landmarklib.core.noise import Noise

SIZE = 40
RANGES = {"rotation_degrees": 180.0, "scale": 0.1, "shift": 1 / 6}
PLATE = {"controls": 5, "bend": 0.005, "strong_bend": 0.02, "rotation_degrees": 20.0, "scale": 0.05, "shift": 0.1}


@pytest.fixture
def images(generator) -> torch.Tensor:
    """Four smooth images in double precision, on which a rounding of the map changes little."""
    pixel = torch.arange(SIZE)
    centres = SIZE * (0.3 + 0.4 * torch.rand(4, 2, 1, generator=generator, dtype=torch.double))
    x, y = (-((pixel - centres) ** 2) / 32).exp().unbind(1)
    return (y[:, :, None] * x[:, None, :])[:, None]


@pytest.fixture
def points(generator) -> torch.Tensor:
    return 2 * torch.rand(4, 5, 2, generator=generator, dtype=torch.double) - 1


def close(ours: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    return torch.allclose(ours, expected, rtol=0, atol=tolerance)


def in_pixels(matrix: torch.Tensor) -> torch.Tensor:
    """The same 3 x 3 map between pixel coordinates."""
    to_pixels = torch.tensor([[SIZE / 2, 0, (SIZE - 1) / 2], [0, SIZE / 2, (SIZE - 1) / 2], [0, 0, 1]]).double()
    return to_pixels @ matrix @ to_pixels.inverse()


def test_affine_warps(images, generator):
    affine = warps.random_affine(4, Noise(generator), **RANGES).double()
    whole = torch.cat([affine, torch.tensor([0.0, 0.0, 1.0]).expand(4, 1, 3)], 1)
    expected = theirs.warp_affine(images, in_pixels(whole)[:, :2], (SIZE, SIZE), align_corners=False)
    assert close(warps.warp_images(images, affine), expected, 1e-7)


def test_perspective_warps(images, points, generator):
    matrix = warps.random_perspective(4, Noise(generator), perspective=0.2, **RANGES).double()
    expected = theirs.warp_perspective(images, in_pixels(matrix), (SIZE, SIZE), align_corners=False)
    assert close(warps.warp_images(images, matrix), expected, 1e-7)
    assert close(warps.move(points, matrix), transform_points(matrix, points), 1e-7)


def test_thin_plates(images, points, generator):
    plate = warps.ThinPlate(*(part.double() for part in warps.random_thin_plate(4, Noise(generator), **PLATE)))
    axis = torch.linspace(-1, 1, PLATE["controls"]).double()
    controls = torch.cartesian_prod(axis, axis).flip(-1).expand(4, -1, -1)
    plates = controls, plate.weights, plate.affine[:, :, [2, 0, 1]].mT
    assert close(warps.warp_images(images, plate), theirs.warp_image_tps(images, *plates), 1e-6)
    assert close(warps.origins(points, plate), theirs.warp_points_tps(points, *plates), 1e-7)


@pytest.mark.parametrize("beta", [1.0, 10.0])
def test_soft_argmax_and_its_gradient(generator, beta):
    """Kornia's outermost pixel centres are at -1 and 1, ours half a pixel inside; its temperature is 1 / beta."""
    ours, other = (torch.randn(2, 3, 9, 12, generator=generator.manual_seed(0)).requires_grad_() for _ in range(2))
    weights = torch.rand(2, 3, 2, generator=generator)
    inside = torch.tensor([11 / 12, 8 / 9])
    found = heatmaps.soft_argmax(ours, beta)
    expected = inside * spatial_soft_argmax2d(other, torch.tensor(1 / beta))
    assert close(found, expected, 1e-5)
    for points in (found, expected):
        (weights * points).sum().backward()
    assert close(ours.grad, other.grad, 1e-5)
