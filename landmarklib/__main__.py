"""The command line: its parser, exit statuses and the line that says what is wrong. `commands/` has the commands."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from landmarklib import __version__
from landmarklib.commands import book, data, tables
from landmarklib.core.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 2 a mistake in what was asked, 130 stopped by the user."""
    try:
        arguments = parser().parse_args(argv)
        arguments.command(arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"landmarklib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nlandmarklib: stopped; finished runs are kept, the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does; Python flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake as everything else here does: in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        raise UserError(f"{message}; see {self.prog} --help")


def parser() -> Parser:
    """All commands with their help, in the order of `landmarklib --help`."""
    top = Parser(prog="landmarklib", description="Landmark localisation from few labels, settled by running it.")
    top.add_argument("--version", action="version", version=f"landmarklib {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for module in (tables, book, data):
        module.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
