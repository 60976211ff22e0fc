"""Packs of runs spread over processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from landmarklib import methods
from landmarklib.core import spawning
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.progress import Bar
from landmarklib.engine import attempt
from landmarklib.engine.attempt import How


def run_in_processes(packs: list[list[Experiment]], how: How, workers: int, bar: Bar) -> list[list[str]]:
    """Spread packs over processes of one thread each, the long ones first so that all end together.

    The bar follows a counter in shared memory. Gives what became of each run.
    """
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    begin = attempt.start_worker
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin, initargs=(counter,)) as pool:
        longest_first = sorted(range(len(packs)), key=lambda i: -sum(map(methods.images_processed, packs[i])))
        with spawning.without_main():
            futures = {i: pool.submit(attempt.attempt, packs[i], how) for i in longest_first}
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


def may_start() -> bool:
    """Whether this process may start others: one of a `multiprocessing.Pool` may not."""
    return not multiprocessing.current_process().daemon


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
