"""The only way to compute: `ensure` makes the records of a table that are missing, each by `compute.run`.

A run is independent, keyed and written in one step, so any number of processes may fill one table: each takes the runs
whose lock is free. torch is imported only where something has to be trained.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from landmarklib import tables
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import UserError
from landmarklib.engine import attempt, checks, packing, processes
from landmarklib.records import checkpoint, query, record
from landmarklib.tables import selection


def ensure(
    table: str,
    fractions: Sequence[float] | None = None,
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
    results: str | Path | None = None,
) -> pd.DataFrame:
    """Records of a table as a frame, one line per run; only missing runs are computed. None takes the table's own values.

    methods: an older name of rows.
    data: auto takes the paper's data set where it is here or has records, else a part of it or an open one, else a stand-in; paper, open or stand-in take
    just that (`on`).
    workers: processes with one thread each (0: one per core on a CPU, one on a GPU); 1 computes here with all threads.
    deadline: seconds from now; no run starts that would not end in time, so some may stay missing. refresh: compute all anew. A run that was
    stopped goes on from its last state, which is kept once a minute. Raises UserError for bad parameters and for a deadline too short for any
    missing run, before anything is computed or written.
    """
    spec = query.resolve_tier(tables.get(table), data, results, budget)
    experiments = spec.experiments(fractions, seeds, selection.one_of(rows, methods), budget)
    checks.number("workers", workers, int)
    checks.number("deadline", 0 if deadline is None else deadline, float)
    if not isinstance(refresh, bool):
        raise UserError(f"refresh: {refresh!r} is neither true nor false")
    folder = record.results_folder(results)
    paths = [record.path_of(folder, e) for e in experiments]
    # a damaged record is better known before hours of computing than after
    there = {path: record.load(path) for path in paths if path.exists()}
    missing = [e for e, path in zip(experiments, paths, strict=True) if refresh or path not in there]
    stop = float("inf") if deadline is None else time.time() + deadline
    if missing:
        checks.device(device)
        checks.labels(missing)
        checks.data(missing, list(there.values()))
        if deadline is not None:
            checks.time(
                [attempt.SAFETY * attempt.estimate_seconds(e, folder, device) for e in missing], device, deadline
            )
        checks.writable(folder / spec.name)
        for e in missing if refresh else []:
            checkpoint.delete(folder, e)
        workers = workers or (processes.available_cores() if device == "cpu" else 1)
        fill(missing, folder, device, workers, stop, refresh, spec.n_maps)
        made = [record.path_of(folder, e) for e in missing]
        there |= {path: record.load(path) for path in made if path.exists()}
    return record.frame([there[path] for path in paths if path in there])


def fill(
    missing: list[Experiment], folder: Path, device: str, workers: int, stop: float, refresh: bool, n_maps: int
) -> None:
    """Fill the folder with the missing records, in this process or in several, with a progress bar over image passes."""
    packs = packing.packed(missing, folder, device)
    workers = min(len(packs), workers)
    label = f"{missing[0].table}: {len(missing)} runs, {workers} worker{'s' * (workers > 1)}"
    total = round(sum(e.passes_after(checkpoint.step(folder, e, device)) for e in missing))
    with tqdm(total=total, desc=label, unit="img", unit_scale=True, mininterval=0.5) as bar:
        if workers == 1:
            outcomes = [attempt.attempt(pack, folder, device, stop, refresh, n_maps, bar.update) for pack in packs]
        else:
            outcomes = processes.run_in_processes(packs, folder, device, workers, stop, refresh, n_maps, bar)
    # Another process may hold some of the runs: wait for those, and take them over should it have died.
    for pack, states in zip(packs, outcomes, strict=True):
        for experiment in (e for e, state in zip(pack, states, strict=True) if state == attempt.BUSY):
            patience = max(0.0, stop - time.time())
            attempt.attempt([experiment], folder, device, stop, False, n_maps, lambda passes: None, patience)
