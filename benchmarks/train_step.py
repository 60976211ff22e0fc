"""What one training step costs, side by side in one run: our form against what a user would write, and against the
machine's peak.

Seq-MT's localiser on Blocks (60 x 60, batch 64 by default): forward, soft-argmax, landmark loss, backward, Adam. Useful
FLOP count the literal network's multiplications and additions, whatever form computes them. With --processes 2
--threads 1 the cores are used as a table uses them, one process each: all processes do the same step at the same time,
and their rates add up. Run on an idle machine:

    python benchmarks/train_step.py [--threads 2] [--processes 1] [--batch 64] [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable

import numpy as np
import torch
from contenders import has_bfloat16
from torch import nn
from torch.profiler import ProfilerActivity, profile

from landmarklib import loading, methods
from landmarklib.core import heatmaps
from landmarklib.losses import supervised
from landmarklib.nets import forms
from landmarklib.records import benchmarks, environment
from landmarklib.records.environment import device_name

SIZE = 60
KINDS = {  # of an operation, by what its name contains; the first that fits counts
    "convolutions and matrix products": ("convolution", "conv2d", "mm", "gemm", "matmul", "dot"),
    "softmax": ("softmax",),
    "Adam": ("adam",),
    "copies, conversions and layouts": (
        "copy",
        "clone",
        "cat",
        "contiguous",
        "to_",
        "reorder",
        "transpose",
        "permute",
        "fill",
        "zero",
    ),
}
REST = "everything else"


def flops_per_image(kernel: int = 9, depth: int = 6, width: int = 8, n_maps: int = 5, size: int = SIZE) -> float:
    """Useful FLOP of one image, forward and backward; the first layer needs no gradient of its input."""
    layers = [(1, width, kernel)] + [(width, width, kernel)] * (depth - 1) + [(width, width, 1), (width, n_maps, 1)]
    forward = [2 * a * b * k * k * size * size for a, b, k in layers]
    return 3 * sum(forward) - forward[0]


def literal() -> nn.Sequential:
    """The network as printed, as a user of PyTorch would write it: six 9 x 9 convolutions, a 1 x 1, a 1 x 1 to the
    maps.
    """
    layers: list[nn.Module] = []
    for inputs, kernel in [(1, 9), (8, 9), (8, 9), (8, 9), (8, 9), (8, 9), (8, 1)]:
        layers += [nn.Conv2d(inputs, 8, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(8, 5, 1))


def step(
    form: forms.Form | None,
    layout: torch.memory_format,
    autocast: bool,
    compiled: bool,
    batch: int,
    device: torch.device,
) -> Callable[[], None]:
    """A closure that makes one training step. form None: the literal network, under autocast, compiled."""
    method, dataset = methods.get("seq_mt"), loading.get("blocks")
    options = method.options
    generator = torch.Generator().manual_seed(0)
    if form:
        module = method.build(dataset, SIZE, options, generator).localizer.to(device)
        forms.set_form(module, form)
    else:
        module = literal().to(device, memory_format=layout)
    images = torch.rand(batch, 1, SIZE, SIZE, generator=generator).to(device, memory_format=layout)
    target = (2 * torch.rand(batch, 5, 2, generator=generator) - 1).to(device)
    visible = torch.ones(batch, 5, dtype=torch.bool, device=device)
    network = torch.compile(module) if compiled else module
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            maps = network(images)
        points = heatmaps.soft_argmax(maps.float(), options["beta"])
        supervised.landmark_distance(points, target, visible).mean().backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def matmul_peak(dtype: torch.dtype, device: torch.device, seconds: float) -> float:
    """Best FLOP/s of square matrix products over a few sizes.

    Sizes whose product would take longer than `seconds` are left out: a processor that lacks bfloat16 takes minutes.
    """
    best = 0.0
    for n in (256, 1024, 2048, 4096) if device.type == "cpu" else (4096, 8192):
        if best and 2 * n**3 / best > seconds:
            break
        a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            a @ b
            if device.type == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


def bytes_per_image(itemsize: int, kernel: int = 9, depth: int = 6, width: int = 8, size: int = SIZE) -> float:
    """Least traffic of one image through the large convolutions: forward each map in and out; backward its gradient in,
    its input in, and the
    input's gradient out, which the first layer does not need.
    """
    layers = [(1, width)] + [(width, width)] * (depth - 1)
    maps = sum(2 * a + 2 * b + a * (i > 0) for i, (a, b) in enumerate(layers))
    return maps * size * size * itemsize


def bandwidth(device: torch.device, seconds: float) -> float:
    """Best bytes a second, read and written, of copying 256 MiB."""
    source = torch.empty(2**26, device=device)
    target, best = torch.empty_like(source), 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * source.nbytes / (time.perf_counter() - start))
    return best


def shares(run: Callable[[], None], device: torch.device, steps: int = 5) -> dict[str, float]:
    """Where a step's time goes: share of each kind of operation in the time that all of them take on the device."""
    activity = ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        for _ in range(steps):
            run()
    spent: dict[str, float] = {}
    for event in found.key_averages():
        took = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        fits = (kind for kind, words in KINDS.items() if any(word in event.key.lower() for word in words))
        kind = next(fits, REST)
        spent[kind] = spent.get(kind, 0.0) + took
    total = sum(spent.values()) or 1.0
    return {kind: took / total for kind, took in sorted(spent.items(), key=lambda item: -item[1])}


