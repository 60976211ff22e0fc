"""The program of the process that `confined` starts: parsers of foreign files, one file after the other.

A request is a line of JSON. The answer is a line of JSON, its head, then the value as JSON and the bytes of arrays.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from landmarklib.formats import mat5

IDLE = 60  # seconds without a request, after which the process ends


def serve() -> None:
    """Answer requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected here, and leaves no file
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    out.write(b"ready\n")
    out.flush()
    signal.alarm(IDLE)
    while line := sys.stdin.buffer.readline():
        signal.alarm(0)
        head, text, content = answer(json.loads(line))
        out.write(json.dumps({**head, "text": len(text), "content": len(content)}).encode() + b"\n")
        out.write(text)
        out.write(content)
        out.flush()
        signal.alarm(IDLE)


def answer(request: dict) -> tuple[dict[str, object], bytes, bytes | bytearray]:
    """What became of a request, the value that was read as JSON, and the bytes of its arrays."""
    library, parser = PARSERS[request["parser"]]
    importlib.import_module(library)  # before the limits, which are for the file alone
    limited, arrays = False, Arrays()
    try:
        with limits(request["seconds"], request["bytes"]) as limited:
            text = json.dumps(arrays.plain(parser(request["path"], **request["how"]))).encode()
        return {"refused": None, "limited": limited}, text, arrays.content
    except MemoryError:
        refused = f"it takes more than {request['bytes'] // 1_000_000:,} MB of memory to read"
    except Exception as error:  # damaged files make scipy raise almost anything, UnboundLocalError among them
        refused = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return {"refused": refused, "limited": limited}, b"", b""


@contextmanager
def limits(seconds: float, more: int) -> Iterator[bool]:
    """Within it the process is ended after so many seconds of processor time, and gets so many bytes beside its own.

    Of processor time, so that a busy machine refuses no file; RLIMIT_CPU would count from the start of the process.
    Gives whether this system has a limit of memory.
    """
    own, most = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))
        limited = True
    except (OSError, ValueError):
        limited = False
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield limited
    finally:  # first of all, as what follows a MemoryError takes memory, too
        resource.setrlimit(resource.RLIMIT_AS, (own, most))
        signal.setitimer(signal.ITIMER_PROF, 0)


class Arrays:
    """The bytes of the arrays of a value, which is JSON apart from them."""

    def __init__(self) -> None:
        self.content = bytearray()

    def plain(self, value: object) -> object:
        """A value as JSON has it. What is no number, text, array, struct, cell, list or dict becomes None.

        An array of structs becomes a list. Another array becomes an object with one field without a name: its type,
        shape, place in `content` and order; of cells, "O", its shape and what is in them.
        """
        if value is None or isinstance(value, (str, int, float)):
            return value
        if isinstance(value, (list, tuple)):
            return [self.plain(part) for part in value]
        if isinstance(value, dict):  # of a parser here, none of whose names is empty
            return {name: self.plain(part) for name, part in value.items()}
        if isinstance(value, np.generic):
            return self.plain(value.item())
        if hasattr(value, "_fieldnames"):  # scipy's struct
            if "" in value._fieldnames:
                raise ValueError("a struct has a field without a name")
            return {name: self.plain(vars(value)[name]) for name in value._fieldnames}
        return self._array(value) if isinstance(value, np.ndarray) else None

    def _array(self, value: np.ndarray) -> object:
        if value.dtype.kind in "OU":
            cells = [self.plain(part) for part in value.ravel().tolist()]
            structs = value.ndim == 1 and bool(cells) and isinstance(cells[0], dict) and "" not in cells[0]
            return cells if structs else {"": ["O", value.shape, cells]}
        if value.dtype.kind not in "iufb":
            return None
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        self.content += bytes(-len(self.content) % 16)
        start = len(self.content)
        self.content += value.tobytes(order)
        return {"": [value.dtype.str, value.shape, start, order]}


def matlab(path: str, key: str, simple: bool) -> object:
    """A variable of a MATLAB file as scipy gives it; None if it is not there.

    simple: structs are objects with fields, and arrays have no axes of length 1.
    """
    from scipy.io import loadmat

    how = {"struct_as_record": False, "squeeze_me": True} if simple else {}
    with open(path, "rb") as file:
        return loadmat(file, variable_names=[key], **how).get(key)


def sqlite(path: str, sql: str) -> list[tuple]:
    """The rows that an SQLite file gives. It is opened for reading only, and nothing is written beside it."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro&immutable=1", uri=True)) as base:
        base.execute("PRAGMA trusted_schema = OFF")
        base.execute("PRAGMA cell_size_check = ON")
        return base.execute(sql).fetchall()


PARSERS = {
    "matlab": ("scipy.io", matlab),
    "sqlite": ("sqlite3", sqlite),
    "table": ("landmarklib.formats.mat5", mat5.table),
}

if __name__ == "__main__":
    serve()
