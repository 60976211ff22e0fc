"""Predict a split and say how good the points are, image by image. Never trains, never chooses."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import torch
from torch import nn

from landmarklib import coords, heatmaps, metrics
from landmarklib.types import Annotations


@dataclass(frozen=True)
class Predictions:
    """points: N x K x 2 in pixels; classes: N x A, or None where the method has no class head; others: points by other readings."""

    points: np.ndarray
    classes: np.ndarray | None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)


@torch.no_grad()
def predict(
    module: nn.Module, method: ModuleType, images: np.ndarray, options: dict, device: torch.device, batch: int = 128
) -> Predictions:
    """Points and classes of N uint8 images, in evaluation mode."""
    module.eval()
    size = images.shape[-1], images.shape[-2]
    points, classes, others = [], [], {}
    for start in range(0, len(images), batch):
        part = torch.from_numpy(np.array(images[start : start + batch])).to(device).float() / 255
        prediction = method.predict(module, part, options)
        points.append(coords.to_pixels(prediction.points, size).cpu())
        if prediction.logits:
            classes.append(torch.stack([logits.argmax(-1) for logits in prediction.logits], -1).cpu())
        for name, read in prediction.others.items():
            others.setdefault(name, []).append(coords.to_pixels(read, size).cpu())
    others = {name: torch.cat(parts).numpy() for name, parts in others.items()}
    return Predictions(torch.cat(points).numpy(), torch.cat(classes).numpy() if classes else None, others)


@torch.no_grad()
def probability_maps(
    module: nn.Module,
    method: ModuleType,
    images: np.ndarray,
    options: dict,
    device: torch.device,
    assignment: list[int] | None,
) -> list[list[str]]:
    """For each image and landmark the softmax of its map as text: uint8 relative to its peak, zlib, base64; [] without maps."""
    module.eval()
    prediction = method.predict(module, torch.from_numpy(images).to(device).float() / 255, options)
    if prediction.maps is None:
        return []
    probability = heatmaps.spatial_softmax(prediction.maps, prediction.beta)
    if assignment is not None:
        probability = probability[:, assignment]
    scaled = (255 * probability / probability.amax((2, 3), keepdim=True)).round().byte().cpu().numpy()
    return [[base64.b64encode(zlib.compress(m.tobytes(), 9)).decode() for m in of_image] for of_image in scaled]


def per_image(
    predictions: Predictions, annotations: Annotations, attributes: Sequence[str], assignment: list[int] | None = None
) -> dict[str, np.ndarray]:
    """Values of every image, by metric. attributes: what the classes are of, in order; without a name the accuracy is the first one's. assignment: output
    of each landmark, for networks that were never told the landmarks' names.
    """
    a = annotations
    points = predictions.points if assignment is None else predictions.points[:, assignment]
    values = {"error_px": metrics.point_error(points, a.points, a.visible)}
    if a.unit is not None:
        values["nme_percent"] = 100 * metrics.point_error(points, a.points, a.visible, a.unit)
        values["failures_percent"] = metrics.failures(values["nme_percent"])
        for name, unit in a.units.items():
            values[f"nme_percent by {name}"] = 100 * metrics.point_error(points, a.points, a.visible, unit)
            values[f"pck_percent at 0.1 of {name}"] = 100 * metrics.correct(points, a.points, a.visible, unit)
        for name, read in predictions.others.items():
            values[f"nme_percent {name}"] = 100 * metrics.point_error(read, a.points, a.visible, a.unit)
    if predictions.classes is not None:
        for i, name in enumerate(attributes):
            right = 100.0 * (predictions.classes[:, i] == a.attributes[name])
            values[f"accuracy_percent of {name}" if i else "accuracy_percent"] = right
    if assignment is not None:
        values["own_percent"] = 100.0 * metrics.nearer_to_own(points, a.points).mean(-1)
    return values


def scores(
    module: nn.Module, method: ModuleType, annotations: Annotations, options: dict, device: torch.device
) -> dict[str, float]:
    """Mean of every value over a split."""
    predictions = predict(module, method, annotations.images, options, device)
    values = per_image(predictions, annotations, options.get("attributes", ()))
    return {name: float(np.nanmean(v)) for name, v in values.items()}


def select(values: dict[str, float], name: str) -> float:
    """The number to minimise when the best checkpoint is chosen."""
    return values[name] if metrics.lower_is_better(name) else -values[name]
