"""Processes are started from any script, and hear nothing of Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, signal
from concurrent.futures import ProcessPoolExecutor
from landmarklib.core import spawning
print("the script runs")
with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    with spawning.without_main():
        blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, [])
    print(blocked.result(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
assert __import__("sys").modules["__main__"].__dict__ is globals()
"""


@pytest.mark.parametrize("by", ["file", "pipe"])
def test_a_script_without_a_guard_runs_once(tmp_path, by):
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "script.py")] if by == "file" else [sys.executable]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(words, input=SCRIPT, capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("the script runs\n{<Signals.SIGINT: 2>} set()\n", "")
