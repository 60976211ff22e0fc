"""The networks of jakab2018: what the maps say, what stands for a point, and nothing else gets through."""

from __future__ import annotations

import math

import pytest
import torch

from landmarklib.core import coords, heatmaps
from landmarklib.nets import imm


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def painter(size: int, width: int = 4, channels: int = 1, n_points: int = 3) -> imm.Painter:
    return imm.Painter(size, channels, width, n_points, 0.1, 0.01, seeded())


def test_a_point_is_the_mean_column_and_the_mean_row_of_the_marginals():
    """By hand on 2 rows of 4 cells: logits are means, columns stand at -0.75, -0.25, 0.25, 0.75, rows at -0.5, 0.5."""
    maps = torch.tensor([[[[0.0, 0.0, 2 * math.log(3), 0.0], [0.0, 0.0, 2 * math.log(2), 0.0]]]])
    (x, y) = heatmaps.soft_argmax(imm.separable(maps))[0, 0].tolist()
    assert x == pytest.approx((-0.75 - 0.25 + 6 * 0.25 + 0.75) / 9)  # the third column's mean is log 6
    rows = 3**0.5, 2**0.5
    assert y == pytest.approx(0.5 * (rows[1] - rows[0]) / sum(rows), abs=1e-6)


def test_the_maps_softmax_is_the_product_of_the_marginals():
    maps = torch.randn(2, 3, 5, 7, generator=seeded())
    rows, columns = maps.mean(-1).softmax(-1), maps.mean(-2).softmax(-1)
    assert torch.allclose(heatmaps.spatial_softmax(imm.separable(maps)), rows[..., None] * columns[..., None, :])


def test_a_blob_is_1_at_its_point_and_falls_with_the_squared_distance():
    """On 4 cells a side, at -0.75, -0.25, 0.25, 0.75."""
    (blob,) = imm.gaussians(torch.tensor([[[0.25, -0.75]]]), 4, 0.5)[0]
    assert blob[0, 2] == 1
    assert blob[0, 3].item() == pytest.approx(math.exp(-1)) == blob[1, 2].item()
    assert blob[3, 0].item() == pytest.approx(math.exp(-4 - 9))
    far, gone = imm.gaussians(torch.tensor([[[5.0, 0.0], [math.nan, 0.0]]]), 4, 0.5)[0]
    assert far.max() < 1e-20 and gone.isnan().all()


@pytest.mark.parametrize(
    "size, sides", [(16, [16, 8]), (45, [45, 23]), (48, [48, 24, 12]), (64, [64, 32, 16]), (128, [128, 64, 32, 16])]
)
def test_levels_halve_down_to_about_16_pixels(size, sides):
    assert imm.sides_of(size) == sides
    net, images = painter(size, channels=3), torch.rand(2, 3, size, size, generator=seeded(1))
    assert net.maps(images).shape == (2, 3, sides[-1], sides[-1])
    assert net.renderer.sides == sides[::-1]
    assert net(images).shape == images.shape


def test_layers_at_128_pixels_are_the_papers():
    net = painter(128, width=32, channels=3, n_points=10)
    for encoder in (net.pose, net.appearance):
        assert [tuple(block.weight.shape) for block in encoder] == [
            (32, 3, 7, 7),
            (32, 32, 3, 3),
            (64, 32, 3, 3),
            (64, 64, 3, 3),
            (128, 64, 3, 3),
            (128, 128, 3, 3),
            (256, 128, 3, 3),
            (256, 256, 3, 3),
        ]
        assert [block.stride for block in encoder] == [1, 1, 2, 1, 2, 1, 2, 1]
    filters = [tuple(block.weight.shape[:2]) for block in net.renderer.blocks]
    assert filters == [(256, 266), (256, 256), (128, 256), (128, 128), (64, 128), (64, 64), (32, 64)]
    assert net.head.shape == (10, 256, 1, 1) and net.renderer.out.shape == (3, 32, 3, 3)


def test_first_images_are_grey_and_first_points_are_in_the_middle():
    net, images = painter(48), torch.rand(4, 1, 48, 48, generator=seeded(1))
    assert (net(images) - 0.5).abs().max() < 0.1
    assert heatmaps.soft_argmax(net.maps(images)).abs().max() < 0.05


def test_nothing_of_the_target_but_its_points_reaches_the_painting():
    net, source, target = painter(16), *torch.rand(2, 2, 1, 16, 16, generator=seeded(1))
    points = heatmaps.soft_argmax(net.maps(target))
    assert points.shape == (2, 3, 2)
    net.paint(source, points.detach()).sum().backward()
    assert all(p.grad is None for p in [*net.pose.parameters(), net.head])
    assert all(p.grad is not None for p in [*net.appearance.parameters(), *net.renderer.parameters()])
    net.paint(source, points).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters()) and net.pose[0].weight.grad.any()


def test_where_the_points_are_changes_the_painting_there():
    net, image = painter(64).eval(), torch.rand(1, 1, 64, 64, generator=seeded(1))
    middle = torch.zeros(1, 3, 2)
    one = middle.clone()
    one[0, 0, 0] = coords.pixel_centres(16)[12]
    changed = (net.paint(image, one) - net.paint(image, middle)).abs()[0, 0]
    assert changed[28:36, 24:56].max() > 0.5 * changed.max() > 100 * changed[:, :8].max()
