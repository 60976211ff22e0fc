"""The networks of honari2018: localiser, classifiers on points and on maps, and the network of Comm-MT (S9-S13)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.noise import Noise
from landmarklib.nets import layers
from landmarklib.nets.layers import Linear, Perceptron, he_normal, pointwise, standardised
from landmarklib.nets.plain import ConvStack


class Classifier(nn.Module):
    """A perceptron for each attribute with classes, and one for all angles (honari2018, section 4.4, S12).

    It gives B x classes, logits, for an attribute with classes, and B x 1, radians, for an angle.

    widths: of the input and the hidden layers.
    outputs: number of classes of each attribute, 1 for an angle.
    dropout: its probability after each hidden layer.
    generator: draws the first weights.
    """

    def __init__(self, widths: list[int], outputs: list[int], dropout: float, generator: torch.Generator):
        super().__init__()
        self.outputs, self.shares = outputs, branches(outputs)
        # All but the first branch draw their hidden layers from generators of their own: what a run draws after them
        # does not depend on the number of branches, which matters for a run that uses no attribute.
        seeds = [generator.initial_seed() + 1_000_003 * i for i in range(1, len(self.shares))]
        hidden = [generator, *(torch.Generator().manual_seed(seed) for seed in seeds)]
        self.branches = nn.ModuleList(
            Perceptron([*widths, sum(outputs[i] for i in share)], dropout, generator, drawn)
            for share, drawn in zip(self.shares, hidden, strict=True)
        )

    def forward(self, x: Float[Tensor, "B D"], noise: Noise | None = None) -> tuple[Tensor, ...]:
        found: dict[int, Tensor] = {}
        for branch, share in zip(self.branches, self.shares, strict=True):
            found |= zip(share, branch(x, noise).split([self.outputs[i] for i in share], -1), strict=True)
        return tuple(found[i] for i in sorted(found))


def branches(outputs: list[int]) -> list[list[int]]:
    """Indices of the attributes of each branch of a classifier: a branch for each one with classes, one for all angles.

    Without attributes there is one branch, which predicts none.
    """
    angles = [i for i, n in enumerate(outputs) if n == 1]
    with_classes = [[i] for i, n in enumerate(outputs) if n > 1]
    return [*with_classes, angles] if angles or not with_classes else with_classes


class Reader(Classifier):
    """A `Classifier` of points, its outputs in a row. An unknown point (NaN) counts as the centre of the image."""

    def forward(self, points: Float[Tensor, "B K 2"], noise: Noise | None = None) -> Float[Tensor, "B E"]:
        return torch.cat(super().forward(points.nan_to_num(0.0).flatten(1), noise), -1)


class FromPoints(nn.Module):
    """Points to the outputs of each attribute: Seq-MT's classifier alone. The arguments are those of `Classifier`."""

    def __init__(self, widths: list[int], outputs: list[int], dropout: float, generator: torch.Generator):
        super().__init__()
        self.first = Reader(widths, outputs, dropout, generator)

    def forward(self, points: Float[Tensor, "B K 2"], noise: Noise | None = None) -> tuple[Tensor, ...]:
        return self.first(points, noise).split(self.first.outputs, -1)


@dataclass(frozen=True)
class Layout:
    """The shape of a `Localizer`.

    kernel: side of the convolutions in pixels, odd.
    depth: number of these convolutions.
    width: channels of each.
    final_relu: ReLU after the last layer as well, as the paper's tables print it.
    centred: the network takes images from [0, 1] to [-1, 1], so that what a warp brings in from outside an image stays
        black.
    out_gain: factor on the last layer's He-normal weights; below 1, the first maps are nearly flat.
    out_kernel: side of the last convolution, if above 1: it then takes the place of both 1 x 1 layers (S12, S13).
    standard: each image is standardised by itself.
    """

    kernel: int = 9
    depth: int = 6
    width: int = 8
    final_relu: bool = False
    centred: bool = False
    out_gain: float = 1.0
    out_kernel: int = 1
    standard: bool = False


