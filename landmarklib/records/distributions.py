"""How the errors of a record's test images are spread: all of them, or what an older record keeps. No torch.

Records keep every error as two bytes since `auc_percent` has version 2. Of older ones there are 21 quantiles, the mean
and the share of failures, which say exactly what they say and approximate the rest.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from landmarklib.core import metrics
from landmarklib.core.errors import UserError

STEP = 0.01  # of a kept error, in its own unit; it is rounded up, so the share within a multiple of it is exact
UNKNOWN = 2**16 - 1  # stands for an image without an error; a larger error than 655.34 is kept as that


@runtime_checkable
class Measured(Protocol):
    """What of a record tells how its errors are spread; see there."""

    key: str
    errors: str
    quantiles: tuple[float, ...]
    metrics: Mapping[str, Mapping[str, Any]]


def packed(errors: Float[np.ndarray, " N"]) -> str:
    """Every error, in the order of the images, as text: two bytes each, base64. NaN for an image without one."""
    steps = np.where(np.isnan(errors), UNKNOWN, np.minimum(np.ceil(errors / STEP - 1e-6), UNKNOWN - 1))
    return base64.b64encode(steps.astype("<u2").tobytes()).decode()


def unpacked(text: str) -> Float[np.ndarray, " N"]:
    """The errors that `packed` made a text of. Raises ValueError where the text is none."""
    try:
        steps = np.frombuffer(base64.b64decode(text, validate=True), "<u2")
    except (binascii.Error, ValueError, TypeError):
        raise ValueError("not the base64 of two bytes an image") from None
    return np.where(steps == UNKNOWN, np.nan, STEP * steps)


def share_within(record: Measured, limits: Float[np.ndarray, " L"]) -> Float[np.ndarray, " L"]:
    """Share in percent of a record's test images whose error is at most each of these limits.

    It is exact for a record that keeps every error. Of an older one it goes through the 21 quantiles and through the
    share of failures, straight from one to the next.

    limits: in the unit of the record's errors. Raises UserError for a record whose errors cannot be read.
    """
    if record.errors:
        errors = _errors(record)
        return 100 * np.searchsorted(errors, limits + STEP / 2, side="right") / len(errors)
    return np.interp(limits, *_knots(record), left=0)


def _knots(record: Measured) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Errors of an older record and the share within each: its quantiles, and the share of failures, which they skip.

    A quantile lies between two images, so one beside the limit may say otherwise; it is left out.
    """
    errors, shares = np.array(record.quantiles), np.linspace(0, 100, len(record.quantiles))
    if "failures_percent" not in record.metrics:
        return errors, shares
    limit, good = metrics.FAILURE, 100 - record.metrics["failures_percent"]["mean"]
    within, beyond = (errors <= limit) & (shares <= good), (errors > limit) & (shares >= good)
    knots = (errors, limit), (shares, good)
    return tuple(np.concatenate([values[within], [middle], values[beyond]]) for values, middle in knots)


def _errors(record: Measured) -> Float[np.ndarray, " n"]:
    try:
        errors = unpacked(record.errors)
    except ValueError as error:
        raise UserError(f"{record.key}: errors: {error}; delete or restore its record") from None
    return np.sort(errors[~np.isnan(errors)])


def auc(record: Measured) -> tuple[float, bool]:
    """Area under the error distribution of a record, in percent, and whether it is exact; NaN where it has none.

    A record that was measured since keeps it. Of an older one it follows from the mean where at most one image fails,
    whose error is the largest, or where all do; elsewhere it is the area under what `share_within` draws.
    """
    if "auc_percent" in record.metrics:
        return record.metrics["auc_percent"]["mean"], True
    if not {"nme_percent", "failures_percent"} <= record.metrics.keys() or not record.quantiles:
        return float("nan"), True
    mean, n = (record.metrics["nme_percent"][name] for name in ("mean", "n"))
    least, largest, limit = record.quantiles[0], record.quantiles[-1], metrics.FAILURE
    failed = round(n * record.metrics["failures_percent"]["mean"] / 100)
    if largest <= limit:
        return 100 * (1 - mean / limit), True
    if least > limit:
        return 0.0, True
    if failed == 1:
        return 100 * ((n - 1) / n - (mean - largest / n) / limit), True
    errors, shares = _knots(record)
    within = errors <= limit
    return float(np.trapezoid(shares[within], errors[within]) / limit), False
