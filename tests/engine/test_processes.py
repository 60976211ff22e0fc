"""Packs spread over processes: the same numbers as in one, and mistakes told as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest
from filling import SMALL, environment, literal_attempt, script

from landmarklib.core.errors import UserError
from landmarklib.engine import attempt, ensure, processes
from landmarklib.records import query


def test_two_workers_compute_what_one_computes(tmp_path, bars, monkeypatch):
    wanted = {**SMALL, "seeds": [0, 1]}
    alone = ensure.ensure("blocks", **wanted, results=tmp_path / "one").runs
    monkeypatch.setattr(attempt, "attempt", literal_attempt)
    shared = ensure.ensure("blocks", **{**wanted, "workers": 2}, results=tmp_path / "two").runs
    assert [(bar.n, bar.total) for bar in bars] == [(128, 128)] * 2
    assert shared.key.tolist() == alone.key.tolist() and alone.error_px[0] != alone.error_px[1]
    assert shared.error_px.tolist() == pytest.approx(alone.error_px.tolist(), rel=1e-4)
    for one, two in zip(*(query.load_all(tmp_path / name, "blocks") for name in ("one", "two")), strict=True):
        assert (two.data, two.images_processed, two.best_step) == (one.data, one.images_processed, one.best_step)


def failing_attempt(*_, **__) -> list[str]:
    """What a worker meets on a full disk."""
    raise UserError("cannot write the record")


def test_a_workers_mistake_is_told_as_it_is_and_no_worker_runs_the_callers_script(tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text("import os\nos._exit(9)")
    script = ModuleType("__main__")
    script.__file__ = str(tmp_path / "script.py")
    monkeypatch.setitem(sys.modules, "__main__", script)
    monkeypatch.setattr(attempt, "attempt", failing_attempt)
    with pytest.raises(UserError, match=r"^cannot write the record$"):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1], "workers": 2}, results=tmp_path)


def dying_attempt(*_, **__) -> None:
    """What a worker does for which there is no memory."""
    os._exit(9)


def test_a_worker_that_dies_is_told_and_the_table_may_be_filled_again(tmp_path, monkeypatch):
    monkeypatch.setattr(attempt, "attempt", dying_attempt)
    with pytest.raises(UserError, match=r"^a worker process died .*; finished runs are kept, run again to go on$"):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1], "workers": 2}, results=tmp_path)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    text = (
        "context = multiprocessing.get_context('spawn')\n"
        "pool = ProcessPoolExecutor(1, context, attempt.start_worker, (context.Value('q', 0),))\n"
        "pool.submit(int).result()\n"
        "print('started', flush=True)\n"
        "pool.submit(time.sleep, 1000).result()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "env": environment()}
    head = "import multiprocessing, time\nfrom concurrent.futures import ProcessPoolExecutor\n"
    with subprocess.Popen(script(head + text, tmp_path), **pipes) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
        assert process.communicate(timeout=60) == (
            "",
            None,
        )  # the pipe ends when the worker, which holds it too, has ended


def test_a_process_of_a_pool_computes_by_itself(tmp_path, monkeypatch, computed):
    monkeypatch.setattr(processes, "may_start", lambda: False)
    monkeypatch.setattr(processes, "run_in_processes", None)
    ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1], "workers": 2}, results=tmp_path)
    assert [e.seed for e in computed] == [0, 1] and processes.multiprocessing.current_process().daemon is False


def test_a_core_that_this_process_may_use_is_available():
    assert 1 <= processes.available_cores() <= os.cpu_count()
