"""Filling a table: images processed a second over whole runs of every row of Blocks, with evaluations, as `landmarklib
run` makes them and otherwise.

On a CPU: one process a core with one thread each, against one core, and against plain PyTorch: the same trainer with
    the printed network in torch's own layers. On a GPU: packs against the same runs one after the other. Runs are
    shortened, with their validation and test images in proportion. On an idle machine:

    python benchmarks/table.py [--device cpu] [--processes 2] [--images 800] [--seeds 1] [--rows ROW ...] [--rounds 2]
    [--results FOLDER]
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from contenders import printed_layers

from landmarklib import loading, methods, tables
from landmarklib.core.experiment import Experiment
from landmarklib.engine import packing
from landmarklib.nets import forms
from landmarklib.records import benchmarks, environment
from landmarklib.training import autotune, compute

LEAST = 8  # images, however short a run
TEXT = (
    "Runs of Blocks at 20% labelled from data to record, the images that they see, validate and test all shortened "
    "alike: images that go forward and backward a second. Plain PyTorch is the same trainer with the printed "
    "network in "
    "torch's own layers; ours computes the large convolutions in the form that is listed as fastest. Both in float32."
)


def runs(images: int, seeds: int, rows: list[str] | None) -> list[Experiment]:
    """Rows of Blocks at 20% labelled, the long ones first, as processes take them.

    All that is counted in images is shortened by the same factor.
    """
    found = []
    for e in tables.get("blocks").experiments([0.2], list(range(seeds)), rows, "cpu"):
        (stage,), judged = e.stages, e.evaluation
        share, n_test = images / stage.images, loading.get(e.dataset).counts["test"]
        warmup, n_val, n_test = (max(LEAST, round(share * n)) for n in (stage.schedule.warmup, judged.images, n_test))
        short = replace(stage, images=images, schedule=replace(stage.schedule, warmup=warmup))
        found.append(replace(e, stages=(short,), evaluation=replace(judged, images=n_val, test_images=n_test)))
    return sorted(found, key=lambda e: -methods.images_processed(e))


def ours(pack: list[Experiment], device: str) -> None:
    """Train a pack as a table does."""
    compute.run(pack, device=device)


def as_printed(pack: list[Experiment], device: str, threads: int) -> None:
    """Train a pack with the printed network in plain layers."""
    with printed_layers():
        compute.run(pack, device=device, form=forms.LITERAL, threads=threads)


def fill(pool, train: Callable, packs: list[list[Experiment]]) -> None:
    """Every pack, by whichever process is free; without a pool, one after the other."""
    if pool is None:
        for pack in packs:
            train(pack)
    else:
        pool.map(train, packs, chunksize=1)


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--images", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", nargs="+", help="rows of Blocks; all without it")
    arguments = parser.parse_args()
    device, experiments = arguments.device, runs(arguments.images, arguments.seeds, arguments.rows)
    single = [[e] for e in experiments]
    images = sum(map(methods.images_processed, experiments))
    context, n = multiprocessing.get_context("spawn"), arguments.processes
    choices = [autotune.choose(e, device) for e in experiments]  # measured now, if at all, in nobody's turn
    pools, train = {}, partial(ours, device=device)
    try:
        if device == "cpu":
            sizes = [(n, 1), (1, 1), (1, n)]  # processes, threads of each; with n = 1 all are one pool
            pools = {(p, t): context.Pool(p, torch.set_num_threads, (t,)) for p, t in sorted(set(sizes))}
            many, one, threaded = (pools[size] for size in sizes)
            contenders = {
                f"{n} processes of one thread": partial(fill, many, train, single),
                "one process of one thread": partial(fill, one, train, single),
                f"plain PyTorch, {n} threads": partial(
                    fill, threaded, partial(as_printed, device=device, threads=n), single
                ),
            }
        else:
            packs = packing.packed(experiments, lambda e: 0, device)
            contenders = {"packs": partial(fill, None, train, packs), "one by one": partial(fill, None, train, single)}
        taken = benchmarks.seconds(contenders, arguments.rounds, longest=0)
    finally:
        for pool in pools.values():
            pool.terminate()
    rates = {name: [images / s for s in values] for name, values in taken.items()}
    settings = {name: getattr(arguments, name) for name in ("processes", "images", "seeds", "rounds")}
    benchmark = benchmarks.Benchmark(
        name="table",
        title="A whole table",
        text=TEXT,
        unit="images/s",
        device=torch.device(device).type,
        timings=tuple(benchmarks.timings("Blocks", rates)),
        facts={
            name: ", ".join(sorted({choice[i] for choice in choices}))
            for i, name in enumerate(("forms of the convolutions", "forms for test images"))
        },
        settings={"runs": len(experiments), **settings},
        provenance=environment.describe(environment.device_name(torch.device(device)).split(",")[0]),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
