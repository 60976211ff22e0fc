"""Heatmap-MT (honari2018, Fig. 6, S10): a softmax over pixels per landmark; the class is read from the maps before it.

`decoder = "softmax"` is the model of Table 1: cross-entropy at the pixel, read by argmax. `decoder = "soft-argmax"` is
the variant of supplement S4: the same layers, trained and read by soft-argmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.method import Method, Models, Prediction
from landmarklib.methods import outputs, seq_mt

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

DECODER = Literal["softmax", "soft-argmax"]
LOCALIZER = ("kernel", "depth", "width", "final_relu", "out_kernel", "standard")


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets import honari

    layout = honari.Layout(**{name: options[name] for name in LOCALIZER})
    localizer = honari.Localizer(layout, len(dataset.landmarks), generator)
    shape = size, options["kernel"], options["width"], len(dataset.landmarks), outputs(dataset, options)
    head = honari.MapClassifier(*shape, options["dropout"], generator)
    return honari.LocalizerAndHead(localizer, head)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    import torch.nn.functional as F

    from landmarklib.core import heatmaps
    from landmarklib.losses import equivariance, supervised

    module = models.student

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
        # DEVIATION: the branch sees each map standardised. Maps before the softmax reach 100 and more; scaled by 0.02
        # or 0.1, the branch stayed at chance in 1,400 steps even where the maps were perfect (Gaussian logits);
        # standardised, it reached 92%.
        heads = module.head(F.instance_norm(maps), noise)
        result |= supervised.attributes(heads, batch.attributes, terms)
    if "elt" in terms:
        ranges = {name: options[name] for name in seq_mt.RANGES}
        first = 0 if options["elt_on_all"] else n
        result["elt"] = equivariance.elt(
            lambda images: read(module.localizer(images)), batch, read(maps), noise, first, **ranges
        )
    return result


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    import torch.nn.functional as F

    from landmarklib.core import heatmaps

    maps, by_argmax = module.localizer(images), options["decoder"] == "softmax"
    points = heatmaps.argmax(maps) if by_argmax else heatmaps.soft_argmax(maps, options["beta"])
    return Prediction(points, module.head(F.instance_norm(maps)), maps, options["beta"], peaked=by_argmax)


METHOD = Method(
    name="heatmap_mt",
    options={
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
    },
    kinds={**seq_mt.KINDS, "decoder": DECODER},
    shape=("kernel", "depth", "width", "out_kernel", "attributes"),
    terms=seq_mt.TERMS,
    groups={"head": "head"},
    costly="localizer",
    build=build,
    loss=loss,
    predict=predict,
)
