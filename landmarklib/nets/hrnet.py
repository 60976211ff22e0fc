"""The high-resolution network for heatmaps (Sun et al. 2019), with the taps of moskvyak2021 (section 4.2).

Branches of 1, 1/2, 1/4 and 1/8 of the finest resolution run side by side and are summed into one another again and
again. Parameters have the names of the authors' code, so that their published weights fit (`weights`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.nets import forms, imm, weights
from landmarklib.nets.hourglass import laid_out
from landmarklib.nets.layers import Linear, he_normal, pointwise
from landmarklib.nets.levels import sides_of

EXPANSION = 4  # of a bottleneck: channels that come out, as a multiple of those within


class Conv(nn.Module):
    """A convolution without a bias, padded so that stride alone changes the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, generator: torch.Generator, stride: int = 1):
        super().__init__()
        self.weight, self.stride = he_normal((outputs, inputs, kernel, kernel), generator), stride

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        return F.conv2d(x, self.weight.to(x.dtype), stride=self.stride, padding=self.weight.shape[-1] // 2)


def unit(
    inputs: int, outputs: int, kernel: int, generator: torch.Generator, stride: int = 1, relu: bool = True
) -> nn.Sequential:
    """A convolution, batch normalization, and ReLU unless there is to be none."""
    return nn.Sequential(Conv(inputs, outputs, kernel, generator, stride), nn.BatchNorm2d(outputs), *[nn.ReLU()] * relu)


class Residual(nn.Module):
    """Convolutions whose sum with the input goes through ReLU.

    inputs: channels that go in.
    widths: of the convolutions; the input is brought to the last one by a 1 x 1 convolution where it has not as many.
    kernels: of the convolutions.
    generator: draws the first weights.
    """

    def __init__(self, inputs: int, widths: Sequence[int], kernels: Sequence[int], generator: torch.Generator):
        super().__init__()
        self.depth = len(widths)
        for i, ((before, after), kernel) in enumerate(zip(itertools.pairwise([inputs, *widths]), kernels, strict=True)):
            self.add_module(f"conv{i + 1}", Conv(before, after, kernel, generator))
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(after))
        self.downsample = unit(inputs, widths[-1], 1, generator, relu=False) if inputs != widths[-1] else nn.Identity()

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(F.relu(y) if i > 1 else y))
        return F.relu(y + self.downsample(x))


def bottleneck(inputs: int, width: int, generator: torch.Generator) -> Residual:
    """1 x 1, 3 x 3 and 1 x 1 convolutions, four times as wide at the end."""
    return Residual(inputs, [width, width, EXPANSION * width], [1, 3, 1], generator)


