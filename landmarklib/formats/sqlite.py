"""SQLite files, read in a confined process."""

from __future__ import annotations

from pathlib import Path

from landmarklib.formats import archive, confined


def query(path: Path, sql: str) -> list[tuple]:
    """The rows that an SQLite file gives, of numbers and text; anything else is None."""
    with archive.reading(path, "not an SQLite file with the tables of this data set"):
        return [tuple(row) for row in confined.parse("sqlite", path, sql=sql)]
