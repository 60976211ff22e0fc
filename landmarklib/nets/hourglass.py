"""The networks of rahaman2021 (sections 3, 4 and 4.1): an hourglass F for features, and T for maps on top of them."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.nets import forms
from landmarklib.nets.forms import Form
from landmarklib.nets.layers import he_normal, pointwise

LAYERS = 4  # of which equivariance is measured: the features, and three places in T


class Unit(nn.Module):
    """A 3 x 3 convolution, then batch normalization or a bias.

    inputs, outputs: channels.
    norm: whether it is normalized.
    generator: draws the first weights.
    """

    def __init__(self, inputs: int, outputs: int, norm: bool, generator: torch.Generator):
        super().__init__()
        self.weight = he_normal((outputs, inputs, 3, 3), generator)
        self.bias = None if norm else nn.Parameter(torch.zeros(outputs))
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return self.norm(F.conv2d(x, self.weight.to(x.dtype), bias, padding=1))


class Block(nn.Module):
    """Two convolutions, each with ReLU after it. The arguments are those of `Unit`."""

    def __init__(self, inputs: int, outputs: int, norm: bool, generator: torch.Generator):
        super().__init__()
        self.first, self.second = (Unit(n, outputs, norm, generator) for n in (inputs, outputs))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return F.relu(self.second(F.relu(self.first(x))))


class Residual(nn.Module):
    """Two convolutions whose sum with the input goes through ReLU."""

    def __init__(self, width: int, norm: bool, generator: torch.Generator):
        super().__init__()
        self.first, self.second = (Unit(width, width, norm, generator) for _ in range(2))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Hourglass(nn.Module):
    """F: B x C x H x W -> B x D x h x w, float32.

    Down, each block ends with 2 x 2 max pooling; up, each begins by repeating cells two by two, beside the maps of the
    same size on the way down. An odd side is pooled to its larger half.

    channels: of the images.
    widths: of the blocks on the way down, the finest first; as many blocks lead back.
    features: D.
    stride: 1 for features of the images' own size, 2 for half of it; then the last block up is left out.
    norm: whether convolutions have batch normalization.
    generator: draws the first weights.
    """

    # DEVIATION: widths, kernels of 3 x 3 and batch normalization are ours; section 4.1 gives four blocks of two
    # convolutions each way and D = 64 alone.
    def __init__(
        self, channels: int, widths: list[int], features: int, stride: int, norm: bool, generator: torch.Generator
    ):
        super().__init__()
        self.down = nn.ModuleList(Block(a, b, norm, generator) for a, b in itertools.pairwise([channels, *widths]))
        coarser = [widths[-1], *widths[:0:-1]]  # what comes up to each block
        up = [Block(a + b, b, norm, generator) for a, b in zip(coarser, widths[::-1], strict=True)]
        self.up = nn.ModuleList(up[: len(widths) - (stride == 2)])
        last = self.up[-1].second if len(self.up) else self.down[-1].second
        self.out = he_normal((features, len(last.weight), 1, 1), generator)
        self.out_bias = nn.Parameter(torch.zeros(features))
        self.conv_form = forms.LITERAL

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        x, finer = laid_out(2 * images - 1, self.conv_form), []
        for block in self.down:
            finer.append(block(x))
            x = F.max_pool2d(finer[-1], 2, ceil_mode=True)
        for block in self.up:
            beside = finer.pop()
            height, width = beside.shape[-2:]
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0)[..., :height, :width], beside], 1))
        return pointwise(x.float(), self.out, self.out_bias)


class Maps(nn.Module):
    """T: B x D x h x w -> B x K x h x w, float32: a convolution, two residual blocks, and a 1 x 1 convolution.

    features: D.
    width: of its convolutions.
    n_maps: K.
    out_std: standard deviation of the last layer's first weights; small, the first maps are nearly flat.
    length: that the features are scaled to at every place, 0 for as they are.
    norm: whether convolutions have batch normalization.
    generator: draws the first weights.
    """

    # DEVIATION: depth and width are ours, and so is the scaling of features; rahaman2021 says fully convolutional, with
    # residual connections, and no more.
    def __init__(
        self,
        features: int,
        width: int,
        n_maps: int,
        out_std: float,
        length: float,
        norm: bool,
        generator: torch.Generator,
    ):
        super().__init__()
        self.first, self.length = Unit(features, width, norm, generator), length
        self.blocks = nn.ModuleList(Residual(width, norm, generator) for _ in range(LAYERS - 2))
        self.out = nn.Parameter(out_std * torch.randn((n_maps, width, 1, 1), generator=generator))
        self.out_bias = nn.Parameter(torch.zeros(n_maps))
        self.conv_form = forms.LITERAL

    def layers(self, features: Float[Tensor, "B D h w"]) -> list[Float[Tensor, "B C h w"]]:
        """What each part but the last makes of the features."""
        scaled = self.length * F.normalize(features, dim=1) if self.length else features
        found = [F.relu(self.first(laid_out(scaled, self.conv_form)))]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found

    def read(self, last: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K h w"]:
        """The maps from the last of `layers`."""
        return pointwise(last.float(), self.out, self.out_bias)

    def forward(self, features: Float[Tensor, "B D h w"]) -> Float[Tensor, "B K h w"]:
        return self.read(self.layers(features)[-1])


class FeaturesAndMaps(nn.Module):
    """T after F: B x C x H x W -> B x K x h x w."""

    CANDIDATES: ClassVar = forms.SMALL_KERNELS

    def __init__(self, features: Hourglass, maps: Maps):
        super().__init__()
        self.features, self.maps = features, maps

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return self.maps(self.features(images))

    def layers(self, images: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ h w"]]:
        """Layers 1 to 4 of rahaman2021: the features, and three places in T."""
        features = self.features(images)
        return [features, *(layer.float() for layer in self.maps.layers(features))]


def laid_out(x: Float[Tensor, "B C H W"], form: Form) -> Tensor:
    """In the number type and memory layout of a form."""
    return x.to(form.dtype).contiguous(
        memory_format=torch.channels_last if form.channels_last else torch.contiguous_format
    )
