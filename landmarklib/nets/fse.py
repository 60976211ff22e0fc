"""The networks of thewlis2017: the detector of section 4.1, and the supervised one of its supplement, section 3.

Both have the same convolutions. The detector pools once and gives maps at half the images' resolution; the supervised
network pools three times and gives points.
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
from landmarklib.nets.forms import Form
from landmarklib.nets.layers import Linear, he_normal

KERNELS, DILATIONS = (5, 5, 5, 3, 3), (1, 1, 2, 4, 2)
POOLED = 3  # convolutions of the supervised network that are followed by 2 x 2 max pooling: the first ones


class Convolutions(nn.Module):
    """The convolutions before the last, each with batch normalization and ReLU.

    channels: of the images.
    widths: channels of each, five in the paper. Raises UserError for more.
    generator: draws the first weights.
    """

    # DEVIATION: kernels and dilations are those of the re-implementation in DVE; thewlis2017 prints the numbers of
    # filters alone.
    CANDIDATES: ClassVar = {
        "cpu": (Form(channels_last=True), Form(), Form(dtype=torch.bfloat16, channels_last=True)),
        "cuda": (Form(dtype=torch.bfloat16, channels_last=True), Form(dtype=torch.bfloat16), Form()),
    }

    def __init__(self, channels: int, widths: Sequence[int], generator: torch.Generator):
        super().__init__()
        if len(widths) > len(KERNELS):
            raise UserError(
                f"widths: {len(widths)} of them; the detector has at most {len(KERNELS)} before its last layer"
            )
        sides = itertools.pairwise([channels, *widths])
        self.weights = nn.ParameterList(
            he_normal((d, c, k, k), generator) for (c, d), k in zip(sides, KERNELS, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(d) for d in widths)
        self.conv_form = forms.LITERAL

    def features(self, images: Float[Tensor, "B C H W"], pooled: int) -> Float[Tensor, "B D h w"]:
        """Of the last of these layers, in float32. pooled: how many of the first ones 2 x 2 max pooling follows."""
        form = self.conv_form
        layout = torch.channels_last if form.channels_last else torch.contiguous_format
        x = (2 * images - 1).to(form.dtype).contiguous(memory_format=layout)
        for i, (weight, norm, dilation) in enumerate(zip(self.weights, self.norms, DILATIONS, strict=False)):
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
