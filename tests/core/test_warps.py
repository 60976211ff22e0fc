"""Images and points move together."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from landmarklib.core import coords, warps
from landmarklib.core.noise import Noise, ReplayNoise

RANGES = {"rotation_degrees": 180.0, "scale": 0.1, "shift": 1 / 6}
KINDS = {
    "affine": lambda n, noise: warps.random_affine(n, noise, **RANGES),
    "perspective": lambda n, noise: warps.random_perspective(n, noise, perspective=0.2, **RANGES),
    "thin plate": lambda n, noise: warps.random_thin_plate(n, noise, **PLATE),
}
PLATE = {"controls": 5, "bend": 0.005, "strong_bend": 0.02, "rotation_degrees": 20.0, "scale": 0.05, "shift": 0.1}
IDENTITY = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


def seeded(seed: int) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


def close(a, b, tolerance: float = 1e-5) -> bool:
    return torch.allclose(a, torch.as_tensor(b, dtype=a.dtype), rtol=0, atol=tolerance)


def blob_images(centres_px: torch.Tensor, size: int, sigma: float = 1.5) -> torch.Tensor:
    pixel = torch.arange(size)
    x = torch.exp(-((pixel - centres_px[:, :1]) ** 2) / (2 * sigma**2))
    y = torch.exp(-((pixel - centres_px[:, 1:]) ** 2) / (2 * sigma**2))
    return (y[:, :, None] * x[:, None, :])[:, None]


def centroid_px(images: torch.Tensor) -> torch.Tensor:
    pixel = torch.arange(images.shape[-1], dtype=images.dtype)
    mass = images.sum((1, 2, 3))
    return torch.stack([images.sum((1, 2)) @ pixel / mass, images.sum((1, 3)) @ pixel / mass], -1)


def test_inverse_by_hand():
    affine = torch.tensor([[[2.0, 0.0, 0.5], [0.0, 4.0, -1.0]], [[0.0, -1.0, 0.25], [1.0, 0.0, 0.5]]])
    expected = [[[0.5, 0.0, -0.25], [0.0, 0.25, 0.25]], [[0.0, 1.0, -0.5], [-1.0, 0.0, 0.25]]]
    assert close(warps.invert(affine), expected)


def test_warp_then_inverse_is_the_identity_on_points(generator):
    affine = warps.random_affine(20, Noise(generator), **RANGES)
    points = 2 * torch.rand(20, 3, 2, generator=generator) - 1
    moved = coords.apply_affine(points, affine)
    assert (moved - points).norm(dim=-1).mean() > 0.2
    assert close(coords.apply_affine(moved, warps.invert(affine)), points)


def test_the_identity_leaves_an_image_unchanged(generator):
    images = torch.rand(1, 2, 7, 7, generator=generator)
    assert close(warps.warp_images(images, IDENTITY), images)


def test_a_shift_by_one_pixel_moves_content_right_and_fills_with_black():
    images = torch.arange(1.0, 17).view(1, 1, 4, 4)
    affine = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    expected = [[0, 1, 2, 3], [0, 5, 6, 7], [0, 9, 10, 11], [0, 13, 14, 15]]
    assert close(warps.warp_images(images, affine), [[expected]], 1e-4)


def test_a_quarter_turn_takes_the_right_edge_to_the_bottom():
    images = torch.arange(1.0, 10).view(1, 1, 3, 3)
    affine = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    assert close(coords.apply_affine(torch.tensor([[[1.0, 0.0]]]), affine), [[[0.0, 1.0]]])
    assert close(warps.warp_images(images, affine), [[[[7, 4, 1], [8, 5, 2], [9, 6, 3]]]], 1e-4)


def test_pixels_are_sampled_where_torchs_own_affine_grid_puts_them(generator):
    images, affine = torch.rand(4, 2, 6, 6, generator=generator), warps.random_affine(4, Noise(generator), **RANGES)
    grid = F.affine_grid(warps.invert(affine), [4, 2, 6, 6], align_corners=False)
    assert close(warps.warp_images(images, affine), F.grid_sample(images, grid, align_corners=False))


@pytest.mark.parametrize("draw", KINDS.values(), ids=KINDS)
def test_a_blob_moves_with_its_point(draw, generator):
    size = 81
    points = 0.8 * torch.rand(24, 1, 2, generator=generator) - 0.4
    images = blob_images(coords.to_pixels(points, (size, size))[:, 0], size)
    warp = draw(24, Noise(generator))
    expected = coords.to_pixels(warps.move(points, warp), (size, size))[:, 0]
    assert (centroid_px(warps.warp_images(images, warp)) - expected).norm(dim=-1).max() < 0.1
    assert (centroid_px(images) - expected).norm(dim=-1).mean() > 3


@pytest.mark.parametrize("draw", KINDS.values(), ids=KINDS)
def test_moving_undoes_where_points_come_from(draw, generator):
    warp, points = draw(20, Noise(generator)), 1.6 * torch.rand(20, 3, 2, generator=generator) - 0.8
    came = warps.origins(points, warp)
    assert (came - points).norm(dim=-1).mean() > 0.05
    assert close(warps.move(came, warp), points)


@pytest.mark.parametrize("draw", KINDS.values(), ids=KINDS)
def test_images_are_sampled_where_their_pixels_come_from(draw, generator):
    images, warp = torch.rand(3, 2, 7, 7, generator=generator), draw(3, Noise(generator))
    axis = coords.pixel_centres(7)
    pixels = torch.cartesian_prod(axis, axis).flip(-1).expand(3, -1, -1)  # rows of pixels, x first
    expected = F.grid_sample(images, warps.origins(pixels, warp).view(3, 7, 7, 2), align_corners=False)
    assert close(warps.warp_images(images, warp), expected)


@pytest.mark.parametrize("draw", KINDS.values(), ids=KINDS)
def test_the_slope_of_a_moved_point(draw, generator):
    warp = draw(2, Noise(generator))
    warp = warps.ThinPlate(*(part.double() for part in warp)) if isinstance(warp, tuple) else warp.double()
    points = (torch.rand(2, 3, 2, generator=generator).double() - 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: warps.move(p, warp), points)


def test_images_under_no_map_are_cut_to_their_middle(generator):
    images = torch.rand(2, 1, 16, 16, generator=generator)
    still = torch.eye(2, 3).expand(2, 2, 3)
    assert close(warps.warp_images(images, still, 8, 2.0), images[:, :, 4:12, 4:12])
    assert close(warps.warp_images(images, still, 8), torch.nn.functional.avg_pool2d(images, 2))


def test_a_map_by_hand():
    numbers = torch.tensor([[0.75, 1.0, 0.5, 0.75], [0.5, 0.0, 0.0, 1.0]])
    affine = warps.random_affine(2, ReplayNoise([numbers]), rotation_degrees=180.0, scale=0.1, shift=0.5)
    assert close(affine, [[[0, -1.1, 0], [1.1, 0, 0.25]], [[0.9, 0, -0.5], [0, 0.9, 0.5]]])


def test_drawn_maps_are_similarities_within_their_ranges(generator):
    affine = warps.random_affine(500, Noise(generator), rotation_degrees=30.0, scale=0.2, shift=0.1)
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    assert torch.equal(a, d) and torch.equal(b, -c)
    factor, angle, shift = (a * d - b * c).sqrt(), torch.atan2(c, a), affine[:, :, 2]
    for values, low, high in ((factor, 0.8, 1.2), (angle, -math.pi / 6, math.pi / 6), (shift, -0.1, 0.1)):
        span = high - low
        assert low - 1e-6 <= values.min() < low + 0.02 * span
        assert high - 0.02 * span < values.max() <= high + 1e-6
        assert abs(values.mean() - (low + high) / 2) < 0.05 * span


def test_without_rotation_and_scale_only_the_shift_is_left(generator):
    affine = warps.random_affine(10, Noise(generator), rotation_degrees=0.0, scale=0.0, shift=0.1)
    assert torch.equal(affine[:, :, :2], torch.eye(2).expand(10, 2, 2))
    assert affine[:, :, 2].abs().min() > 0


def test_maps_are_decided_by_the_generator():
    first, same, other = (warps.random_affine(4, seeded(seed), **RANGES) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("shift", [0.0, -0.1])
def test_maps_without_a_shift_are_refused(generator, shift):
    with pytest.raises(ValueError, match="shift must be positive"):
        warps.random_affine(1, Noise(generator), rotation_degrees=180.0, scale=0.1, shift=shift)


@pytest.mark.parametrize("perspective", [-0.1, 0.5])
def test_perspective_that_reaches_infinity_is_refused(generator, perspective):
    with pytest.raises(ValueError, match=r"perspective must be in \[0, 0.5\)"):
        warps.random_perspective(1, Noise(generator), perspective=perspective, **RANGES)


def test_perspective_by_hand():
    matrix = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.5, 0.0, 1.0]]])
    assert close(warps.move(torch.tensor([[[1.0, 0.5], [-1.0, 0.0]]]), matrix), [[[2 / 3, 1.0], [-2.0, 1.0]]])


def test_drawn_perspective_maps_are_an_affine_one_and_a_third_row_within_its_range():
    matrix = warps.random_perspective(500, seeded(3), perspective=0.2, **RANGES)
    assert torch.equal(matrix[:, :2], warps.random_affine(500, seeded(3), **RANGES))
    assert 0.19 < matrix[:, 2, :2].abs().max() <= 0.2 and abs(matrix[:, 2, :2].mean()) < 0.01
    assert torch.equal(matrix[:, 2, 2], torch.ones(500))


def test_a_thin_plate_against_a_loop(generator):
    plate, points = warps.random_thin_plate(2, Noise(generator), **PLATE), torch.rand(2, 3, 2, generator=generator)
    expected = torch.empty(2, 3, 2)
    for b in range(2):
        for k in range(3):
            x, y = points[b, k].tolist()
            found = plate.affine[b] @ torch.tensor([x, y, 1.0])
            for i, weight in enumerate(plate.weights[b]):
                control = -1 + 0.5 * (i % 5), -1 + 0.5 * (i // 5)
                r = math.dist((x, y), control)
                found = found + weight * (r**2 * math.log(r) if r else 0.0)
            expected[b, k] = found
    assert close(warps.origins(points, plate), expected)


def test_a_plate_does_not_bend_at_a_lone_control_and_bends_its_neighbour_by_hand():
    weights = torch.zeros(1, 9, 2)
    weights[0, 4] = torch.tensor([0.25, -0.5])  # the control at the centre of the image
    plate = warps.ThinPlate(IDENTITY, weights)
    bending = 0.5**2 * math.log(0.5)
    expected = [[[0.0, 0.0], [0.5 + 0.25 * bending, -0.5 * bending]]]
    assert close(warps.origins(torch.tensor([[[0.0, 0.0], [0.5, 0.0]]]), plate), expected)


def test_a_point_from_nowhere_is_nan_and_its_neighbours_are_found_with_their_slope():
    weights = torch.zeros(1, 9, 2)
    weights[0, 4, 0] = 1.0  # x comes from r^2 log r + x / 20, which is nowhere below -0.25
    plate = warps.ThinPlate(torch.tensor([[[0.05, 0.0, 0.0], [0.0, 1.0, 0.0]]]), weights)
    points = torch.tensor([[[-0.5, 0.0], [0.1, 0.0]]], requires_grad=True)
    moved = warps.move(points, plate)
    assert moved.isnan().all(-1).tolist() == [[True, False]]
    assert close(warps.origins(moved[:, 1:], plate), [[[0.1, 0.0]]])
    moved[0, 1].sum().backward()
    assert points.grad.isfinite().all() and points.grad[0, 1].norm() > 0


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own forward mode
def test_forward_and_backward_slopes_agree(generator):
    plate = warps.random_thin_plate(1, Noise(generator), **PLATE)
    point = torch.tensor([0.2, -0.3])

    def place(p):
        return warps.move(p[None, None], plate)[0, 0]

    assert close(torch.func.jacfwd(place)(point), torch.func.jacrev(place)(point))


def test_a_first_use_in_inference_mode_leaves_training_possible(generator):
    plate = warps.ThinPlate(IDENTITY, torch.zeros(1, 4, 2).requires_grad_())
    with torch.inference_mode():
        warps.warp_images(torch.rand(1, 1, 11, 11), plate)
    warps.warp_images(torch.rand(1, 1, 11, 11), plate).sum().backward()
    assert plate.weights.grad is not None


def test_drawn_plates_have_the_spread_that_was_asked_for(generator):
    plate = warps.random_thin_plate(400, Noise(generator), **PLATE)
    calm, strong = 0.005, math.hypot(0.005, 0.02)
    assert abs(plate.weights.std() - math.sqrt((calm**2 + strong**2) / 2)) < 5e-4
    a, b, shift = plate.affine[:, 0, 0], plate.affine[:, 1, 0], plate.affine[:, :, 2]
    for values, mean, sd in (
        (torch.atan2(b, a), 0, math.radians(20)),
        (torch.hypot(a, b), 1, 0.05),
        (shift, 0, 0.1),
    ):
        assert abs(values.mean() - mean) < 0.2 * sd and abs(values.std() - sd) < 0.1 * sd


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square images, not 5 x 4"):
        warps.warp_images(torch.zeros(1, 1, 4, 5), IDENTITY)
