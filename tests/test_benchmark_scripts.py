"""The scripts of `benchmarks/`, run on tiny settings; the numbers that they find are not tested."""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from landmarklib.core import warps
from landmarklib.core.noise import Noise
from landmarklib.nets import forms
from landmarklib.nets.rcn import Recombinator
from landmarklib.pages import speed_page
from landmarklib.records import benchmarks, record
from landmarklib.training import autotune

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = {
    "against_kornia": ["--sides", "8", "--rounds", "1", "--threads", "1"],
    "alignment": ["--sides", "4", "--rounds", "1", "--threads", "1"],
    "evaluation": ["--images", "8", "--photos", "2", "--budget", "smoke", "--rounds", "1", "--threads", "1"],
    "forms": ["--batch", "2", "--rounds", "1"],
    "pack_step": ["--packs", "2,1", "--budget", "smoke", "--rounds", "1"],
    "table": ["--images", "8", "--rounds", "1", "--processes", "1", "--rows", "Seq-MT (L)"],
    "train_step": ["--batch", "2", "--rounds", "1", "--threads", "1", "--no-compile", "--peak", "0.05"],
}
POOLS = {"table", "train_step"}


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


def test_both_forms_of_the_probability_map_loss_are_one_number(scripts):
    alignment, noise = scripts("alignment"), Noise(torch.Generator().manual_seed(0))
    maps = torch.randn(6, 2, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    plate = warps.ThinPlate(*(part.double() for part in warps.random_thin_plate(3, noise, **alignment.PLATE)))
    assert torch.allclose(alignment.linear(maps, plate), alignment.literal(maps, plate), rtol=1e-6)


def test_the_committed_benchmarks_are_those_of_the_scripts():
    names = {"train_step", "train_step_processes", "evaluation", "forms", "table", "kornia", "alignment"}
    assert {b.name for b in benchmarks.load_all(record.results_folder()) if b.device == "cpu"} == names


@pytest.mark.parametrize("name", sorted(POOLS))
def test_every_benchmark_with_processes_of_its_own_runs(name, tmp_path):
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *TINY[name], "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*-cpu.json")
    assert benchmarks.load(path).timings and path.name in done.stdout


@pytest.mark.parametrize("name", sorted(TINY.keys() - POOLS))
def test_every_other_benchmark_runs(name, tmp_path, monkeypatch, capsys):
    """In this process, and in a form that needs no measuring: the two above measure theirs."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(autotune, "chosen", lambda *_: autotune.Choice("2x2 float32", "2x2 float32"))
    monkeypatch.setattr(autotune, "measure", lambda *_: autotune.Choice("2x2 float32", "2x2 float32"))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *TINY[name], "--results", str(tmp_path)])
    runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")
    (path,) = tmp_path.glob("*-cpu.json")
    assert benchmarks.load(path).timings and path.name in capsys.readouterr().out


def test_every_benchmark_that_keeps_its_times_is_run_here():
    keeping = {path.stem for path in BENCHMARKS.glob("*.py") if "benchmarks.finish" in path.read_text(encoding="utf-8")}
    assert keeping == set(TINY)
