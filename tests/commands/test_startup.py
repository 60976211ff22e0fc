"""Nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("landmarklib", {"torch", "numpy", "pandas", "matplotlib"}),
        ("landmarklib.__main__", {"torch", "pandas", "scipy", "matplotlib"}),
        ("landmarklib.report", {"torch", "matplotlib", "seaborn", "scipy"}),
        ("landmarklib.figures", {"torch", "matplotlib", "seaborn"}),
        ("landmarklib.run", {"torch", "matplotlib", "seaborn"}),
    ],
)
def test_importing_loads_no_heavy_library(module, absent):
    script = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
