"""The attributes from the true points, without an image (honari2018, supplement S.5.2, Tables S3 and S8): what landmarks tell of them.

It learns from labelled images alone, is given the true points of test images as well, and predicts no points.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.core.noise import Noise
from landmarklib.losses import supervised
from landmarklib.methods import Prediction, outputs
from landmarklib.nets.forms import LITERAL
from landmarklib.nets.honari import Classifier

GIVEN = "points"
OPTIONS = {"attributes": ["class"], "hidden": [256, 256], "dropout": 0.25}
TERMS = {"classes": False, "angles": False}


class Reader(Classifier):
    """Seq-MT's classifier on its own, its outputs in a row. A point that nobody knows is in the middle of the image."""

    CANDIDATES: ClassVar = {"cpu": (LITERAL,), "cuda": (LITERAL,)}

    def forward(self, points: Float[Tensor, "B K 2"], noise: Noise | None = None) -> Float[Tensor, "B E"]:
        return torch.cat(super().forward(points.nan_to_num(0.0).flatten(1), noise), -1)


class FromPoints(nn.Module):
    """Points to the outputs of each attribute."""

    def __init__(self, dataset, options, generator):
        super().__init__()
        widths = [2 * len(dataset.landmarks), *options["hidden"]]
        self.first = Reader(widths, outputs(dataset, options), options["dropout"], generator)

    def forward(self, points: Float[Tensor, "B K 2"], noise: Noise | None = None) -> tuple[Tensor, ...]:
        return self.first(points, noise).split(self.first.outputs, -1)


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return FromPoints(dataset, options, generator)


def loss(module: FromPoints, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    n = batch.n_labelled
    return supervised.attributes(module(batch.points[:n], noise), batch.attributes[:n], terms)


def predict(module: FromPoints, points: torch.Tensor, options: dict) -> Prediction:
    return Prediction(None, module(points))
