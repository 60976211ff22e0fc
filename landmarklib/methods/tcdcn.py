"""TCDCN and TCDCN-2 (honari2018, Table 5 right): points and attributes by regression from one small network with pooling.

TCDCN's layers are those of its published code. Of TCDCN-2 the numbers of maps are known and the kernels are not.
"""

from __future__ import annotations

import torch
from torch import nn

from landmarklib import losses
from landmarklib.methods import Prediction, outputs
from landmarklib.nets.tcdcn import TaskNet, Trunk
from landmarklib.noise import Noise

OPTIONS = {"kernels": [5, 3, 3, 2], "widths": [16, 48, 64, 64], "shared": 100, "attributes": ["class"]}
TERMS = {"landmarks": False, "classes": True, "angles": True}


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    trunk = Trunk(size, options["kernels"], options["widths"], options["shared"], generator)
    return TaskNet(trunk, options["shared"], len(dataset.landmarks), outputs(dataset, options), generator)


def loss(module: TaskNet, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    points, heads = module(batch.images)
    n, result = batch.n_labelled, {}
    if "landmarks" in terms:
        result["landmarks"] = losses.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])
    return result | losses.attributes(heads, batch.attributes, terms)


def predict(module: TaskNet, images: torch.Tensor, options: dict) -> Prediction:
    return Prediction(*module(images))
