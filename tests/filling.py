"""Runs of Blocks that tests fill tables with: what is asked for, the form that needs no measuring, and other processes
that do the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from filelock import FileLock

from landmarklib import tables
from landmarklib.core.experiment import Experiment
from landmarklib.engine import attempt
from landmarklib.records import checkpoint
from landmarklib.training import autotune

ROOT = Path(__file__).parents[1]
ROW = "Seq-MT (L)"
SMALL = {"fractions": [0.1], "seeds": [0], "rows": [ROW], "budget": "smoke", "workers": 1}
ATTEMPT = attempt.attempt
CPU = checkpoint.Device("cpu", "1x1 float32")  # and the form that needs no measuring


def runs(n: int = 1, row: str = ROW) -> list[Experiment]:
    """Smoke runs of Blocks at 10% labelled, of 8 steps each, one for each seed."""
    return tables.get("blocks").experiments([0.1], range(n), [row], "smoke")


def literal_form(*_, **__) -> autotune.Choice:
    """The form as printed in the paper."""
    return autotune.Choice("1x1 float32", "1x1 float32")


def slow_rate(*_) -> float:
    """Images per second: a rate that spares the measurement."""
    return 16.0


def literal_attempt(*arguments, **named) -> list[str]:
    """`attempt.attempt` with that form; worker processes import it from here."""
    autotune.choose, autotune.rate = literal_form, slow_rate
    return ATTEMPT(*arguments, **named)


def files(folder: Path) -> dict[str, int]:
    """Every file but the locks, with the time of its last change."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def hold(folder: Path, seed: int) -> FileLock:
    """The lock of a run, as another process would hold it."""
    lock = folder / ".locks" / "blocks" / f"{runs(seed + 1)[seed].key}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(lock)


def script(text: str, *arguments: object) -> list[str]:
    """A command that runs this text with `ensure`, `compute` and the literal form at hand."""
    head = (
        "import sys\nfrom landmarklib.engine import attempt, ensure\nfrom landmarklib.training import autotune, "
        "compute\n"
        "from landmarklib.nets import forms\nimport torch\ntorch.set_num_threads(1)\n"
        "autotune.choose = lambda *_: autotune.Choice(*['1x1 float32'] * 2)\nautotune.rate = lambda *_: 1000.0\n"
        "train = compute.run\n"
    )
    return [sys.executable, "-c", head + text, *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of a subprocess."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
