"""Seq-MT (honari2018, section 2): points by soft-argmax, and the class from nothing but the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.kinds import Decay, Positive, Some
from landmarklib.core.method import Method, Models, Prediction, Term
from landmarklib.methods import outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

KINDS = {"kernel": Some, "depth": Some, "width": Some, "out_kernel": Some, "beta": Positive, "dropout": Decay}
KINDS |= {"hidden": tuple[Some, ...]}
LOCALIZER = ("kernel", "depth", "width", "final_relu", "centred", "out_gain", "out_kernel", "standard")
RANGES = ("rotation_degrees", "scale", "shift")  # of the ELT term's random maps


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets import honari

    # DEVIATION: no ReLU after the last layer, although S10-S13 print one: a map that starts negative everywhere stays
    # dead (15 of 120 runs of the Blocks network had one); `final_relu` restores it.
    layout = honari.Layout(**{name: options[name] for name in LOCALIZER})
    localizer = honari.Localizer(layout, len(dataset.landmarks), generator)
    head = honari.Classifier(
        [2 * len(dataset.landmarks), *options["hidden"]], outputs(dataset, options), options["dropout"], generator
    )
    return honari.LocalizerAndHead(localizer, head)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms of Eq. 2 of honari2018, for any network with a localizer and a head.

    Landmarks count on labelled images, attributes on all, ELT on the unlabelled ones (footnote 2) or on all.
    """
    from landmarklib.core import heatmaps
    from landmarklib.losses import equivariance, supervised

    module = models.student

    def locate(images: torch.Tensor) -> torch.Tensor:
        return heatmaps.soft_argmax(module.localizer(images), options["beta"])

    points, n, result = locate(batch.images), batch.n_labelled, {}
    if "landmarks" in terms:
        result["landmarks"] = supervised.landmark_distance(points[:n], batch.points[:n], batch.visible[:n])
    if {"classes", "angles"} & terms:
        seen = points
        if options["point_noise"]:
            # DEVIATION: noise on the points that the classifier sees keeps it from a razor-thin rule on points that
            # both sit on one shape, where some Shapes runs lock; 0, the default, adds none.
            seen = points + options["point_noise"] * noise.normal(*points.shape)
        result |= supervised.attributes(module.head(seen.flatten(1), noise), batch.attributes, terms)
    if "elt" in terms:
        ranges = {name: options[name] for name in RANGES}
        first = 0 if options["elt_on_all"] else n
        result["elt"] = equivariance.elt(locate, batch, points, noise, first, **ranges)
    return result


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    maps = module.localizer(images)
    points = heatmaps.soft_argmax(maps, options["beta"])
    return Prediction(points, module.head(points.flatten(1)), maps, options["beta"])


TERMS = {
    "landmarks": Term("labelled"),
    "classes": Term("all", attributes="classes"),
    "angles": Term("all", attributes="angles"),
    "elt": Term("unlabelled", passes=1, all_if="elt_on_all"),
}
# DEVIATION: no weight decay; honari2018 adds 1e-5 times the sum of squared weights to the loss of Seq-MT on photos
# (Eq. 2, S12, S13).
METHOD = Method(
    name="seq_mt",
    options={
        "kernel": 9,
        "depth": 6,
        "width": 8,
        # DEVIATION: soft-argmax has a temperature of 10; honari2018 prints 0.001 for hands and Multi-PIE, 0.01 for
        # 300-W, 1 for Shapes and for RCN+. The last layer's scale decides what a temperature means, and with ours such
        # maps do not become peaks.
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
        # DEVIATION: the ranges of the random maps of ELT are ours; honari2018 says small affine maps and gives none.
        "rotation_degrees": 180.0,
        "scale": 0.1,
        "shift": 1 / 6,
        "elt_on_all": False,
    },
    kinds=KINDS,
    shape=("kernel", "depth", "width", "out_kernel", "attributes"),
    terms=TERMS,
    groups={"head": "head"},
    costly="localizer",
    build=build,
    loss=loss,
    predict=predict,
)
