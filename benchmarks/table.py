"""Filling a table: image passes a second over whole runs of every row of Blocks, with evaluations, one after the other and as `landmarklib run` shares them.

On a CPU: one process a core with one thread each, against one core, one process with all threads, and plain PyTorch (the printed network in float32). On a GPU: packs against
the same runs one after the other. Runs are shortened, which counts against ours: what a run costs once is spread over fewer images. Run on an idle machine:

    python benchmarks/table.py [--device cpu] [--processes 2] [--images 400] [--seeds 1] [--rounds 3] [--results FOLDER]
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F

from landmarklib import compute, record, run, speed, tables
from landmarklib.experiment import Experiment
from landmarklib.nets import honari, plain


def runs(images: int, seeds: int, methods: list[str] | None) -> list[Experiment]:
    """Rows of Blocks at 20% labelled, shortened, the long ones first so that processes end together."""
    found = tables.get("blocks").experiments([0.2], list(range(seeds)), methods, "cpu")
    short = {"images": images, "warmup": images // 80, "n_evaluations": 1, "evaluation_images": 64, "test_images": 128}
    return sorted((replace(e, **short) for e in found), key=lambda e: -e.passes)


def ours(pack: list[Experiment], device: str) -> None:
    """Train a pack as a table does."""
    compute.run(pack, device=device)


def as_printed(pack: list[Experiment], device: str) -> None:
    """Train a pack with the printed network in plain layers."""
    with mock.patch.object(honari, "pointwise", F.conv2d):
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
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--methods", nargs="+", help="rows of Blocks; all without it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=record.results_folder() / speed.FOLDER)
    arguments = parser.parse_args()
    device, experiments = arguments.device, runs(arguments.images, arguments.seeds, arguments.methods)
    single = [[e] for e in experiments]
    passes = sum(e.passes for e in experiments)
    context, n = multiprocessing.get_context("spawn"), arguments.processes
    pools = []
    try:
        if device == "cpu":
            for processes, threads in ((n, 1), (1, 1), (1, n)):
                pools.append(context.Pool(processes, torch.set_num_threads, (threads,)))
            many, one, threaded = pools
            contenders = {
                f"{n} processes of one thread": partial(fill, many, ours, single, device),
                "one process of one thread": partial(fill, one, ours, single, device),
                f"one process of {n} threads": partial(fill, threaded, ours, single, device),
                f"plain PyTorch, {n} processes": partial(fill, many, as_printed, single, device),
                f"plain PyTorch, one process of {n} threads": partial(fill, threaded, as_printed, single, device),
            }
        else:
            folder = Path("no state of a run is kept here")
            contenders = {
                "packs": partial(fill, None, ours, run.packed(experiments, folder, device), device),
                "one run after the other": partial(fill, None, ours, single, device),
            }
        taken = speed.seconds(contenders, arguments.rounds)
    finally:
        for pool in pools:
            pool.terminate()
    rates = {name: [passes / s for s in values] for name, values in taken.items()}
    benchmark = speed.Benchmark(
        name="table",
        title="A whole table",
        text="Runs of every row of Blocks at 20% labelled, shortened, from data to record: forward and backward passes of an image a second.",
        unit="passes/s",
        device=torch.device(device).type,
        timings=tuple(speed.timings("Blocks", rates)),
        settings={"runs": len(experiments), "images a run": arguments.images, "rounds": arguments.rounds},
        provenance=record.circumstances(
            [Path(__file__), *Path(compute.__file__).parent.rglob("*.py")], compute.device_name(torch.device(device))
        ),
    )
    print(speed.show(benchmark))
    print(speed.save(benchmark, arguments.results))


if __name__ == "__main__":
    main()
