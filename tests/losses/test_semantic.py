"""The losses of moskvyak2021 by hand."""

from __future__ import annotations

import math

import pytest
import torch

from landmarklib.core import heatmaps
from landmarklib.losses import semantic


def test_a_gaussian_is_1_at_its_point_and_0_where_none_counts():
    """The middle of a map of 5 cells; two cells away it is exp(-2) with a sigma of 1."""
    visible = torch.tensor([[True, False]])
    points = torch.tensor([[[0.0, 0.0], [torch.nan, torch.nan]]])
    maps = heatmaps.gaussians(points, visible, 5, 1.0)
    assert maps[0, 0, 2, 2] == 1 and maps[0, 0, 2, 4] == pytest.approx(math.exp(-2))
    assert maps[0, 0, 0, 2] == maps[0, 0, 2, 4] and not maps[0, 1].any()


def test_a_gaussian_between_cells_leans_to_the_nearer_one():
    maps = heatmaps.gaussians(torch.tensor([[[0.1, 0.0]]]), torch.tensor([[True]]), 4, 1.0)[0, 0]
    assert maps.argmax().item() % 4 == 2 and torch.allclose(maps[1], maps[2])


def test_heatmaps_differ_by_their_mean_square_over_those_that_count():
    """Of two maps of 2 x 2 one differs by 2 in one pixel, the other in all, and does not count."""
    predicted, target = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    predicted[0, 0, 0, 1] = 2.0
    predicted[0, 1] = torch.nan
    counted = torch.tensor([[True, False]])
    assert semantic.heatmap_mse(predicted, target, counted).tolist() == [1.0]
    assert semantic.heatmap_mse(predicted, target, ~counted | counted).isnan().all()


def test_a_representation_is_the_largest_of_each_feature_under_the_heatmap():
    """Features 1 to 4 and -1 to -4; the first keypoint lies on the third cell, the second half on the first two."""
    features = torch.tensor([[[[1.0, 2], [3, 4]], [[-1, -2], [-3, -4]]]])
    maps = torch.tensor([[[[0.0, 0], [1, 0]], [[0.5, 0.5], [0, 0]]]])
    assert semantic.representations(features, maps).tolist() == [[[3.0, 0.0], [1.0, 0.0]]]


def test_consistency_is_the_cross_entropy_of_the_keypoints_own_name():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
    both, first = torch.tensor([[True, True]]), torch.tensor([[True, False]])
    sure = math.log(1 + math.exp(-2))
    assert semantic.consistency(logits, both).item() == pytest.approx((sure + math.log(2)) / 2)
    assert semantic.consistency(logits, first).item() == pytest.approx(sure)
    assert semantic.consistency(logits, ~both).item() == 0


def test_invariance_is_the_mean_square_of_the_difference():
    first, second = torch.zeros(1, 2, 2), torch.tensor([[[1.0, 3.0], [7.0, 7.0]]])
    assert semantic.invariance(first, second, torch.tensor([[True, False]])).tolist() == [5.0]
