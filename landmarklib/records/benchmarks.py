"""Benchmarks: times side by side in one run, kept as JSON beside the records. No torch.

A script under benchmarks/ lets contenders take turns, round by round, so that a disturbance of the machine hits all of
them; the speed-up is taken within each round. Its file holds what was timed on which machine with which code; the page
"How fast" of the book shows every file (`pages/speed_page.py`).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from landmarklib.core import files, progress
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED
from landmarklib.core.mistakes import checked
from landmarklib.records.schema import MOST, Name, Plain, Provenance, Three, Words, parsed

SCHEMA = 1
FOLDER = "benchmarks"  # in the results folder
QUANTILES = (0.1, 0.5, 0.9)
LEAST = 0.02  # seconds that a time is taken over at least: a short action is repeated
LONG = 20.0  # seconds beyond which an action is not short, even if its first turn had to compile something


@dataclass(frozen=True)
class Timing:
    """One contender of a group; ours comes first. Both are 10%, 50% and 90% quantiles over rounds.

    rate: in the benchmark's unit.
    ours: the speed-up of ours over this contender.
    """

    __pydantic_config__ = CHECKED

    group: Name
    contender: Name
    rate: Three
    ours: Three = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Benchmark:
    """One run of one benchmark on one device.

    unit: of the rates.
    device: cpu or cuda.
    facts: other numbers that it found, in words and with their unit.
    """

    __pydantic_config__ = CHECKED

    name: Annotated[Name, Field(pattern=r"^[\w-]+$")]  # of a file and of a picture, too
    title: Name
    text: Words
    unit: Name
    device: Annotated[Name, Field(pattern=r"^(cpu|cuda)(:\d+)?$")]
    timings: Annotated[tuple[Timing, ...], Field(min_length=1, max_length=MOST)]
    facts: Annotated[dict[Words, Words], Field(max_length=MOST)] = field(default_factory=dict)
    settings: Annotated[dict[Name, Plain], Field(max_length=MOST)] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=dict)
    schema: int = SCHEMA


def seconds(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    synchronize: Callable[[], object] = lambda: None,
    wait: Callable[[], object] | None = None,
    longest: float = LONG,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each contender in each round, after turns to warm up. A short action is repeated, and its mean counts.

    synchronize: waits for the device.
    wait: a barrier with other processes that time the same; then no action is repeated, so that all of them overlap.
    longest: seconds of a first turn from which on an action is not tried for repeating.
    """

    def once(action: Callable[[], object], repeats: int = 1) -> float:
        start = clock()
        for _ in range(repeats):
            action()
        synchronize()
        return (clock() - start) / repeats

    repeats = dict.fromkeys(contenders, 1)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    turns = len(contenders) * (1 + rounds)
    # of many processes that wait for one another, none shows a bar
    with progress.bar(desc="timing", total=turns, unit="turn", leave=False, disable=wait is not None) as bar:
        for name, action in contenders.items():
            if wait:
                wait()
            first = once(action)  # may compile, or choose algorithms
            if not wait and first < longest:
                repeats[name] = max(1, math.ceil(LEAST / min(once(action) for _ in range(3))))
            bar.update()
        for _ in range(rounds):
            for name in order:
                if wait:
                    wait()
                taken[name].append(once(contenders[name], repeats[name]))
                bar.update()
            order = [*order[1:], order[0]]  # no contender always follows the same one
    return taken


def timings(group: str, rates: Mapping[str, Sequence[float]]) -> Iterator[Timing]:
    """Timings from each contender's rates, round by round; the first contender is ours."""
    ours = np.asarray(next(iter(rates.values())))
    for name, rate in rates.items():
        yield Timing(
            group,
            name,
            *(tuple(np.quantile(v, QUANTILES).tolist()) for v in (np.asarray(rate), ours / np.asarray(rate))),
        )


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """What every benchmark's command line has."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--results", type=Path, help="keep what was measured in this folder; without it, it is printed only"
    )
    return parser


def finish(benchmark: Benchmark, results: Path | None) -> None:
    """Print a benchmark, and keep it if a folder is given."""
    print(show(benchmark))
    if results:
        print(save(benchmark, results))


def save(benchmark: Benchmark, folder: Path) -> Path:
    """Write its file into the folder, in one step."""
    path = folder / f"{benchmark.name}-{benchmark.device}.json"
    text = json.dumps(asdict(benchmark), indent=1)
    files.write_in_one_step(path, lambda file: file.write(f"{files.compact(text)}\n".encode()))
    return path


def load(path: Path) -> Benchmark:
    """Read one file. Raises UserError that names the file, the field, what is wrong with it and what is valid."""
    benchmark = checked(Benchmark, parsed(path, "benchmark", SCHEMA), f"{path}: benchmark")
    if path.stem != f"{benchmark.name}-{benchmark.device}":
        raise UserError(f"{path}: is the benchmark {benchmark.name} on {benchmark.device}, and not named so")
    return benchmark


def load_all(folder: Path) -> list[Benchmark]:
    """All benchmarks beside the records of that results folder."""
    return [load(path) for path in sorted((folder / FOLDER).glob("*.json"))]


def show(benchmark: Benchmark) -> str:
    """The benchmark as plain text, for whoever has just run it."""
    lines = [f"{benchmark.title} on {benchmark.provenance.get('device', benchmark.device)}"]
    lines += [f"  {name}: {value}" for name, value in benchmark.facts.items()]
    for group in dict.fromkeys(t.group for t in benchmark.timings):
        lines.append(group)
        for t in (t for t in benchmark.timings if t.group == group):
            low, middle, high = t.ours
            faster = f"ours is {middle:5.2f}x as fast ({low:.2f} to {high:.2f})"
            lines.append(f"  {t.contender:<36} {t.rate[1]:10,.0f} {benchmark.unit}   {faster}")
    return "\n".join(lines)
