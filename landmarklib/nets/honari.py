"""The networks of honari2018 for its generated data: localiser, classifier on points, Comm-MT and Heatmap-MT (S9-S11)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.noise import Noise
from landmarklib.nets import layers
from landmarklib.nets.layers import Linear, Perceptron, he_normal, pointwise, standardised
from landmarklib.nets.plain import ConvStack


class Classifier(nn.Module):
    """A branch for each attribute (honari2018, section 4.4, S12): a perceptron for each one with classes, and one for all angles.

    outputs: of each attribute, its classes, whose logits it gives, or 1, for an angle.
    """

    def __init__(self, widths: list[int], outputs: list[int], dropout: float, generator: torch.Generator):
        super().__init__()
        self.outputs, self.shares = outputs, branches(outputs)
        # All but the first branch draw their hidden layers elsewhere: what a run draws after them, one that uses no attribute above all, does
        # not depend on how many branches there are.
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
    """Which attributes share a branch of a classifier: angles do, one with classes has its own; without attributes there is a branch of none."""
    angles = [i for i, n in enumerate(outputs) if n == 1]
    with_classes = [[i] for i, n in enumerate(outputs) if n > 1]
    return [*with_classes, angles] if angles or not with_classes else with_classes


class Localizer(nn.Module):
    """k x k convolutions, one 1 x 1, and a 1 x 1 to one map per landmark (S11, and the trunk of S10); with an out_kernel, no 1 x 1 but one more convolution of
    that size to the maps (S12, S13).

    The 1 x 1 layers run in float32 whatever the stack's form. final_relu: the tables print a ReLU after the last layer as well; centred:
    images of [0, 1] are taken to [-1, 1], in here so that what a warp brings in from outside an image stays black; out_gain: on the last
    layer's He-normal weights, so that the first maps are nearly flat; standard: each image is standardised by itself.
    """

    def __init__(
        self,
        kernel: int,
        depth: int,
        width: int,
        n_maps: int,
        generator: torch.Generator,
        final_relu: bool = False,
        centred: bool = False,
        out_gain: float = 1.0,
        out_kernel: int = 1,
        standard: bool = False,
    ):
        super().__init__()
        self.stack = ConvStack(1, [width] * depth, kernel, generator)
        self.wide = out_kernel > 1
        if self.wide:
            self.out_stack = ConvStack(width, [n_maps], out_kernel, generator, final_relu)
            last = self.out_stack.weights[0]
        else:
            self.mix = he_normal((width, width, 1, 1), generator)
            self.mix_bias = nn.Parameter(torch.zeros(width))
            self.out = last = he_normal((n_maps, width, 1, 1), generator)
            self.out_bias = nn.Parameter(torch.zeros(n_maps))
        self.final_relu, self.centred, self.standard = final_relu, centred, standard
        with torch.no_grad():
            last *= out_gain

    def forward(self, images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B K H W"]:
        x = 2 * images - 1 if self.centred else images
        if self.standard:
            x = standardised(x)
        if self.wide:
            return self.out_stack(self.stack(x))
        x = F.relu(pointwise(self.stack(x), self.mix, self.mix_bias))
        maps = pointwise(x, self.out, self.out_bias)
        return F.relu(maps) if self.final_relu else maps


class CommonNet(nn.Module):
    """Comm-MT (S9): convolutions with two poolings, two shared 256-unit layers, one head for points, one for attributes. standard: each image is
    standardised by itself."""

    def __init__(
        self,
        size: int,
        kernel: int,
        width: int,
        n_points: int,
        outputs: list[int],
        dropout: float,
        generator: torch.Generator,
        standard: bool = False,
    ):
        super().__init__()
        self.first = ConvStack(1, [width] * 5, kernel, generator)
        self.second = ConvStack(width, [width], kernel, generator)
        self.third = ConvStack(width, [width] * 2, 1, generator)
        self.shared = nn.ModuleList([Linear(width * (size // 4) ** 2, 256, generator), Linear(256, 256, generator)])
        self.points = Linear(256, 2 * n_points, generator)
        self.attributes = Linear(256, sum(outputs), generator)
        self.outputs, self.dropout, self.standard = outputs, dropout, standard
        with torch.no_grad():  # start with points near the centre, whatever the features' scale
            self.points.weight *= 0.1

    def forward(
        self, images: Float[Tensor, "B 1 H W"], noise: Noise | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Points B x K x 2 in [-1, 1] and the outputs of each attribute."""
        x = standardised(images) if self.standard else images
        x = F.max_pool2d(self.second(F.max_pool2d(self.first(x), 2)), 2)
        x = self.third(x).flatten(1)
        for layer in self.shared:
            x = layers.dropout(F.relu(layer(x)), self.dropout if self.training else 0.0, noise)
        return self.points(x).view(len(x), -1, 2), self.attributes(x).split(self.outputs, -1)


class MapClassifier(nn.Module):
    """Heatmap-MT's class branch (S10): four times (pool 2, convolution), then 256, 256, classes. Input: maps before the softmax."""

    def __init__(self, size: int, kernel: int, width: int, n_maps: int, outputs: list[int], dropout: float, generator):
        super().__init__()
        self.stacks = nn.ModuleList(ConvStack(c, [width], kernel, generator) for c in (n_maps, width, width, width))
        self.head = Classifier([width * (size // 16) ** 2, 256, 256], outputs, dropout, generator)

    def forward(self, maps: Float[Tensor, "B K H W"], noise: Noise | None = None) -> tuple[Tensor, ...]:
        for stack in self.stacks:
            maps = stack(F.max_pool2d(maps, 2))
        return self.head(maps.flatten(1), noise)
