"""From maps to points: literal values and gradients, slow oracles."""

from __future__ import annotations

import math

import pytest
import torch

from landmarklib.core import coords, heatmaps

LN2 = math.log(2)


def close(a, b) -> bool:
    b = torch.as_tensor(b, dtype=a.dtype)
    return torch.allclose(a, b, rtol=0, atol=1e-10 if a.dtype == torch.float64 else 1e-5)


def random_maps(generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def slow_soft_argmax(maps: torch.Tensor, beta: float) -> torch.Tensor:
    height, width = maps.shape[-2:]
    points = torch.zeros(*maps.shape[:2], 2, dtype=maps.dtype)
    for b in range(maps.shape[0]):
        for k in range(maps.shape[1]):
            total = sum(math.exp(beta * maps[b, k, i, j]) for i in range(height) for j in range(width))
            for i in range(height):
                for j in range(width):
                    p = math.exp(beta * maps[b, k, i, j]) / total
                    points[b, k, 0] += p * ((2 * j + 1) / width - 1)
                    points[b, k, 1] += p * ((2 * i + 1) / height - 1)
    return points


def test_softmax_of_a_map_by_hand():
    maps = torch.tensor([[[[0.0, LN2], [0.0, 0.0]]]])
    assert close(heatmaps.spatial_softmax(maps), [[[[0.2, 0.4], [0.2, 0.2]]]])
    assert close(heatmaps.spatial_softmax(maps, 2.0), [[[[1 / 7, 4 / 7], [1 / 7, 1 / 7]]]])


def test_uniform_map_points_to_the_centre():
    assert close(heatmaps.soft_argmax(torch.full((1, 2, 5, 5), 3.0), 10.0), [[[0, 0], [0, 0]]])


def test_one_peak_is_found_at_its_pixel_centre():
    maps = torch.zeros(1, 1, 5, 5)
    maps[0, 0, 1, 4] = 50
    assert close(heatmaps.soft_argmax(maps), [[[0.8, -0.4]]])


def test_two_equal_peaks_give_their_midpoint():
    maps = torch.zeros(1, 1, 5, 5)
    maps[0, 0, 0, 0] = maps[0, 0, 2, 4] = 50
    assert close(heatmaps.soft_argmax(maps), [[[0, -0.4]]])


@pytest.mark.parametrize("beta", [0.5, 1.0, 10.0])
def test_soft_argmax_against_a_loop(generator, beta):
    maps = random_maps(generator, 2, 3, 4, 5)
    assert close(heatmaps.soft_argmax(maps, beta), slow_soft_argmax(maps, beta))


def test_gradient_of_a_two_pixel_map():
    maps = torch.zeros(1, 1, 1, 2, requires_grad=True)
    heatmaps.soft_argmax(maps, 10.0).sum().backward()
    assert close(maps.grad, [[[[-2.5, 2.5]]]])


@pytest.mark.parametrize(
    "axis, gradient",
    [(0, [[-0.12, 0.16], [-0.12, 0.08]]), (1, [[-0.08, -0.16], [0.12, 0.12]])],
    ids=["x", "y"],
)
def test_gradient_of_a_four_pixel_map(axis, gradient):
    maps = torch.tensor([[[[0.0, LN2], [0.0, 0.0]]]], requires_grad=True)
    point = heatmaps.soft_argmax(maps)
    assert close(point, [[[0.1, -0.1]]])
    point[0, 0, axis].backward()
    assert close(maps.grad, [[gradient]])


def test_a_constant_added_to_a_map_changes_nothing(generator):
    maps = random_maps(generator, 2, 3, 4, 5)
    lifted = maps + torch.tensor([100.0, -7.0, 0.5], dtype=torch.float64)[:, None, None]
    assert close(heatmaps.soft_argmax(lifted, 3.0), heatmaps.soft_argmax(maps, 3.0))


def test_large_beta_approaches_argmax(generator):
    ranks = torch.stack([torch.randperm(30, generator=generator) for _ in range(6)]).double().view(2, 3, 5, 6)
    assert close(heatmaps.soft_argmax(ranks, 100.0), heatmaps.argmax(ranks))
    assert not close(heatmaps.soft_argmax(ranks, 0.1), heatmaps.argmax(ranks))


def test_expectation_weighs_pixel_centres():
    probabilities = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]]])
    assert close(heatmaps.expectation(probabilities), [[[0.1, 0.2]]])


