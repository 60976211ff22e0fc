"""TCDCN (Zhang et al., ECCV 2014 and PAMI 2016), the other multi-task network of honari2018.

It is small, has poolings, and regresses points and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.errors import UserError
from landmarklib.core.noise import Noise
from landmarklib.nets.layers import Linear, he_normal, standardised

POOLED = 3  # layers that are followed by 2 x 2 max pooling: the first ones


class Trunk(nn.Module):
    """Convolutions without padding, max pooling after the first three, one fully connected layer; |tanh| after each.

    Images are standardised one by one. Raises UserError where kernels and widths differ in number or the images are
    too small.

    size: side of the images in pixels.
    kernels: side of each convolution in pixels.
    widths: channels of each.
    shared: units of the fully connected layer.
    generator: draws the first weights.
    """

    def __init__(
        self, size: int, kernels: Sequence[int], widths: Sequence[int], shared: int, generator: torch.Generator
    ):
        super().__init__()
        if len(kernels) != len(widths):
            raise UserError(f"kernels: {len(kernels)} for {len(widths)} widths; expected one for each layer")
        side = size
        for i, kernel in enumerate(kernels):
            side = (side - kernel + 1) // (2 if i < POOLED else 1)
        if side < 1:
            raise UserError(f"size: {size} px is too small for convolutions of {', '.join(map(str, kernels))} px")
        self.weights = nn.ParameterList(
            he_normal((w, c, k, k), generator) for k, c, w in zip(kernels, [1, *widths[:-1]], widths, strict=True)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(w)) for w in widths)
        self.last = Linear(widths[-1] * side**2, shared, generator)

    def forward(self, images: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B D"]:
        # DEVIATION: images are standardised one by one; how honari2018 gives them to TCDCN is not known.
        x = standardised(images)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = F.conv2d(x, weight, bias).tanh().abs()
            x = F.max_pool2d(x, 2) if i < POOLED else x
        return self.last(x.flatten(1)).tanh().abs()


class TaskNet(nn.Module):
    """The trunk and a linear layer for points and attributes each.

    trunk: images to `shared` numbers.
    shared: how many these are.
    n_points: number of landmarks.
    outputs: number of classes of each attribute, 1 for an angle.
    generator: draws the first weights of both layers.
    """

    def __init__(self, trunk: Trunk, shared: int, n_points: int, outputs: list[int], generator: torch.Generator):
        super().__init__()
        self.first = trunk
        self.points = Linear(shared, 2 * n_points, generator)
        self.attributes = Linear(shared, sum(outputs), generator)
        self.outputs = outputs
        with torch.no_grad():  # start with points near the centre
            self.points.weight *= 0.1

    def forward(
        self, images: Float[Tensor, "B 1 H W"], noise: Noise | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Points B x K x 2, in [-1, 1] where they lie in the image, and the outputs of each attribute.

        noise: not used, there is no dropout.
        """
        x = self.first(images)
        return self.points(x).view(len(x), -1, 2), self.attributes(x).split(self.outputs, -1)
