"""The networks of thewlis2017: their layers as printed, the resolution of maps, and that only the generator decides."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from landmarklib.core.errors import UserError
from landmarklib.nets import forms
from landmarklib.nets.forms import Form
from landmarklib.nets.fse import Connected, Detector

PRINTED = [20, 48, 64, 80, 256]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [80, 48])
def test_maps_have_half_the_images_resolution(size):
    net = Detector(3, PRINTED, 10, 0.01, seeded()).eval()
    assert net(torch.rand(2, 3, size, size, generator=seeded(1))).shape == (2, 10, size // 2, size // 2)


def test_it_has_the_parameters_of_the_printed_layers():
    net = Detector(3, PRINTED, 10, 0.01, seeded())
    convolutions = 25 * (3 * 20 + 20 * 48 + 48 * 64) + 9 * (64 * 80 + 80 * 256) + 256 * 10
    assert sum(p.numel() for p in net.parameters()) == convolutions + 10 + 2 * sum(PRINTED)


def test_it_is_the_layers_one_by_one():
    net = Detector(1, [4, 6], 3, 0.5, seeded()).eval()
    images = torch.rand(2, 1, 12, 12, generator=seeded(1))
    x = F.conv2d(2 * images - 1, net.weights[0], padding=2)
    x = F.max_pool2d(F.relu(x / (1 + 1e-5) ** 0.5), 2)  # new statistics: mean 0, variance 1
    x = F.relu(F.conv2d(x, net.weights[1], padding=2) / (1 + 1e-5) ** 0.5)
    assert torch.allclose(net(images), F.conv2d(x, net.out, net.out_bias), atol=1e-5)


def test_small_last_weights_make_the_first_maps_nearly_flat():
    images = torch.rand(4, 1, 16, 16, generator=seeded(1))
    flat, steep = (Detector(1, PRINTED, 5, std, seeded())(images) for std in (0.01, 1.0))
    assert torch.allclose(100 * flat, steep, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("form", Detector.CANDIDATES["cpu"], ids=str)
@pytest.mark.parametrize(
    "build", [lambda g: Detector(1, [4, 6, 8], 3, 0.5, g), lambda g: Connected(1, [4, 6, 8], 16, 3, g)]
)
def test_every_form_computes_the_same(build, form):
    net = build(seeded()).eval()
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    literal = net(images)
    forms.set_form(net, form)
    assert torch.allclose(net(images), literal, atol=0.05 if form.dtype == torch.bfloat16 else 1e-5)
    assert net(images).dtype == torch.float32 and form != Form((2, 2))


def test_more_layers_than_there_are_kernels_for_are_refused():
    with pytest.raises(UserError, match=r"^widths: 6 of them; the detector has at most 5 before its last layer$"):
        Detector(1, [2] * 6, 3, 0.5, seeded())


def test_the_supervised_network_has_the_parameters_of_the_printed_layers_and_one_fully_connected():
    net = Connected(3, PRINTED, 64, 5, seeded())
    convolutions = 25 * (3 * 20 + 20 * 48 + 48 * 64) + 9 * (64 * 80 + 80 * 256)
    assert sum(p.numel() for p in net.parameters()) == convolutions + 2 * sum(PRINTED) + (256 * 8 * 8 + 1) * 2 * 5
    assert net(torch.rand(2, 3, 64, 64, generator=seeded(1))).shape == (2, 5, 2)


def test_the_supervised_network_is_the_layers_one_by_one_with_three_poolings():
    net = Connected(1, [2, 3, 4, 5], 16, 3, seeded()).eval()
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    x, scale = 2 * images - 1, (1 + 1e-5) ** 0.5  # new statistics: mean 0, variance 1
    for i, (weight, padding, dilation) in enumerate(zip(net.weights, (2, 2, 4, 4), (1, 1, 2, 4), strict=True)):
        x = F.relu(F.conv2d(x, weight, padding=padding, dilation=dilation) / scale)
        x = F.max_pool2d(x, 2) if i < 3 else x
    assert x.shape == (2, 5, 2, 2)
    expected = (x.flatten(1) @ net.points.weight.T + net.points.bias).view(2, 3, 2)
    assert torch.allclose(net(images), expected, atol=1e-5)


def test_both_networks_draw_the_same_first_convolutions():
    detector, connected = Detector(1, PRINTED, 5, 0.01, seeded()), Connected(1, PRINTED, 64, 5, seeded())
    assert all(torch.equal(a, b) for a, b in zip(detector.weights, connected.weights, strict=True))


def test_images_that_the_poolings_leave_nothing_of_are_refused():
    with pytest.raises(UserError, match=r"^size: 4 px is too small for 3 poolings$"):
        Connected(1, PRINTED, 4, 5, seeded())
