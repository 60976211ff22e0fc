"""Predict a split and say how good the points are, image by image. Never trains, never chooses."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from landmarklib import methods
from landmarklib.core import coords, heatmaps, metrics
from landmarklib.core.dataset import Dataset
from landmarklib.core.method import Method
from landmarklib.core.noise import Noise
from landmarklib.core.readouts import NAMED, Readout
from landmarklib.core.types import Annotations
from landmarklib.training.state import pixels

MEASURED = 200  # images on which a method measures itself
ALONE = "equivariance_px"  # the error of an image without annotated points


@dataclass(frozen=True)
class Predictions:
    """What a method says of N images.

    points: N x K x 2 in pixels; None from a method that is given them or finds classes of pixels.
    attributes: N x A, a class or an angle in degrees; None without any.
    others: the points by other readings, by name.
    pixel_classes: N x H x W, the likeliest class of each pixel; None from a method that finds no such.
    """

    points: np.ndarray | None
    attributes: np.ndarray | None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    pixel_classes: np.ndarray | None = None


def inputs(method: Method, annotations: Annotations) -> np.ndarray:
    """What a method predicts from: uint8 images N x C x H x W, or the true points N x K x 2 in [-1, 1]."""
    if method.input == "images":
        return annotations.images
    size = annotations.images.shape[-1], annotations.images.shape[-2]
    return coords.to_norm(torch.from_numpy(annotations.points).float(), size).numpy()


@torch.no_grad()
def predict(
    module: nn.Module, method: Method, seen: np.ndarray, options: dict, device: torch.device, batch: int = 128
) -> Predictions:
    """Points and attributes of N uint8 images, or of what else the method has for `inputs`, in evaluation mode."""
    module.eval()
    size = seen.shape[-1], seen.shape[-2]
    points, attributes, pixel_classes, others = [], [], [], {}
    for start in range(0, len(seen), batch):
        part = torch.from_numpy(np.array(seen[start : start + batch])).to(device)
        prediction = method.predict(module, pixels(part) if part.dtype == torch.uint8 else part, options)
        if prediction.points is not None:
            points.append(coords.to_pixels(prediction.points, size).cpu())
        if prediction.attributes:
            attributes.append(torch.stack([read_attribute(head) for head in prediction.attributes], -1).cpu())
        if prediction.pixel_logits is not None:
            pixel_classes.append(prediction.pixel_logits.argmax(1).byte().cpu())
        for name, read in prediction.others.items():
            others.setdefault(name, []).append(coords.to_pixels(read, size).cpu())
    others = {name: torch.cat(parts).numpy() for name, parts in others.items()}
    found = [torch.cat(parts).numpy() if parts else None for parts in (points, attributes, pixel_classes)]
    return Predictions(*found[:2], others, found[2])


def read_attribute(head: Float[Tensor, "B n"]) -> Float[Tensor, " B"]:
    """The likeliest class of logits; of a single output the angle in degrees."""
    return head.argmax(-1).float() if head.shape[-1] > 1 else head[:, 0].rad2deg()


@torch.no_grad()
def probability_maps(
    module: nn.Module,
    method: Method,
    images: np.ndarray,
    options: dict,
    device: torch.device,
    fitted: Readout = NAMED,
) -> list[list[str]]:
    """For each image and landmark the softmax of its map as text: uint8 relative to its peak, zlib, base64.

    [] without maps, and where a landmark is read from all outputs.
    """
    module.eval()
    found = method.predict(module, pixels(torch.from_numpy(np.array(images)).to(device)), options)
    if found.maps is None or fitted.weights is not None:
        return []
    probability = heatmaps.spatial_softmax(found.maps, found.beta)
    if fitted.assignment is not None:
        probability = probability[:, list(fitted.assignment)]
    scaled = (255 * probability / probability.amax((2, 3), keepdim=True)).round().byte().cpu().numpy()
    return [[packed(m) for m in of_image] for of_image in scaled]


def packed(pixels: UInt8[np.ndarray, "H W"]) -> str:
    """Pixels as text: zlib, base64 (`record.unpacked`)."""
    return base64.b64encode(zlib.compress(pixels.tobytes(), 9)).decode()


def per_image(
    predictions: Predictions, annotations: Annotations, attributes: Sequence[str], fitted: Readout = NAMED
) -> dict[str, np.ndarray]:
    """Values of every image, by metric.

    attributes: those that were predicted, in order.
    fitted: how landmarks are read from the points.
    """
    values = {} if predictions.points is None else of_points(predictions, annotations, fitted)
    if predictions.attributes is not None:
        values |= of_attributes(
            predictions.attributes, [annotations.attributes[name] for name in attributes], attributes
        )
    if predictions.pixel_classes is not None:
        values[metrics.PIXELS] = metrics.pixel_accuracy(predictions.pixel_classes, annotations.pixel_classes)
    return values


def of_points(predictions: Predictions, a: Annotations, fitted: Readout = NAMED) -> dict[str, np.ndarray]:
    """How good the points are, by every normalizer that the data set has."""
    points = fitted.landmarks(predictions.points, a.images.shape[-1])
    if points.shape[1] != a.points.shape[1]:
        return {}  # not matched yet: no output is a landmark
    if not a.points.shape[1]:
        return {}  # there is nothing to be near to
    values = {"error_px": metrics.point_error(points, a.points, a.visible)}
    if a.normalizer is not None:
        values["nme_percent"] = 100 * metrics.point_error(points, a.points, a.visible, a.normalizer)
        values["failures_percent"] = metrics.failures(values["nme_percent"])
        values["auc_percent"] = metrics.area(values["nme_percent"])
        for name, normalizer in a.normalizers.items():
            pck = f"pck_percent at {metrics.PCK_SHARE:g} of {name}"
            values[f"nme_percent by {name}"] = 100 * metrics.point_error(points, a.points, a.visible, normalizer)
            values[pck] = 100 * metrics.correct(points, a.points, a.visible, normalizer)
        for name, read in predictions.others.items():
            read = fitted.landmarks(read, a.images.shape[-1])
            values[f"nme_percent {name}"] = 100 * metrics.point_error(read, a.points, a.visible, a.normalizer)
    if fitted.assignment is not None:
        values["matched_percent"] = 100.0 * metrics.nearer_to_own(points, a.points, a.visible)
    return values


def counted(points: np.ndarray, a: Annotations, dataset: Dataset) -> dict[str, np.ndarray]:
    """Shares of landmarks that are found: near enough in pixels, of all and of the data set's parts, and by its PCK.

    The PCK is over all visible points, `macro` the mean over images of an image's own.
    """
    found: dict[str, np.ndarray] = {}
    if dataset.near:
        distance = dataset.near * a.images.shape[-1]
        for of, k in {"": range(points.shape[1]), **{f" of {part}": k for part, k in dataset.parts.items()}}.items():
            part = points[:, list(k)], a.points[:, list(k)], a.visible[:, list(k)]
            found[f"within_percent{of}"] = metrics.found_within(*part, distance)
    if share := dataset.correct_within:
        macro = 100 * metrics.correct(points, a.points, a.visible, a.normalizer, share)
        found |= {"pck_percent": metrics.over_points(macro, a.visible), "pck_percent macro": macro}
        for k, name in enumerate(dataset.landmarks):
            part = points[:, k : k + 1], a.points[:, k : k + 1], a.visible[:, k : k + 1]
            found[f"pck_percent of {name}"] = 100 * metrics.correct(*part, a.normalizer, share)
        if dataset.mirror != tuple(range(len(dataset.landmarks))):  # else no point has another side
            crossed = metrics.swapped(points, a.points, a.visible, a.normalizer, dataset.mirror, share)
            found["swapped_percent"] = 100 * crossed
    return found


def main(a: Annotations) -> str:
    """The metric of which a record keeps the value of every image."""
    if not a.points.shape[1]:
        return ALONE
    return "error_px" if a.normalizer is None else "nme_percent"


def of_attributes(found: np.ndarray, true: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Accuracy of the classes in percent, and the error of the angles in degrees.

    Without an attribute's name, the accuracy is that of the first class, and the error is the mean over the angles.
    """
    values, angles = {}, {}
    for value, truth, name in zip(found.T, true, names, strict=True):
        if metrics.is_angle(truth):
            angles[f"angle_error_degrees of {name}"] = metrics.angle_error(value, truth)
        else:
            values[f"accuracy_percent of {name}" if values else "accuracy_percent"] = 100.0 * (value == truth)
    if angles:
        values["angle_error_degrees"] = np.mean(list(angles.values()), 0)
    return values | angles


