"""Where a pixel centre lies, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landmarklib.core import coords

both_kinds = pytest.mark.parametrize("array", [np.array, torch.tensor], ids=["numpy", "torch"])


def close(a, b) -> bool:
    return np.allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-6)


@both_kinds
def test_image_edges_are_at_minus_one_and_one(array):
    edges = array([[-0.5, -0.5], [59.5, 29.5]])
    assert close(coords.to_norm(edges, (60, 30)), [[-1, -1], [1, 1]])
    assert close(coords.to_pixels(array([[-1.0, -1.0], [1.0, 1.0]]), (60, 30)), edges)


@both_kinds
def test_pixel_centres_lie_half_a_pixel_inside_the_edges(array):
    pixels = array([[0.0, 0.0], [3.0, 1.0], [1.5, 0.5]])
    assert close(coords.to_norm(pixels, (4, 2)), [[-0.75, -0.5], [0.75, 0.5], [0, 0]])


def test_pixel_centres_of_four_pixels():
    assert coords.pixel_centres(4).tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_pixel_centres_agree_with_to_norm():
    pixels = torch.arange(7, dtype=torch.float64)[:, None].expand(-1, 2)
    centres = coords.pixel_centres(7, dtype=torch.float64)
    assert centres.dtype == torch.float64
    assert close(coords.to_norm(pixels, (7, 7))[:, 0], centres)


@both_kinds
def test_round_trip_returns_the_points(array):
    points = array(np.random.default_rng(0).uniform(-20, 80, (3, 5, 2)))
    assert close(coords.to_pixels(coords.to_norm(points, (61, 32)), (61, 32)), points)
    assert close(coords.to_norm(coords.to_pixels(points, (61, 32)), (61, 32)), points)


@pytest.mark.parametrize("points", [np.ones((2, 2), np.float32), torch.ones(2, 2, dtype=torch.float32)])
def test_conversion_keeps_kind_and_number_type(points):
    for convert in (coords.to_norm, coords.to_pixels):
        converted = convert(points, (4, 4))
        assert type(converted) is type(points) and converted.dtype == points.dtype


def test_a_first_use_in_inference_mode_leaves_training_possible():
    size = 13, 17  # which no other test has, so that nothing is kept from one
    with torch.inference_mode():
        coords.to_norm(torch.ones(1, 2), size)
    points = torch.ones(1, 2, requires_grad=True)
    coords.to_norm(points, size).sum().backward()
    assert close(points.grad, [[2 / 13, 2 / 17]])


@both_kinds
def test_affine_by_hand(array):
    quarter_turn_and_shift = [[0.0, -1.0, 0.5], [1.0, 0.0, -0.25]]
    shear = [[1.0, 2.0, 0.0], [0.0, 1.0, 0.0]]
    points = array([[[1.0, 0.0], [0.2, 0.4]], [[1.0, 0.0], [0.2, 0.4]]])
    moved = coords.apply_affine(points, array([quarter_turn_and_shift, shear]))
    assert close(moved, [[[0.5, 0.75], [0.1, -0.05]], [[1.0, 0.0], [1.0, 0.4]]])


def test_affine_against_a_loop():
    rng = np.random.default_rng(0)
    points, affine = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 2, 3))
    expected = np.empty_like(points)
    for b in range(3):
        for k in range(4):
            expected[b, k] = affine[b, :, :2] @ points[b, k] + affine[b, :, 2]
    assert close(coords.apply_affine(points, affine), expected)


@both_kinds
def test_inside_counts_the_edge_and_needs_both_coordinates(array):
    points = array([[0.0, 0.0], [1.0, -1.0], [1.01, 0.0], [0.0, -1.01], [-0.8, 0.9]])
    assert coords.inside(points).tolist() == [True, True, False, False, True]
    assert coords.inside(points, margin=0.15).tolist() == [True, False, False, False, False]
