"""Seq-MT (honari2018, section 2): points by soft-argmax, and the class from nothing but the points."""

from __future__ import annotations

import torch
from torch import nn

from landmarklib.core import heatmaps
from landmarklib.core.noise import Noise
from landmarklib.losses import equivariance, supervised
from landmarklib.methods import Prediction, outputs
from landmarklib.nets.honari import Classifier, Localizer

OPTIONS = {
    "kernel": 9,
    "depth": 6,
    "width": 8,
    "beta": 10.0,
    "final_relu": False,
    "out_kernel": 1,
    "standard": False,
    "centred": False,
    "out_gain": 1.0,
    "attributes": ["class"],
    "hidden": [256, 256],
    "dropout": 0.25,
    "point_noise": 0.0,
    "rotation_degrees": 180.0,
    "scale": 0.1,
    "shift": 1 / 6,
    "elt_on_all": False,
}
LOCALIZER = ("kernel", "depth", "width", "final_relu", "centred", "out_gain", "out_kernel", "standard")
RANGES = ("rotation_degrees", "scale", "shift")  # of the ELT term's random maps
TERMS = {"landmarks": False, "classes": True, "angles": True, "elt": True}


class SeqMT(nn.Module):
    """Localiser, then a perceptron that sees the 2K coordinates and nothing else."""

    def __init__(self, dataset, options, generator):
        super().__init__()
        n_points = len(dataset.landmarks)
        # DEVIATION: no ReLU after the last layer, although S10-S13 print one: a map that starts negative everywhere stays dead (15 of 120
        # starts of the Blocks network had one); `final_relu` restores it.
        self.localizer = Localizer(n_maps=n_points, generator=generator, **{name: options[name] for name in LOCALIZER})
        self.head = Classifier(
            [2 * n_points, *options["hidden"]], outputs(dataset, options), options["dropout"], generator
        )


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    return SeqMT(dataset, options, generator)


def loss(module: nn.Module, batch, terms: set[str], options: dict, noise: Noise) -> dict:
    """Terms of Eq. 2, for any module with a localizer and a head: landmarks on labelled images, attributes on all, ELT on the unlabelled ones (honari2018, footnote 2) or on all."""

    def locate(images: torch.Tensor) -> torch.Tensor:
        return heatmaps.soft_argmax(module.localizer(images), options["beta"])

    points, n, result = locate(batch.images), batch.n_labelled, {}
    if "landmarks" in terms:
        result["landmarks"] = supervised.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])
    if {"classes", "angles"} & terms:
        seen = points
        if options["point_noise"]:
            # DEVIATION: noise on the points that the classifier sees keeps it from a razor-thin rule on points that both sit on one
            # shape, where some Shapes starts lock; 0, the default, adds none.
            seen = points + options["point_noise"] * noise.normal(*points.shape)
        result |= supervised.attributes(module.head(seen.flatten(1), noise), batch.attributes, terms)
    if "elt" in terms:
        ranges = {name: options[name] for name in RANGES}
        first = 0 if options["elt_on_all"] else n
        result["elt"] = equivariance.elt(locate, batch, points, noise, first, **ranges)
    return result


def predict(module: SeqMT, images: torch.Tensor, options: dict) -> Prediction:
    maps = module.localizer(images)
    points = heatmaps.soft_argmax(maps, options["beta"])
    return Prediction(points, module.head(points.flatten(1)), maps, options["beta"])
