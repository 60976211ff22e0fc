"""The command line: its parser, exit statuses and the line that says what is wrong. `commands/` has the commands."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from typing import NoReturn

from landmarklib import __version__
from landmarklib.core.errors import UserError

STOPPED = "\nlandmarklib: stopped; finished runs are kept, the same command goes on from here"


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns the exit status: 0 done, 1 what the system refused (a full disk, an output that is closed), 2 a mistake in
    what was asked, 130 stopped by the user.
    """
    try:
        _check_streams()
        try:
            arguments = parser().parse_args(argv)
            arguments.command(arguments)
        finally:
            sys.stdout.flush()
    except UserError as error:
        print(f"landmarklib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        _drop_output()
    except OSError as error:
        if not error.filename:  # as of a write to an output that is full
            _drop_output()
        what = error.filename or "cannot write the output"
        print(f"landmarklib: {what}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _check_streams() -> None:
    """Raise OSError for an output that was closed before we began; what would be said of errors is dropped."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed; send it to a file or to /dev/null")


def _drop_output() -> None:
    """Send the output nowhere: Python writes what is left of it once more when it ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake as everything else here does: in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        raise UserError(f"{message}; see {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:
        """Print a help. argparse's own passes over an output that takes nothing."""
        print(message, end="", file=file)


def parser() -> Parser:
    """All commands with their help, in the order of `landmarklib --help`."""
    from landmarklib.commands import book, data, tables  # here, so that Ctrl-C is heard while they load

    top = Parser(prog="landmarklib", description="Landmark localisation from few labels, settled by running it.")
    top.add_argument("--version", action="version", version=f"landmarklib {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for module in (tables, book, data):
        module.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
