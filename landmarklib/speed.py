"""Speed, side by side in one run: taking the times, keeping them as JSON beside the records, showing them. No torch.

A benchmark under benchmarks/ lets contenders take turns, round by round, so that a disturbance of the machine hits all of them, and a ratio is taken
within each round. Its file holds what was timed on which machine with which code; the book's page "How fast" shows every file.
"""

from __future__ import annotations

import html
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landmarklib import record, report
from landmarklib.types import UserError

SCHEMA = 1
FOLDER = "benchmarks"  # in the results folder
QUANTILES = (0.1, 0.5, 0.9)
LEAST, LONG = (
    0.02,
    3.0,
)  # seconds that one time takes at least: a short action is repeated, how often is measured unless it is long


@dataclass(frozen=True)
class Timing:
    """How fast one contender of a group is, and how many times as fast ours is: 10%, 50% and 90% quantiles over rounds. Ours comes first."""

    group: str
    contender: str
    rate: tuple[float, float, float]
    ours: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Benchmark:
    """One run of one benchmark on one device. unit: of the rates; facts: other numbers that it found, in words and with their unit."""

    name: str
    title: str
    text: str
    unit: str
    device: str  # cpu or cuda
    timings: tuple[Timing, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


def seconds(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    synchronize: Callable[[], object] = lambda: None,
    wait: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of each contender in each round, after one turn to warm up. synchronize: waits for the device; wait: for other processes."""
    repeats = {}
    for name, action in contenders.items():
        long = _once(action, 1, synchronize) > LONG
        repeats[name] = 1 if long else max(1, math.ceil(LEAST / _once(action, 1, synchronize)))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, action in contenders.items():
            wait()
            taken[name].append(_once(action, repeats[name], synchronize))
    return taken


def _once(action: Callable[[], object], repeats: int, synchronize: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        action()
    synchronize()
    return (time.perf_counter() - start) / repeats


def timings(group: str, rates: Mapping[str, Sequence[float]]) -> Iterator[Timing]:
    """Timings from each contender's rates, round by round; the first contender is ours."""
    ours = np.asarray(next(iter(rates.values())))
    for name, rate in rates.items():
        yield Timing(
            group,
            name,
            *(tuple(np.quantile(v, QUANTILES).tolist()) for v in (np.asarray(rate), ours / np.asarray(rate))),
        )


def save(benchmark: Benchmark, folder: Path | None = None) -> Path:
    """Write its file, in one step, into the folder or into that of the benchmarks beside the records."""
    path = (folder or record.results_folder() / FOLDER) / f"{benchmark.name}-{benchmark.device}.json"
    text = json.dumps(asdict(benchmark), indent=1)
    record.write_in_one_step(path, lambda file: file.write(f"{record.compact(text)}\n".encode()))
    return path


def load(path: Path) -> Benchmark:
    """Read one file. Raises UserError that names the file and what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] > SCHEMA:
            raise UserError(f"{path}: schema {raw['schema']}; this library reads benchmarks up to schema {SCHEMA}")
        lines = [Timing(**{k: tuple(v) if isinstance(v, list) else v for k, v in t.items()}) for t in raw["timings"]]
        benchmark = Benchmark(**{**raw, "timings": tuple(lines)})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not a benchmark of schema {SCHEMA} ({error}); delete it or measure again") from None
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
            lines.append(
                f"  {t.contender:<36} {t.rate[1]:10,.0f} {benchmark.unit}   ours is {middle:5.2f}x as fast ({low:.2f} to {high:.2f})"
            )
    return "\n".join(lines)


def to_html(benchmark: Benchmark) -> report.Html:
    """The benchmark as a table, its facts, and where it comes from."""
    lines = []
    for t in benchmark.timings:
        low, middle, high = t.ours
        first = t == next(x for x in benchmark.timings if x.group == t.group)
        lines.append(
            {"": t.group, "contender": t.contender, benchmark.unit: f"{t.rate[1]:,.0f}"}
            | {"ours is so many times as fast": "ours" if first else f"{middle:.2f} ({low:.2f} to {high:.2f})"}
        )
    facts = "".join(f"<li>{html.escape(name)}: {html.escape(value)}</li>" for name, value in benchmark.facts.items())
    p = benchmark.provenance
    versions = ", ".join(f"{name} {version}" for name, version in p.get("versions", {}).items())
    settings = ", ".join(f"{name} {value}" for name, value in benchmark.settings.items())
    where = f"{p.get('device')}; {settings}; {versions}; commit {p.get('commit')}{' with changes' * bool(p.get('dirty'))}; {p.get('date')}"
    return report.Html(
        f"{report.to_html(pd.DataFrame(lines), sortable=False, kind='speed')}"
        f"{f'<ul>{facts}</ul>' if facts else ''}<p class='key'>{html.escape(where)}</p>"
    )


def page(benchmarks: Sequence[Benchmark]) -> str:
    """A section per benchmark: what was timed, a picture for each device, the table."""
    if not benchmarks:
        return "No benchmark is recorded yet.\n"
    parts = []
    for name in dict.fromkeys(b.name for b in benchmarks):
        same = [b for b in benchmarks if b.name == name]
        parts += [f"## {same[0].title}", "", same[0].text, ""]
        for b in same:
            parts += [f"```{{image}} _generated/{b.name}-{b.device}.png", f":alt: {alt(b)}", "```", ""]
            parts += [to_html(b), ""]
    return "\n".join(parts)


def alt(benchmark: Benchmark) -> str:
    """The picture in words."""
    return f"{benchmark.title} on {benchmark.device}: how many times as fast ours is as each contender, with its spread over rounds."