def share_barrier(shared) -> None:
    """Keep what the processes wait for each other at: it reaches them only as they start."""
    global barrier
    barrier = shared


def measure(arguments: argparse.Namespace) -> dict:
    """Seconds of every contender's steps, round by round, and this process's ceilings: matrix products, memory."""
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    method = methods.get("seq_mt")
    probe = method.build(loading.get("blocks"), SIZE, method.options, torch.Generator().manual_seed(0))
    form, _ = forms.fastest_form(probe.localizer.to(device), torch.rand(16, 1, SIZE, SIZE, device=device))
    contenders = {
        "ours": (form, torch.contiguous_format, False, False),
        "plain fp32": (None, torch.contiguous_format, False, False),
        "channels_last fp32": (None, torch.channels_last, False, False),
        "autocast bf16": (None, torch.contiguous_format, True, False),
        "autocast bf16 channels_last": (None, torch.channels_last, True, False),
    }
    if arguments.compile:
        contenders["torch.compile fp32"] = (None, torch.contiguous_format, False, True)
        contenders["torch.compile bf16 channels_last"] = (None, torch.channels_last, True, True)
    possible = {name: spec for name, spec in contenders.items() if "bf16" not in name or has_bfloat16(device)}
    steps = {name: step(*spec, arguments.batch, device) for name, spec in possible.items()}
    try:
        taken = benchmarks.seconds(steps, arguments.rounds, wait=barrier.wait if arguments.processes > 1 else None)
        barrier.wait()
    except BaseException:
        barrier.abort()  # else the other processes wait for this one
        raise
    peak = {
        str(t).removeprefix("torch."): matmul_peak(t, device, arguments.peak) for t in (torch.float32, torch.bfloat16)
    }
    ceilings = {"peak": peak, "bandwidth": bandwidth(device, arguments.peak), "shares": shares(steps["ours"], device)}
    return {
        "device": device_name(device),
        "form": str(form),
        "itemsize": form.dtype.itemsize,
        "seconds": taken,
        **ceilings,
    }


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--peak", type=float, default=1.0, help="seconds that a ceiling is looked for")
    parser.add_argument(
        "--no-compile", dest="compile", action="store_false", help="leave torch.compile out (it needs a C++ compiler)"
    )
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    shared = context.Barrier(arguments.processes)
    with context.Pool(arguments.processes, share_barrier, (shared,)) as pool:
        parts = pool.map(measure, [arguments] * arguments.processes, chunksize=1)
        pool.close()
        pool.join()
    benchmark = summary(parts, arguments)
    benchmarks.finish(benchmark, arguments.results)


def summary(parts: list[dict], arguments: argparse.Namespace) -> benchmarks.Benchmark:
    """Rates of all processes together, and what share of the machine's ceilings ours reaches."""
    rates = {name: sum(arguments.batch / np.array(p["seconds"][name]) for p in parts) for name in parts[0]["seconds"]}
    peak = {name: sum(p["peak"][name] for p in parts) for name in parts[0]["peak"]}
    memory = sum(p["bandwidth"] for p in parts)
    rate, number = float(np.median(rates["ours"])), "bfloat16" if parts[0]["itemsize"] == 2 else "float32"
    useful, moved = flops_per_image() * rate, bytes_per_image(parts[0]["itemsize"]) * rate
    facts = {
        "matrix products, measured peak": ", ".join(f"{name} {v / 1e9:,.0f} GFLOP/s" for name, v in peak.items()),
        "ours": f"{useful / 1e9:,.0f} useful GFLOP/s, {useful / peak[number]:.0%} of the {number} peak",
        "memory": f"at least {moved / 1e9:,.1f} GB/s of the {memory / 1e9:,.0f} GB/s that a copy moves",
        "form of the convolutions": ", ".join(sorted({p["form"] for p in parts})),
        "where a step of ours spends its time": ", ".join(
            f"{kind} {share:.0%}" for kind, share in parts[0]["shares"].items()
        ),
    }
    together = arguments.processes > 1
    return benchmarks.Benchmark(
        name="train_step_processes" if together else "train_step",
        title="Training step" + f", {arguments.processes} processes" * together,
        text="Seq-MT's localiser on Blocks, 60 x 60: forward, soft-argmax, landmark loss, backward, Adam. "
        "The contenders are the printed network in plain layers"
        + (", in as many processes at the same time." if together else "."),
        unit="images/s",
        device=torch.device(arguments.device).type,
        timings=tuple(benchmarks.timings("Seq-MT", rates)),
        facts=facts,
        settings={n: getattr(arguments, n) for n in ("processes", "threads", "batch", "rounds")},
        provenance=environment.describe(parts[0]["device"]),
    )


if __name__ == "__main__":
    main()
