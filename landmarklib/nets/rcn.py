"""The recombinator network (Honari et al., CVPR 2016), on which honari2018 builds: coarse maps go into finer ones."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.errors import UserError
from landmarklib.nets.forms import LITERAL, Form
from landmarklib.nets.layers import he_normal, pointwise, standardised
from landmarklib.nets.plain import depth_to_space, expand_weights


class Conv(nn.Module):
    """A same-padding convolution with He-normal weights and zero bias, and ReLU after it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, generator: torch.Generator):
        super().__init__()
        self.weight = he_normal((outputs, inputs, kernel, kernel), generator)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        kernel = self.weight.shape[-1]
        return F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype), padding=kernel // 2).relu_()


class Recombinator(nn.Module):
    """An encoder to ever coarser levels, and a way back that recombines each level with the coarser result.

    The encoder has 3 x 3 convolutions, each level half the size of the one before. On the way back, from the coarsest
    level to the finest, the level's maps beside the coarser result go through 5 x 5 and 1 x 1 convolutions. Two more
    1 x 1 give one map per landmark, linear. At one cell, which has no neighbours, all layers are 1 x 1. Raises
    UserError for cells that no level has.

    size: side of the images in pixels.
    widths: channels of each level, the finest first; levels halve down to `coarsest` cells a side, if there are as
        many widths.
    n_maps: number of landmarks.
    cells: side of the maps that come out, where the way back stops; 0 for the images' own.
    coarsest: least side of a level.
    out_std: standard deviation of the last layer's first weights.
    generator: draws the first weights.
    """

    CANDIDATES: ClassVar = {
        "cpu": (Form(), Form(channels_last=True), Form(dtype=torch.bfloat16, channels_last=True)),
        "cuda": (Form(dtype=torch.bfloat16, channels_last=True), Form(dtype=torch.bfloat16), Form()),
    }

    def __init__(
        self,
        size: int,
        widths: list[int],
        n_maps: int,
        cells: int,
        coarsest: int,
        out_std: float,
        generator: torch.Generator,
    ):
        super().__init__()
        sides = sides_of(size, len(widths), coarsest)
        widths = widths[: len(sides)]
        self.encoder = nn.ModuleList(
            Conv(a, b, 3 if side > 1 else 1, generator) for a, b, side in zip([1, *widths], widths, sides, strict=False)
        )
        if (cells or size) not in sides:
            raise UserError(f"cells: {cells} is no level's side; there are {', '.join(map(str, sides))}")
        self.first = sides.index(cells or size)  # the level at which the way back ends
        self.wide, self.narrow, coarser = nn.ModuleList(), nn.ModuleList(), 0
        for width, side in zip(widths[self.first :][::-1], sides[self.first :][::-1], strict=True):
            self.wide.append(Conv(width + coarser, width, 5 if side > 1 else 1, generator))
            self.narrow.append(Conv(width, width, 1, generator))
            coarser = width
        self.mix = Conv(coarser, coarser, 1, generator)
        self.out = nn.Parameter(out_std * torch.randn((n_maps, coarser, 1, 1), generator=generator))
        self.out_bias = nn.Parameter(torch.zeros(n_maps))
        self.conv_form = LITERAL

    def forward(self, images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B K S S"]:
        # DEVIATION: images are standardised one by one; the published code subtracts a local mean and divides by a
        # local deviation.
        x = standardised(images).to(self.conv_form.dtype)
        if self.conv_form.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        levels = []
        for i, layer in enumerate(self.encoder):
            x = layer(halved(x) if i else x)
            levels.append(x)
        x = self.narrow[0](self.wide[0](levels[-1]))
        for level, wide, narrow in zip(levels[-2::-1], self.wide[1:], self.narrow[1:], strict=False):
            x = narrow(beside_coarser(level, x, wide))
        return pointwise(self.mix(x).float(), self.out, self.out_bias)


def halved(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C I J"]:
    """Max pooling by two; of an odd side in windows of three, so that no line is left over.

    Source: the published code, from 5 to 2 cells.
    """
    return F.max_pool2d(x, 3 if x.shape[-1] % 2 else 2, 2)


def beside_coarser(
    level: Float[Tensor, "B C H W"], coarser: Float[Tensor, "B D I J"], layer: Conv
) -> Float[Tensor, "B E H W"]:
    """The layer on the level's maps beside the coarser ones, of which each pixel is repeated two by two.

    The coarser maps' part of the sum is computed before they are repeated, with the taps that fall on one pixel added
    up: that is exact and takes a third of the work. An odd side is filled with the nearest cell: 0, 0, 0, 1, 1 of two
    cells.
    """
    if level.shape[-1] % 2:
        return layer(torch.cat([level, F.interpolate(coarser, size=level.shape[-2:], mode="nearest")], 1))
    # DEVIATION: coarser maps are repeated, as the published code does by default; its released model of 300-W learned
    # its upsampling, and in the finer maps beside them sets every pixel to zero that pooling did not take.
    n, kernel = level.shape[1], layer.weight.shape[-1]
    weight = layer.weight.to(level.dtype)
    fine = F.conv2d(level, weight[:, :n], layer.bias.to(level.dtype), padding=kernel // 2)
    spread = expand_weights([layer.weight[:, n:]], (2, 2))[0].unflatten(1, (-1, 4)).sum(2).to(level.dtype)
    return (fine + depth_to_space(F.conv2d(coarser, spread, padding=spread.shape[-1] // 2), (2, 2))).relu_()


def sides_of(size: int, most: int, coarsest: int) -> list[int]:
    """Sides of the levels' maps in cells, the finest first.

    size: of the finest.
    most: how many there may be.
    coarsest: least side.
    """
    sides = [size]
    while len(sides) < most and sides[-1] // 2 >= coarsest:
        sides.append(sides[-1] // 2)
    return sides
