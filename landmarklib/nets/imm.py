"""The networks of jakab2018 (section 3.2): what an image looks like, where its landmarks are, and an image of both."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core import coords, heatmaps
from landmarklib.nets import forms
from landmarklib.nets.layers import he_normal
from landmarklib.nets.levels import sides_of

FIRST_KERNEL = 7


class Block(nn.Module):
    """A convolution, batch normalization, ReLU. At stride 2 the side is halved, an odd one rounded up."""

    # DEVIATION: at stride 2 a pixel is added on every side; TensorFlow, in jakab2018, adds one on the right and below
    # where the side is even. First weights are He-normal and not of deviation 0.01: normalization undoes the scale.

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.weight = he_normal((outputs, inputs, kernel, kernel), generator)
        self.norm, self.stride = nn.BatchNorm2d(outputs), stride

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        padding = self.weight.shape[-1] // 2
        return F.relu(self.norm(F.conv2d(x, self.weight.to(x.dtype), stride=self.stride, padding=padding)))


class Encoder(nn.Sequential):
    """7 x 7 and 3 x 3 convolutions of the first width, then as often as the maps halve two of twice the width."""

    def __init__(self, channels: int, width: int, halvings: int, generator: torch.Generator):
        blocks = [Block(channels, width, generator, FIRST_KERNEL), Block(width, width, generator)]
        for i in range(halvings):
            before, after = width << i, width << i + 1
            blocks += [Block(before, after, generator, stride=2), Block(after, after, generator)]
        super().__init__(*blocks)


class Renderer(nn.Module):
    """Maps to an image: two convolutions a level, bilinear steps between the levels, half as many filters at each.

    inputs: maps that go in.
    channels: of the image, 0 at mid-grey and +-1 at black and white.
    width: filters at the coarsest level.
    sides: of the levels in pixels, the finest first.
    out_std: standard deviation of the last layer's first weights.
    """

    def __init__(
        self, inputs: int, channels: int, width: int, sides: list[int], out_std: float, generator: torch.Generator
    ):
        super().__init__()
        self.sides, self.blocks = sides[::-1], nn.ModuleList()
        for level in range(len(sides)):
            filters = width >> level
            self.blocks.append(Block(inputs, filters, generator))
            if level + 1 < len(sides):  # at the finest level the layer that paints is the second one
                self.blocks.append(Block(filters, filters, generator))
            inputs = filters
        self.out = nn.Parameter(out_std * torch.randn((channels, inputs, 3, 3), generator=generator))
        self.out_bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B D h w"]) -> Float[Tensor, "B C H W"]:
        for i, block in enumerate(self.blocks):
            if i and i % 2 == 0:
                side = self.sides[i // 2]
                x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
            x = block(x)
        return F.conv2d(x.float(), self.out, self.out_bias, padding=1)


class Painter(nn.Module):
    """Two encoders of one design, a head for K points, and a renderer. What it is called with is painted once more.

    size: side of the images in pixels.
    channels: of the images.
    width: filters of the first convolutions, doubled at each halving.
    n_points: K.
    gauss_std: of the blob that stands for a point, in [-1, 1] coordinates.
    out_std: standard deviation of the last layers' first weights, of the head and of the renderer.
    generator: draws the first weights.
    """

    # DEVIATION: jakab2018 halves three times, from 128 to 16 pixels. Smaller images are halved as often as brings them
    # nearest to 16 pixels, so at 48 and 64 px twice, and the last convolutions have 4 times the first width, not 8.
    # The six outputs that its renderer has beside the colours, and leaves unused, are left out.
    CANDIDATES: ClassVar = forms.SMALL_KERNELS

    def __init__(
        self,
        size: int,
        channels: int,
        width: int,
        n_points: int,
        gauss_std: float,
        out_std: float,
        generator: torch.Generator,
    ):
        super().__init__()
        sides = sides_of(size)
        halvings = len(sides) - 1
        self.pose = Encoder(channels, width, halvings, generator)
        widest = width << halvings
        self.head = nn.Parameter(out_std * torch.randn((n_points, widest, 1, 1), generator=generator))
        self.appearance = Encoder(channels, width, halvings, generator)
        self.renderer = Renderer(widest + n_points, channels, widest, sides, out_std, generator)
        self.gauss_std, self.conv_form = gauss_std, forms.LITERAL

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return self.paint(images, heatmaps.soft_argmax(self.maps(images)))

    def maps(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        """Where the points are: maps whose softmax is the product of a distribution over columns and one over rows."""
        x = self.pose(self._prepared(images))
        return separable(F.conv2d(x.float(), self.head))  # a softmax would cancel a bias

    def paint(self, images: Float[Tensor, "B C H W"], points: Float[Tensor, "B K 2"]) -> Float[Tensor, "B C H W"]:
        """Images, black 0 and white 1, that look like the given ones and have their landmarks at these points."""
        looks = self.appearance(self._prepared(images))
        blobs = gaussians(points, looks.shape[-1], self.gauss_std)
        return (1 + self.renderer(torch.cat([looks, blobs.to(looks.dtype)], 1))) / 2

    def _prepared(self, images: Tensor) -> Tensor:
        layout = torch.channels_last if self.conv_form.channels_last else torch.contiguous_format
        return (2 * images - 1).to(self.conv_form.dtype).contiguous(memory_format=layout)


def separable(maps: Float[Tensor, "B K h w"]) -> Float[Tensor, "B K h w"]:
    """Mean over rows plus mean over columns.

    Its softmax over all cells is the product of the two means' own, so `heatmaps.soft_argmax` gives the mean column
    and the mean row (section 3.2, jakab2018).
    """
    # DEVIATION: columns and rows are at the pixels' centres, so a point lies at most there; in the released code the
    # outermost ones are at -1 and 1.
    return maps.mean(-2, keepdim=True) + maps.mean(-1, keepdim=True)


def gaussians(points: Float[Tensor, "B K 2"], side: int, std: float) -> Float[Tensor, "B K S S"]:
    """exp(-d^2 / std^2), with d the distance of each cell's centre from the point (released code of jakab2018).

    std: in [-1, 1] coordinates.
    """
    centres = coords.pixel_centres(side, dtype=points.dtype, device=points.device)
    by_x, by_y = ((-(centres - points[..., i, None]).square() / std**2).exp() for i in (0, 1))
    return by_y[..., :, None] * by_x[..., None, :]