def test_argmax_is_the_centre_of_the_highest_pixel():
    maps = torch.zeros(1, 2, 3, 4)
    maps[0, 0, 2, 1] = 1
    maps[0, 1, 0, 3] = 1e-3
    assert close(heatmaps.argmax(maps), [[[-0.25, 2 / 3], [0.75, -2 / 3]]])


def test_nearest_pixel_by_hand():
    points = torch.tensor([[[-0.75, -2 / 3], [0.8, 0.7], [-0.2, 0.1], [0.75, 0.0]]])
    assert heatmaps.nearest_pixel(points, (4, 3)).tolist() == [[0, 11, 5, 7]]


def test_nearest_pixel_is_clamped_to_the_image():
    points = torch.tensor([[[-1.0, -1.0], [1.0, 1.0], [5.0, -5.0], [-5.0, 0.0]]])
    assert heatmaps.nearest_pixel(points, (4, 3)).tolist() == [[0, 11, 3, 4]]


def test_nearest_pixel_of_every_pixel_centre_is_that_pixel():
    index = torch.arange(12)
    points = coords.to_norm(torch.stack([index % 4, index // 4], -1).float(), (4, 3))
    assert heatmaps.nearest_pixel(points[None], (4, 3))[0].tolist() == index.tolist()


def test_a_constant_map_is_not_peaked():
    largest, entropy = heatmaps.peakedness(torch.full((2, 1, 4, 4), 7.0), 10.0)
    assert close(largest, [0]) and close(entropy, [1])


def test_a_saturated_map_has_no_entropy():
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 0, 1, 2] = 1
    maps[0, 1, 0, 0] = maps[0, 1, 3, 3] = 1
    largest, entropy = heatmaps.peakedness(maps, 1000.0)
    assert close(largest, [937.5, 875])
    assert close(entropy, [0, 0.25])


def test_peakedness_takes_the_largest_value_and_the_mean_entropy_of_a_batch():
    maps = torch.zeros(2, 1, 4, 4)
    maps[1, 0, 3, 0] = -1000
    maps[0, 0, 3, 0] = 1000
    maps = torch.cat([maps, torch.zeros(2, 1, 4, 4)])
    largest, entropy = heatmaps.peakedness(maps, 1.0)
    assert close(largest, [937.5])
    assert close(entropy, [(0 + math.log(15) / math.log(16) + 1 + 1) / 4])


def test_the_peak_of_a_gaussian_is_found_between_pixels():
    at = coords.to_norm(torch.tensor([[[4.3, 5.0], [2.6, 7.45]]]), (10, 10))
    maps = heatmaps.gaussians(at, torch.ones(1, 2, dtype=torch.bool), 10, 1.2)
    assert close(heatmaps.peak(0.1 * maps), at)


def test_a_peak_at_the_border_or_beside_nothing_is_the_pixel():
    maps = torch.zeros(1, 3, 4, 5)
    maps[0, 0, 0, 2:4] = torch.tensor([1.0, 0.5])  # beside a 0 along x, at the border along y
    maps[0, 1, 2, 1:4] = torch.tensor([-0.5, 1.0, 0.5])
    assert close(heatmaps.peak(maps), heatmaps.argmax(maps))
    maps[0, 1, 2, 1:4] = torch.tensor([0.5, 1.0, 1.0])  # two pixels are alike: half way
    assert close(coords.to_pixels(heatmaps.peak(maps)[:, 1:2], (5, 4)), [[[2.5, 2.0]]])
