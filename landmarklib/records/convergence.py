"""Whether a run had converged: whether more training would still have lowered its validation error.

Read from the curve that every record keeps, so that it is known of older records, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from landmarklib.core import metrics
from landmarklib.core.experiment import Experiment

LAST = 0.2  # share of the steps over which a run is asked to have stood still
ENOUGH = 0.02  # share of the validation error: a larger improvement over that time is one that was going on


@runtime_checkable
class Trained(Protocol):
    """What of a record tells how its training went; see there."""

    experiment: Experiment
    status: str
    curve: Sequence[Mapping[str, Any]]


def improvement(record: Trained) -> float:
    """Share by which the best validation value improved over the last fifth of the steps; NaN where it cannot be told.

    They are those of the last stage, whose best weights are kept. Of an accuracy, or another metric of which more is
    better, it is the share of what is missing to 100%.
    """
    e, last = record.experiment, record.experiment.stages[-1]
    metric, until = e.evaluation.select, (1 - LAST) * last.steps
    of_last = [point for point in record.curve if point.get("stage", last.name) == last.name]
    values = [(point["step"], _missing(metric, point["validation"][metric])) for point in of_last]
    known = [(step, value) for step, value in values if math.isfinite(value)]
    before = [value for step, value in known if step <= until]
    if record.status != "done" or not before or len(before) == len(known):
        return math.nan
    least = min(value for _, value in known)
    return 1 - least / min(before) if min(before) else 0.0


def converged(record: Trained) -> bool | None:
    """Whether it improved by less than 2% over the last fifth; None where it cannot be told."""
    share = improvement(record)
    return None if math.isnan(share) else share < ENOUGH


def _missing(metric: str, value: float) -> float:
    return value if metrics.lower_is_better(metric) else 100 - value
