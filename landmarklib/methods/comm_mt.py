"""Comm-MT (honari2018, Fig. 5, S9): one shared trunk with pooling, two linear heads, points by regression."""

from __future__ import annotations

import torch
from torch import nn

from landmarklib.core.noise import Noise
from landmarklib.losses import supervised
from landmarklib.methods import Prediction, outputs
from landmarklib.nets.honari import CommonNet

OPTIONS = {"kernel": 9, "width": 8, "standard": False, "attributes": ["class"], "dropout": 0.25}
TERMS = {"landmarks": False, "classes": True, "angles": True}


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return CommonNet(
        size,
        options["kernel"],
        options["width"],
        len(dataset.landmarks),
        outputs(dataset, options),
        options["dropout"],
        generator,
        options["standard"],
    )


def loss(module: nn.Module, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    points, heads = module(batch.images, noise)
    n, result = batch.n_labelled, {}
    if "landmarks" in terms:
        result["landmarks"] = supervised.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])
    return result | supervised.attributes(heads, batch.attributes, terms)


def predict(module: nn.Module, images: torch.Tensor, options: dict) -> Prediction:
    return Prediction(*module(images))
