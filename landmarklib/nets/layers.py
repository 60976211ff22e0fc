"""Layers that several networks share, with their first weights."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.noise import Noise


class Linear(nn.Module):
    """A fully connected layer with He-normal weights and zero bias from the given generator."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator):
        super().__init__()
        self.weight = he_normal((outputs, inputs), generator)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B E"]:
        return F.linear(x, self.weight, self.bias)


class Perceptron(nn.Module):
    """Fully connected layers with ReLU and dropout between them; the last one is linear.

    widths: of the input, the hidden layers and the output.
    dropout: its probability after each hidden layer.
    generator: draws the first weights.
    hidden: draws those of the hidden layers, if not the generator.
    """

    def __init__(
        self, widths: list[int], dropout: float, generator: torch.Generator, hidden: torch.Generator | None = None
    ):
        super().__init__()
        *before, last = itertools.pairwise(widths)
        self.layers = nn.ModuleList([*(Linear(a, b, hidden or generator) for a, b in before), Linear(*last, generator)])
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B D"], noise: Noise | None = None) -> Float[Tensor, "B E"]:
        for layer in self.layers[:-1]:
            x = dropout(F.relu(layer(x)), self.dropout if self.training else 0.0, noise)
        return self.layers[-1](x)


def dropout(x: Tensor, probability: float, noise: Noise | None) -> Tensor:
    """Inverted dropout whose mask comes from the run's own random numbers."""
    if probability == 0:
        return x
    kept = noise.uniform(*x.shape) >= probability
    return x * kept / (1 - probability)


FLAT = 8 / 255  # added to an image's standard deviation: an even image is not blown up


def pointwise(
    x: Float[Tensor, "B C H W"], weight: Float[Tensor, "D C 1 1"], bias: Float[Tensor, " D"]
) -> Float[Tensor, "B D H W"]:
    """A 1 x 1 convolution as one matrix product per image: on few channels ten times as fast as `conv2d` on a CPU."""
    product = torch.baddbmm(bias[None, :, None], weight.flatten(1).expand(len(x), -1, -1), x.flatten(2))
    return product.unflatten(2, x.shape[2:])


def standardised(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """Each image less its mean, by its standard deviation."""
    mean = images.mean((1, 2, 3), keepdim=True)
    deviation = (images - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
    return (images - mean) / (deviation + FLAT)


def he_normal(shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    """Weights N(0, 2 / fan-in), which keeps the scale of ReLU maps from layer to layer."""
    fan_in = math.prod(shape[1:])
    return nn.Parameter(torch.randn(shape, generator=generator) * math.sqrt(2 / fan_in))
