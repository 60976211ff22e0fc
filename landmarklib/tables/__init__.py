"""Tables: one TOML each in a folder per paper, and those folders are the registry. Strictly read, torch-free.

A TOML holds everything that a paper's table is here: citation, rows (method, options, weights), fractions, seeds,
budgets, the published numbers, the claims. A table whose paper counts labelled images has `labels = [1, 10, "all"]`
for fractions, and everything in it is by those numbers. To add a row or other fractions, edit that file; no code knows
a table by name.

models.py, rows.py, claims.py and budgets.py have what a table is made of, reading.py (with comparisons.py for claims)
makes it from a TOML, rules.py says what must fit together in it, selection.py checks what a user asks of a table. Kinds
of values and the words for what is wrong are core's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from landmarklib.core.errors import UserError, shown
from landmarklib.tables import reading
from landmarklib.tables.budgets import Budget
from landmarklib.tables.claims import Claim, Inequality
from landmarklib.tables.models import Table
from landmarklib.tables.rows import Reference, Row

__all__ = ["FOLDER", "Budget", "Claim", "Inequality", "Reference", "Row", "Table", "get", "names"]
FOLDER = Path(__file__).parent


def names() -> list[str]:
    """All tables that can be run, in the order of the book: paper by paper.

    Raises UserError for a file whose name is in doubt.
    """
    return list(_files(FOLDER))


def get(name: str) -> Table:
    """The table of that name, or of that file as PAPER/STEM. Raises UserError that lists the known ones."""
    files = _files(FOLDER)
    path = files.get(name, FOLDER / f"{name}.toml")
    if path not in files.values():
        raise UserError(f"unknown table {shown(name)}; known: {', '.join(files)}")
    return _read(path)


@cache
def _files(folder: Path) -> dict[str, Path]:
    """The file of each table by its name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.toml")):
        name = reading.name_of(path)
        if name in found:
            raise UserError(
                f"{reading.place_of(found[name])} and {reading.place_of(path)}: both tables are called {name!r}; "
                f"call one {path.parent.name}-{path.stem}"
            )
        found[name] = path
    return found


@cache
def _read(path: Path) -> Table:
    return reading.read(path)
