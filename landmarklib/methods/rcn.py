"""RCN and RCN+ (honari2018, section 4.5): the recombinator network in place of Seq-MT's localiser.

`decoder = "softmax"` is RCN: cross-entropy at the pixel, read by argmax (and by soft-argmax, beside it). `decoder =
"soft-argmax"` is RCN+: trained and read by soft-argmax, with the attributes and ELT of Seq-MT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.errors import UserError
from landmarklib.core.kinds import Some, Widths
from landmarklib.core.method import Method, Models, Prediction
from landmarklib.methods import heatmap_mt, outputs, seq_mt

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

READ = "read by soft-argmax"  # the softmax's maps


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets import honari
    from landmarklib.nets.rcn import Recombinator

    n_points = len(dataset.landmarks)
    shape = size, list(options["widths"]), n_points, options["cells"], options["coarsest"], options["out_std"]
    localizer = Recombinator(*shape, generator)
    widths = [2 * n_points, *options["hidden"]]
    head = honari.Classifier(widths, outputs(dataset, options), options["dropout"], generator)
    return honari.LocalizerAndHead(localizer, head)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """Seq-MT's terms; under softmax there is only the landmarks' own."""
    from landmarklib.losses import supervised

    if options["decoder"] != "softmax":
        return seq_mt.loss(models, batch, terms, options, noise)
    if terms != {"landmarks"}:
        raise UserError(f"rcn: decoder 'softmax' has the loss term 'landmarks' only, not {', '.join(sorted(terms))}")
    n = batch.n_labelled
    maps = options["beta"] * models.student.localizer(batch.images[:n])
    return {"landmarks": supervised.pixel_cross_entropy(maps, batch.points[:n], batch.visible[:n])}


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    found = seq_mt.predict(module, images, options)
    if options["decoder"] != "softmax":
        return found
    others = {READ: found.points}
    return found._replace(points=heatmaps.argmax(found.maps), others=others, peaked=True)


METHOD = Method(
    name="rcn",
    options={
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
    },
    kinds={**seq_mt.KINDS, "decoder": heatmap_mt.DECODER, "widths": Widths, "coarsest": Some},
    shape=("cells", "coarsest", "widths", "attributes"),
    terms=seq_mt.TERMS,
    groups={"head": "head"},
    costly="localizer",
    other_readings=lambda options: (READ,) if options["decoder"] == "softmax" else (),
    build=build,
    loss=loss,
    predict=predict,
)
