"""Foreign bytes in a parser written in C: in a process of its own, with limits of processor time and memory.

A few flipped bits crash scipy's MATLAB reader, and a view in an SQLite file can run for ever. Here that ends a process
that does nothing else, and the caller gets one line. The process is started when it is first needed and waits for more
files, so that thousands of small ones cost one start.

What comes back is JSON and the bytes of arrays, not a pickle: a process whose memory a file has damaged can then send
wrong numbers at worst, and never a call that this process would make.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from landmarklib.core.errors import UserError

SECONDS, SECONDS_PER_MB = 10, 5  # of a processor, for any file and for each MB of it; structs take scipy one per MB
MEMORY, MEMORY_PER_BYTE = 1 << 29, 64  # bytes beyond what the process has; scipy's structs are 55 times their file
LIMITS = "MATLAB and SQLite files are read in a process with limits of time and memory"

_lock = threading.Lock()
_process: subprocess.Popen | None = None


class Refused(ValueError):
    """A file that could not be parsed; the message says why."""


def parse(parser: str, path: Path, **how: object) -> object:
    """What a parser of `parsers` makes of a file: numbers, text, None, lists, dicts and arrays.

    Raises OSError, Refused, and UserError where no such process can be had: then nothing is read.

    parser: its name.
    path: the file, which is there.
    how: further arguments of the parser.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise Refused("it is no file")  # but a folder, or a pipe that would be waited for
    n = state.st_size
    limits = {"seconds": SECONDS + SECONDS_PER_MB * n / 1e6, "bytes": MEMORY + MEMORY_PER_BYTE * n}
    request = {"parser": parser, "path": os.path.abspath(path), "how": how, **limits}
    with _lock:
        head, text, content = _ask(path, json.dumps(request).encode() + b"\n")
    if head["refused"] is not None:
        raise Refused(head["refused"])
    if not head["limited"]:
        warnings.warn(f"{path}: read without a limit of memory, which this system does not have", stacklevel=2)
    try:
        return json.loads(text, object_hook=lambda found: _array(found[""], content) if "" in found else found)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise Refused(f"what was read is no answer: {error}") from None


def _array(told: list, content: bytearray) -> np.ndarray:
    """An array of numbers by its type, shape, place in the content and order, or one of other things, listed."""
    kind, shape, *rest = told
    if kind == "O":
        array = np.empty(len(rest[0]), object)
        for i, part in enumerate(rest[0]):  # one by one, or numpy makes one array of those that are in it
            array[i] = part
        return array.reshape(shape)
    start, order = rest
    return np.frombuffer(content, kind, int(np.prod(shape, dtype=object)), start).reshape(shape, order=order)


def _ask(path: Path, request: bytes) -> tuple[dict, bytes, bytearray]:
    """The process's answer to a request: its head, JSON, and the bytes of arrays."""
    global _process
    while True:
        if _process is None or _process.poll() is not None:
            _end()
            _process = _start(path)
        try:
            if answer := _exchange(_process, request):
                return answer
        except BaseException:
            _end()  # its answer is still to come, and would be taken for that to the next request
            raise
        if (status := _end()) != -signal.SIGALRM:  # that is how one ends that has waited for long
            raise Refused(_cause(status, json.loads(request)["seconds"]))


def _exchange(process: subprocess.Popen, request: bytes) -> tuple[dict, bytes, bytearray] | None:
    """The same of this process; None where it died, of which its status tells more."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        process.stdin.write(request)
        process.stdin.flush()
        head = json.loads(process.stdout.readline())
        text, content = process.stdout.read(head["text"]), bytearray(process.stdout.read(head["content"]))
        if (len(text), len(content)) == (head["text"], head["content"]):
            return head, text, content
    return None


def _start(path: Path) -> subprocess.Popen:
    """A process that has said that it is ready. Raises UserError where it cannot be had."""
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [sys.executable, "-P", "-W", "ignore", "-m", "landmarklib.formats.parsers"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        process = subprocess.Popen(command, env={**os.environ, **threads, "PYTHONPATH": places}, **pipes)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not read: {LIMITS}, and none can be started ({error})") from None
    if process.stdout.readline() != b"ready\n":
        _close(process)
        raise UserError(f"{path}: not read: {LIMITS}, which this system does not offer")
    return process


def _cause(status: int, seconds: float) -> str:
    if status == -signal.SIGPROF:
        return f"it takes more than {seconds:.3g} s to read"
    return f"its reader died of {signal.Signals(-status).name if status < 0 else f'exit status {status}'}"


def _close(process: subprocess.Popen) -> int:
    """Ends a process, if it has not ended by itself, and returns its status."""
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was not sent yet has nobody to read it
            pipe.close()
    try:
        process.wait(1)  # without its pipes it ends by itself, unless it is at work
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


@atexit.register
def _end() -> int:
    global _process
    process, _process = _process, None
    return _close(process) if process else 0


def _forget() -> None:
    """In a forked process: the other one is the parent's, and so are its pipes."""
    global _lock, _process
    _lock = threading.Lock()
    if _process:
        _process.stdin.close()
        _process.stdout.close()
        _process.returncode = 0  # that is for the parent to know
    _process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
