"""The detector of thewlis2017 (section 4.1): six convolutions with one pooling, maps at half the images' resolution."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.errors import UserError
from landmarklib.nets import forms
from landmarklib.nets.forms import Form
from landmarklib.nets.layers import he_normal

KERNELS, DILATIONS = (5, 5, 5, 3, 3), (1, 1, 2, 4, 2)


class Detector(nn.Module):
    """B x C x H x W -> B x K x H/2 x W/2, float32; the sides are even.

    Each convolution but the last has batch normalization and ReLU; 2 x 2 max pooling follows the first.

    channels: of the images.
    widths: channels of the convolutions before the last, five in the paper. Raises UserError for more.
    n_maps: K.
    out_std: standard deviation of the last layer's first weights; small, the first maps are nearly flat.
    generator: draws the first weights.
    """

    # DEVIATION: kernels and dilations are those of DVE's re-implementation; thewlis2017 prints the numbers of filters
    # alone. No batch normalization and no ReLU after the last layer, although section 4.1 has them after each: a map
    # that cannot fall below 0 keeps its mass on the background.
    CANDIDATES: ClassVar = {
        "cpu": (Form(channels_last=True), Form(), Form(dtype=torch.bfloat16, channels_last=True)),
        "cuda": (Form(dtype=torch.bfloat16, channels_last=True), Form(dtype=torch.bfloat16), Form()),
    }

    def __init__(self, channels: int, widths: list[int], n_maps: int, out_std: float, generator: torch.Generator):
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
        self.out = nn.Parameter(out_std * torch.randn((n_maps, widths[-1], 1, 1), generator=generator))
        self.out_bias = nn.Parameter(torch.zeros(n_maps))
        self.conv_form = forms.LITERAL

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        form = self.conv_form
        layout = torch.channels_last if form.channels_last else torch.contiguous_format
        x = (2 * images - 1).to(form.dtype).contiguous(memory_format=layout)
        for i, (weight, norm, dilation) in enumerate(zip(self.weights, self.norms, DILATIONS, strict=False)):
            padding = dilation * (weight.shape[-1] // 2)
            x = F.relu(norm(F.conv2d(x, weight.to(form.dtype), padding=padding, dilation=dilation)))
            x = x if i else F.max_pool2d(x, 2)
        return F.conv2d(x.float(), self.out, self.out_bias)
