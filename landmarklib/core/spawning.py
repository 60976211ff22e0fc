"""How worker processes are started: from wherever the library is called, and without a word to Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are spawned within it do not run the caller's main module, and never see Ctrl-C.

    A spawned process runs the main module again, for functions that may be defined there. Ours lie in this library. A
    script without the guard `if __name__ == "__main__"` would start its work again in each worker, and one that came
    by a pipe is no file that could be run: both would end the workers. Ctrl-C reaches the whole group of processes;
    the parent ends its workers, which so print nothing, not even while they start.
    """
    main = sys.modules["__main__"]
    blocks = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
