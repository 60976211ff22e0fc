"""RCN and RCN+ (honari2018, section 4.5): the recombinator network in place of Seq-MT's localiser.

`decoder = "softmax"` is RCN: cross-entropy at the pixel, read by argmax (and by soft-argmax, beside it). `decoder = "soft-argmax"` is RCN+: trained and read by
soft-argmax, with the attributes and ELT of Seq-MT.
"""

from __future__ import annotations

import torch
from torch import nn

from landmarklib.core import heatmaps
from landmarklib.core.noise import Noise
from landmarklib.core.types import UserError
from landmarklib.losses import supervised
from landmarklib.methods import Prediction, outputs, seq_mt
from landmarklib.nets.honari import Classifier
from landmarklib.nets.rcn import Recombinator

OPTIONS = {
    "widths": [64, 64, 64, 64, 64],
    "cells": 0,
    "coarsest": 4,
    "decoder": "soft-argmax",
    "beta": 1.0,
    "out_std": 0.01,
    "attributes": ["class"],
    "hidden": [256, 256],
    "dropout": 0.25,
    "point_noise": 0.0,
    "rotation_degrees": 20.0,
    "scale": 0.1,
    "shift": 0.2,
    "elt_on_all": False,
}
TERMS = {"landmarks": False, "classes": True, "angles": True, "elt": True}


class Rcn(nn.Module):
    """Localiser, then a perceptron that sees the 2K coordinates and nothing else."""

    def __init__(self, dataset, size, options, generator):
        super().__init__()
        n_points = len(dataset.landmarks)
        shape = size, list(options["widths"]), n_points, options["cells"], options["coarsest"], options["out_std"]
        self.localizer = Recombinator(*shape, generator)
        widths = [2 * n_points, *options["hidden"]]
        self.head = Classifier(widths, outputs(dataset, options), options["dropout"], generator)


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return Rcn(dataset, size, options, generator)


def loss(module: Rcn, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    """Seq-MT's terms; under softmax there is only the landmarks' own."""
    if options["decoder"] != "softmax":
        return seq_mt.loss(module, batch, terms, options, noise)
    if terms != {"landmarks"}:
        raise UserError(f"rcn: decoder 'softmax' has the loss term 'landmarks' only, not {', '.join(sorted(terms))}")
    n = batch.n_labelled
    maps = options["beta"] * module.localizer(batch.images[:n])
    return {"landmarks": supervised.pixel_cross_entropy(maps, batch.points[:n], batch.visible[:n])}


def predict(module: Rcn, images: torch.Tensor, options: dict) -> Prediction:
    maps = module.localizer(images)
    points = heatmaps.soft_argmax(maps, options["beta"])
    heads = module.head(points.flatten(1))
    if options["decoder"] == "softmax":
        return Prediction(heatmaps.argmax(maps), heads, maps, options["beta"], {"read by soft-argmax": points})
    return Prediction(points, heads, maps, options["beta"])
