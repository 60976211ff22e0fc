"""Reconstruction losses by hand: the border's mask, pixels and differences, features and their running means."""

from __future__ import annotations

import math

import pytest
import torch

from landmarklib.losses import reconstruction

CPU = torch.device("cpu")


def mask_of(side: int) -> torch.Tensor:
    return reconstruction.border_mask(side, torch.float64, CPU)[0, 0]


def test_the_mask_at_128_pixels_is_the_released_codes():
    """10 zeros, 20 steps of 0.5 + 0.5 tanh(x / 0.4), x from -1 to 1, then ones; the product of both axes."""
    step = [0.5 + 0.5 * math.tanh((-1 + 2 * i / 19) / 0.4) for i in range(20)]
    strip = torch.tensor([0.0] * 10 + step + [1.0] * 68 + step[::-1] + [0.0] * 10, dtype=torch.float64)
    assert torch.allclose(mask_of(128), strip[:, None] * strip, atol=1e-12)


@pytest.mark.parametrize("side", [45, 48, 64])
def test_the_mask_of_another_side_has_as_wide_a_border(side):
    mask = mask_of(side)
    assert torch.equal(mask, mask.T) and torch.allclose(mask, mask.flip(0), atol=1e-12)
    middle = mask[side // 2]
    assert (middle.diff()[: side // 2 - 1] >= 0).all() and middle[side // 2] == 1
    assert (middle == 0).sum() == 2 * math.ceil(10.5 * side / 128 - 0.5)
    assert abs(middle.sum() / side - mask_of(128)[64].sum() / 128) < 0.02


def test_pixels_and_differences_by_hand():
    """One wrong pixel in a corner of 8 x 8, by 1: the pixel, and one difference along each axis at three scales."""
    painted, true = torch.zeros(1, 1, 8, 8, requires_grad=True), torch.zeros(1, 1, 8, 8)
    true[0, 0, 0, 0] = 1
    value = reconstruction.pixels(painted, true, torch.ones(1, 1, 8, 8))
    by_hand = 1 / 64 + 2 / 56 + 2 * (1 / 4) ** 2 / 12 + 2 * (1 / 16) ** 2 / 2
    assert value.tolist() == pytest.approx([by_hand])
    value.sum().backward()
    assert painted.grad[0, 0, 0, 0].item() == pytest.approx(-2 * by_hand)


def test_an_image_that_is_too_bright_all_over_is_wrong_by_its_pixels_alone():
    true = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    value = reconstruction.pixels(true + torch.tensor([0.0, 0.5])[:, None, None, None], true, torch.ones(2, 1, 8, 8))
    assert value.tolist() == pytest.approx([0, 0.25], abs=1e-6)


def test_a_difference_weighs_as_the_smaller_mask_of_its_pixels():
    true, mask = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    true[..., 1] = 1  # a wrong column, beside one that is hidden and one that counts by half
    mask[..., 1], mask[..., 2] = 1.0, 0.5
    value = reconstruction.pixels(torch.zeros(1, 1, 8, 8), true, mask)
    assert value.tolist() == pytest.approx([8 / 64 + 8 * 0.5 / 56])  # of every 2 x 2 pixels some are hidden


def test_features_are_compared_under_the_mask_at_their_size():
    fine, coarse = torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 2, 2)
    mask = torch.ones(1, 1, 4, 4)
    mask[..., :2] = 0
    values = reconstruction.features([fine + 1, coarse + 3], [fine, coarse], mask)
    assert values.tolist() == [[0.5, 4.5]]


def test_each_layer_is_divided_by_its_running_mean():
    """1% of the way from 1 to the batch's 3, and from 2 to the batch's 2."""
    errors = torch.tensor([[2.0, 1.0], [4.0, 3.0]], requires_grad=True)
    means = torch.tensor([1.0, 2.0])
    values = reconstruction.balanced(errors, means, training=True)
    assert means.tolist() == pytest.approx([1.02, 2.0])
    assert values.tolist() == pytest.approx([2 / 1.02 + 0.5, 4 / 1.02 + 1.5])
    values.sum().backward()
    assert errors.grad.flatten().tolist() == pytest.approx([1 / 1.02, 0.5] * 2)
    reconstruction.balanced(errors, means, training=False)
    assert means.tolist() == pytest.approx([1.02, 2.0])
