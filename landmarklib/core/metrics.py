"""Metrics from points, their visibility and the normalizer, which is the data set's business. numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

from landmarklib.core.types import NO_CLASS

SCATTER, NEIGHBOURS = "scatter_px", "neighbours_percent"
LOWER_IS_BETTER = {
    "error_px": True,
    "nme_percent": True,
    "failures_percent": True,
    "auc_percent": False,
    "pck_percent": False,
    "swapped_percent": True,
    NEIGHBOURS: False,
    "within_percent": False,
    "accuracy_percent": False,
    "matched_percent": False,
    "angle_error_degrees": True,
    "equivariance_px": True,
    SCATTER: True,
    "equivariance_ratio": True,
    "feature_match_percent": False,
    "pixel_accuracy_percent": False,
}
# of what a network finds by itself, without annotations
UNANNOTATED = ("equivariance_px", "equivariance_ratio", "feature_match_percent", SCATTER)
PIXELS = "pixel_accuracy_percent"
PCK_SHARE = 0.1  # of the normalizer, within which a point counts as correct
FAILURE = 10.0  # NME in percent beyond which a face counts as a failure


def base(name: str) -> str:
    """A metric without what qualifies it: `nme_percent on afw` is an `nme_percent`."""
    return name.partition(" ")[0]


def n_labels(name: str) -> int:
    """From how few labels a metric of a regressed readout is, a mean over draws of them; 0 where it is from all."""
    found = re.search(r" from (\d+) labels?\b", name)
    return int(found[1]) if found else 0


def over_images(name: str) -> str:
    """The same metric where it is from all labels, so that it is a mean over test images."""
    return re.sub(r" from \d+ labels?\b", "", name)


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of that metric is better."""
    return LOWER_IS_BETTER[base(name)]


def is_angle(values: np.ndarray) -> bool:
    """Whether an attribute is an angle, in degrees, and not a class: a data set gives classes as whole numbers."""
    return np.issubdtype(values.dtype, np.floating)


