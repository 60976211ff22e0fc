"""Filling a table: image passes a second over whole runs of every row of Blocks, with evaluations, as `landmarklib run` makes them and otherwise.

On a CPU: one process a core with one thread each, against one core, one process with all threads, and plain PyTorch: the same trainer with the printed network in torch's own
layers. On a GPU: packs against the same runs one after the other. Runs are shortened, so what a run costs once weighs more than in a table. On an idle machine:

    python benchmarks/table.py [--device cpu] [--processes 2] [--images 400] [--seeds 1] [--methods ROW ...] [--rounds 3] [--results FOLDER]
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from contenders import printed_layers

from landmarklib import compute, run, speed, tables
from landmarklib.experiment import Experiment
from landmarklib.nets import plain

TEXT = (
    "Runs of Blocks at 20% labelled, shortened, from data to record: forward and backward passes of an image a second. Plain PyTorch is the same trainer with the printed network in "
    "torch's own layers and float32; ours computes the large convolutions in the form that is fastest, in bfloat16 where that is faster."
)


def runs(images: int, seeds: int, methods: list[str] | None) -> list[Experiment]:
    """Rows of Blocks at 20% labelled, shortened, in the table's order."""
    found = tables.get("blocks").experiments([0.2], list(range(seeds)), methods, "cpu")
    short = {"images": images, "warmup": images // 80, "n_evaluations": 1, "evaluation_images": 64, "test_images": 128}
    return [replace(e, **short) for e in found]


def start(threads: int, experiments: list[Experiment], device: str) -> None:
    """Prepare a process: its threads, and the forms, so that no timed run has to measure them."""
    torch.set_num_threads(threads)
    for network in {compute.network(e) for e in experiments}:
        compute.measured_form(*network, device)


def ours(pack: list[Experiment], device: str) -> None:
    """Train a pack as a table does."""
    compute.run(pack, device=device)


def as_printed(pack: list[Experiment], device: str) -> None:
    """Train a pack with the printed network in plain layers."""
    with printed_layers():
        compute.run(pack, device=device, form=plain.LITERAL)


def fill(pool, train: Callable, packs: list[list[Experiment]], device: str) -> None:
    """Every pack, by whichever process is free; without a pool, one after the other."""
    work = partial(train, device=device)
    if pool is None:
        for pack in packs:
            work(pack)
    else:
        pool.map(work, packs, chunksize=1)


def main() -> None:
    parser = speed.parser(__doc__, rounds=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--methods", nargs="+", help="rows of Blocks; all without it")
    arguments = parser.parse_args()
    device, experiments = arguments.device, runs(arguments.images, arguments.seeds, arguments.methods)
    single = [[e] for e in experiments]
    passes = sum(e.passes for e in experiments)
    context, n = multiprocessing.get_context("spawn"), arguments.processes
    pools = []
    try:
        if device == "cpu":
            for processes, threads in ((n, 1), (1, 1), (1, n)):
                pools.append(context.Pool(processes, start, (threads, experiments, device)))
            many, one, threaded = pools
            contenders = {
                f"{n} processes of one thread": partial(fill, many, ours, single, device),
                "one process of one thread": partial(fill, one, ours, single, device),
                f"one process of {n} threads": partial(fill, threaded, ours, single, device),
                f"plain PyTorch, {n} processes": partial(fill, many, as_printed, single, device),
                f"plain PyTorch, one process of {n} threads": partial(fill, threaded, as_printed, single, device),
            }
        else:
            contenders = {
                "packs": partial(fill, None, ours, run.packed(experiments, Path("/nonexistent"), device), device),
                "one run after the other": partial(fill, None, ours, single, device),
            }
        taken = speed.seconds(contenders, arguments.rounds)
    finally:
        for pool in pools:
            pool.terminate()
    rates = {name: [passes / s for s in values] for name, values in taken.items()}
    settings = {name: getattr(arguments, name) for name in ("processes", "images", "seeds", "rounds")}
    benchmark = speed.Benchmark(
        name="table",
        title="A whole table",
        text=TEXT,
        unit="passes/s",
        device=torch.device(device).type,
        timings=tuple(speed.timings("Blocks", rates)),
        settings={"runs": len(experiments), **settings},
        provenance=speed.origin(__file__, compute.device_name(torch.device(device)).split(",")[0]),
    )
    speed.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
