"""Whether a record is what the library computes today: the versions that it was computed with against those of today.

No torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from landmarklib import loading
from landmarklib.core import metrics, versions
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import whole
from landmarklib.core.versions import FIRST
from landmarklib.records.record import Record

CURRENT, STALE = "current", "stale"


def parts(experiment: Experiment, measured: Collection[str] = ()) -> list[str]:
    """The parts that a run of this experiment depends on. measured: names of the metrics that it gives."""
    read = list(dict.fromkeys(map(whole, experiment.datasets)))
    crops = ["crops"] if any(loading.get(name).read for name in read) else []
    of_metrics = sorted({f"metrics.{metrics.base(name)}" for name in measured})
    return ["engine", f"methods.{experiment.method}", *(f"datasets.{name}" for name in read), *crops, *of_metrics]


def of(experiment: Experiment, measured: Collection[str] = ()) -> dict[str, int]:
    """Today's version of each of those parts: what a record keeps."""
    return {part: versions.of(part) for part in parts(experiment, measured)}


def outdated(record: Record) -> list[str]:
    """Of each part that has been raised since: which, from what to what, and why.

    Empty for a record that is current.
    """
    kept = record.provenance.get("behaviour", {})
    found = []
    for part in parts(record.experiment, record.metrics):
        version = versions.of(part)
        if kept.get(part, FIRST) != version:
            found.append(f"{part} {kept.get(part, FIRST)}, now {version}: {versions.raised()[part][1]}")
    return found


def staleness(record: Record) -> str:
    """`current`, or `stale`: `outdated` says of what."""
    return STALE if outdated(record) else CURRENT


def standings(records: Sequence[Record]) -> str:
    """How many of the records are current and stale, in words; "none" without records."""
    return ", ".join(f"{n} {kind}" for kind, n in Counter(map(staleness, records)).most_common()) or "none"
