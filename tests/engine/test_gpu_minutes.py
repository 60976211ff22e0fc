"""The plan of a rented GPU's minutes: which phase when, which table first.

Nothing is trained here; `make gpu-rehearsal` does.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from landmarklib import methods, tables
from landmarklib.core.errors import UserError
from landmarklib.records import record

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """The script, on a machine without archives."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path / "data"))
    return importlib.import_module("gpu")


def test_every_phase_begins_where_the_one_before_ends_at_the_latest(gpu):
    phases = gpu.plan(780, gpu.GPU, tested=False)
    assert phases == [("compare", 0, 90), ("speed", 90, 60), ("train", 150, 630)]
    assert gpu.plan(780, gpu.GPU, tested=True) == [("speed", 0, 60), ("train", 60, 720)]
    assert gpu.plan(300, gpu.REHEARSAL, tested=False)[-1] == ("train", 210, 80)


def test_too_few_seconds_are_refused(gpu):
    assert gpu.plan(210, gpu.GPU, tested=False)[-1].limit == 60
    with pytest.raises(UserError, match="--seconds: 209 leaves no time for training; at least 210"):
        gpu.plan(209, gpu.GPU, tested=False)


def test_the_plan_is_told_with_its_minutes(gpu):
    opened = [gpu.Open("blocks", "converged", "paper", 230, 6e7), gpu.Open("shapes", "paper", "paper", 10, 1e6)]
    _, compare, speed, train = gpu.in_words(gpu.plan(780, gpu.GPU, False), gpu.GPU, opened).splitlines()
    assert compare.startswith(" 0:00 to  1:30  compare") and speed.startswith(" 1:30 to  2:30  speed")
    assert train.startswith(" 2:30 to 13:00  train")
    blocks = train.index("blocks at converged (paper data, 230 runs, 60,000,000 images processed)")
    assert blocks < train.index("shapes at paper (paper data")


def test_the_largest_open_budget_whose_data_are_here_comes_first(gpu, tmp_path):
    found = gpu.open_budgets(["paper"], [tmp_path], tables.names())
    blocks = tables.get("blocks").experiments(budget="paper")
    assert [o.table for o in found] == ["blocks", "shapes"]  # of photos there is no bundle here
    assert found[0] == ("blocks", "paper", "paper", len(blocks), sum(map(methods.images_processed, blocks)))
    assert found[0].images > found[1].images
    both = gpu.open_budgets(gpu.GPU.budgets, [tmp_path], tables.names())
    assert [(o.table, o.budget) for o in both] == [("blocks", "converged"), ("blocks", "paper"), ("shapes", "paper")]


def test_a_run_that_has_a_record_in_either_folder_is_not_missing(gpu, tmp_path):
    blocks = tables.get("blocks").experiments(budget="paper")
    folders = [tmp_path / "gpu", tmp_path / "home"]
    for e, folder in [*((e, folders[1]) for e in blocks[2:]), (blocks[0], folders[0])]:
        path = record.path_of(folder, e)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = gpu.open_budgets(["paper"], folders, ["blocks", "shapes"])
    assert [o.table for o in found] == ["shapes", "blocks"]
    assert found[1] == ("blocks", "paper", "paper", 1, methods.images_processed(blocks[1]))
    record.path_of(folders[0], blocks[1]).touch()
    assert [o.table for o in gpu.open_budgets(["paper"], folders, ["blocks", "shapes"])] == ["shapes"]


def test_a_table_without_its_data_or_of_another_tier_is_not_open(gpu, tmp_path):
    assert gpu.open_budgets(["paper"], [tmp_path], ["mtfl"]) == []
    assert gpu.open_budgets(["paper"], [tmp_path], ["blocks"], data="stand-in") == []


def test_a_phase_that_fails_or_hangs_says_so(gpu):
    assert gpu.trouble(["-c", "pass"], 60, "cpu") == ""
    assert gpu.trouble(["-c", "raise SystemExit(3)"], 60, "cpu") == "exit status 3"
    assert gpu.trouble(["-c", "import threading; threading.Event().wait()"], 0.2, "cpu") == "did not end in 0 s"


def test_a_failed_comparison_spends_nothing_more(gpu, monkeypatch, tmp_path, capsys):
    kind = gpu.REHEARSAL._replace(results=tmp_path / "r", tested=tmp_path / "r" / "tested")
    monkeypatch.setattr(gpu, "REHEARSAL", kind)
    commands = []
    monkeypatch.setattr(gpu, "trouble", lambda command, *more: commands.append(command) or "exit status 1")
    assert gpu.spend(300, "cpu", None, "auto") == 1
    assert len(commands) == 1 and gpu.COMPARISONS in commands[0] and (gpu.ROOT / gpu.COMPARISONS).is_file()
    assert capsys.readouterr().err == (
        "gpu: the comparisons with the CPU failed (exit status 1); nothing is trained on this machine\n"
    )


def test_a_failed_benchmark_is_reported_and_training_goes_on(gpu, monkeypatch, tmp_path, capsys):
    kind = gpu.REHEARSAL._replace(results=tmp_path / "r", tested=tmp_path / "r" / "tested")
    monkeypatch.setattr(gpu, "REHEARSAL", kind)
    trained = []

    def trouble(command, *more):
        if "run" in command:
            trained.append(command[command.index("run") + 1])
        return "exit status 1" if command[0].startswith("benchmarks/") else ""

    monkeypatch.setattr(gpu, "trouble", trouble)
    assert gpu.spend(300, "cpu", None, "auto") == 0
    assert "speed: train_step has no record: exit status 1; going on" in capsys.readouterr().out
    assert trained[0] == "blocks" and kind.tested.read_text() == gpu.digest()


def test_a_mistake_is_one_line(gpu, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--seconds", "10"])
    monkeypatch.setattr(gpu, "unpack_wheels", lambda: None)
    assert gpu.main() == 2
    assert capsys.readouterr().err == "gpu: --seconds: 10 leaves no time for training; at least 270\n"