@torch.no_grad()
def measured(
    module: nn.Module, method: Method, images: np.ndarray, options: dict, device: torch.device
) -> dict[str, np.ndarray]:
    """What a method measures without annotations, on the first images and always with the same random numbers."""
    if method.measure is None:
        return {}
    module.eval()
    generator = torch.Generator(device).manual_seed(0)
    seen = pixels(torch.from_numpy(np.array(images[:MEASURED])).to(device))
    return {name: v.cpu().numpy() for name, v in method.measure(module, seen, options, Noise(generator)).items()}


def scores(
    module: nn.Module,
    method: Method,
    annotations: Annotations,
    options: dict,
    device: torch.device,
    fitted: Readout = NAMED,
    dataset: Dataset | None = None,
) -> dict[str, float]:
    """Mean of every value over a split. dataset: whose measures are wanted, too."""
    predictions = predict(module, method, inputs(method, annotations), options, device)
    values = per_image(predictions, annotations, methods.attributes(options), fitted)
    if dataset and "error_px" in values:
        values |= counted(fitted.landmarks(predictions.points, annotations.images.shape[-1]), annotations, dataset)
    values |= measured(module, method, annotations.images, options, device)
    return {name: float(np.nanmean(v)) for name, v in values.items()}


def select(values: dict[str, float], name: str) -> float:
    """The number to minimise when the best checkpoint is chosen."""
    return values[name] if metrics.lower_is_better(name) else -values[name]
