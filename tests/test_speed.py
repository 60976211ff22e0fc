"""Benchmarks: what is timed, kept and shown. That a benchmark runs is tested on tiny settings; its numbers are not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from landmarklib import figures, record, speed
from landmarklib.types import UserError

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
TINY = {
    "against_kornia": ["--sides", "8", "--rounds", "1"],
    "evaluation": ["--images", "8", "--rounds", "1"],
    "table": ["--images", "8", "--rounds", "1", "--processes", "1", "--methods", "Seq-MT (L)"],
    "train_step": ["--batch", "2", "--rounds", "1", "--threads", "1", "--no-compile"],
}


def made(**changes) -> speed.Benchmark:
    timings = tuple(speed.timings("warp", {"ours": [10.0, 20.0, 30.0], "other": [5.0, 5.0, 5.0]}))
    benchmark = speed.Benchmark(
        "thing", "A thing", "What was timed.", "images/s", "cpu", timings, {"peak <1>": "7 GFLOP/s"}
    )
    return replace(benchmark, **changes)


def test_ratios_are_taken_round_by_round():
    ours, other = speed.timings("warp", {"ours": [10.0, 20.0, 60.0], "other": [10.0, 10.0, 20.0]})
    assert ours.ours == (1.0, 1.0, 1.0) and ours.rate[1] == 20.0
    assert other.rate[1] == 10.0 and other.ours == pytest.approx((1.2, 2.0, 2.8))


def test_contenders_take_turns_and_short_ones_are_repeated():
    calls: list[str] = []
    taken = speed.seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
    assert {name: len(values) for name, values in taken.items()} == {"a": 2, "b": 2}
    turns = [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]
    assert turns == ["a", "b"] * 3
    assert calls.count("a") > 100


def test_a_benchmark_survives_its_file(tmp_path):
    path = speed.save(made(), tmp_path)
    assert path.name == "thing-cpu.json" and speed.load(path) == made()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2; this library reads benchmarks up to schema 1"),
        ({"timings": [{"group": "x"}]}, "not a benchmark of schema 1"),
        ({"name": "other"}, "is the benchmark other on cpu"),
    ],
)
def test_a_file_that_is_no_such_benchmark_is_refused(tmp_path, change, message):
    path = speed.save(made(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        speed.load(path)


def test_the_page_shows_ratio_spread_facts_and_origin():
    page = speed.page([made(provenance={"device": "CPU x", "commit": "abc", "dirty": True, "date": "2026-01-01"})])
    assert "## A thing" in page and "2.00" not in page and "4.00 (2.40 to 5.60)" in page
    assert "peak &lt;1&gt;: 7 GFLOP/s" in page and "commit abc with changes" in page
    assert speed.page([]) == "No benchmark is recorded yet.\n"


def test_the_figure_has_a_mark_for_every_contender_but_ours():
    figure = figures.ratios(made())
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["other"]


def test_committed_benchmarks_can_be_read():
    speed.load_all(record.results_folder())


@pytest.mark.parametrize("name", TINY)
def test_every_benchmark_runs(name, tmp_path):
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *TINY[name], "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*-cpu.json")
    assert speed.load(path).timings and path.name in done.stdout


def test_every_benchmark_that_keeps_its_times_is_run_here():
    keeping = {path.stem for path in BENCHMARKS.glob("*.py") if "speed.save" in path.read_text(encoding="utf-8")}
    assert keeping == set(TINY)
