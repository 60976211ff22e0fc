"""The attributes from the true points, without an image: what landmarks tell of them.

It is of honari2018, supplement S.5.2, Tables S3 and S8. It learns from labelled images alone, is given the
true points of test images as well, and predicts no points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.kinds import Decay, Some
from landmarklib.core.method import Method, Models, Prediction, Term
from landmarklib.methods import outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.honari import FromPoints

    widths = [2 * len(dataset.landmarks), *options["hidden"]]
    return FromPoints(widths, outputs(dataset, options), options["dropout"], generator)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    from landmarklib.losses import supervised

    n = batch.n_labelled
    return supervised.attributes(models.student(batch.points[:n], noise), batch.attributes[:n], terms)


def predict(module: nn.Module, points: torch.Tensor, options: dict[str, Any]) -> Prediction:
    return Prediction(None, module(points))


METHOD = Method(
    name="from_points",
    options={"attributes": ["class"], "hidden": [256, 256], "dropout": 0.25},
    kinds={"hidden": tuple[Some, ...], "dropout": Decay},
    shape=("attributes",),
    terms={"classes": Term("labelled", attributes="classes"), "angles": Term("labelled", attributes="angles")},
    costly="first",
    input="points",
    build=build,
    loss=loss,
    predict=predict,
)
