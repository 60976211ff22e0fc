"""Nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HELP = "runpy, contextlib; sys.argv = ['landmarklib', '--help']\nwith contextlib.suppress(SystemExit): " + (
    "runpy.run_module('landmarklib', run_name='__main__')"
)


def loaded(script: str) -> set[str]:
    """The modules that are loaded once `import SCRIPT` has run in a process of its own."""
    script = f"import sys, {script}\nprint(*sorted(sys.modules), file=sys.stderr)"
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("landmarklib", {"torch", "numpy", "pandas", "matplotlib"}),
        ("landmarklib.report.aggregate", {"torch", "matplotlib", "seaborn", "scipy"}),
        ("landmarklib.report.figures", {"torch", "matplotlib", "seaborn"}),
        ("landmarklib.engine.ensure", {"torch", "matplotlib", "seaborn"}),
    ],
)
def test_importing_loads_no_heavy_library(module, absent):
    found = loaded(module)
    assert module in found and absent & found == set()


def test_ctrl_c_is_heard_while_the_commands_load():
    """They are loaded within `main`, which answers it."""
    assert not any(name.startswith("landmarklib.commands") for name in loaded("landmarklib.__main__"))


def test_help_loads_no_heavy_library():
    found = loaded(HELP)
    assert "landmarklib.commands.tables" in found
    assert {"torch", "pandas", "pydantic", "scipy", "matplotlib", "jinja2", "nbformat"} & found == set()
