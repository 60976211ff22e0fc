"""Errors from points, mask and unit; never from a data set, whose business the unit is. numpy only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

LOWER_IS_BETTER = {"error_px": True, "accuracy_percent": False, "own_percent": False}


def point_error(
    predicted: Float[np.ndarray, "N K 2"],
    target: Float[np.ndarray, "N K 2"],
    visible: Bool[np.ndarray, "N K"],
    unit: Float[np.ndarray, " N"] | float = 1.0,
) -> Float[np.ndarray, " N"]:
    """Mean Euclidean distance over the visible points of each image, divided by its unit; NaN where nothing is visible.

    With unit 1 this is the pixel error of honari2018, Table 1; with the distance of the eyes it is the usual NME.
    """
    distance = np.linalg.norm(predicted - target, axis=-1)
    count = visible.sum(-1)
    total = np.where(visible, distance, 0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan) / unit


def best_assignment(predicted: Float[np.ndarray, "N K 2"], target: Float[np.ndarray, "N K 2"]) -> list[int]:
    """For networks that name their points as they like: which output is closest to each landmark, one to one, on average."""
    from scipy.optimize import linear_sum_assignment

    cost = np.linalg.norm(predicted[:, None] - target[:, :, None], axis=-1).mean(0)
    return linear_sum_assignment(cost)[1].tolist()


def nearer_to_own(predicted: Float[np.ndarray, "N K 2"], target: Float[np.ndarray, "N K 2"]) -> Bool[np.ndarray, "N K"]:
    """Which points lie nearer to their own landmark than to any other one."""
    distance = np.linalg.norm(predicted[:, :, None] - target[:, None], axis=-1)
    own = np.arange(predicted.shape[1])
    return distance.argmin(-1) == own


def interval(values: Float[np.ndarray, " N"]) -> tuple[float, float, float]:
    """Mean and its 95% interval over images (normal approximation), NaN left out."""
    kept = values[~np.isnan(values)]
    mean = kept.mean()
    half = 1.96 * kept.std(ddof=1) / np.sqrt(len(kept)) if len(kept) > 1 else np.nan
    return float(mean), float(mean - half), float(mean + half)
