"""Writing files in one step, and JSON that reads well."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from landmarklib.core.errors import UserError

PACKAGE = Path(__file__).parents[1]  # of this library


def write_in_one_step(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make or replace a file by what `write` puts into it; nothing is left half-written.

    Raises UserError where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, suffix=".tmp", delete=False) as file:
            try:
                write(file)
                file.flush()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another results folder") from None


def compact(text: str) -> str:
    """Indented JSON with every list of plain values on one line: short, and still a readable diff.

    Only line breaks are touched: inside a JSON string there is none.
    """
    return re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text)
