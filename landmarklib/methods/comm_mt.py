"""Comm-MT (honari2018, Fig. 5, S9): one shared trunk with pooling, two linear heads, points by regression."""

from __future__ import annotations

import torch
from torch import nn

from landmarklib import losses
from landmarklib.methods import Prediction
from landmarklib.nets.honari import CommonNet

OPTIONS = {"kernel": 9, "width": 8, "dropout": 0.25}
TERMS = {"landmarks": False, "classes": True}


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return CommonNet(
        size,
        options["kernel"],
        options["width"],
        len(dataset.landmarks),
        dataset.n_classes,
        options["dropout"],
        generator,
    )


def loss(module: CommonNet, batch, terms: set[str], options: dict, generator: torch.Generator) -> dict:
    points, logits = module(batch.images, generator)
    result = {}
    if "landmarks" in terms:
        result["landmarks"] = losses.landmark_distance(points, batch.points, batch.visible), batch.labelled
    if "classes" in terms:
        result["classes"] = losses.class_cross_entropy(logits, batch.classes), torch.ones_like(batch.labelled)
    return result


def predict(module: CommonNet, images: torch.Tensor, options: dict) -> Prediction:
    return Prediction(*module(images))
