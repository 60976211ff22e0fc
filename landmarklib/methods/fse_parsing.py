"""Face parsing on features that were discovered without labels (thewlis2017, supplement, section 5).

A network learns landmarks as in `fse`; then its last layer is replaced by one that gives each pixel a class, and the
first three convolutions stay as they are, or are trained on. Without the first stage the same network is learnt from
scratch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.method import Method, Models, Prediction, Term
from landmarklib.methods import fse

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

PARSE = "parse"


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.fse import Parser

    # DEVIATION: as many classes as the data set has, eleven of HELEN's; thewlis2017 has ten and does not say which it
    # merges or leaves out.
    n_classes, o = len(dataset.pixel_names), options
    return Parser(dataset.channels, o["widths"], o["n_landmarks"], n_classes, o["out_std"], generator)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms of `fse` on all images, and the cross-entropy of the labelled images' pixels."""
    from landmarklib.losses import supervised

    discovery, result = terms - {PARSE}, {}
    if discovery:
        result |= fse.loss(models, batch, discovery, options, noise)
    if PARSE in terms:
        n, classes = batch.n_labelled, batch.pixel_classes
        result[PARSE] = supervised.class_of_pixels(models.student.classes(batch.images)[:n], classes[:n])
    return result


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    return Prediction(None, pixel_logits=module.classes(images))


METHOD = Method(
    name="fse_parsing",
    options=fse.METHOD.options,
    kinds=fse.METHOD.kinds,
    shape=fse.METHOD.shape,
    terms={**fse.METHOD.terms, PARSE: Term("labelled")},
    groups={"features": "first", "head": "head"},
    costly="",
    pixelwise=True,
    build=build,
    loss=loss,
    predict=predict,
    cells=fse.METHOD.cells,
)
