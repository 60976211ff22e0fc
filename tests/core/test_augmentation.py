"""Images of a batch, and their points, under random maps."""

from __future__ import annotations

from dataclasses import replace

import torch

from landmarklib.core import augmentation, coords, warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, NO_CLASS, Batch

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


def plates(n: int, seed: int) -> warps.ThinPlate:
    ranges = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.1}
    return warps.random_thin_plate(n, seeded(seed), controls=4, bend=0.01, strong_bend=0.05, **ranges)


def test_a_plate_after_jitter_takes_pixels_from_where_both_maps_do(generator):
    points = torch.rand(3, 3, 2, generator=generator)
    seen = augmentation.jitter_batch(
        a_batch(torch.rand(3, 1, 20, 20, generator=generator), points), seeded(7), 10, **RANGES
    )
    plate = plates(3, 8)
    there = 1.6 * torch.rand(3, 5, 2, generator=generator) - 0.8
    expected = warps.origins(warps.origins(there, plate), seen.jitter)
    assert close(warps.origins(there, warps.compose(plate, seen.jitter)), expected)
    again = augmentation.second_view(seen, 0, plate)
    assert torch.equal(again, warps.warp_images(seen.source, warps.compose(plate, seen.jitter), 10, MARGIN))


def test_plates_one_after_the_other_are_undone_from_the_last(generator):
    points = torch.rand(2, 3, 2, generator=generator)
    seen = augmentation.jitter_batch(
        a_batch(torch.rand(2, 1, 20, 20, generator=generator), points), seeded(7), 10, **RANGES
    )
    one, other = plates(2, 8), plates(2, 9)
    axis = coords.pixel_centres(10)
    pixels = torch.cartesian_prod(axis, axis).flip(-1).expand(2, -1, -1)  # rows of pixels, x first
    places = warps.origins(warps.origins(warps.origins(pixels, other), one), seen.jitter)
    expected = warps.sample(seen.source, places.mT.unflatten(2, (10, 10)), MARGIN)
    assert close(augmentation.second_view(seen, 0, one, other), expected)
    still = warps.ThinPlate(torch.eye(2, 3).expand(2, 2, 3), torch.zeros(2, 16, 2))
    assert close(augmentation.second_view(seen, 0, still, other), augmentation.second_view(seen, 0, other))


def test_jitter_moves_classes_of_pixels_as_it_moves_pixels(generator):
    """Where the image is plainly of one class the class is that; where it is from beyond the source there is none."""
    classes = (torch.rand(4, 1, 5, 5, generator=generator) > 0.5).byte().repeat_interleave(8, 2).repeat_interleave(8, 3)
    batch = replace(a_batch(classes.float(), torch.zeros(4, 1, 2)), pixel_classes=classes[:, 0])
    seen = augmentation.jitter_batch(batch, seeded(7), 24, **{**RANGES, "shift": 1.5})
    inside = warps.warp_images(torch.ones(4, 1, 40, 40), seen.jitter, 24, MARGIN)[:, 0]
    found, image = seen.pixel_classes, seen.images[:, 0]
    assert found.shape == (4, 24, 24) and found.dtype == torch.uint8
    assert (found[inside == 0] == NO_CLASS).all() and (inside == 0).any()
    within = inside > 0.999
    for value in (0, 1):
        plain = within & ((image - value).abs() < 1e-3)
        assert plain.sum() > 100 and (found[plain] == value).all()
    assert (found[within] != NO_CLASS).all()


def test_squares_are_cut_out_where_they_are_drawn():
    """Of a noise that draws the places: one in the middle, one over a corner, which keeps a quarter of it."""

    class Drawn(Noise):
        def uniform(self, *shape):
            return torch.tensor([[[0.5, 0.5], [0.0, 1.0]]]).expand(*shape)

    images = torch.arange(100.0).view(1, 1, 10, 10).expand(2, 3, 10, 10)
    seen = augmentation.cut_out(images, Drawn(torch.Generator()), 2, 0.4)
    cut = torch.zeros(10, 10, dtype=torch.bool)
    cut[3:7, 3:7] = True
    cut[:2, 8:] = True
    assert torch.equal(seen[1, 2][~cut], images[1, 2][~cut]) and (seen[1, 2][cut] == 49.5).all()
    assert torch.equal(augmentation.cut_out(images, seeded(1), 0, 0.4), images)


COUNTERPARTS = [1, 0, 2]


def a_marked_batch(generator: torch.Generator, n: int = 2) -> Batch:
    points = torch.rand(n, 3, 2, generator=generator) - 0.5
    points[0, 2] = torch.nan
    batch = a_batch(torch.rand(n, 1, 8, 8, generator=generator), points)
    return replace(batch, visible=points.isfinite().all(-1) & torch.tensor([True, False, True]))


def test_in_a_mirror_images_turn_and_landmarks_become_their_counterparts(generator):
    batch = a_marked_batch(generator)
    turned = augmentation.mirror(batch, seeded(1), 1.0, COUNTERPARTS)
    assert torch.equal(turned.images, batch.images.flip(-1))
    expected = batch.points[:, COUNTERPARTS] * torch.tensor([-1.0, 1.0])
    assert torch.equal(turned.points.nan_to_num(7), expected.nan_to_num(7)) and turned.points[0, 2].isnan().all()
    assert turned.visible.tolist() == [[False, True, False], [False, True, True]]
    again = augmentation.mirror(turned, seeded(2), 1.0, COUNTERPARTS)
    assert torch.equal(again.images, batch.images) and torch.equal(again.visible, batch.visible)


def test_a_share_of_the_images_is_seen_in_a_mirror(generator):
    batch = a_marked_batch(generator, 400)
    seen = augmentation.mirror(batch, seeded(1), 0.25, COUNTERPARTS)
    turned = (seen.images != batch.images).flatten(1).any(1)
    assert 60 < turned.sum() < 140
    assert torch.equal(seen.points[~turned].nan_to_num(7), batch.points[~turned].nan_to_num(7))
    still = augmentation.mirror(batch, seeded(1), 0.0, COUNTERPARTS)
    assert torch.equal(still.images, batch.images) and torch.equal(still.visible, batch.visible)


def test_a_second_view_of_a_mirror_image_is_of_the_mirror_image(generator):
    """It is cut from the larger image under the jitter and the mirror at once."""
    images = torch.rand(2, 1, 20, 20, generator=generator)
    seen = augmentation.jitter_batch(a_batch(images, torch.zeros(2, 3, 2)), seeded(7), 10, **RANGES)
    turned = augmentation.mirror(seen, seeded(1), 1.0, COUNTERPARTS)
    still = warps.random_affine(2, seeded(8), rotation_degrees=0.0, scale=0.0, shift=1e-9)
    assert close(augmentation.second_view(turned, 0, still), turned.images)
