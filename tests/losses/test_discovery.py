"""Alignment in two shares against the equation as printed, diversity by hand, and what collapse looks like."""

from __future__ import annotations

import pytest
import torch

from landmarklib.core import warps
from landmarklib.core.noise import Noise
from landmarklib.losses import discovery

KIND = torch.float64
PLATE = {"controls": 4, "bend": 0.01, "strong_bend": 0.05, "rotation_degrees": 20.0, "scale": 0.1, "shift": 0.1}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def probabilities(n: int, maps: int, side: int, seed: int = 0) -> torch.Tensor:
    scores = 3 * torch.randn(n, maps, side, side, generator=seeded(seed), dtype=KIND)
    return scores.flatten(2).softmax(-1).view_as(scores)


def spike(side: int, *cells: tuple[int, int]) -> torch.Tensor:
    """One image whose maps have all their mass in these cells, each (column, row)."""
    maps = torch.zeros(1, len(cells), side, side, dtype=KIND)
    for k, (x, y) in enumerate(cells):
        maps[0, k, y, x] = 1
    return maps


def both_views(one: torch.Tensor, other: torch.Tensor, plate: warps.ThinPlate):
    side, device = one.shape[-1], torch.device("cpu")
    own = warps.pixel_places(side, KIND, device)
    return discovery.spread(one, own), discovery.spread(other, warps.pixel_origins(plate, side, KIND, device))


def random_plate(n: int, seed: int = 3) -> warps.ThinPlate:
    return warps.ThinPlate(*(part.to(KIND) for part in warps.random_thin_plate(n, Noise(seeded(seed)), **PLATE)))


def test_both_shares_together_are_the_probability_map_loss_as_it_is_printed():
    one, other, plate = probabilities(2, 3, 6), probabilities(2, 3, 6, seed=1), random_plate(2)
    first, second = both_views(one, other, plate)
    own = warps.pixel_places(6, KIND, torch.device("cpu"))[0].flatten(1).T
    warped = warps.pixel_origins(plate, 6, KIND, torch.device("cpu")).flatten(2)
    expected = torch.zeros(2, dtype=KIND)
    for b in range(2):
        for r in range(3):
            for u in range(36):
                for v in range(36):
                    distance = (own[u] - warped[b, :, v]).square().sum()
                    expected[b] += distance * one[b, r].flatten()[u] * other[b, r].flatten()[v] / 3
    assert torch.allclose(discovery.alignment(first, second) + discovery.variance(first, second), expected)


def test_spikes_that_match_under_the_warp_cost_nothing():
    still = warps.ThinPlate(torch.eye(2, 3, dtype=KIND)[None], torch.zeros(1, 16, 2, dtype=KIND))
    first, second = both_views(spike(8, (2, 5), (6, 1)), spike(8, (2, 5), (6, 1)), still)
    assert discovery.alignment(first, second).item() == 0
    assert discovery.variance(first, second).item() == pytest.approx(0, abs=1e-12)
    moved, _ = both_views(spike(8, (3, 5), (6, 1)), spike(8, (2, 5), (6, 1)), still)
    assert discovery.alignment(moved, second).item() == pytest.approx(0.25**2 / 2)  # one cell of 8, one map of two


def test_the_spread_of_a_map_by_hand():
    maps = (spike(4, (0, 0)) + spike(4, (3, 0))) / 2  # at x = -0.75 and 0.75, y = -0.75
    found = discovery.spread(maps, warps.pixel_places(4, KIND, torch.device("cpu")))
    assert found.mean[0, 0].tolist() == [0.0, -0.75]
    assert found.variance.item() == pytest.approx(0.75**2)


@pytest.mark.parametrize(
    "cells, pool, expected",
    [
        ([(0, 0), (5, 5)], 1, 0.0),
        ([(2, 2), (2, 2)], 1, 1.0),
        ([(2, 2), (2, 2), (2, 2)], 1, 2.0),
        ([(0, 0), (1, 1)], 2, 1.0),
        ([(1, 1), (2, 2)], 2, 0.0),
        ([(4, 4), (5, 5)], 4, 1.0),  # both in the last, smaller cell
    ],
)
def test_diversity_counts_the_maps_that_share_a_pooled_cell(cells, pool, expected):
    assert discovery.diversity(spike(6, *cells), pool).item() == pytest.approx(expected)


