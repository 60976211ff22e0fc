"""Comm-MT (honari2018, Fig. 5, S9): one shared trunk with pooling, two linear heads, points by regression.

Option `pools`: 0 and 4 are the variants of footnote 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.kinds import Decay, Some
from landmarklib.core.method import Method, Models, Prediction, Term
from landmarklib.methods import outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.honari import CommonLayout, CommonNet

    layout = CommonLayout(size, **{name: options[name] for name in ("kernel", "width", "pools", "standard")})
    return CommonNet(layout, len(dataset.landmarks), outputs(dataset, options), options["dropout"], generator)


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
    options={"kernel": 9, "width": 8, "pools": 2, "standard": False, "attributes": ["class"], "dropout": 0.25},
    kinds={"kernel": Some, "width": Some, "pools": Literal[0, 2, 4], "dropout": Decay},
    shape=("kernel", "width", "pools", "attributes"),
    terms=TERMS,
    costly="first",
    build=build,
    loss=loss,
    predict=predict,
)
