"""One pack of runs under locks: what is free is computed, as far as time allows, record by record."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landmarklib import loading, methods
from landmarklib.core import files, progress
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.engine import packing
from landmarklib.records import checkpoint, record
from landmarklib.training import autotune, compute

SAFETY = 1.3  # a run is started only if the deadline leaves this much more than its estimated time
DEFERRED, BUSY, DONE = "deferred", "busy", "done"
_counter = None


@dataclass(frozen=True)
class How:
    """How runs are computed, whichever they are.

    folder: of the results.
    device: cpu, cuda, cuda:1 and so on.
    stop: when no run may be under way any more, in seconds of the monotonic clock, which all processes share.
    refresh: whether runs are computed whose record is there.
    n_maps: test images whose probability maps go into a record.
    form: of the convolutions, by hand; "" takes what is listed (`autotune.choose`).
    """

    folder: Path
    device: str = "cpu"
    stop: float = float("inf")
    refresh: bool = False
    n_maps: int = 0
    form: str = ""

    def device_of(self, experiment: Experiment) -> checkpoint.Device:
        """What a run is computed on, as its kept state has it."""
        return checkpoint.Device(self.device, autotune.choose(experiment, self.device, self.form).form)

    def step(self, experiment: Experiment) -> int:
        """Steps of a run that are done already."""
        kept = checkpoint.path_of(self.folder, experiment).exists()
        return checkpoint.step(self.folder, experiment, self.device_of(experiment)) if kept else 0


def start_worker(counter) -> None:
    """One thread per process: two OpenMP pools on the same cores slow each other down several times over."""
    global _counter
    _counter = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """End this worker when its parent ends.

    A killed parent cannot end its workers; one would train on for minutes beside whatever is started next.
    """
    multiprocessing.parent_process().join()
    os._exit(1)


def _count(images: int) -> None:
    with _counter.get_lock():
        _counter.value += images


def attempt(
    pack: list[Experiment], how: How, progress: Callable[[int], None] | None = None, patience: float = 0.0
) -> list[str]:
    """Compute the runs of a pack that are free and fit into the time; give what became of each run.

    A run is free if its record is missing, or to be refreshed, and no other process holds it.

    progress: called with the number of images after each step; by default the worker's counter takes it.
    patience: seconds to wait for another process.
    Raises UserError where a run cannot be locked or its record cannot be written; a state that cannot be is left out.
    """
    folder = how.folder
    states = dict.fromkeys((e.key for e in pack), BUSY)
    with ExitStack() as locks:
        free = []
        for e in pack:
            path = record.path_of(folder, e)
            lock = folder / ".locks" / e.table / f"{path.stem}.lock"
            try:
                locks.enter_context(files.lock(lock, files.RESULTS, patience))
            except TimeoutError:
                continue
            if path.exists() and not how.refresh:
                states[e.key] = DONE
                _forget(folder, e)
            else:
                free.append(e)
        chosen = free if how.stop == float("inf") else in_time(free, how)
        states |= dict.fromkeys((e.key for e in free), DEFERRED)
        for part, kept in packing.group_by_step([(e, checkpoint.load(folder, e, how.device_of(e))) for e in chosen]):
            more = {"device": how.device, "form": _form(how), "n_maps": how.n_maps, "progress": progress or _count}
            for made in compute.run(part, states=kept, keep=_keeper(part, how), **more):
                record.save(made, folder)
                _forget(folder, made.experiment)
                states[made.key] = DONE
    return [states[e.key] for e in pack]


def _form(how: How) -> Any:
    """The form that was given by hand, else None."""
    from landmarklib.nets.forms import Form

    return Form.from_text(how.form) if how.form else None


def _keeper(pack: list[Experiment], how: How) -> Callable[[list[dict[str, Any]]], None]:
    """What keeps the states of a pack. Without room for them the runs go on, and that is said once."""
    told = False

    def keep(states: list[dict[str, Any]]) -> None:
        nonlocal told
        try:
            checkpoint.save(how.folder, how.device_of(pack[0]), pack, states)
        except UserError as error:
            if not told:
                progress.say(f"landmarklib: {error}; runs go on, and their states are not kept")
            told = True

    return keep


def _forget(folder: Path, experiment: Experiment) -> None:
    """Remove the state of a run whose record is there. One that may not be removed is in nobody's way."""
    with suppress(UserError):
        checkpoint.delete(folder, experiment)


def in_time(pack: list[Experiment], how: How) -> list[Experiment]:
    """The first runs of the pack that would end before it is time to stop."""
    needed = itertools.accumulate(SAFETY * estimate_seconds(e, how) for e in pack)
    return [e for e, total in zip(pack, needed, strict=True) if total <= how.stop - time.monotonic()]


def estimate_seconds(experiment: Experiment, how: How) -> float:
    """Seconds that a run still takes here, as its share of its pack, at the measured rate of its network.

    Training, evaluations and test count.
    """
    e, network = experiment, autotune.network(experiment)
    choice = autotune.choose(e, how.device, how.form)
    rate = autotune.rate(network, how.device, choice.form, choice.runs)
    counts, done = loading.get(e.dataset).counts, how.step(e)
    n_evaluations = sum(stage.n_evaluations for stage in e.stages)
    each = e.evaluation.images or counts["val"]
    if e.evaluation.readout == "regressed":  # is fitted each time, on the labelled images
        n = e.train_images or counts["train"]
        each += e.share(n) * n
    evaluated = (1 - done / e.steps) * n_evaluations * each
    n_test = e.evaluation.test_images or counts["test"]
    return (methods.images_processed(e, done) + (evaluated + 2 * n_test) / 3) / rate
