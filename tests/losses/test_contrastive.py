"""The contrastive loss of pixels by hand and by loops, its gradient, and Acc(d) by brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch.func import vmap

from landmarklib.core import coords
from landmarklib.losses import contrastive

EVERY = torch.ones(2, 3, dtype=torch.bool)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def test_two_pixels_of_one_image_by_hand():
    """Directions (1, 0) and (0, 1) in both views, whatever their lengths: the partner is at similarity 1, the other
    pixel at 0 in either view. So p = e^2 / (e^2 + 2) at temperature 1/2.
    """
    first = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])  # D x P
    second = torch.tensor([[[2.0, 0.0], [0.0, 0.5]]])
    (value,) = contrastive.contrast(first, second, torch.ones(1, 2, dtype=torch.bool), 0.5)
    assert value.item() == pytest.approx(-2 * math.log(math.exp(2) / (math.exp(2) + 2)), rel=1e-5)


def test_features_that_are_all_alike_leave_every_pixel_to_chance():
    """One partner among the 2 x 6 - 1 others, in both directions."""
    values = contrastive.contrast(torch.ones(2, 4, 3), torch.ones(2, 4, 3), EVERY, 0.1)
    assert values.tolist() == pytest.approx([2 * math.log(11)] * 2, rel=1e-5)


def literal(first, second, counted, temperature) -> list[float]:
    """Eq. 7 pixel by pixel: s(a, b) summed over all that are told from it, for p and for p'."""

    def s(a, b):
        return math.exp(float(a @ b / (a.norm() * b.norm())) / temperature)

    n, p = counted.shape
    places = [(b, k) for b in range(n) for k in range(p) if counted[b, k]]
    values = []
    for b in range(n):
        of_image = []
        for k in (k for k in range(p) if counted[b, k]):
            one, other, total = first[b, :, k], second[b, :, k], 0.0
            for f, own, there in ((one, first, second), (other, second, first)):
                below = sum(s(f, own[i, :, j]) for i, j in places if (i, j) != (b, k))
                below += sum(s(f, there[i, :, j]) for i, j in places)
                total -= math.log(s(one, other) / below)
            of_image.append(total)
        values.append(sum(of_image) / len(of_image) if of_image else 0.0)
    return values


@pytest.mark.parametrize("out", [[], [(0, 1)], [(1, 0), (1, 1), (1, 2)]], ids=["none", "one", "an image"])
def test_it_is_the_double_sum_of_the_paper(out):
    first, second, counted = features(2, 5, 3), features(2, 5, 3, seed=1), EVERY.clone()
    for place in out:
        counted[place] = False
    expected = literal(first, second, counted, 0.3)
    assert contrastive.contrast(first, second, counted, 0.3).tolist() == pytest.approx(expected)


def test_pixels_from_outside_count_nowhere_and_get_no_gradient():
    first, second = (features(2, 5, 3, seed=s).requires_grad_() for s in (0, 1))
    counted = EVERY.clone()
    counted[0, 1] = False
    before = contrastive.contrast(first, second, counted, 0.1)
    before.sum().backward()
    assert first.grad.isfinite().all() and not first.grad[0, :, 1].any() and not second.grad[0, :, 1].any()
    assert first.grad[0, :, 0].any()
    with torch.no_grad():
        first[0, :, 1] = 100.0
    assert torch.allclose(contrastive.contrast(first, second, counted, 0.1), before)


@pytest.mark.parametrize("counted", [EVERY, ~EVERY], ids=["all", "none"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e4])
def test_gradients_are_finite_for_dead_equal_and_large_features(value, counted):
    first, second = (torch.full((2, 4, 3), value).requires_grad_() for _ in range(2))
    values = contrastive.contrast(first, second, counted, 0.01)
    values.sum().backward()
    assert values.isfinite().all() and first.grad.isfinite().all() and second.grad.isfinite().all()
    assert bool(counted.any()) or values.tolist() == [0, 0]


