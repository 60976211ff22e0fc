"""Fixtures of tests that read tables with a mistake in them."""

from __future__ import annotations

import pytest

from landmarklib import tables
from landmarklib.core.errors import UserError
from landmarklib.tables import reading


@pytest.fixture
def edited(tmp_path):
    """Reads the text of a table, by default Blocks, after one replacement."""

    def read(old: str, new: str, name: str = "blocks") -> tables.Table:
        (source,) = tables.FOLDER.glob(f"*/{name}.toml")
        text = source.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / source.parent.name / f"{name}.toml"
        path.parent.mkdir()
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return reading.read(path)

    return read


@pytest.fixture
def refused(edited):
    """The one line in which a table is refused after a replacement."""

    def line(name: str, old: str, new: str) -> str:
        with pytest.raises(UserError) as caught:
            edited(old, new, name)
        message = str(caught.value)
        assert f"/{name}.toml" in message.partition(",")[0].partition(": ")[0] and "\n" not in message
        return message

    return line
