"""The networks of thewlis2017: the detector of section 4.1, and the two of its supplement, sections 3 and 5.

All have the same convolutions. The detector pools once and gives maps at half the images' resolution; the supervised
network pools three times and gives points; the parser is the detector with a second last layer, for classes of pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.errors import UserError
from landmarklib.nets import forms
from landmarklib.nets.layers import Linear, he_normal

KERNELS, DILATIONS = (5, 5, 5, 3, 3), (1, 1, 2, 4, 2)
FROZEN = 3  # convolutions of the parser that thewlis2017 keeps as they were discovered: the first ones
POOLED = 3  # convolutions of the supervised network that are followed by 2 x 2 max pooling: the first ones


class Convolutions(nn.Module):
    """The convolutions before the last, or some of them, each with batch normalization and ReLU.

    channels: of what they are given: images, or the features of those before.
    widths: channels of each, five in the paper. Raises UserError for more.
    generator: draws the first weights.
    first: which of the paper's five is the first of these, from 0.
    """

    # DEVIATION: kernels and dilations are those of the re-implementation in DVE; thewlis2017 prints the numbers of
    # filters alone.
    CANDIDATES: ClassVar = forms.SMALL_KERNELS

    def __init__(self, channels: int, widths: Sequence[int], generator: torch.Generator, first: int = 0):
        super().__init__()
        if first + len(widths) > len(KERNELS):
            raise UserError(
                f"widths: {first + len(widths)} of them; the detector has at most {len(KERNELS)} before its last layer"
            )
        sides = itertools.pairwise([channels, *widths])
        self.weights = nn.ParameterList(
            he_normal((d, c, k, k), generator) for (c, d), k in zip(sides, KERNELS[first:], strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(d) for d in widths)
        self.dilations = DILATIONS[first:]
        self.conv_form = forms.LITERAL

    def features(self, images: Float[Tensor, "B C H W"], pooled: int) -> Float[Tensor, "B D h w"]:
        """Of images in [0, 1], as `layers` has it."""
        return self.layers(2 * images - 1, pooled)

    def layers(self, x: Float[Tensor, "B C H W"], pooled: int = 0) -> Float[Tensor, "B D h w"]:
        """Of the last of these layers, in float32. pooled: how many of the first ones 2 x 2 max pooling follows."""
        form = self.conv_form
        layout = torch.channels_last if form.channels_last else torch.contiguous_format
        x = x.to(form.dtype).contiguous(memory_format=layout)
        for i, (weight, norm, dilation) in enumerate(zip(self.weights, self.norms, self.dilations, strict=False)):
            padding = dilation * (weight.shape[-1] // 2)
            x = F.relu(norm(F.conv2d(x, weight.to(form.dtype), padding=padding, dilation=dilation)))
            x = F.max_pool2d(x, 2) if i < pooled else x
        return x.float()


class Detector(Convolutions):
    """B x C x H x W -> B x K x H/2 x W/2, float32; the sides are even. One pooling, after the first convolution.

    n_maps: K.
    out_std: standard deviation of the last layer's first weights; small, the first maps are nearly flat.
    channels, widths, generator: as in `Convolutions`.
    """

    # DEVIATION: no batch normalization and no ReLU after the last layer of the detector, although section 4.1 of
    # thewlis2017 has them after each: a map that cannot fall below 0 keeps its mass on the background.

    def __init__(self, channels: int, widths: Sequence[int], n_maps: int, out_std: float, generator: torch.Generator):
        super().__init__(channels, widths, generator)
        self.out = nn.Parameter(out_std * torch.randn((n_maps, widths[-1], 1, 1), generator=generator))
        self.out_bias = nn.Parameter(torch.zeros(n_maps))

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return F.conv2d(self.features(images, 1), self.out, self.out_bias)


class Connected(Convolutions):
    """B x C x size x size -> points B x J x 2, float32: poolings after the first three, one fully connected layer.

    size: side of the images in pixels, 64 in the paper. Raises UserError where nothing is left after the poolings.
    n_points: J.
    channels, widths, generator: as in `Convolutions`.
    """

    # DEVIATION: the fully connected layer of the supervised network of thewlis2017 takes the fifth convolution; whether
    # the sixth, of K maps, is in it too is not said, and neither are further layers.

    def __init__(self, channels: int, widths: Sequence[int], size: int, n_points: int, generator: torch.Generator):
        super().__init__(channels, widths, generator)
        side = size >> min(POOLED, len(widths))
        if not side:
            raise UserError(f"size: {size} px is too small for {POOLED} poolings")
        self.points = Linear(widths[-1] * side**2, 2 * n_points, generator)
        with torch.no_grad():  # start with points near the centre
            self.points.weight *= 0.1

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B J 2"]:
        return self.points(self.features(images, POOLED).flatten(1)).view(len(images), -1, 2)


class Parser(nn.Module):
    """The detector, B x C x H x W -> B x K x H/2 x W/2, in two parts, of which the second also gives classes.

    first: its convolutions up to the third. head: the others, and the two last layers.
    n_classes: of pixels.
    channels, widths, n_maps, out_std, generator: as in `Detector`; `out_std` is of both last layers.
    """

    CANDIDATES: ClassVar = Convolutions.CANDIDATES

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        n_maps: int,
        n_classes: int,
        out_std: float,
        generator: torch.Generator,
    ):
        super().__init__()
        self.first = Convolutions(channels, widths[:FROZEN], generator)
        self.head = ParserHead(widths, n_maps, n_classes, out_std, generator)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return F.conv2d(self.features(images), self.head.out, self.head.out_bias)

    def classes(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n H W"]:
        """Logits of each pixel's classes: of the cells of a map, with bilinear values in between."""
        # DEVIATION: thewlis2017 does not say how classes of cells become those of pixels.
        logits = F.conv2d(self.features(images), self.head.classes, self.head.classes_bias)
        return F.interpolate(logits, size=images.shape[-2:], mode="bilinear", align_corners=False)

    def features(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """Of the layer before the last ones."""
        return self.head.layers(self.first.features(images, 1))


class ParserHead(Convolutions):
    """The layers of a `Parser` after the third convolution. Arguments are the parser's."""

    def __init__(self, widths: Sequence[int], n_maps: int, n_classes: int, out_std: float, generator: torch.Generator):
        before = widths[:FROZEN]
        super().__init__(before[-1], widths[FROZEN:], generator, len(before))
        for name, n in (("out", n_maps), ("classes", n_classes)):
            weight = out_std * torch.randn((n, widths[-1], 1, 1), generator=generator)
            self.register_parameter(name, nn.Parameter(weight))
            self.register_parameter(f"{name}_bias", nn.Parameter(torch.zeros(n)))