def test_perfect_features_have_a_low_loss_and_a_step_down_the_gradient_lowers_it():
    own = torch.eye(6).unflatten(0, (2, 3)).mT  # each pixel has a direction of its own
    low = contrastive.contrast(own, own, EVERY, 0.1)
    assert low.tolist() == pytest.approx([2 * math.log1p(10 * math.exp(-10))] * 2, rel=1e-4, abs=1e-6)
    first, second = (features(2, 6, 3, seed=s).requires_grad_() for s in (0, 1))
    before = contrastive.contrast(first, second, EVERY, 0.1).mean()
    before.backward()
    after = contrastive.contrast(first - 0.1 * first.grad, second - 0.1 * second.grad, EVERY, 0.1).mean()
    assert low.max() < after < before


def test_both_views_play_the_same_part():
    first, second = features(2, 5, 3), features(2, 5, 3, seed=1)
    there = contrastive.contrast(first, second, EVERY, 0.1)
    assert torch.allclose(there, contrastive.contrast(second, first, EVERY, 0.1))


def test_mapped_over_runs_it_is_each_runs_own():
    first, second, counted = features(3, 2, 5, 3), features(3, 2, 5, 3, seed=1), features(3, 2, 3, seed=2) > -0.5
    mapped = vmap(lambda a, b, c: contrastive.contrast(a, b, c, 0.1))(first, second, counted)
    alone = [contrastive.contrast(a, b, c, 0.1) for a, b, c in zip(first, second, counted, strict=True)]
    assert torch.allclose(mapped, torch.stack(alone))


def test_a_feature_between_cells_is_mixed_of_both_and_beyond_the_last_centre_it_is_the_last():
    maps = torch.tensor([0.0, 1.0, 2.0, 3.0]).expand(1, 1, 4, 4)  # rises along x, centres at -.75, -.25, .25, .75
    points = torch.tensor([[[-0.75, 0.3], [-0.5, -0.3], [0.125, 0.0], [0.95, 0.9]]])
    assert contrastive.sampled(maps, points)[0, 0].tolist() == pytest.approx([0.0, 0.5, 1.75, 3.0])


def brute_force(asked, maps) -> torch.Tensor:
    """For each feature the pixel centre of the largest cosine, by loops; maps have the images' size."""
    n, _, side, _ = maps.shape
    found = torch.empty(n, asked.shape[-1], 2)
    for b in range(n):
        for k in range(asked.shape[-1]):
            best = -2.0
            for y in range(side):
                for x in range(side):
                    f, g = asked[b, :, k], maps[b, :, y, x]
                    cosine = float(f @ g / (f.norm() * g.norm()))
                    if cosine > best:
                        best, found[b, k] = cosine, torch.tensor([(2 * x + 1) / side - 1, (2 * y + 1) / side - 1])
    return found


def test_the_most_similar_pixel_is_that_of_a_search_through_all():
    asked, maps = features(2, 3, 4), features(2, 3, 6, 6, seed=1)
    found = contrastive.most_similar(asked, maps, 6)
    assert torch.allclose(found.float(), brute_force(asked, maps), atol=1e-6)
    larger = torch.nn.functional.interpolate(maps, size=(12, 12), mode="bilinear")  # maps of half the images' side
    assert torch.allclose(contrastive.most_similar(asked, maps, 12).float(), brute_force(asked, larger), atol=1e-6)


@pytest.mark.parametrize("cells", [4, 8], ids=["of half the side", "of the whole side"])
def test_perfect_features_find_every_pixel(cells):
    """Under the identity each pixel's feature is its own."""
    maps, counted = features(2, 16, cells, cells).float(), torch.ones(2, 64, dtype=torch.bool)
    axis = coords.pixel_centres(8)
    places = torch.cartesian_prod(axis, axis).flip(-1).expand(2, -1, -1)
    found = contrastive.most_similar(contrastive.sampled(maps, places), maps, 8)
    assert contrastive.within(found, places, counted, 0.0).tolist() == [100.0, 100.0]


def test_acc_by_hand():
    """Distances 0, 0.5 and 1 in the first image, of which the last does not count; none counts in the second."""
    true = torch.zeros(2, 3, 2)
    found = torch.tensor([[0.0, 0.0], [0.3, 0.4], [1.0, 0.0]]).expand(2, -1, -1)
    counted = torch.tensor([[True, True, False], [False, False, False]])
    for distance, expected in ((0.1, 50.0), (0.5, 100.0), (2.0, 100.0)):
        first, second = contrastive.within(found, true, counted, distance)
        assert first == expected and second.isnan()
