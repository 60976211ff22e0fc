"""TCDCN: its layers, and what does not fit."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from landmarklib import loading, methods, tables
from landmarklib.core.errors import UserError
from landmarklib.methods import tcdcn
from landmarklib.nets.layers import standardised


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(row: str, size: int) -> torch.nn.Module:
    """The network of a row of HGR1."""
    (e,) = tables.get("hgr1").experiments([1.0], [0], [row])
    return tcdcn.build(loading.get("hgr1"), size, methods.complete(tcdcn.METHOD, e.options), seeded())


def test_it_is_four_convolutions_three_poolings_and_a_layer_of_100():
    net, images = built("TCDCN (L+A)", 40), torch.rand(2, 1, 40, 40, generator=seeded(1))
    x, trunk = standardised(images), net.first
    for i, (weight, bias) in enumerate(zip(trunk.weights, trunk.biases, strict=True)):
        x = F.conv2d(x, weight, bias).tanh().abs()
        x = F.max_pool2d(x, 2) if i < 3 else x
    assert [tuple(w.shape) for w in trunk.weights] == [(16, 1, 5, 5), (48, 16, 3, 3), (64, 48, 3, 3), (64, 64, 2, 2)]
    assert x.shape == (2, 64, 2, 2)
    shared = F.linear(x.flatten(1), trunk.last.weight, trunk.last.bias).tanh().abs()
    assert shared.shape == (2, 100)
    points, (gestures,) = net(images)
    assert torch.allclose(points.flatten(1), F.linear(shared, net.points.weight, net.points.bias), atol=1e-5)
    assert torch.allclose(gestures, F.linear(shared, net.attributes.weight, net.attributes.bias), atol=1e-5)
    assert points.shape == (2, 25, 2) and gestures.shape == (2, 27) and points.abs().max() < 1


def test_the_second_one_takes_larger_images():
    net = built("TCDCN-2 (L+A)", 60)
    assert [len(w) for w in net.first.weights] == [20, 48, 64, 80] and net.first.last.weight.shape == (256, 80 * 3 * 3)
    assert [e.size for e in tables.get("hgr1").experiments([1.0], [0], ["TCDCN (L+A)", "TCDCN-2 (L+A)"])] == [40, 60]


def test_what_does_not_fit_is_refused():
    hands, options = loading.get("hgr1"), {**tcdcn.METHOD.options, "attributes": ["gesture"]}
    with pytest.raises(UserError, match="size: 16 px is too small for convolutions of 5, 3, 3, 2 px"):
        tcdcn.build(hands, 16, options, seeded())
    with pytest.raises(UserError, match="kernels: 3 for 4 widths; expected one for each layer"):
        tcdcn.build(hands, 40, {**options, "kernels": [5, 3, 3]}, seeded())
