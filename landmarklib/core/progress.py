"""Progress, in the form that its reader can use. Whoever shows some calls `bar`.

On a terminal it is tqdm's bar. In a notebook it is one output that changes, and anywhere else (a log, a pipe) a line
now and then; a task that ends before the first is due shows nothing there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from functools import lru_cache
from io import TextIOBase

from tqdm import tqdm as Bar

WHERE = "LANDMARKLIB_PROGRESS"  # of a notebook's kernel: the terminal of the command that started it, or LINES
LINES = "lines"
NOW_AND_THEN = 30.0  # seconds between the lines of a log
OFTEN = 0.5  # seconds between the changes of a notebook's output


def bar(iterable: Iterable | None = None, **options: object) -> Bar:
    """tqdm(iterable, **options), shown on the terminal, in the notebook or in the log that this process writes to."""
    where = os.environ.get(WHERE, "")
    if file := _stderr() or _terminal(where):
        return Bar(iterable, file=file, dynamic_ncols=True, **options)
    return (_Output if _in_notebook() and not where else _Lines)(iterable, **options)


def say(line: str) -> None:
    """Tell the user a line where bars are shown; one that is there stays whole."""
    if file := _stderr() or _terminal(os.environ.get(WHERE, "")) or sys.stderr:
        Bar.write(line, file=file)
        file.flush()


def for_kernel() -> str:
    """The value of WHERE for a notebook that is executed for a command: its bars are to be where the command's are."""
    return os.ttyname(sys.stderr.fileno()) if _stderr() and hasattr(os, "ttyname") else LINES


def _stderr() -> TextIOBase | None:
    return sys.stderr if getattr(sys.stderr, "isatty", bool)() else None


@lru_cache(maxsize=1)
def _terminal(path: str) -> TextIOBase | None:
    if path in ("", LINES):
        return None
    try:
        return open(path, "w", encoding="utf-8")
    except OSError:  # the kernel runs where that terminal is not
        return None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


class _Lines(Bar):
    """A line every so often, and a last one if there was any."""

    every = NOW_AND_THEN

    def __init__(self, iterable: Iterable | None = None, **options: object):
        self.due, self.any = time.monotonic() + self.every, False
        own = {"mininterval": self.every, "miniters": 1, "ncols": 0, "gui": True}  # gui: tqdm itself writes nothing
        super().__init__(iterable, **{**options, **own, "disable": options.get("disable") or sys.stderr is None})

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the line, if it is due."""
        if time.monotonic() >= self.due:
            self.due, self.any = time.monotonic() + self.every, True
            self.show(str(self))

    def clear(self, nolock: bool = False) -> None:
        """Clear nothing: tqdm does so around a line that `say` writes, and fails on a bar that it does not draw."""

    def close(self) -> None:
        """Show the last line."""
        if not self.disable and self.any and self.leave:
            self.show(str(self))
        super().close()

    def show(self, line: str) -> None:
        """Write the line."""
        self.fp.write(f"{line}\n")
        self.fp.flush()


class _Output(_Lines):
    """One output of a notebook's cell, whose text changes."""

    every, handle = OFTEN, None

    def show(self, line: str) -> None:
        """Put the line in place of the one before."""
        from IPython.display import display

        if self.handle is None:
            self.handle = display({"text/plain": line}, raw=True, display_id=True)
        else:
            self.handle.update({"text/plain": line}, raw=True)
