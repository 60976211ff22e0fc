"""The environment files agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked_names() -> set[str]:
    return {line.split("==")[0] for line in LOCK.splitlines() if "==" in line}


def test_every_dependency_is_locked():
    wanted = PROJECT["dependencies"] + [d for extra in PROJECT["optional-dependencies"].values() for d in extra]
    names = {re.split(r"[<>=\[]", d)[0] for d in wanted} - {PROJECT["name"]}
    assert names <= locked_names()
    assert {"torch", "jupyterlab", "jupyter-book", "papermill", "matplotlib", "seaborn", "pandas", "nbval"} <= names


def test_lock_pins_exactly_and_names_no_address():
    assert "://" not in LOCK
    assert all(re.match(r"^[\w.-]+==[\w.]+( ;.*)?$", line) for line in LOCK.splitlines())


def test_conda_environment_installs_the_lock_and_nothing_else():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    dependencies = [line.strip()[2:] for line in text.split("dependencies:")[1].splitlines() if line.strip()]
    assert dependencies == ["python=3.11", "pip", 'pip: ["-r requirements.lock", "-e ."]']
    assert PROJECT["requires-python"] == ">=3.11"


def test_reading_needs_no_torch():
    reading = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["book"]
    assert not any(d.startswith("torch") for d in reading)


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


def test_files_that_the_makefile_leaves_out_are_there():
    """The tests with a rented machine's Python leave out those that need more than it has."""
    (line,) = re.findall(r"^WITH_TOOLING = (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert [name for name in line.split() if not (ROOT / "tests" / name).is_file()] == []
