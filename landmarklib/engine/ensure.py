"""The only way to compute: `ensure` makes the records of a table that are missing, each by `compute.run`.

A run is independent, keyed and written in one step, so any number of processes may fill one table: each takes the runs
whose lock is free. torch is imported only where something has to be trained.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from landmarklib import methods, tables
from landmarklib.core import files, progress
from landmarklib.core.errors import UserError, shown
from landmarklib.core.experiment import Experiment
from landmarklib.engine import attempt, checks, packing, processes
from landmarklib.engine.attempt import How
from landmarklib.records import checkpoint, query, record
from landmarklib.records.record import Record
from landmarklib.tables import Table, selection
from landmarklib.training import autotune


class Ensured(NamedTuple):
    """What was asked for, as far as it is there.

    table: on its data.
    runs: a frame with a line per run.
    records: of these runs, in the order of the frame.
    """

    table: Table
    runs: pd.DataFrame
    records: list[Record]


def ensure(
    table: str,
    fractions: Sequence[float | int | str] | None = None,
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] | None = None,
    budget: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    data: str = "auto",
    device: str = "cpu",
    workers: int = 0,
    deadline: float | None = None,
    refresh: bool = False,
    form: str = "",
    results: str | Path | None = None,
) -> Ensured:
    """The records of exactly these fractions, seeds and rows of a table; only missing runs are computed.

    None takes the table's own values.

    fractions: numbers of labelled images, or "all", where the table counts them.
    methods: an older name of rows.
    data: auto takes the paper's data set where it is here or has records, else a part of it or an open one, else a
        stand-in; paper, open or stand-in take just that (`query.resolve_tier`).
    workers: processes with one thread each (0: one per core on a CPU, one on a GPU); 1 computes in this one.
    deadline: seconds from now; no run starts that would not end in time, so some may stay missing.
    refresh: compute all anew; with a deadline, what does not fit keeps its old record.
    form: of the convolutions of missing runs, such as "1x2 float32"; "" takes what is listed for this processor.
    A run that was stopped goes on from its last state, which is kept once a minute. Raises UserError for bad parameters
    and for a deadline too short for any missing run, before anything is computed or written.
    """
    spec = query.resolve_tier(tables.get(table), data, results, budget)
    experiments = spec.experiments(fractions, seeds, selection.one_of(rows, methods), budget)
    how = how_asked(spec, device, deadline, refresh, form, results)
    return complete(spec, experiments, how, workers, deadline)


def how_asked(
    spec: Table,
    device: str = "cpu",
    deadline: float | None = None,
    refresh: bool = False,
    form: str = "",
    results: str | Path | None = None,
) -> How:
    """What `ensure` is told of how to compute the runs of a table; the time to stop counts from now.

    Raises UserError for a deadline that is no number >= 0 and for refresh that is no truth value.
    """
    checks.number("deadline", 0 if deadline is None else deadline, float)
    if not isinstance(refresh, bool):
        raise UserError(f"refresh: {shown(refresh)} is neither true nor false")
    stop = float("inf") if deadline is None else time.monotonic() + deadline
    return How(record.results_folder(results), device, stop, refresh, spec.n_maps, form)


def complete(
    spec: Table,
    experiments: Sequence[Experiment],
    how: How,
    workers: int = 0,
    deadline: float | None = None,
    tell: Callable[[int], None] = lambda n_missing: None,
) -> Ensured:
    """The records of these runs of a table; only missing ones are computed.

    workers: as for `ensure`.
    deadline: seconds; one too short for any missing run is refused. None refuses none, and `how` alone has the time to
        stop.
    tell: called with the number of missing runs before they are computed, and once nothing is refused any more.
    Raises UserError as `ensure` does.
    """
    checks.number("workers", workers, int)
    paths = [record.path_of(how.folder, e) for e in experiments]
    there = load(paths)  # a damaged record is better known before hours of computing than after
    missing = [e for e, path in zip(experiments, paths, strict=True) if how.refresh or path not in there]
    if missing:
        check(missing, list(there.values()), how, deadline)
    tell(len(missing))
    if missing:
        for e in missing if how.refresh else []:
            checkpoint.delete(how.folder, e)
        fill(missing, how, workers or (processes.available_cores() if how.device == "cpu" else 1))
        there |= load([record.path_of(how.folder, e) for e in missing])
    records = [there[path] for path in paths if path in there]
    return Ensured(spec, record.frame(records), records)


def load(paths: Sequence[Path]) -> dict[Path, Record]:
    """The records at those paths that are there. Raises UserError for one that is no record."""
    there = filter(os.path.exists, paths)  # where Path.exists raises for a folder that this user may not read
    return {path: record.load(path) for path in there}


def check(missing: list[Experiment], there: list[Record], how: How, deadline: float | None) -> None:
    """Raise UserError, before anything is computed, where the missing runs cannot be.

    there: records that exist already.
    """
    checks.device(how.device)
    checks.labels(missing)
    checks.data(missing, there)
    for e in {autotune.network(e): e for e in missing}.values():
        autotune.choose(e, how.device, how.form)  # a form is refused, or measured, before workers are busy
    if deadline is not None:
        needed = [attempt.SAFETY * attempt.estimate_seconds(e, how) for e in missing]
        checks.time(needed, how.device, deadline)
    files.writable("results", how.folder / missing[0].table)


def fill(missing: list[Experiment], how: How, workers: int) -> None:
    """Compute the missing records, in this process or in several, with a progress bar over images processed.

    Raises UserError where records that were written are gone: these are not the runs that time is too short for.
    """
    packs = packing.packed(missing, how.step, how.device)
    workers = min(len(packs), workers if processes.may_start() else 1)
    label = f"{missing[0].table}: {len(missing)} runs, {workers} worker{'s' * (workers > 1)}"
    done = [how.step(e) for e in missing]
    total = round(sum(methods.images_processed(e, n) for e, n in zip(missing, done, strict=True)))
    with progress.bar(total=total, desc=label, unit="img", unit_scale=True, mininterval=0.5) as bar:
        if workers == 1:
            outcomes = [attempt.attempt(pack, how, bar.update) for pack in packs]
        else:
            outcomes = processes.run_in_processes(packs, how, workers, bar)
    # Another process may hold some of the runs: wait for those, and take them over should it have died.
    states = {
        e.key: state for pack, found in zip(packs, outcomes, strict=True) for e, state in zip(pack, found, strict=True)
    }
    for e in (e for e in missing if states[e.key] == attempt.BUSY):
        patience = max(0.0, how.stop - time.monotonic())
        (states[e.key],) = attempt.attempt([e], replace(how, refresh=False), lambda images: None, patience)
    written = [record.path_of(how.folder, e) for e in missing if states[e.key] == attempt.DONE]
    if gone := [path for path in written if not path.exists()]:
        raise UserError(
            f"results: {len(gone)} of {len(written)} records were written and are gone, such as {gone[0]}; "
            "the same command computes them again"
        )
