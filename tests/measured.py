"""A benchmark by hand."""

from __future__ import annotations

from dataclasses import replace

from landmarklib.records import benchmarks


def made(**changes) -> benchmarks.Benchmark:
    """A benchmark of two contenders on the CPU, with these changes."""
    timings = tuple(benchmarks.timings("warp", {"ours": [10.0, 20.0, 30.0], "other": [5.0, 5.0, 5.0]}))
    benchmark = benchmarks.Benchmark(
        "thing", "A thing", "What was timed.", "images/s", "cpu", timings, {"peak <1>": "7 GFLOP/s"}
    )
    return replace(benchmark, **changes)
