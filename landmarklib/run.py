"""The only way to compute: `ensure` makes the records of a table that are missing, each by `compute.run`.

A run is independent, keyed and written in one step, so any number of processes may fill one table: each takes the runs
whose lock is free. torch is imported only where something has to be trained.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from landmarklib import checkpoint, checks, compute, datasets, query, record, tables
from landmarklib.datasets import tiers
from landmarklib.experiment import Experiment
from landmarklib.tables import selection
from landmarklib.types import UserError

SAFETY = 1.3  # a run is started only if the deadline leaves this much more than its estimated time
OPEN = {"part": "open"}  # a part of the paper's set counts as open data
DEFERRED, BUSY, DONE = "deferred", "busy", "done"


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
    spec = on(tables.get(table), data, results, budget)
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
            checks.time([SAFETY * estimate_seconds(e, folder, device) for e in missing], device, deadline)
        checks.writable(folder / spec.name)
        for e in missing if refresh else []:
            checkpoint.delete(folder, e)
        workers = workers or (available_cores() if device == "cpu" else 1)
        fill(missing, folder, device, workers, stop, refresh, spec.n_maps)
        made = [record.path_of(folder, e) for e in missing]
        there |= {path: record.load(path) for path in made if path.exists()}
    return record.frame([there[path] for path in paths if path in there])


def on(
    table: tables.Table, data: str = "auto", results: str | Path | None = None, budget: str | None = None
) -> tables.Table:
    """The table with the data set of that tier. Raises DataMissing, and UserError where it has no such tier.

    Where there are records on the paper's set, on a part of it or on an open one, auto takes the first of those, whether the data are here or not, unless a better one
    is here: reading asks for no data. budget: of those records, by default the table's own.
    """
    recorded = query.recorded(table, results, budget)
    offered = {v.dataset: v for tier, v in table.variants().items() if data in ("auto", tier, OPEN.get(tier))}
    names, there = list(offered), recorded is not None and recorded.dataset in offered
    if there and recorded.dataset == names[0]:
        return recorded  # nothing is better
    try:
        alternative = datasets.get(table.open) if table.open else None
        chosen = tiers.choose(datasets.get(table.dataset), alternative, data).name
    except UserError:
        if not there:
            raise
        return recorded
    return recorded if there and names.index(recorded.dataset) < names.index(chosen) else offered[chosen]


def fill(
    missing: list[Experiment], folder: Path, device: str, workers: int, stop: float, refresh: bool, n_maps: int
) -> None:
    """Fill the folder with the missing records, in this process or in several, with a progress bar over image passes."""
    packs = packed(missing, folder, device)
    workers = min(len(packs), workers)
    label = f"{missing[0].table}: {len(missing)} runs, {workers} worker{'s' * (workers > 1)}"
    total = round(sum(e.passes_after(checkpoint.step(folder, e, device)) for e in missing))
    with tqdm(total=total, desc=label, unit="img", unit_scale=True, mininterval=0.5) as bar:
        if workers == 1:
            outcomes = [attempt(pack, folder, device, stop, refresh, n_maps, bar.update) for pack in packs]
        else:
            outcomes = share(packs, folder, device, workers, stop, refresh, n_maps, bar)
    # Another process may hold some of the runs: wait for those, and take them over should it have died.
    for pack, states in zip(packs, outcomes, strict=True):
        for experiment in (e for e, state in zip(pack, states, strict=True) if state == BUSY):
            patience = max(0.0, stop - time.time())
            attempt([experiment], folder, device, stop, False, n_maps, lambda passes: None, patience)


def packed(missing: list[Experiment], folder: Path, device: str) -> list[list[Experiment]]:
    """The runs in packs that are trained at once: alone on a CPU, on a GPU as many of a kind as it likes, evenly spread.

    Of a kind are runs that agree in `compute.pack_key` and have come equally far.
    """
    kinds: dict[tuple, list[Experiment]] = {}
    for experiment in missing:
        kind = compute.pack_key(experiment), checkpoint.step(folder, experiment, device)
        kinds.setdefault(kind, []).append(experiment)
    packs = []
    for kind in kinds.values():
        n = math.ceil(len(kind) / compute.pack_size(*compute.network(kind[0]), device))
        packs += [kind[i * len(kind) // n : (i + 1) * len(kind) // n] for i in range(n)]
    place = {e.key: i for i, e in enumerate(missing)}
    return sorted(packs, key=lambda pack: place[pack[0].key])


def share(packs, folder, device, workers, stop, refresh, n_maps, bar) -> list[list[str]]:
    """Spread packs over processes of one thread each, the long ones first so that all end together; the bar follows a counter in shared memory."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(counter,)) as pool:
        futures = {}
        for i in sorted(range(len(packs)), key=lambda i: -sum(e.passes for e in packs[i])):
            futures[i] = pool.submit(attempt, packs[i], folder, device, stop, refresh, n_maps)
        try:
            waiting = set(futures.values())
            while waiting:
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                bar.update(counter.value - bar.n)
        except BrokenProcessPool:
            raise UserError(
                "a worker process died (out of memory or killed); finished runs are kept, run again to go on"
            ) from None
        except BaseException:
            processes = list(pool._processes.values())  # which a pool that is shut down no longer tells
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            raise
        return [futures[i].result() for i in range(len(packs))]


