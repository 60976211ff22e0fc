"""What came out of a run, as one JSON file named by the run's key. Imports no torch.

`save` is atomic. `load` refuses a file that is corrupt, of a newer schema, or whose name, key and content disagree.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from landmarklib.core import files, metrics
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment, from_json, to_json
from landmarklib.core.kinds import CHECKED, Count
from landmarklib.core.mistakes import checked
from landmarklib.records import convergence, distributions
from landmarklib.records.schema import (
    Assignment,
    Contributions,
    Curve,
    Data,
    Embedding,
    Errors,
    Gallery,
    Metrics,
    Provenance,
    Quantiles,
    Seconds,
    Warnings,
    Words,
    parsed,
)

SCHEMA = 1
OVERLAP = "overlap"  # folder of the results beside those of the tables: mutual information


@dataclass(frozen=True)
class Record:
    """One run's outcome; results/README.md documents the fields for those who read the files."""

    __pydantic_config__ = CHECKED  # `load` checks; a record that was made here is as its run made it

    experiment: Experiment
    status: Literal["done", "failed"]
    reason: Words = ""
    metrics: Metrics = field(default_factory=dict)  # name -> mean, low, high (95% over images), n
    quantiles: Quantiles = ()  # of the error over test images, at 0%, 5% .. 100%
    errors: Errors = ""  # of every test image (`distributions.packed`); older records keep none
    curve: Curve = ()
    best_step: Count = 0
    warnings: Warnings = ()
    images_processed: Count = 0
    seconds: Seconds = 0.0
    data: Data = field(default_factory=dict)  # tier, fingerprint, n_labelled, labelled (hash of the ids)
    gallery: Gallery = ()  # test images: index, points in pixels, error, optionally maps
    embedding: Embedding = ()  # of landmarks of test images by what the network sees there: which landmark, x, y
    assignment: Assignment | None = None  # output of each landmark where the network was not told their names
    contributions: Contributions = ()  # by output: its share in each regressed landmark; older records keep none
    provenance: Provenance = field(default_factory=dict)
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
    """Read one record. Raises UserError that names the file, the field, what is wrong with it and what is valid."""
    raw = parsed(path, "record", SCHEMA)
    key = raw.pop("key", None)
    experiment = from_json(raw.get("experiment"), f"{path}: experiment")
    record = checked(Record, {**raw, "experiment": experiment}, f"{path}: record")
    own = record.key
    if not key == own == path.stem:
        told = f"its content has the key {_short(own)}, but it is named {path.stem} and says {_short(key)}"
        raise UserError(f"{path}: {told}")
    if experiment.table != path.parent.name:
        raise UserError(f"{path}: belongs to table {_short(experiment.table)}, not {path.parent.name}")
    if wrong := _contradiction(record):
        raise UserError(f"{path}: record, {wrong}")
    return record


def _short(text: object) -> str:
    return " ".join(str(text).split())[:120]


def _contradiction(r: Record) -> str:
    """The first field that does not fit the others: which, what is wrong, what is valid; "" where all do."""
    select = r.experiment.evaluation.select
    if r.status == "done" and select not in r.metrics:
        there = _short(", ".join(r.metrics)) or "none"
        return f"metrics: there is {there}; a run that is done has {select}, by which its weights were chosen"
    for i, point in enumerate(r.curve):
        if select not in point["validation"]:
            return f"curve {i + 1}, validation: {select} is missing, by which the weights are chosen"
    for i, shown in enumerate(r.gallery):
        number = len(r.gallery[0]["points"])
        if len(shown["points"]) != number:
            return f"gallery {i + 1}, points: {len(shown['points'])} of them, where the first image has {number}"
        maps = shown.get("maps", [])
        if maps and len(maps) != number:
            return f"gallery {i + 1}, maps: {len(maps)} of them; valid: one for each of the {number} points"
        packed = {"maps": maps, "pixel_classes": [shown["pixel_classes"]] if "pixel_classes" in shown else []}
        for name, text in ((name, text) for name, texts in packed.items() for text in texts):
            try:
                unpacked(text, r.experiment.size)
            except ValueError as error:
                return f"gallery {i + 1}, {name}: {error}"
    return ""


def unpacked(text: str, size: int) -> UInt8[np.ndarray, "H W"]:
    """A probability map of a record's gallery, relative to its peak, or the classes of an image's pixels.

    size: side of the image in pixels. Raises ValueError where the text is no such map.
    """
    valid = f"valid: {size} x {size} bytes, zlib, base64"
    try:
        inflate = zlib.decompressobj()
        found = inflate.decompress(base64.b64decode(text, validate=True), size * size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"one cannot be unpacked ({error}); {valid}") from None
    if len(found) != size * size or not inflate.eof:
        raise ValueError(f"one has {'more' if len(found) > size * size else 'fewer'} bytes than its image; {valid}")
    return np.frombuffer(found, np.uint8).reshape(size, size)


def frame(records: list[Record]) -> pd.DataFrame:
    """One line per run: row, fraction, seed, budget, tier, status, every metric's mean, and what qualifies them.

    A run whose landmarks are regressed from few labels, too, has a further line for each number of them.
    fraction: of the images that are labelled, or how many where the table counts them (`core.amounts`).
    improving: whether validation was still improving at the end (`convergence`).
    approximate: the metric of which that is so in this run; empty where all are exact.
    """
    lines = [line for record in records for line in _lines(record)]
    return pd.DataFrame(
        lines, columns=None if lines else ["row", "fraction", "seed", "budget", "status", "tier", "key"]
    )


def _line(r: Record) -> dict[str, Any]:
    e, (area, exact) = r.experiment, distributions.auc(r)
    return (
        {"row": e.row, "fraction": e.amount, "seed": e.seed, "budget": e.budget, "status": r.status}
        | {"tier": r.data.get("tier", ""), "device": r.provenance.get("device", ""), "key": r.key}
        | {"seconds": r.seconds, "warnings": len(r.warnings), "reason": r.reason}
        | {"improving": convergence.converged(r) is False}
        | {name: value["mean"] for name, value in r.metrics.items()}
        | ({} if math.isnan(area) else {"auc_percent": area})
        | {"approximate": "" if exact else "auc_percent"}
    )


OF_RUN = ("row", "seed", "budget", "status", "tier", "device", "key", "seconds", "warnings", "improving")


def _lines(r: Record) -> list[dict[str, Any]]:
    """The line of a run, and those of its regressors from few labels."""
    line = _line(r)
    lines = [line]
    for n in r.experiment.evaluation.regressor.few:
        found = {metrics.over_images(m): v["mean"] for m, v in r.metrics.items() if metrics.n_labels(m) == n}
        if found:
            lines.append({name: line[name] for name in OF_RUN} | {"fraction": float(n), "approximate": ""} | found)
    return lines


def _refuse(value: object) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong into a record")
