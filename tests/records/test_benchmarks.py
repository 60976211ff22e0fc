"""Benchmarks: how contenders are timed, and what is kept of it."""

from __future__ import annotations

import json
import math
from functools import partial

import pytest
from measured import made

from landmarklib.core.errors import UserError
from landmarklib.records import benchmarks


def test_ratios_are_taken_round_by_round():
    ours, other = benchmarks.timings("warp", {"ours": [10.0, 20.0, 60.0], "other": [10.0, 10.0, 20.0]})
    assert ours.ours == (1.0, 1.0, 1.0) and ours.rate[1] == 20.0
    assert other.rate[1] == 10.0 and other.ours == pytest.approx((1.2, 2.0, 2.8))


def taken(costs: dict[str, float], rounds: int = 2, **options) -> tuple[dict[str, list[float]], list[str]]:
    """Times and calls of contenders that cost so many seconds on a clock of their own."""
    now, calls = [0.0], []

    def act(name: str) -> None:
        calls.append(name)
        now[0] += costs[name]

    actions = {name: partial(act, name) for name in costs}
    return benchmarks.seconds(actions, rounds, clock=lambda: now[0], **options), calls


def test_contenders_take_turns_and_none_always_follows_the_same():
    times, calls = taken({"a": 1.0, "b": 2.0})
    assert times == {"a": [1.0, 1.0], "b": [2.0, 2.0]}
    assert calls == [*"aaaa", *"bbbb", "a", "b", "b", "a"]  # a turn to prepare and three to judge the length


def test_a_short_action_is_repeated_and_a_long_one_is_not_even_judged():
    times, calls = taken({"short": 0.006, "long": 30.0}, rounds=1)
    assert times == {"short": [pytest.approx(0.006)], "long": [30.0]}
    assert calls.count("short") == 4 + 4 and calls.count("long") == 1 + 1


def test_processes_that_wait_for_each_other_make_as_many_calls():
    waits = []
    _, calls = taken({"a": 0.001, "b": 1.0}, rounds=3, wait=lambda: waits.append(1))
    assert calls.count("a") == calls.count("b") == 4 and len(waits) == 8


def test_a_benchmark_survives_its_file(tmp_path):
    path = benchmarks.save(made(), tmp_path)
    assert path.name == "thing-cpu.json" and benchmarks.load(path) == made()


def timed(**changes) -> dict:
    """A benchmark's one timing, with these changes."""
    return {"timings": [{"group": "x", "contender": "y", "rate": [1, 1, 1], "ours": [1, 1, 1]} | changes]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2; this library reads benchmarks up to schema 1"),
        ({"timings": [{"group": "x"}]}, "benchmark, timings 1: 'contender' is missing"),
        ({"timings": ["x"]}, "benchmark, timings: 'x'"),
        ({"timings": []}, "timings: .* is empty; at least one value is needed"),
        (timed(rate=3), "rate: 3 is not a list"),
        (timed(group=1), "group: 1 is not a string"),
        (timed(ours=[2, 1, 1]), "ours: the quantiles do not rise"),
        (timed(rate=[0, 1, 1]), "rate: 0 is too small; it must be at least 1e-12"),
        (timed(rate=[1, 1, math.nan]), "rate: nan is not a finite number"),
        ({"facts": ["x"]}, "facts: .* is not a table of names and values"),
        ({"facts": {"peak": 7}}, "facts, peak: 7 is not a string"),
        ({"settings": {"images": 10**400}}, "settings, images: not a finite number; valid: less than"),
        ({"settings": {"images": [[[[[1]]]]]}}, "settings, images: a list or mapping of 1 values; valid: at most"),
        ({"title": None}, "title: None is not a string"),
        ({"text": "x" * 20_000}, "text: .* is too long; it must have at most 10000 characters"),
        ({"provenance": None}, "provenance: None is not a table of names and values"),
        ({"provenance": {"versions": "torch 2"}}, "versions: 'torch 2' is not a table of names and values"),
        ({"provenance": {"date": 2026}}, "date: 2026 is not a string"),
        ({"device": "../x"}, "device: '../x'"),
        ({"colour": "blue"}, "benchmark: unknown key 'colour'; known: device, "),
        ({"name": "other"}, "is the benchmark other on cpu"),
    ],
)
def test_a_file_that_is_no_such_benchmark_is_refused(tmp_path, change, message):
    path = benchmarks.save(made(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        benchmarks.load(path)