_counter = None


def _start_worker(counter) -> None:
    """One thread per process: two OpenMP pools on the same cores slow each other down several times over."""
    global _counter
    _counter = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, so each ends itself; it would train on for minutes beside whatever is started next."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _count(passes: int) -> None:
    with _counter.get_lock():
        _counter.value += passes


def attempt(
    pack: list[Experiment],
    folder: Path,
    device: str,
    stop: float,
    refresh: bool,
    n_maps: int,
    progress: Callable[[int], None] | None = None,
    patience: float = 0.0,
) -> list[str]:
    """Compute the runs of a pack but those whose record is there, that another process holds (patience: seconds to wait), or that time is too short for."""
    states = dict.fromkeys((e.key for e in pack), BUSY)
    with ExitStack() as locks:
        free = []
        for e in pack:
            path = record.path_of(folder, e)
            lock = folder / ".locks" / e.table / f"{path.stem}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            try:
                locks.enter_context(FileLock(lock, timeout=-1 if patience == float("inf") else patience))
            except Timeout:
                continue
            if path.exists() and not refresh:
                states[e.key] = DONE
                checkpoint.delete(folder, e)
            else:
                free.append(e)
        chosen = free if stop == float("inf") else in_time(free, folder, device, stop - time.time())
        states |= dict.fromkeys((e.key for e in free), DEFERRED)
        for part, kept in equally_far([(e, checkpoint.load(folder, e, device)) for e in chosen]):
            keep = partial(checkpoint.save, folder, device, part)
            how = {"device": device, "n_maps": n_maps, "progress": progress or _count}
            for made in compute.run(part, states=kept, keep=keep, **how):
                record.save(made, folder)
                checkpoint.delete(folder, made.experiment)
                states[made.key] = DONE
    return [states[e.key] for e in pack]


def equally_far(pack: list[tuple[Experiment, dict]]) -> list[tuple[list[Experiment], list[dict]]]:
    """The runs and their states, together where they have done as many steps: another process may have taken one further, or a state be damaged."""
    parts: dict[int, tuple[list[Experiment], list[dict]]] = {}
    for experiment, state in pack:
        runs, states = parts.setdefault(state.get("step", 0), ([], []))
        runs.append(experiment)
        states.append(state)
    return list(parts.values())


def in_time(pack: list[Experiment], folder: Path, device: str, seconds: float) -> list[Experiment]:
    """The first runs of the pack that would end within so many seconds."""
    needed = itertools.accumulate(SAFETY * estimate_seconds(e, folder, device) for e in pack)
    return [e for e, total in zip(pack, needed, strict=True) if total <= seconds]


def estimate_seconds(experiment: Experiment, folder: Path, device: str) -> float:
    """Seconds that a run still takes here, its share of its pack: training passes, evaluations, test, at the measured rate of its network."""
    network = compute.network(experiment)
    _, rate = compute.measured_form(*network, device, compute.pack_size(*network, device))
    n_test = experiment.test_images or datasets.get(experiment.dataset).counts["test"]
    done = checkpoint.step(folder, experiment, device)
    each = experiment.evaluation_images or datasets.get(experiment.dataset).counts["val"]
    evaluated = (1 - done / experiment.steps) * experiment.n_evaluations * each
    return (experiment.passes_after(done) + (evaluated + 2 * n_test) / 3) / rate


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
