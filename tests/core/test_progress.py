"""Progress: a bar on a terminal, one output in a notebook, a line now and then in a log."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from landmarklib.core import files, imports, progress


def passing(monkeypatch, seconds: float) -> None:
    """Every look at the clock, this one's and tqdm's, is so many seconds after the one before."""
    now = iter(range(1_000_000))
    clock = SimpleNamespace(monotonic=lambda: next(now) * seconds)
    monkeypatch.setattr(progress, "time", clock)


def walk(n: int, **options: object) -> None:
    bar = progress.bar(total=n, desc="crops", unit="image", **options)
    bar.mininterval = 0
    with bar:
        for _ in range(n):
            bar.update()


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    walk(40)
    text = capsys.readouterr().err
    assert "\rcrops: 100%|" in text and "40/40" in text


def test_a_log_gets_a_line_now_and_then_and_the_last(monkeypatch, capsys):
    passing(monkeypatch, 2.0)
    walk(100)
    text = capsys.readouterr().err
    lines = text.splitlines()
    assert 3 <= len(lines) <= 10 and "\r" not in text
    assert all(line.startswith("crops: ") for line in lines)
    assert lines[-1].startswith("crops: 100% 100/100") and lines[-2] != lines[-1]


def test_a_log_gets_nothing_of_a_short_task_or_of_one_that_shows_no_bar(monkeypatch, capsys):
    assert list(progress.bar(range(200), unit="image")) == [*range(200)]
    passing(monkeypatch, 60.0)
    walk(100, disable=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kernel", [False, True])
def test_a_line_may_be_said_while_a_task_goes_on(kernel, monkeypatch, capsys):
    if kernel:
        import IPython

        monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=None))
    with progress.bar(total=3, desc="crops") as bar:
        bar.update()
        progress.say("one photo is missing")
        bar.update()
        assert bar.n == 2
    assert capsys.readouterr().err == "one photo is missing\n"


def test_a_task_goes_on_without_a_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(progress.bar(range(3))) == [0, 1, 2]


def test_a_notebook_gets_one_output_that_changes(monkeypatch, capsys):
    from IPython import display

    shown, handle = [], SimpleNamespace(update=lambda data, **_: shown.append(("change", data["text/plain"])))

    def first(data: dict, **_: object) -> SimpleNamespace:
        shown.append(("output", data["text/plain"]))
        return handle

    monkeypatch.setattr(display, "display", first)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=None))
    passing(monkeypatch, 0.3)
    walk(50)
    assert [kind for kind, _ in shown] == ["output", *["change"] * (len(shown) - 1)] and len(shown) > 5
    assert shown[-1][1].startswith("crops: 100% 50/50") and capsys.readouterr().err == ""
    shown.clear()
    monkeypatch.setenv(progress.WHERE, progress.LINES)  # the notebook is executed by a command that writes to a log
    passing(monkeypatch, 2.0)
    walk(50)
    assert shown == [] and "crops: 100%" in capsys.readouterr().err


def test_the_bars_of_an_executed_notebook_are_on_the_terminal_of_its_command(tmp_path, monkeypatch, capsys):
    assert progress.for_kernel() == progress.LINES
    (tmp_path / "terminal").touch()
    monkeypatch.setenv(progress.WHERE, str(tmp_path / "terminal"))
    progress._terminal.cache_clear()
    progress.say("3 crops")
    walk(3)
    progress._terminal(os.environ[progress.WHERE]).close()
    progress._terminal.cache_clear()
    text = (tmp_path / "terminal").read_text()
    assert text.startswith("3 crops\n") and "crops: 100%|" in text and capsys.readouterr().err == ""


def test_a_terminal_that_is_gone_leaves_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(progress.WHERE, str(tmp_path / "gone" / "terminal"))
    passing(monkeypatch, 20.0)
    walk(9)
    assert "crops: 100% 9/9" in capsys.readouterr().err


def test_bars_are_made_in_one_place():
    makers = {name for name in imports.modules() if "tqdm" in imports.needed(name)}
    assert makers == {"landmarklib.core.progress"}
    scripts = [path for path in (Path(files.PACKAGE).parent / "benchmarks").glob("*.py") if "tqdm" in path.read_text()]
    assert scripts == []
