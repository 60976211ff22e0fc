"""Speed, side by side in one run: taking the times, keeping them as JSON beside the records, showing them. No torch.

A benchmark under benchmarks/ lets contenders take turns, round by round, so that a disturbance of the machine hits all of them, and a ratio is taken
within each round. Its file holds what was timed on which machine with which code; the book's page "How fast" shows every file.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from landmarklib import record, report
from landmarklib.types import UserError

SCHEMA = 1
FOLDER = "benchmarks"  # in the results folder
INFERENCE = "evaluation"  # the benchmark that stands beside the paper's Table 4
CONDITIONS = {  # of that table, in words
    "selected_on": "hyperparameters chosen on",
    "all_training_images": "trained on all training images",
    "extra_data": "extra data",
    "augmented_by_hand": "images added by hand",
}
QUANTILES = (0.1, 0.5, 0.9)
LEAST = 0.02  # seconds that a time is taken over at least: a short action is repeated
LONG = 20.0  # seconds beyond which an action is not short, even if its first turn had to compile something


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
    wait: Callable[[], object] | None = None,
    longest: float = LONG,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each contender in each round, after turns to warm up. synchronize: waits for the device.

    wait: a barrier with other processes that do the same; each time is then of one action, so that all of them overlap. Else an action that is
    short is repeated; one whose first turn took `longest` seconds is not even looked at for that.
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
    with tqdm(desc="timing", total=turns, unit="turn", leave=False, disable=wait is not None) as bar:
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
    record.write_in_one_step(path, lambda file: file.write(f"{record.compact(text)}\n".encode()))
    return path


def load(path: Path) -> Benchmark:
    """Read one file. Raises UserError that names the file and what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] > SCHEMA:
            raise UserError(f"{path}: schema {raw['schema']}; this library reads benchmarks up to schema {SCHEMA}")
        lines = [Timing(**{**t, "rate": _quantiles(t["rate"]), "ours": _quantiles(t["ours"])}) for t in raw["timings"]]
        benchmark = Benchmark(**{**raw, "timings": tuple(lines)})
        to_html(benchmark)  # what every reader asks for
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a benchmark of schema {SCHEMA} ({error}); delete it or measure again") from None
    if path.stem != f"{benchmark.name}-{benchmark.device}":
        raise UserError(f"{path}: is the benchmark {benchmark.name} on {benchmark.device}, and not named so")
    return benchmark


def _quantiles(values: object) -> tuple[float, float, float]:
    low, middle, high = (float(v) for v in values)
    if not 0 < low <= middle <= high < math.inf:
        raise ValueError(f"{values} are not three quantiles")
    return low, middle, high


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
    commit = f"commit {p['commit']}{' with changes' * bool(p.get('dirty'))}" if p.get("commit") else ""
    where = "; ".join(part for part in (settings, versions, commit, p.get("date", "")) if part)
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
            parts += [f"**{b.provenance.get('device', b.device)}**", ""]
            parts += [f"```{{image}} _generated/{b.name}-{b.device}.png", f":alt: {alt(b)}", "```", ""]
            parts += [to_html(b), ""]
        if name == INFERENCE:
            parts += [beside_paper(same), ""]
    return "\n".join(parts)


def published() -> list[dict[str, Any]]:
    """honari2018, Table 4: method, its training conditions, rate if one is given, and the group that times the same network here, if any does."""
    return tomllib.loads((Path(__file__).parent / "speed.toml").read_text(encoding="utf-8"))["published"]


def beside_paper(benchmarks: Sequence[Benchmark]) -> str:
    """The paper's speeds beside ours, a column per device, then its training conditions; a record from before a network was timed is said to lack it."""
    papers = published()
    columns = {"method": [p["method"] for p in papers]}
    columns["the paper's, GPU [images/s]"] = [f"{p['rate']:g}" if "rate" in p else "none given" for p in papers]
    for b in benchmarks:
        first = {t.group: t for t in reversed(b.timings)}  # ours comes first
        device = b.provenance.get("device", b.device)
        columns[f"ours, {device} [{b.unit}]"] = [_ours(p, first) for p in papers]
    for name, words in CONDITIONS.items():
        columns[words] = [{True: "yes", False: "no"}.get(p[name], p[name]) for p in papers]
    frame = pd.DataFrame(columns)
    return "\n".join(
        [
            "### Beside the paper",
            "",
            "{cite:t}`honari2018`, Table 4, gives images a second on a GPU that it does not name; ours were measured on the device at the head of the column, in float32. So only the order within a column compares. "
            "RAR, Lv et al., CFSS and the TCDCN of 300-W are models of others. The conditions are the paper's; runs here choose on validation images, and jitter the training images.",
            "",
            report.to_html(frame, sortable=False, kind="speed"),
        ]
    )


def _ours(paper: Mapping[str, Any], first: Mapping[str, Timing]) -> str:
    if "group" not in paper:
        return "not timed here"
    return f"{first[paper['group']].rate[1]:,.0f}" if paper["group"] in first else "not measured yet"


def alt(benchmark: Benchmark) -> str:
    """The picture in words."""
    return f"{benchmark.title} on {benchmark.device}: how many times as fast ours is as each contender, with its spread over rounds."
