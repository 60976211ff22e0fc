"""The detector of thewlis2017: its layers as printed, its resolution, and that nothing but the generator decides it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from landmarklib.core.errors import UserError
from landmarklib.nets import forms
from landmarklib.nets.forms import Form
from landmarklib.nets.fse import Detector

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
def test_every_form_computes_the_same(form):
    net = Detector(1, [4, 6, 8], 3, 0.5, seeded()).eval()
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    literal = net(images)
    forms.set_form(net, form)
    assert torch.allclose(net(images), literal, atol=0.05 if form.dtype == torch.bfloat16 else 1e-5)
    assert net(images).dtype == torch.float32 and form != Form((2, 2))


def test_more_layers_than_there_are_kernels_for_are_refused():
    with pytest.raises(UserError, match=r"^widths: 6 of them; the detector has at most 5 before its last layer$"):
        Detector(1, [2] * 6, 3, 0.5, seeded())
