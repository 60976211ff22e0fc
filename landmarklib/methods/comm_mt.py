"""Comm-MT (honari2018, Fig. 5, S9): one shared trunk with pooling, two linear heads, points by regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.kinds import Decay, Some
from landmarklib.methods import Method, Models, Prediction, Term, outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.honari import CommonNet

    shape = size, options["kernel"], options["width"], len(dataset.landmarks), outputs(dataset, options)
    return CommonNet(*shape, options["dropout"], generator, options["standard"])


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    from landmarklib.losses import supervised

    points, heads = models.student(batch.images, noise)
    n, result = batch.n_labelled, {}
    if "landmarks" in terms:
        result["landmarks"] = supervised.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])
    return result | supervised.attributes(heads, batch.attributes, terms)


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    return Prediction(*module(images))


TERMS = {
    "landmarks": Term("labelled"),
    "classes": Term("all", attributes="classes"),
    "angles": Term("all", attributes="angles"),
}
METHOD = Method(
    name="comm_mt",
    options={"kernel": 9, "width": 8, "standard": False, "attributes": ["class"], "dropout": 0.25},
    kinds={"kernel": Some, "width": Some, "dropout": Decay},
    shape=("kernel", "width", "attributes"),
    terms=TERMS,
    costly="first",
    build=build,
    loss=loss,
    predict=predict,
)
