"""Records of a table: which there are, those that it makes today, on which kind of data."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import loading, tables
from landmarklib.core import metrics
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment, from_json
from landmarklib.core.types import NO_CLASS, Annotations, Crop
from landmarklib.loading import tiers
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.records.schema import parsed
from landmarklib.tables import Table

TOLERANCE = 0.02  # px by which errors of stored points differ, which are rounded to 0.01 px
OPEN = {"part": "open"}  # a part of the paper's set counts as open data


def read(
    table: Table, budget: str | None = None, results: str | Path | None = None
) -> tuple[pd.DataFrame, list[record.Record]]:
    """The records of a table, at one budget or all, as a frame and as they are.

    Runs with other settings than today's are left out.
    """
    records = _made_by(table, load_all(record.results_folder(results), table.name), budget)
    return record.frame(records), records


def join(
    parts: Iterable[tuple[Table, pd.DataFrame, list[record.Record]]],
) -> tuple[Table, pd.DataFrame, list[record.Record]]:
    """What was asked of one table in several parts, as one: the table, its runs and records, in the order of `read`.

    A run that is in several parts is there once.
    """
    parts = list(parts)
    found = {r.key: r for _, _, records in parts for r in records}
    records = [found[key] for key in sorted(found)]
    return parts[0][0], record.frame(records), records


def read_recorded(
    table: Table, budget: str | None = None, results: str | Path | None = None
) -> tuple[Table, pd.DataFrame, list[record.Record]]:
    """The table on the best kind of data that there are records of, and of those what `read` gives.

    Without a record it is the table as it is.
    """
    records = load_all(record.results_folder(results), table.name)
    best = _best(table, [r.experiment for r in records], table.default_budget) or table
    of_today = _made_by(best, records, budget)
    return best, record.frame(of_today), of_today


def recorded(table: Table, results: str | Path | None = None, budget: str | None = None) -> Table | None:
    """The table on the best kind of data that there are records of; None without a record.

    budget: of those records, by default the table's own; where it has none, any.
    """
    computed = list(recorded_experiments(record.results_folder(results), table.name))
    return _best(table, computed, budget or table.default_budget)


def _best(table: Table, computed: Sequence[Experiment], budget: str) -> Table | None:
    for experiments in ([e for e in computed if e.budget == budget], computed):
        for variant in table.variants().values():
            if any(e.dataset == variant.dataset and variant.makes(e) for e in experiments):
                return variant
    return None


def _made_by(table: Table, records: Sequence[record.Record], budget: str | None) -> list[record.Record]:
    """Those of runs that the table makes today, which it is asked once a cell: its seeds have the same settings."""
    found: list[record.Record] = []
    made: dict[tuple, Experiment] = {}
    for r in records:
        e = r.experiment
        cell = e.row, e.amount, e.budget
        if budget not in (None, e.budget):
            continue
        if cell in made and replace(made[cell], seed=e.seed) == e:
            found.append(r)
        elif table.makes(e):
            made[cell] = e
            found.append(r)
    return found


def recheck(records: Sequence[record.Record], tolerance_px: float = TOLERANCE) -> str:
    """Recompute the errors of every stored prediction with today's data set and metric; a line on whether they agree.

    A change of a generator or of a metric shows here without training anything.
    """
    apart = [difference for r in records for difference in _apart(r, test_images(r))]
    return f"errors recomputed from stored predictions agree: {bool(apart) and max(apart) < tolerance_px}"


def is_of(r: Record, test: Annotations) -> bool:
    """Whether a run was judged on these test images, as far as its stored predictions tell."""
    return all(difference < TOLERANCE for difference in _apart(r, test))


def _apart(r: Record, test: Annotations) -> Iterator[float]:
    """Of each stored prediction, the difference in pixels of its recorded error and of that on these images."""
    for g in (g for g in r.gallery if g["points"]):
        one = slice(g["index"], g["index"] + 1)
        error = metrics.point_error(np.array([g["points"]]), test.points[one].astype(float), test.visible[one])
        yield abs(float(error[0]) - g["error_px"])
    for g in (g for g in r.gallery if "pixel_classes" in g):
        found, true = record.unpacked(g["pixel_classes"], r.experiment.size), test.pixel_classes[g["index"]]
        yield abs(float(((found != true) & (true != NO_CLASS)).sum()) - g["error_px"])


def test_images(r: Record) -> Annotations:
    """The test images of a run, at its size. Raises UserError where its gallery is of other ones."""
    test = loading.split(r.experiment.dataset, "test", Crop(r.experiment.size))
    for i, shown in enumerate(r.gallery):
        if shown["index"] >= len(test):
            raise UserError(f"{r.key}: gallery {i + 1}, index: {shown['index']}; there are {len(test)} test images")
        if len(shown["points"]) != test.points.shape[1]:
            what = f"{len(shown['points'])} of them; {r.experiment.dataset} has {test.points.shape[1]} landmarks"
            raise UserError(f"{r.key}: gallery {i + 1}, points: {what}")
    return test


def load_all(folder: Path, table: str) -> list[Record]:
    """All records of a table, sorted by file name."""
    with _no_collection():
        return [record.load(path) for path in sorted((folder / table).glob("*.json"))]


@contextmanager
def _no_collection() -> Iterator[None]:
    """No look for garbage: there is none in what is read, and looking through it again and again takes as long."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def recorded_experiments(folder: Path, table: str) -> Iterator[Experiment]:
    """What the records of a table are of; files that are no records are passed over."""
    for path in sorted((folder / table).glob("*.json")):
        try:
            found = from_json(parsed(path, "record", record.SCHEMA).get("experiment"), path.name)
        except UserError:
            continue
        yield found


def resolve_tier(
    table: tables.Table, data: str = "auto", results: str | Path | None = None, budget: str | None = None
) -> tables.Table:
    """The table with the data set of that tier. Raises DataMissing, and UserError where it has no such tier.

    Reading needs no data: `auto` takes the best data set that has records, whether it is here or not, unless a better
    one is here. The paper's set is best, then a part of it, an open one, stand-ins.

    data: auto, paper, open or stand-in.
    budget: of the records, by default the table's own.
    """
    known = recorded(table, results, budget)
    offered = {v.dataset: v for tier, v in table.variants().items() if data in ("auto", tier, OPEN.get(tier))}
    names, there = list(offered), known is not None and known.dataset in offered
    if there and known.dataset == names[0]:
        return known  # nothing is better
    try:
        alternative = loading.get(table.open) if table.open else None
        chosen = tiers.choose(loading.get(table.dataset), alternative, data).name
    except UserError:
        if not there:
            raise
        return known
    return known if there and names.index(known.dataset) < names.index(chosen) else offered[chosen]
