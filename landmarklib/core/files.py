"""Files that are whole or not there, locks between processes, and JSON that reads well."""

from __future__ import annotations

import fcntl
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from landmarklib.core.errors import UserError, shown

PACKAGE = Path(__file__).parents[1]  # of this library
RESULTS = "choose another results folder"
DATA = "choose another folder with --data or LANDMARKLIB_DATA"
ASIDE = ".landmarklib-{}.tmp"  # a file that is being written; users have none of that name


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


def write_in_one_step(path: Path, write: Callable[[BinaryIO], object], advice: str = RESULTS) -> None:
    """Make or replace a file by what `write` puts into it; nothing is left half-written, not even by a power cut.

    What killed writers left in its folder is removed. Raises UserError where the file cannot be written.

    advice: what else the user can do then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        with _aside(path.parent) as file:
            try:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise refusal("write", path, error, advice) from None


def sweep(folder: Path) -> None:
    """Remove what killed writers of `write_in_one_step` left in a folder: files that nobody holds locked."""
    for left in folder.glob(ASIDE.format("*")):
        with suppress(OSError), open(left, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


@contextmanager
def lock(path: Path, advice: str, patience: float = math.inf, waiting: str = "") -> Iterator[None]:
    """Hold the lock of that name, which one process at a time can have; its end releases it, however it ends.

    Raises TimeoutError where another process keeps it, and UserError where there can be no such file.

    advice: what else the user can do then.
    patience: seconds to wait for another process.
    waiting: what is printed before this process waits.
    """
    from filelock import FileLock, Timeout

    from landmarklib.core import progress

    held = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            held.acquire(timeout=0)
        if not held.is_locked:
            if waiting:
                progress.say(f"landmarklib: {waiting}")
            held.acquire(timeout=-1 if patience == math.inf else patience)
    except Timeout:
        raise
    except OSError as error:
        raise refusal("lock", path, error, advice) from None
    try:
        yield
    finally:
        held.release()


def refusal(what: str, path: Path, error: OSError, advice: str) -> UserError:
    """What is said of a file that the system does not let us write or lock, and what the user can do."""
    if isinstance(error, PermissionError):
        advice = f"ask for the right to write there, or {advice}"
    return UserError(f"cannot {what} {path}: {error.strerror or error}; {advice}")


def _aside(folder: Path) -> BinaryIO:
    """A new file in the folder, with the rights that the user's umask gives. It is locked while its writer lives."""
    while True:
        file = open(folder / ASIDE.format(uuid4().hex), "xb")
        with suppress(OSError):  # a file system without locks: nothing is swept there either
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(file.name):
            return file
        file.close()  # another process took it for a dead writer's before it was locked


def compact(text: str) -> str:
    """Indented JSON with every list of plain values on one line: short, and still a readable diff.

    Only line breaks are touched: inside a JSON string there is none.
    """
    return re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text)
