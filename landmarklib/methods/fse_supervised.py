"""What thewlis2017 holds its landmarks against where labels are few: the same convolutions, trained on these alone.

`end = "connected"` is the network of its supplement, section 3: poolings after the first three convolutions and a fully
connected layer to the coordinates, from images of 64 px. `end = "soft-argmax"` is ours, which the paper does not have:
the detector itself with a map for each landmark. A network that reads points off maps needs far fewer labels, so that
what discovery is worth depends on which of the two it is held against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.kinds import Positive, Widths
from landmarklib.core.method import Method, Models, Prediction, Term

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.fse import Connected, Detector

    channels, n_points = dataset.channels, len(dataset.landmarks)
    if options["end"] == "connected":
        return Connected(channels, options["widths"], size, n_points, generator)
    return Detector(channels, options["widths"], n_points, options["out_std"], generator)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    from landmarklib.losses import supervised

    # DEVIATION: the images of the supervised networks of thewlis2017 are moved by thin plates in training; here by the
    # similarity by which a table jitters them. The paper does not name its loss either: squared distance.
    n = batch.n_labelled
    found = predict(models.student, batch.images, options).points[:n]
    return {term: supervised.landmark_distance(found, batch.points[:n], batch.visible[:n]) for term in terms}


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    found = module(images)
    if options["end"] == "connected":
        return Prediction(found)
    return Prediction(heatmaps.soft_argmax(found, options["beta"]), (), found, options["beta"])


METHOD = Method(
    name="fse_supervised",
    options={"end": "connected", "widths": [20, 48, 64, 80, 256], "beta": 1.0, "out_std": 0.01},
    kinds={
        "end": Literal["connected", "soft-argmax"],
        "widths": Widths,
        "beta": Positive,
        "out_std": Positive,
    },
    shape=("end", "widths"),
    terms={"landmarks": Term("labelled")},
    costly="",
    build=build,
    loss=loss,
    predict=predict,
)
