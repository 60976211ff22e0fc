"""The records of a table: read, found on the best data there is, checked against today's metric. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import datasets, metrics, record
from landmarklib.tables import Table


def read(
    table: Table, budget: str | None = None, results: str | Path | None = None
) -> tuple[pd.DataFrame, list[record.Record]]:
    """The records of a table, at one budget or all, as a frame and as they are.

    Runs with other settings than today's are left out.
    """
    records = record.load_all(record.results_folder(results), table.name)
    records = [r for r in records if budget in (None, r.experiment.budget) and table.makes(r.experiment)]
    return record.frame(records), records


def recorded(table: Table, results: str | Path | None = None, budget: str | None = None) -> Table | None:
    """The table on the best kind of data that there are records of; None without a record.

    budget: of those records, by default the table's own; where it has none, any.
    """
    computed = list(record.experiments(record.results_folder(results), table.name))
    at_budget = [e for e in computed if e.budget == (budget or table.default_budget)]
    for records in (at_budget, computed):
        for variant in table.variants().values():
            if any(map(variant.makes, records)):
                return variant
    return None


def recheck(table: Table, records: Sequence[record.Record], tolerance_px: float = 0.02) -> str:
    """Recompute the errors of every stored prediction with today's data set and metric; a line on whether they agree.

    Stored points are rounded to 0.01 px. A change of a generator or of a metric shows here without training anything.
    """
    worst, number = 0.0, 0
    for r in records:
        test = datasets.split(r.experiment.dataset, "test", r.experiment.size)
        for g in r.gallery:
            i = g["index"]
            error = metrics.point_error(
                np.array([g["points"]]), test.points[i : i + 1].astype(float), test.visible[i : i + 1]
            )
            worst, number = max(worst, abs(float(error[0]) - g["error_px"])), number + 1
    return f"errors recomputed from stored predictions agree: {bool(number) and worst < tolerance_px}"