class Module(nn.Module):
    """Residual blocks on each branch, then every branch is the sum of all, brought to its resolution.

    widths: channels of the branches, the finest first, each half as fine as the one before.
    depth: residual blocks of a branch.
    outputs: how many branches come out; the finest ones.
    generator: draws the first weights.
    """

    def __init__(self, widths: Sequence[int], depth: int, outputs: int, generator: torch.Generator):
        super().__init__()
        blocks = [[Residual(n, [n, n], [3, 3], generator) for _ in range(depth)] for n in widths]
        self.branches = nn.ModuleList(nn.Sequential(*of_branch) for of_branch in blocks)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_brought(widths, source, target, generator) for source in range(len(widths)))
            for target in range(outputs)
        )

    def forward(self, branches: list[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B _ _ _"]]:
        done = [block(x) for block, x in zip(self.branches, branches, strict=True)]
        return [
            F.relu(sum(self._to(i, j, x, done[i]) for j, x in enumerate(done))) for i in range(len(self.fuse_layers))
        ]

    def _to(self, target: int, source: int, x: Tensor, like: Tensor) -> Tensor:
        """One branch as it is summed into another. like: that one."""
        y = self.fuse_layers[target][source](x)
        return F.interpolate(y, size=like.shape[-2:], mode="nearest") if source > target else y


def _brought(widths: Sequence[int], source: int, target: int, generator: torch.Generator) -> nn.Module:
    """Layers that bring a branch to another one's channels, and down to its resolution."""
    if source == target:
        return nn.Identity()
    if source > target:  # `Module` enlarges it
        return unit(widths[source], widths[target], 1, generator, relu=False)
    steps = [widths[source]] * (target - source) + [widths[target]]
    last = len(steps) - 2
    return nn.Sequential(
        *(unit(a, b, 3, generator, 2, relu=i < last) for i, (a, b) in enumerate(itertools.pairwise(steps)))
    )


class HRNet(nn.Module):
    """B x C x H x W -> heatmaps B x K x h x w, float32. Its finest resolution is that of the image by `stem`.

    channels: of the images.
    n_maps: K.
    stem: (width of the two first convolutions, stride of the first, stride of the second).
    width: of the finest branch; each coarser one has twice as many.
    modules: of the stages with two, three and four branches.
    depth: residual blocks of a branch in a module.
    bottlenecks: (how many after the stem, their width).
    generator: draws the first weights.
    """

    CANDIDATES: ClassVar = forms.SMALL_KERNELS

    # DEVIATION: first weights are He-normal; the authors draw them with a deviation of 0.001, which batch
    # normalization undoes.
    def __init__(
        self,
        channels: int,
        n_maps: int,
        stem: tuple[int, int, int],
        width: int,
        modules: tuple[int, int, int],
        depth: int,
        bottlenecks: tuple[int, int],
        generator: torch.Generator,
    ):
        super().__init__()
        first, *strides = stem
        self.conv1, self.bn1 = Conv(channels, first, 3, generator, strides[0]), nn.BatchNorm2d(first)
        self.conv2, self.bn2 = Conv(first, first, 3, generator, strides[1]), nn.BatchNorm2d(first)
        n, within = bottlenecks
        inputs = [first, *[EXPANSION * within] * (n - 1)]
        self.layer1 = nn.Sequential(*(bottleneck(i, within, generator) for i in inputs))
        before, self.widths = [EXPANSION * within], [width << i for i in range(1 + len(modules))]
        for stage, n in enumerate(modules, 2):
            widths = self.widths[:stage]
            self.add_module(f"transition{stage - 1}", _transition(before, widths, generator))
            last = [stage] * (n - 1) + [1 if stage == 1 + len(modules) else stage]
            self.add_module(f"stage{stage}", nn.Sequential(*(Module(widths, depth, m, generator) for m in last)))
            before = widths
        self.final_layer = Pointwise(width, n_maps, generator)
        self.conv_form = forms.LITERAL

    @property
    def n_tapped(self) -> int:
        """Channels of the tapped features."""
        return sum(sum(self.widths[:stage]) for stage in range(2, len(self.widths))) + self.widths[0]

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return self.final_layer(self.stages(images)[-1][0])

    def stages(self, images: Float[Tensor, "B C H W"]) -> list[list[Tensor]]:
        """The branches after each stage with several; after the last, the finest alone."""
        x = laid_out(_normalized(images), self.conv_form)
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        branches, found = [self.layer1(x)], []
        for stage in range(2, 1 + len(self.widths)):
            steps = getattr(self, f"transition{stage - 1}")
            given = [*branches, *[branches[-1]] * (len(steps) - len(branches))]
            branches = getattr(self, f"stage{stage}")([step(x) for step, x in zip(steps, given, strict=True)])
            found.append(branches)
        return found

    def tapped(self, images: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B K h w"]]:
        """All branches after all stages, enlarged to the finest resolution, and the heatmaps."""
        # DEVIATION: moskvyak2021 has 352 channels and does not say exactly whose. Branches of 32 + 64, of 32 + 64 +
        # 128, and the 32 that come out of the last stage are so many; so are others.
        found = self.stages(images)
        finest = found[-1][0]
        side = finest.shape[-2:]
        enlarged = [F.interpolate(x, size=side, mode="nearest") for branches in found for x in branches]
        return torch.cat(enlarged, 1).float(), self.final_layer(finest)


def load(net: HRNet, path: Path) -> None:
    """Take the weights of a file, by the names of the authors' code, but for the last layer's.

    A first layer that sees grey images takes the sum over the colours. Raises UserError for a file that does not fit.
    """
    there = weights.read(path, "weights", "an HRNet's")
    found = {}
    for name, own in net.state_dict().items():
        if name.startswith("final_layer.") or name.endswith("num_batches_tracked"):
            continue
        shape = tuple(own.shape)
        coloured = (shape[0], 3, *shape[2:]) if name == "conv1.weight" else shape
        given = weights.part(
            there, name, {shape, coloured}, "weights", path, "the names of HRNet's authors, and an HRNet as large"
        )
        found[name] = given if given.shape == own.shape else given.sum(1, keepdim=True)
    net.load_state_dict(found, strict=False)


class Keypoints(nn.Module):
    """An HRNet, features for what each keypoint looks like, and a classifier that tells keypoints by them.

    features: C, channels of the features, made of all that is tapped.
    mirror: the counterpart of each of K keypoints on the other side.
    painter: width of a branch that paints the images, as in jakab2018.
    size: side of the images.
    """

    CANDIDATES: ClassVar = HRNet.CANDIDATES

    def __init__(
        self, net: HRNet, features: int, mirror: Sequence[int], painter: int, size: int, generator: torch.Generator
    ):
        super().__init__()
        self.net, n_maps = net, len(mirror)
        self.mirror = list(mirror)
        self.features = Pointwise(net.n_tapped, features, generator, std=net.n_tapped**-0.5)
        self.classifier = Linear(features, n_maps, generator)
        self.painter = Painter(net.conv1.weight.shape[1], n_maps, painter, size, generator)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return self.net(images)

    def tapped(self, images: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B K h w"]]:
        """Features and heatmaps."""
        tapped, maps = self.net.tapped(images)
        return self.features(tapped), maps


class Painter(nn.Module):
    """An image of what a source shows, with keypoints where they are said to be (jakab2018).

    channels: of the images.
    n_points: K.
    width: of the encoder's first convolutions.
    size: side of the images.
    """

    def __init__(self, channels: int, n_points: int, width: int, size: int, generator: torch.Generator):
        super().__init__()
        sides = sides_of(size)
        widest = width << len(sides) - 1
        self.appearance = imm.Encoder(channels, width, len(sides) - 1, generator)
        self.renderer = imm.Renderer(widest + n_points, channels, widest, sides, 0.01, generator)

    def forward(
        self, source: Float[Tensor, "B C H W"], points: Float[Tensor, "B K 2"], std: float
    ) -> Float[Tensor, "B C H W"]:
        """std: of the blob that stands for a keypoint, in [-1, 1] coordinates."""
        looks = self.appearance(2 * source - 1)
        blobs = imm.gaussians(points, looks.shape[-1], std)
        return (1 + self.renderer(torch.cat([looks, blobs], 1))) / 2


class Pointwise(nn.Module):
    """A 1 x 1 convolution with a bias, in float32."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, std: float = 0.001):
        super().__init__()
        self.weight = nn.Parameter(std * torch.randn((outputs, inputs, 1, 1), generator=generator))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return pointwise(x.float(), self.weight, self.bias)


def _transition(before: list[int], widths: list[int], generator: torch.Generator) -> nn.ModuleList:
    """What each branch of a stage begins with, from the branches before; new ones come from the coarsest."""
    kept = [nn.Identity() if a == b else unit(a, b, 3, generator) for a, b in zip(before, widths, strict=False)]
    return nn.ModuleList([*kept, *(nn.Sequential(unit(before[-1], n, 3, generator, 2)) for n in widths[len(before) :])])


def _normalized(images: Tensor) -> Tensor:
    """By the mean and spread of ImageNet's colours, or by their means for grey images."""
    colours = list(zip(weights.MEAN, weights.SPREAD, strict=True))
    if images.shape[1] == 1:
        colours = [tuple(sum(values) / len(values) for values in (weights.MEAN, weights.SPREAD))]
    planes = images.split(1, 1)  # a tensor of the numbers would have to come from the host
    return torch.cat([(plane - mean) / spread for plane, (mean, spread) in zip(planes, colours, strict=True)], 1)
