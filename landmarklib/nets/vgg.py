"""VGG-16 up to its layer conv5_2, from a file of the user's: features by which images are compared.

The file is a state dictionary of torch with the names of torchvision's VGG-16. Nothing is downloaded. The first layer
may take three channels, or one as in a network that was trained to colour grey images (section 3.3, jakab2018).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from landmarklib.nets import weights

LAYERS = {  # place in torchvision's `features` -> channels that go in and come out
    0: (3, 64), 2: (64, 64),
    5: (64, 128), 7: (128, 128),
    10: (128, 256), 12: (256, 256), 14: (256, 256),
    17: (256, 512), 19: (512, 512), 21: (512, 512),
    24: (512, 512), 26: (512, 512),
}  # fmt: skip
POOLED = {5, 10, 17, 24}  # before these layers
TAPPED = {2, 7, 12, 19, 26}  # conv1_2, conv2_2, conv3_2, conv4_2, conv5_2
N_LAYERS = 1 + len(TAPPED)  # with the image itself
GREY_MEAN = 114.451 / 255  # subtracted from grey images (released code of jakab2018)


@lru_cache(maxsize=2)
@torch.inference_mode(False)
def read(path: Path, device: torch.device) -> tuple[tuple[Tensor, Tensor], ...]:
    """Weights and biases of the layers. Raises UserError where the file is not there or holds something else."""
    there = weights.read(path, "perceptual", "VGG-16's")

    def part(name: str, *shapes: tuple[int, ...]) -> Tensor:
        return weights.part(there, name, set(shapes), "perceptual", path, "torchvision's names of VGG-16").to(device)

    found = []
    for i, (inputs, outputs) in LAYERS.items():
        kernels = {(outputs, inputs, 3, 3), (outputs, inputs if i else 1, 3, 3)}
        found.append((part(f"features.{i}.weight", *kernels), part(f"features.{i}.bias", (outputs,))))
    return tuple(found)


def features(
    images: Float[Tensor, "B C H W"], layers: tuple[tuple[Tensor, Tensor], ...]
) -> list[Float[Tensor, "B D h w"]]:
    """The images, 255 at white, and what the tapped layers make of them.

    images: in [0, 1], with one channel or three.
    layers: `read`'s.
    """
    # DEVIATION: a first layer of three channels gets colours as torchvision normalizes them. jakab2018 compares by a
    # network that was trained to colour images and sees grey ones; here that is the user's choice.
    x, found = _seen(images, layers[0][0].shape[1]), [255 * images]
    for i, (weight, bias) in zip(LAYERS, layers, strict=True):
        x = F.max_pool2d(x, 2) if i in POOLED else x
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
        if i in TAPPED:
            found.append(x)
    return found


def _seen(images: Tensor, channels: int) -> Tensor:
    """Images as the first layer is to see them."""
    if channels == 1:
        return images.mean(1, keepdim=True) - GREY_MEAN
    colours = enumerate(zip(weights.MEAN, weights.SPREAD, strict=True))
    planes = [(images[:, i % images.shape[1]] - mean) / spread for i, (mean, spread) in colours]
    return torch.stack(planes, 1)
