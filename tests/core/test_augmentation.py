"""Images of a batch, and their points, under random maps."""

from __future__ import annotations

import torch

from landmarklib.core import augmentation, coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, Batch

RANGES = {"rotation_degrees": 180.0, "scale": 0.1, "shift": 1 / 6}


def seeded(seed: int) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=0, atol=1e-5)


def a_batch(images: torch.Tensor, points: torch.Tensor) -> Batch:
    n = len(images)
    return Batch(images, points, torch.ones(points.shape[:2], dtype=torch.bool), torch.zeros(n, 1), n)


def test_jitter_moves_images_and_points_by_the_same_drawn_map(generator):
    images, points = torch.rand(3, 1, 12, 12, generator=generator), torch.rand(3, 2, 2, generator=generator)
    points[0, 0] = torch.tensor([0.95, 0.95])
    points[1, 1] = torch.nan
    seen = augmentation.jitter_batch(a_batch(images, points), seeded(7), 6, **RANGES)
    affine = warps.random_affine(3, seeded(7), **RANGES)
    assert torch.equal(seen.images, warps.warp_images(images, affine, 6, MARGIN)) and seen.images.shape[-1] == 6
    assert torch.equal(seen.source, images) and torch.equal(seen.jitter, affine)
    expected = coords.apply_affine(points, affine)
    assert close(seen.points[~points.isnan()], expected[~points.isnan()]) and seen.points[1, 1].isnan().all()
    assert torch.equal(seen.visible, coords.inside(expected)) and not seen.visible[1, 1]


def test_a_second_view_is_one_view_under_both_maps(generator):
    points = torch.rand(2, 3, 2, generator=generator)
    seen = augmentation.jitter_batch(
        a_batch(torch.rand(2, 1, 20, 20, generator=generator), points), seeded(7), 10, **RANGES
    )
    further = warps.random_affine(1, seeded(8), **RANGES)
    both = warps.compose(further, seen.jitter[1:])
    assert close(coords.apply_affine(points[1:], both), coords.apply_affine(seen.points[1:], further))
    again = augmentation.second_view(seen, 1, further)
    assert torch.equal(again, warps.warp_images(seen.source[1:], both, 10, MARGIN))
    plain = a_batch(seen.images, points)
    assert torch.equal(augmentation.second_view(plain, 1, further), warps.warp_images(seen.images[1:], further))