class Localizer(nn.Module):
    """Images to one map per landmark, as its layout says.

    By default there are k x k convolutions, one 1 x 1, and a 1 x 1 to the maps (S11, and the trunk of S10).
    The 1 x 1 layers are computed in float32, whatever the form of the convolutions.
    """

    def __init__(self, layout: Layout, n_maps: int, generator: torch.Generator):
        super().__init__()
        width = layout.width
        self.stack = ConvStack(1, [width] * layout.depth, layout.kernel, generator)
        self.wide = layout.out_kernel > 1
        if self.wide:
            self.out_stack = ConvStack(width, [n_maps], layout.out_kernel, generator, layout.final_relu)
            last = self.out_stack.weights[0]
        else:
            self.mix = he_normal((width, width, 1, 1), generator)
            self.mix_bias = nn.Parameter(torch.zeros(width))
            self.out = last = he_normal((n_maps, width, 1, 1), generator)
            self.out_bias = nn.Parameter(torch.zeros(n_maps))
        self.final_relu, self.centred, self.standard = layout.final_relu, layout.centred, layout.standard
        with torch.no_grad():
            last *= layout.out_gain

    def forward(self, images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B K H W"]:
        x = 2 * images - 1 if self.centred else images
        if self.standard:
            x = standardised(x)
        if self.wide:
            return self.out_stack(self.stack(x))
        x = F.relu(pointwise(self.stack(x), self.mix, self.mix_bias))
        maps = pointwise(x, self.out, self.out_bias)
        return F.relu(maps) if self.final_relu else maps


class LocalizerAndHead(nn.Module):
    """A localizer, and a head for attributes on what it finds."""

    def __init__(self, localizer: nn.Module, head: nn.Module):
        super().__init__()
        self.localizer, self.head = localizer, head


@dataclass(frozen=True)
class CommonLayout:
    """The shape of a `CommonNet`.

    size: side of the images in pixels.
    kernel: side of the convolutions in pixels, odd.
    width: channels of each.
    pools: number of poolings: 2 in the paper's network, 0 and 4 in the variants of its footnote 3.
    standard: each image is standardised by itself.
    """

    size: int
    kernel: int = 9
    width: int = 8
    pools: int = 2
    standard: bool = False


class CommonNet(nn.Module):
    """Comm-MT (S9): convolutions with poolings, two shared layers of 256 units, heads for points and attributes.

    A pooling after the first five convolutions and after each later one; without any, the later one stays.

    layout: its shape.
    n_points: number of landmarks.
    outputs: number of classes of each attribute, 1 for an angle.
    dropout: its probability after each shared layer.
    generator: draws the first weights.
    """

    def __init__(
        self, layout: CommonLayout, n_points: int, outputs: list[int], dropout: float, generator: torch.Generator
    ):
        super().__init__()
        kernel, width = layout.kernel, layout.width
        self.first = ConvStack(1, [width] * 5, kernel, generator)
        self.later = nn.ModuleList(
            ConvStack(width, [width], kernel, generator) for _ in range(max(1, layout.pools - 1))
        )
        self.last = ConvStack(width, [width] * 2, 1, generator)
        cells = (layout.size >> layout.pools) ** 2
        self.shared = nn.ModuleList([Linear(width * cells, 256, generator), Linear(256, 256, generator)])
        self.points = Linear(256, 2 * n_points, generator)
        self.attributes = Linear(256, sum(outputs), generator)
        self.outputs, self.dropout, self.layout = outputs, dropout, layout
        with torch.no_grad():  # start with points near the centre, whatever the features' scale
            self.points.weight *= 0.1

    def forward(
        self, images: Float[Tensor, "B 1 H W"], noise: Noise | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Points B x K x 2, in [-1, 1] where they lie in the image, and the outputs of each attribute.

        Those are B x classes, logits, or B x 1, an angle in radians.
        """
        x = standardised(images) if self.layout.standard else images
        for stack in (self.first, *self.later):
            x = stack(x)
            x = F.max_pool2d(x, 2) if self.layout.pools else x
        x = self.last(x).flatten(1)
        for layer in self.shared:
            x = layers.dropout(F.relu(layer(x)), self.dropout if self.training else 0.0, noise)
        return self.points(x).view(len(x), -1, 2), self.attributes(x).split(self.outputs, -1)


class MapClassifier(nn.Module):
    """Heatmap-MT's branch for attributes (S10): four times (pool 2, convolution), then a `Classifier`.

    Its input is the maps before the softmax, B x K x size x size.

    size, kernel, width: as in `CommonLayout`.
    n_maps: number of maps.
    outputs: number of classes of each attribute, 1 for an angle.
    dropout: as in `Classifier`.
    generator: draws the first weights.
    """

    def __init__(
        self,
        size: int,
        kernel: int,
        width: int,
        n_maps: int,
        outputs: list[int],
        dropout: float,
        generator: torch.Generator,
    ):
        super().__init__()
        self.stacks = nn.ModuleList(ConvStack(c, [width], kernel, generator) for c in (n_maps, width, width, width))
        self.head = Classifier([width * (size // 16) ** 2, 256, 256], outputs, dropout, generator)

    def forward(self, maps: Float[Tensor, "B K H W"], noise: Noise | None = None) -> tuple[Tensor, ...]:
        for stack in self.stacks:
            maps = stack(F.max_pool2d(maps, 2))
        return self.head(maps.flatten(1), noise)
