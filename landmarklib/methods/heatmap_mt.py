"""Heatmap-MT (honari2018, Fig. 6, S10): a softmax over pixels per landmark; the class is read from the maps before it.

`decoder = "softmax"` is the model of Table 1: cross-entropy at the pixel, read by argmax. `decoder = "soft-argmax"` is the variant of
supplement S4: the same layers, trained and read by soft-argmax.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from landmarklib.core import heatmaps
from landmarklib.core.noise import Noise
from landmarklib.losses import equivariance, supervised
from landmarklib.methods import Prediction, outputs
from landmarklib.nets.honari import Localizer, MapClassifier

OPTIONS = {
    "kernel": 9,
    "depth": 6,
    "width": 8,
    "decoder": "softmax",
    "beta": 1.0,
    "final_relu": False,
    "out_kernel": 1,
    "standard": False,
    "attributes": ["class"],
    "dropout": 0.25,
    "rotation_degrees": 180.0,
    "scale": 0.1,
    "shift": 1 / 6,
    "elt_on_all": False,
}
LOCALIZER = ("kernel", "depth", "width", "final_relu", "out_kernel", "standard")
RANGES = ("rotation_degrees", "scale", "shift")  # of the ELT term's random maps
TERMS = {"landmarks": False, "classes": True, "angles": True, "elt": True}


class HeatmapMT(nn.Module):
    """Localiser and a convolutional classifier on its maps."""

    def __init__(self, dataset, size, options, generator):
        super().__init__()
        n_points = len(dataset.landmarks)
        self.localizer = Localizer(n_maps=n_points, generator=generator, **{name: options[name] for name in LOCALIZER})
        self.head = MapClassifier(
            size,
            options["kernel"],
            options["width"],
            n_points,
            outputs(dataset, options),
            options["dropout"],
            generator,
        )


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return HeatmapMT(dataset, size, options, generator)


def loss(module: HeatmapMT, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    def read(maps: torch.Tensor) -> torch.Tensor:
        return heatmaps.soft_argmax(maps, options["beta"])

    maps, n, result = module.localizer(batch.images), batch.n_labelled, {}
    if "landmarks" in terms:
        target = batch.points[:n], batch.visible[:n]
        if options["decoder"] == "softmax":
            result["landmarks"] = supervised.pixel_cross_entropy(options["beta"] * maps[:n], *target)
        else:
            result["landmarks"] = supervised.landmark_distance(read(maps[:n]), *target)
    if {"classes", "angles"} & terms:
        # DEVIATION: the branch sees each map standardised. Maps before the softmax reach 100 and more; scaled by 0.02 or 0.1, the branch
        # stayed at chance in 1,400 steps even where the maps were perfect (Gaussian logits); standardised, it reached 92%.
        heads = module.head(F.instance_norm(maps), noise)
        result |= supervised.attributes(heads, batch.attributes, terms)
    if "elt" in terms:
        ranges = {name: options[name] for name in RANGES}
        first = 0 if options["elt_on_all"] else n
        result["elt"] = equivariance.elt(
            lambda images: read(module.localizer(images)), batch, read(maps), noise, first, **ranges
        )
    return result


def predict(module: HeatmapMT, images: torch.Tensor, options: dict) -> Prediction:
    maps = module.localizer(images)
    read = heatmaps.argmax(maps) if options["decoder"] == "softmax" else heatmaps.soft_argmax(maps, options["beta"])
    return Prediction(read, module.head(F.instance_norm(maps)), maps, options["beta"])