def angle_error(
    predicted_degrees: Float[np.ndarray, " N"], true_degrees: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """Absolute difference of two angles, the short way round: at most 180 degrees."""
    return np.abs((predicted_degrees - true_degrees + 180) % 360 - 180)


def failures(nme_percent: Float[np.ndarray, " N"], threshold: float = FAILURE) -> Float[np.ndarray, " N"]:
    """100 for each image whose NME lies beyond the threshold, else 0; NaN where there is no NME."""
    return np.where(np.isnan(nme_percent), np.nan, 100.0 * (nme_percent > threshold))


def area(nme_percent: Float[np.ndarray, " N"], threshold: float = FAILURE) -> Float[np.ndarray, " N"]:
    """What each image adds to the area under the cumulative error distribution up to the threshold (AUC).

    It is in percent of that of an image without error; the mean over images is the area. NaN where there is no NME.
    """
    return 100 * np.maximum(0, 1 - nme_percent / threshold)


def point_error(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N K 2"],
    visible: Bool[np.ndarray, "N K"],
    normalizer: Float[np.ndarray, " N"] | float = 1.0,
) -> Float[np.ndarray, " N"]:
    """Mean Euclidean distance over the visible points of each image, divided by its normalizer.

    It is NaN for an image without such a point, or whose normalizer is not a length above 0.

    With normalizer 1 this is the pixel error of honari2018, Table 1; with the distance between the eyes it is the
    usual NME.

    predicted, target: in pixels.
    normalizer: of each image, in pixels.
    """
    distance = np.linalg.norm(predicted - target, axis=-1)
    count = visible.sum(-1)
    total = np.where(visible, distance, 0).sum(-1)
    return np.where((count > 0) & (normalizer > 0), total / np.maximum(count, 1), np.nan) / normalizer


def correct(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N K 2"],
    visible: Bool[np.ndarray, "N K"],
    normalizer: Float[np.ndarray, " N"],
    share: float = PCK_SHARE,
) -> Float[np.ndarray, " N"]:
    """Share of the visible points of each image that are correct (PCK).

    It is NaN for an image without such a point, or whose normalizer is not a length above 0.

    predicted, target: in pixels.
    normalizer: of each image, in pixels.
    share: of the normalizer, within which a point counts as correct.
    """
    near = np.linalg.norm(predicted - target, axis=-1) <= share * normalizer[:, None]
    return np.where(normalizer > 0, _share(near, visible), np.nan)


def over_points(values: Float[np.ndarray, " N"], visible: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    """Values whose mean over images is that over all visible points, where an image's own is a mean over its points.

    Their spread is that of such a ratio of two sums: R + (n x - n R) / mean of n, with R the ratio, of an image with n
    points and the value x. NaN for an image without such a point.
    """
    known = np.isfinite(values)
    if not known.any():
        return values
    n = np.where(known, visible.sum(-1), 0)
    sums = np.where(known, values * n, 0.0)
    ratio = sums.sum() / n.sum()
    return np.where(known, ratio + (sums - ratio * n) / n[known].mean(), np.nan)


def swapped(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N K 2"],
    visible: Bool[np.ndarray, "N K"],
    normalizer: Float[np.ndarray, " N"],
    mirror: Sequence[int],
    share: float,
) -> Float[np.ndarray, " N"]:
    """Share of the visible points of an image that are found where their counterpart of the other side is.

    That is nearer to it than to the point itself, and near enough to be correct there. It is of points whose
    counterpart is visible, too, and NaN for an image without one.

    predicted, target, normalizer: in pixels.
    mirror: the counterpart of each point; a point in the middle has itself.
    share: of the normalizer.
    """
    other = np.array(mirror)
    paired = visible & visible[:, other] & (other != np.arange(len(other)))
    own, across = (np.linalg.norm(predicted - t, axis=-1) for t in (target, target[:, other]))
    return np.where(normalizer > 0, _share((across < own) & (across <= share * normalizer[:, None]), paired), np.nan)


def found_within(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N K 2"],
    visible: Bool[np.ndarray, "N K"],
    distance: float,
) -> Float[np.ndarray, " N"]:
    """Share of the visible points of each image that are found within a distance, in percent.

    It is NaN for an image without such a point. This is the measure of rahaman2021, Table 1.

    predicted, target, distance: in pixels.
    """
    return 100 * _share(np.linalg.norm(predicted - target, axis=-1) <= distance, visible)


def scatter(found: Float[np.ndarray, "N K 2"], things: np.ndarray) -> Float[np.ndarray, " N"]:
    """Mean distance of each image's points from their means over all images of the same thing, in pixels.

    Points that do not move at all have none, so it says nothing of points that do not follow images.

    things: the name of what each image shows, N.
    """
    of, place = np.unique(things, return_inverse=True)
    means = np.stack([found[place == i].mean(0) for i in range(len(of))])
    return np.linalg.norm(found - means[place], axis=-1).mean(-1)


def _share(true: Bool[np.ndarray, "N K"], visible: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    """Share of the visible points of each image of which something is true; NaN without a visible point."""
    count = visible.sum(-1)
    return np.where(count > 0, (true & visible).sum(-1) / np.maximum(count, 1), np.nan)


def best_assignment(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N J 2"],
    visible: Bool[np.ndarray, "N J"] | None = None,
) -> list[int]:
    """The output of each landmark, one to one, with the least mean distance: the Hungarian method.

    visible: the landmarks that count; None for all. One that is never visible takes any output.
    """
    from scipy.optimize import linear_sum_assignment

    distance = np.linalg.norm(predicted[:, None] - target[:, :, None], axis=-1)
    if visible is None or visible.all():
        cost = distance.mean(0)
    else:
        seen = np.where(visible[..., None], distance, 0)
        cost = seen.sum(0) / np.maximum(visible.sum(0), 1)[:, None]
    return linear_sum_assignment(cost)[1].tolist()


def is_of_points(name: str) -> bool:
    """Whether a metric is of points against annotated ones, and not of attributes or classes of pixels."""
    return base(name) not in ("accuracy_percent", "angle_error_degrees", PIXELS, *UNANNOTATED)


def pixel_accuracy(found: UInt8[np.ndarray, "N H W"], true: UInt8[np.ndarray, "N H W"]) -> Float[np.ndarray, " N"]:
    """Share of the pixels of each image whose class is found, in percent, of those that have one.

    It is NaN for an image without such a pixel. This is the measure of thewlis2017, supplement, section 5.
    """
    found, true = (classes.reshape(len(classes), -1) for classes in (found, true))
    return 100 * _share(found == true, true != NO_CLASS)


def nearer_to_own(
    predicted: Float[np.ndarray, "N K 2"], target: Float[np.ndarray, "N K 2"], visible: Bool[np.ndarray, "N K"]
) -> Float[np.ndarray, " N"]:
    """Share of the visible points of each image that lie nearer to their own landmark than to any other visible one.

    It is NaN for an image without a visible point.
    """
    distance = np.linalg.norm(predicted[:, :, None] - target[:, None], axis=-1)
    nearest = np.where(visible[:, None], distance, np.inf).argmin(-1)
    return _share(nearest == np.arange(predicted.shape[1]), visible)


def interval(values: Float[np.ndarray, " N"]) -> tuple[float, float, float]:
    """Mean over images and its 95% confidence interval, low and high (normal approximation). NaN is left out."""
    kept = values[~np.isnan(values)]
    mean = kept.mean()
    half = 1.96 * kept.std(ddof=1) / np.sqrt(len(kept)) if len(kept) > 1 else np.nan
    return float(mean), float(mean - half), float(mean + half)
