"""What came out of a run, as one JSON file named by the run's key. Imports no torch.

`save` is atomic. `load` refuses a file that is corrupt, of a newer schema, or whose name, key and content disagree.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from landmarklib.core import files
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment, from_json, to_json
from landmarklib.core.mistakes import checked
from landmarklib.records import distributions

SCHEMA = 1
STATUSES = ("done", "failed")
OVERLAP = "overlap"  # folder of the results beside those of the tables: mutual information


@dataclass(frozen=True)
class Record:
    """One run's outcome; results/README.md documents the fields for those who read the files."""

    experiment: Experiment
    status: str  # done or failed
    reason: str = ""
    metrics: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # name -> mean, low, high (95% over images), n
    quantiles: tuple[float, ...] = ()  # of the error over test images, at 0%, 5% .. 100%
    errors: str = ""  # of every test image (`distributions.packed`); older records keep none
    curve: tuple[Mapping[str, Any], ...] = ()
    best_step: int = 0
    warnings: tuple[str, ...] = ()
    images_processed: int = 0
    seconds: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)  # tier, fingerprint, n_labelled, labelled (hash of the ids)
    gallery: tuple[Mapping[str, Any], ...] = ()  # test images: index, points in pixels, error, optionally maps
    assignment: tuple[int, ...] | None = None  # output of each landmark where the network was not told their names
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """The experiment's."""
        return self.experiment.key


def results_folder(path: str | Path | None = None) -> Path:
    """Where records live: that folder, else LANDMARKLIB_RESULTS, else results/ beside the library, else ./results.

    Raises UserError for what cannot be a path.
    """
    if given := path or os.environ.get("LANDMARKLIB_RESULTS"):
        return files.named("results", given)
    beside = files.PACKAGE.parent / "results"
    return beside if beside.is_dir() else Path.cwd() / "results"


def path_of(folder: Path, experiment: Experiment) -> Path:
    """The file of an experiment's record."""
    return folder / experiment.table / f"{experiment.key}.json"


def save(record: Record, folder: Path) -> Path:
    """Write the record in one step: a reader sees the old file, the new one, or none; never a part of one."""
    path = path_of(folder, record.experiment)
    fields = {**asdict(record), "experiment": to_json(record.experiment)}
    text = json.dumps({"key": record.key, **fields}, indent=1, default=_refuse)
    files.write_in_one_step(path, lambda file: file.write(f"{files.compact(text)}\n".encode()))
    return path


def load(path: Path) -> Record:
    """Read one record. Raises UserError that names the file and what is wrong with it."""
    try:
        raw = json.loads(files.read_text(path))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not a readable record ({error}); delete or restore the file") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("schema"), int):
        raise UserError(f"{path}: not a record of this library: it has no schema number")
    if raw["schema"] > SCHEMA:
        raise UserError(f"{path}: schema {raw['schema']}; this library reads records up to schema {SCHEMA}")
    key = raw.pop("key", None)
    try:
        for name in ("quantiles", "curve", "warnings", "gallery", "assignment"):  # JSON has no tuples
            raw[name] = None if raw[name] is None else tuple(raw[name])
        experiment = from_json(raw["experiment"], f"{path}: experiment")
        checked(Mapping[str, Mapping[str, Any]], raw["metrics"], f"{path}: metrics")
        record = Record(**{**raw, "experiment": experiment})
        own = record.key
        _line(record)  # what every reader asks for
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a record of schema {SCHEMA}: {str(error).split('__init__() ')[-1]}") from None
    if not key == own == path.stem:
        raise UserError(f"{path}: its content has the key {own}, but it is named {path.stem} and says {key}")
    if record.experiment.table != path.parent.name:
        raise UserError(f"{path}: belongs to table {record.experiment.table}, not {path.parent.name}")
    if record.status not in STATUSES:
        raise UserError(f"{path}: status {record.status!r}; valid: {', '.join(STATUSES)}")
    return record


def frame(records: list[Record]) -> pd.DataFrame:
    """One line per run: row, fraction, seed, budget, tier, status, every metric's mean, and what qualifies them.

    approximate: the metric of which that is so in this run; empty where all are exact.
    """
    lines = [_line(record) for record in records]
    return pd.DataFrame(
        lines, columns=None if lines else ["row", "fraction", "seed", "budget", "status", "tier", "key"]
    )


def _line(r: Record) -> dict[str, Any]:
    e, (area, exact) = r.experiment, distributions.auc(r)
    return (
        {"row": e.row, "fraction": e.fraction, "seed": e.seed, "budget": e.budget, "status": r.status}
        | {"tier": r.data.get("tier", ""), "device": r.provenance.get("device", ""), "key": r.key}
        | {"seconds": r.seconds, "warnings": len(r.warnings), "reason": r.reason}
        | {name: value["mean"] for name, value in r.metrics.items()}
        | ({} if math.isnan(area) else {"auc_percent": area})
        | {"approximate": "" if exact else "auc_percent"}
    )


def _refuse(value: object) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong into a record")
