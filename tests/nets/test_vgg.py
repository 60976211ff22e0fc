"""VGG-16 from a file: its layers, and files that are something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from landmarklib.core.errors import UserError
from landmarklib.nets import vgg
from landmarklib.nets.weights import MEAN, SPREAD

CPU = torch.device("cpu")


def weights(first: int = 3) -> dict[str, torch.Tensor]:
    """A state dictionary with the names and shapes of torchvision's; the same number all over, which takes no time."""
    found = {}
    for i, (inputs, outputs) in vgg.LAYERS.items():
        found[f"features.{i}.weight"] = torch.full((outputs, inputs if i else first, 3, 3), 1 / (9 * inputs))
        found[f"features.{i}.bias"] = torch.zeros(outputs)
    return found | {"classifier.0.weight": torch.zeros(2, 2)}


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "vgg16.pth")
    return folder / "vgg16.pth"


def refused(path: Path, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as refusal:
        vgg.read(path, CPU)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 400


@pytest.mark.parametrize("first, channels", [(3, 3), (3, 1), (1, 3), (1, 1)])
def test_features_are_the_images_and_five_layers(tmp_path, first, channels):
    layers = vgg.read(saved(tmp_path, weights(first)), CPU)
    images = torch.rand(2, channels, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = vgg.features(images, layers)
    assert len(found) == vgg.N_LAYERS and torch.equal(found[0], 255 * images)
    assert [tuple(f.shape[1:]) for f in found[1:]] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]
    sum(f.sum() for f in found).backward()
    assert images.grad.isfinite().all() and not any(w.requires_grad for layer in layers for w in layer)


def test_the_first_layers_are_convolutions_with_relu(tmp_path):
    content = weights()
    for name in ("features.0.weight", "features.2.weight"):
        content[name] = 0.1 * torch.randn(content[name].shape, generator=torch.Generator().manual_seed(0))
    layers = vgg.read(saved(tmp_path, content), CPU)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, SPREAD))
    x = F.conv2d((image - mean) / deviation, content["features.0.weight"], padding=1).relu()
    x = F.conv2d(x, content["features.2.weight"], padding=1).relu()
    (_, found, *_) = vgg.features(image.repeat(1, 1, 4, 4), layers)
    assert torch.allclose(found[..., :6, :6], x[..., :6, :6], atol=1e-4)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(tmp_path / "none.pth", "perceptual: there is no file ")


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 damaged", b"\x80\x04cos\nsystem\n."], ids=repr)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "vgg16.pth").write_bytes(content)
    refused(tmp_path / "vgg16.pth", "perceptual: torch cannot read ")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    """A whole network and not its weights: reading it would import what it names."""
    refused(saved(tmp_path, torch.nn.Linear(1, 1)), "as weights alone")


def wrong(**changes) -> dict:
    return {**weights(), **{f"features.{n.replace('_', '.')}": value for n, value in changes.items()}}


@pytest.mark.parametrize(
    "content, message",
    [
        (lambda: [1, 2], "has no tensor 'features.0.weight'; expected torchvision's names"),
        (lambda: {"conv1_1": torch.zeros(1)}, "has no tensor 'features.0.weight'"),
        (lambda: wrong(**{"10_bias": "text"}), "has no tensor 'features.10.bias'"),
        (lambda: wrong(**{"0_weight": torch.zeros(64, 2, 3, 3)}), "of shape (64, 2, 3, 3); expected floating point of"),
        (lambda: wrong(**{"26_weight": torch.zeros(512, 512, 1, 1)}), "expected floating point of (512, 512, 3, 3)"),
        (lambda: wrong(**{"2_bias": torch.zeros(64).long()}), "features.2.bias in"),
        (lambda: wrong(**{"5_bias": torch.full((128,), torch.nan)}), "has numbers that are not finite"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, content, message):
    refused(saved(tmp_path, content()), message)
