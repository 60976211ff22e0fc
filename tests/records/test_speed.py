"""Benchmarks: what is timed, kept and shown. That a benchmark runs is tested on tiny settings; its numbers are not."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from landmarklib.core.types import UserError
from landmarklib.nets import forms
from landmarklib.nets.rcn import Recombinator
from landmarklib.pages import speed_page
from landmarklib.records import benchmarks, record

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = {
    "against_kornia": ["--sides", "8", "--rounds", "1", "--threads", "1"],
    "evaluation": ["--images", "8", "--photos", "2", "--budget", "smoke", "--rounds", "1", "--threads", "1"],
    "forms": ["--batch", "2", "--rounds", "1"],
    "pack_step": ["--packs", "2,1", "--budget", "smoke", "--rounds", "1"],
    "table": ["--images", "8", "--rounds", "1", "--processes", "1", "--methods", "Seq-MT (L)"],
    "train_step": ["--batch", "2", "--rounds", "1", "--threads", "1", "--no-compile"],
}


def made(**changes) -> benchmarks.Benchmark:
    timings = tuple(benchmarks.timings("warp", {"ours": [10.0, 20.0, 30.0], "other": [5.0, 5.0, 5.0]}))
    benchmark = benchmarks.Benchmark(
        "thing", "A thing", "What was timed.", "images/s", "cpu", timings, {"peak <1>": "7 GFLOP/s"}
    )
    return replace(benchmark, **changes)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2; this library reads benchmarks up to schema 1"),
        ({"timings": [{"group": "x"}]}, "not a benchmark of schema 1"),
        ({"timings": ["x"]}, "not a benchmark of schema 1"),
        ({"timings": [{"group": "x", "contender": "y", "rate": 3, "ours": [1, 1, 1]}]}, "not a benchmark of schema 1"),
        ({"timings": [{"group": 1, "contender": "y", "rate": [1, 1, 1], "ours": [1, 1, 1]}]}, "group: 1 is no text"),
        (
            {"timings": [{"group": "x", "contender": "y", "rate": [1, 1, 1], "ours": [2, 1, 1]}]},
            "are not three quantiles",
        ),
        ({"facts": ["x"]}, "not a benchmark of schema 1"),
        ({"facts": {"peak": 7}}, "peak: 7 is no text"),
        ({"title": None}, "title: None is no text"),
        ({"provenance": None}, "provenance: None has no names with values"),
        ({"provenance": {"versions": "torch 2"}}, "versions: 'torch 2' has no names with values"),
        ({"provenance": {"date": 2026}}, "date: 2026 is no text"),
        ({"name": "other"}, "is the benchmark other on cpu"),
    ],
)
def test_a_file_that_is_no_such_benchmark_is_refused(tmp_path, change, message):
    path = benchmarks.save(made(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        benchmarks.load(path)


def test_the_page_shows_ratio_spread_facts_and_origin():
    first = made(provenance={"device": "CPU x", "commit": "abc", "dirty": True, "date": "2026-01-01"})
    page = speed_page.page([first, made(device="cuda")])
    assert page.count("## A thing") == 1 and "4.00 (2.40 to 5.60)" in page
    assert "**CPU x**" in page and "**cuda**" in page and "None" not in page
    assert "peak &lt;1&gt;: 7 GFLOP/s" in page and "commit abc with changes" in page
    assert speed_page.page([]) == "No benchmark is recorded yet.\n"


def inference(groups: dict[str, float], device: str = "cpu") -> benchmarks.Benchmark:
    """A benchmark of inference by hand: group -> rate of what comes first in it, plain layers at half of it."""
    found = [t for g, r in groups.items() for t in benchmarks.timings(g, {"ours, float32": [r], "plain": [r / 2]})]
    return made(name=speed_page.INFERENCE, device=device, timings=tuple(found), provenance={"device": f"the {device}"})


def test_the_papers_speeds_stand_beside_ours_on_each_device():
    ours = {"RCN, 300-W": 30.0, "RCN+, 300-W": 32.0, "Seq-MT, 300-W": 1234.0}
    text = speed_page.page([inference(ours), inference({"Seq-MT, Blocks": 900.0}, "cuda")])
    text = text[text.index("### Beside the paper") :]
    assert "ours, the cpu [images/s]" in text and "ours, the cuda [images/s]" in text
    lines = [re.findall(r"<td>(.*?)</td>", line, re.S) for line in re.findall(r"<tr>(.*?)</tr>", text, re.S)]
    own = ["validation images", "no", "no", "no"]
    assert ["RCN", "545", "30", "not measured yet", *own] in lines
    assert ["Seq-MT", "487", "1,234", "not measured yet", *own] in lines
    assert ["RAR", "4", *["not timed here"] * 2, "test images", "yes", "yes", "yes"] in lines
    assert ["CFSS", "none given", *["not timed here"] * 2, "test images", "yes", "no", "no"] in lines
    assert "Beside the paper" not in speed_page.page([made()])


def test_a_record_from_before_the_networks_of_300w_were_timed_lacks_them_and_says_so():
    text = speed_page.beside_paper([inference({"Seq-MT": 900.0})])
    assert text.count("not measured yet") == 4 and "900" not in text and "487" in text


@pytest.fixture
def scripts(monkeypatch):
    """The benchmarks' modules, by name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_the_script_times_what_the_page_reads(scripts):
    evaluation = scripts("evaluation")
    full = evaluation.experiments()
    wanted = {p["group"] for p in speed_page.published() if "group" in p}
    assert wanted <= set(full) and wanted & set(evaluation.experiments("smoke")) == set()
    sizes = {group: (full[group].size, full[group].options.get("width")) for group in wanted}
    assert sizes == {"RCN, 300-W": (80, None), "RCN+, 300-W": (80, None), "Seq-MT, 300-W": (64, 32)}
    assert evaluation.images_of(full["RCN, 300-W"], 2).shape == (2, 1, 80, 80)


def test_rcn_in_plain_layers_has_the_same_maps(scripts):
    module = Recombinator(16, [3, 4, 5], 2, 0, 4, 0.1, torch.Generator().manual_seed(0))
    forms.set_form(module, forms.LITERAL)
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    ours = module(images)
    with scripts("contenders").printed_layers():
        printed = module(images)
    assert torch.allclose(ours, printed, atol=1e-5)


def test_the_figure_has_a_mark_for_every_contender_but_ours_below_the_name_of_its_group():
    other = tuple(benchmarks.timings("points", {"ours": [1.0], "third": [2.0]}))
    (axis,) = speed_page.ratios(made()).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["other"] and not axis.texts
    (axis,) = speed_page.ratios(made(timings=made().timings + other)).axes
    assert [(text.get_text(), text.get_position()[1]) for text in axis.texts] == [("warp", 0), ("points", 2)]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["other", "third"]
    assert list(axis.get_yticks()) == [1, 3]


def test_the_committed_benchmarks_are_those_of_the_scripts():
    names = {"train_step", "train_step_processes", "evaluation", "forms", "table", "kornia"}
    assert {b.name for b in benchmarks.load_all(record.results_folder()) if b.device == "cpu"} == names


@pytest.mark.parametrize("name", TINY)
def test_every_benchmark_runs(name, tmp_path):
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *TINY[name], "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*-cpu.json")
    assert benchmarks.load(path).timings and path.name in done.stdout


def test_every_benchmark_that_keeps_its_times_is_run_here():
    keeping = {path.stem for path in BENCHMARKS.glob("*.py") if "speed.finish" in path.read_text(encoding="utf-8")}
    assert keeping == set(TINY)
