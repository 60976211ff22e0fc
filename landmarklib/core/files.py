"""Writing files in one step, and JSON that reads well."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from landmarklib.core.errors import UserError, shown

PACKAGE = Path(__file__).parents[1]  # of this library


def named(what: str, path: str | Path) -> Path:
    """A path that a user gave, with `~` and `~user` written out.

    what: the parameter, for the message.
    Raises UserError for a user or a home that is not known, and for what no system takes as a path.
    """
    try:
        found = Path(path).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            found.stat()
    except RuntimeError:
        raise UserError(f"{what}: the home folder of {shown(str(path))} is not known; write it in full") from None
    except (OSError, ValueError) as error:  # too long, or with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{what}: {shown(str(path))}: {reason}; choose another path") from None
    return found


def writable(what: str, folder: Path) -> None:
    """Files can be made in that folder, or where it would be made; else raises UserError. Nothing is left there.

    what: as for `named`.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(f"{what}: cannot write to {folder}: {error.strerror}; choose another folder") from None


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