def test_diversity_as_it_is_printed():
    maps = probabilities(2, 4, 6)
    summed = maps.view(2, 4, 3, 2, 3, 2).sum((3, 5))
    expected = (summed.sum(1) - summed.amax(1)).sum((1, 2))
    assert torch.allclose(discovery.diversity(maps, 2), expected)


def test_points_are_held_against_where_the_warp_takes_those_of_the_other_view():
    points = torch.tensor([[[0.1, 0.2], [0.5, 0.0]]])
    warped = torch.tensor([[[0.1, 0.5], [0.5, 0.4]]])
    assert discovery.point_alignment(points, warped).item() == pytest.approx((0.09 + 0.16) / 2)


def test_points_that_follow_have_no_ratio_and_points_that_stay_have_one():
    found = torch.rand(5, 4, 2, generator=seeded()) - 0.5
    shift = torch.tensor([0.2, -0.1])
    follow = discovery.equivariance(found, found - shift, found, 40)
    assert follow["equivariance_px"].abs().max() == 0 and follow["equivariance_ratio"].abs().max() == 0
    stay = discovery.equivariance(found, found, found + shift, 40)
    assert stay["equivariance_ratio"].mean().item() == pytest.approx(1)
    assert stay["equivariance_px"].mean().item() == pytest.approx(20 * 0.05**0.5)


def test_both_shares_have_gradients_that_are_finite_for_flat_and_for_peaked_maps():
    plate = random_plate(2)
    for scale in (1e-6, 200.0):
        scores = (scale * torch.randn(2, 3, 6, 6, generator=seeded(), dtype=KIND)).requires_grad_()
        maps = scores.flatten(2).softmax(-1).view_as(scores)
        first, second = both_views(maps, maps.flip(0), plate)
        total = discovery.alignment(first, second) + discovery.variance(first, second) + discovery.diversity(maps, 2)
        total.sum().backward()
        assert scores.grad.isfinite().all()


def test_each_landmark_stands_by_itself_by_hand():
    """Of three landmarks in two images the first follows, the second stays, the third jumps to where the first is."""
    found = torch.tensor([[[0.0, 0.0], [0.5, 0.5], [0.0, 0.1]], [[0.2, 0.0], [0.5, 0.5], [0.2, -0.1]]], dtype=KIND)
    moved = torch.tensor([[[0.1, 0.0], [0.5, 0.5], [0.3, 0.1]], [[0.3, 0.0], [0.5, 0.5], [-0.1, -0.1]]], dtype=KIND)
    origin = moved - torch.tensor([0.1, 0.0], dtype=KIND)
    each = discovery.per_landmark(found, moved, origin)
    assert each.ratio.tolist() == pytest.approx([0.0, 1.0, 3.0])  # it misses by 0.2 and 0.4, where it moves by 0.1
    assert each.spread.tolist() == pytest.approx([0.1 / 2**0.5, 0.0, 0.1])
    assert each.apart.tolist() == pytest.approx([0.1, (0.5**0.5 + 0.34**0.5) / 2, 0.1])
    assert each.inside.tolist() == pytest.approx([0.9, 0.5, 0.85])
    assert discovery.per_landmark(found[:, :1], moved[:, :1], origin[:, :1]).apart.tolist() == [torch.inf]


def test_the_ratio_of_an_image_is_the_mean_of_its_landmarks_where_all_move_alike():
    found, moved = (torch.rand(4, 3, 2, generator=seeded(i), dtype=KIND) for i in (0, 1))
    origin = moved + torch.tensor([0.03, 0.04], dtype=KIND)
    whole = discovery.equivariance(found, moved, origin, 32)["equivariance_ratio"].mean()
    assert discovery.per_landmark(found, moved, origin).ratio.mean() == pytest.approx(whole.item())
