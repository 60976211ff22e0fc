"""Every loss by hand, its gradient as literals, and what must not count."""

from __future__ import annotations

import math

import pytest
import torch

from landmarklib.core import coords, warps
from landmarklib.core.noise import ReplayNoise
from landmarklib.core.types import Batch
from landmarklib.losses import equivariance, supervised

NAN = float("nan")


def close(a, b) -> bool:
    return torch.allclose(a, torch.as_tensor(b, dtype=a.dtype), rtol=1e-5, atol=1e-6)


def leaf(values) -> torch.Tensor:
    return torch.tensor(values, requires_grad=True)


def test_landmark_distance_by_hand():
    predicted = leaf([[[3.0, 4.0], [1.0, 1.0]], [[0.5, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    values = supervised.landmark_distance(predicted, target, torch.ones(2, 2, dtype=torch.bool))
    assert close(values.detach(), [13, 0.125])
    values.sum().backward()
    assert predicted.grad.tolist() == [[[3, 4], [0, 1]], [[0.5, 0], [0, 0]]]


@pytest.mark.parametrize("hidden", [0.0, 100.0, NAN])
def test_landmark_distance_ignores_invisible_points(hidden):
    predicted = leaf([[[3.0, 4.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]]])
    target = torch.tensor([[[0.0, 0.0], [hidden, hidden]], [[hidden, hidden], [hidden, hidden]]])
    values = supervised.landmark_distance(predicted, target, torch.tensor([[True, False], [False, False]]))
    assert close(values.detach(), [25, 0])
    values.sum().backward()
    assert predicted.grad.tolist() == [[[6, 8], [0, 0]], [[0, 0], [0, 0]]]


def test_equivariance_by_hand_with_gradient_to_both_sides():
    expected, found = leaf([[[0.5, 0.0], [0.0, -0.5]]]), leaf([[[0.0, 0.0], [0.0, 0.5]]])
    value = equivariance.equivariance(expected, found)
    assert close(value.detach(), [0.625])
    value.sum().backward()
    assert expected.grad.tolist() == [[[0.5, 0], [0, -1]]]
    assert found.grad.tolist() == [[[-0.5, 0], [0, 1]]]


@pytest.mark.parametrize("gone", [[1.01, 0.0], [0.0, -1.01]])
def test_points_moved_out_of_the_frame_do_not_count(gone):
    expected, found = leaf([[[1.0, -0.5], gone], [gone, gone]]), leaf([[[0.5, -0.5], [0.0, 0.0]]] * 2)
    values = equivariance.equivariance(expected, found)
    assert close(values.detach(), [0.25, 0])
    values.sum().backward()
    assert expected.grad.tolist() == [[[1, 0], [0, 0]], [[0, 0], [0, 0]]]
    assert found.grad.tolist() == [[[-1, 0], [0, 0]], [[0, 0], [0, 0]]]


def test_equivariance_is_zero_for_an_equivariant_predictor_and_not_for_a_constant_one():
    images = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    images[0, 0, 3:5, 2:4] = torch.tensor([[1, 2], [3, 4]])
    affine = torch.tensor([[[1, 0, 0.5], [0, 1, -0.25]]], dtype=torch.float64)
    centres = coords.pixel_centres(8, dtype=torch.float64)

    def centroid(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x.sum(2) @ centres, x.sum(3) @ centres], -1) / x.sum((2, 3))[..., None]

    def loss_of(predict) -> torch.Tensor:
        expected = coords.apply_affine(predict(images), affine)
        return equivariance.equivariance(expected, predict(warps.warp_images(images, affine)))

    assert loss_of(centroid).item() < 1e-20
    assert close(loss_of(lambda x: torch.zeros(1, 1, 2, dtype=torch.float64)), [0.5**2 + 0.25**2])


def test_elt_by_hand_with_a_map_that_moves_right_by_a_quarter():
    images, points = torch.ones(1, 1, 4, 4), leaf([[[0.0, 0.5], [0.25, 0.0]]])
    found = leaf([[[0.0, 0.5], [0.0, 0.0]]])
    noise = ReplayNoise([torch.tensor([[0.5, 0.5, 0.75, 0.5]])])
    seen = []

    def locate(warped: torch.Tensor) -> torch.Tensor:
        seen.append(warped)
        return found

    batch = Batch(images, points, torch.ones(1, 2).bool(), torch.zeros(1, 1), 0)
    value = equivariance.elt(locate, batch, points, noise, rotation_degrees=180.0, scale=0.1, shift=0.5)
    assert close(seen[0], [[[[0.5, 1, 1, 1]] * 4]])
    assert close(value.detach(), [(0.25**2 + 0.5**2) / 2])
    value.sum().backward()
    assert close(points.grad, [[[0.25, 0], [0.5, 0]]])
    assert close(found.grad, [[[-0.25, 0], [-0.5, 0]]])


def test_pixel_cross_entropy_of_a_uniform_map_is_the_log_of_its_pixels():
    values = supervised.pixel_cross_entropy(torch.ones(1, 2, 3, 4), torch.zeros(1, 2, 2), torch.ones(1, 2).bool())
    assert close(values, [math.log(12)])


def test_gradient_of_pixel_cross_entropy_by_hand():
    maps = torch.zeros(1, 1, 2, 2, requires_grad=True)
    supervised.pixel_cross_entropy(maps, torch.tensor([[[0.5, -0.5]]]), torch.ones(1, 1).bool()).sum().backward()
    assert maps.grad.tolist() == [[[[0.25, -0.75], [0.25, 0.25]]]]


def test_pixel_cross_entropy_against_a_loop(generator):
    maps = torch.randn(3, 4, 5, 6, generator=generator, dtype=torch.float64)
    target = 2 * torch.rand(3, 4, 2, generator=generator, dtype=torch.float64) - 1
    visible = torch.rand(3, 4, generator=generator) < 0.6
    visible[2] = False
    expected = []
    for b in range(3):
        terms = []
        for k in range(4):
            if visible[b, k]:
                column, row = int((target[b, k, 0] + 1) / 2 * 6), int((target[b, k, 1] + 1) / 2 * 5)
                terms.append(maps[b, k].exp().sum().log() - maps[b, k, row, column])
        expected.append(sum(terms) / max(1, len(terms)))
    assert close(supervised.pixel_cross_entropy(maps, target, visible), expected)


@pytest.mark.parametrize("hidden", [0.7, 50.0, NAN])
def test_pixel_cross_entropy_ignores_invisible_points(generator, hidden):
    maps = torch.randn(2, 2, 3, 3, generator=generator, requires_grad=True)
    target = torch.tensor([[[0.0, 0.0], [hidden, hidden]], [[hidden, hidden], [hidden, hidden]]])
    values = supervised.pixel_cross_entropy(maps, target, torch.tensor([[True, False], [False, False]]))
    alone = supervised.pixel_cross_entropy(maps[:1, :1], target[:1, :1], torch.tensor([[True]]))
    assert close(values.detach(), [alone.item(), 0])
    values.sum().backward()
    assert maps.grad[0, 0].abs().min() > 0
    assert not maps.grad[0, 1].any() and not maps.grad[1].any()


def test_class_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
    classes = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    assert close(supervised.class_cross_entropy(logits, classes[:, 0]), [math.log(4 / 3), math.log(4)])
    found = supervised.attributes([logits, logits], classes, {"classes"})
    assert list(found) == ["classes"] and close(found["classes"], [2 * math.log(4 / 3), math.log(16 / 3)])


def test_angle_distance_is_absolute_in_radians_and_passes_over_unknown_angles():
    predicted = torch.tensor([[0.5], [-1.0], [2.0]], requires_grad=True)
    values = supervised.angle_distance(predicted, torch.tensor([0.25, 0.5, NAN]))
    assert close(values.detach(), [0.25, 1.5, 0])
    values.sum().backward()
    assert predicted.grad[:, 0].tolist() == [1, -1, 0]


def test_classes_and_angles_are_terms_of_their_own():
    heads = torch.zeros(2, 3), torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [0.5]])
    values = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    both = supervised.attributes(heads, values, {"classes", "angles", "landmarks"})
    assert set(both) == {"classes", "angles"}
    assert close(both["classes"], [math.log(3)] * 2) and close(both["angles"], [1.5, 2.5])
    assert supervised.attributes(heads, values, {"landmarks"}) == {}


@pytest.mark.parametrize("n_classes", [2, 15])
def test_class_cross_entropy_of_uniform_logits_is_the_log_of_the_classes(n_classes):
    values = supervised.class_cross_entropy(torch.full((3, n_classes), 5.0), torch.tensor([0.0, 1.0, n_classes - 1]))
    assert close(values, [math.log(n_classes)] * 3)
