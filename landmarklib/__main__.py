"""The command line: names, types and exit statuses only; all work is done by run, report, claims and book."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from landmarklib import __version__
from landmarklib.commands import book as book_commands
from landmarklib.commands import data as data_commands
from landmarklib.commands import tables as table_commands
from landmarklib.commands.arguments import RUN_PARAMETERS
from landmarklib.core.types import UserError


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
    """All commands with their help."""
    top = Parser(prog="landmarklib", description="Landmark localisation from few labels, settled by running it.")
    top.add_argument("--version", action="version", version=f"landmarklib {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Callable, text: str, **options) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )
        sub.set_defaults(command=command)
        return sub

    names = "parameters (name=value, or --name value):\n" + "\n".join(
        f"  {n:<10} {t}" for n, t in RUN_PARAMETERS.items()
    )
    sub = add("list", table_commands.list_tables, "The tables, and how much of each has been run.")
    sub.add_argument("--json", action="store_true", help="for programs")
    sub = add("run", table_commands.run_table, "Compute the runs of a table that are missing.", epilog=names)
    sub.add_argument("table")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    sub = add("notebook", book_commands.run_notebook, "Execute a notebook with parameters, into book/tables/.")
    sub.add_argument("name")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    sub = add(
        "store", book_commands.store_notebook, "Store what a notebook's check cell prints, for nbval to compare with."
    )
    sub.add_argument("name")
    for name, command, text in (
        (
            "table",
            table_commands.show_table,
            "One line per cell: method, fraction, n_seeds, mean, sd, unit, paper, tier, budget.",
        ),
        ("claims", table_commands.show_claims, "One line per claim: id, verdict, effect, low, high, paper_holds."),
    ):
        sub = add(name, command, text)
        sub.add_argument("table")
        sub.add_argument("--budget", help="only this budget; by default the table's own")
        sub.add_argument("--csv", action="store_true", help="comma-separated, full precision")
    sub = add(
        "book", book_commands.build_book, "Execute the notebooks and build the book; prints the path of its first page."
    )
    sub.add_argument(
        "--live",
        action="store_true",
        help="train the quickstart on this machine instead of showing its committed records",
    )
    sub = add(
        "overlap",
        table_commands.measure_overlap,
        "How much a data set's attributes and landmarks tell of each other (Table S2).",
    )
    sub.add_argument("name")
    sub.add_argument("--data", default="auto", help="auto, paper, open or stand-in")
    sub.add_argument("--results", help="folder of the results; by default the project's own")
    sub = add(
        "bundle",
        table_commands.bundle_table,
        "Bundle a table's photos for a machine without archives: one file per data set.",
    )
    sub.add_argument("table")
    sub.add_argument("--budget", default="paper", help="whose image sides are taken along; by default paper")
    sub.add_argument("--data", default="auto", help="auto, paper, open or stand-in")
    sub.add_argument("--out", default="build/data", help="LANDMARKLIB_DATA of that machine; by default build/data")
    data = commands.add_parser("data", help="The data sets on this machine.").add_subparsers(
        metavar="COMMAND", required=True
    )
    for name, command, text in (
        ("list", data_commands.list_data, "The data sets: which are here, their licence, how to get the rest."),
        ("check", data_commands.check_data, "Read a whole archive: lists, counts, every image, every point."),
        ("fetch", data_commands.fetch_data, "Download a data set that is openly available, and check it."),
        ("show", data_commands.show_data, "Draw images of a data set with their points, mirror pairs and skeleton."),
    ):
        sub = data.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--data", help="folder of the archives; else LANDMARKLIB_DATA, else ~/.local/share/landmarklib"
        )
        sub.set_defaults(command=command)
        if name == "list":
            sub.add_argument("--json", action="store_true", help="for programs")
        else:
            sub.add_argument("name")
        if name == "show":
            sub.add_argument("--split", help="by default the first one")
            sub.add_argument(
                "--out", default="contact-sheet.png", help="picture to write, by default contact-sheet.png"
            )
    sub = commands.add_parser("results", help="Take records of another machine home.").add_subparsers(
        metavar="COMMAND", required=True
    )
    text = "Check the records in a folder (TABLE/KEY.json) and take those home that are not here yet."
    sub = sub.add_parser("import", help=text, description=text)
    sub.add_argument("folder")
    sub.set_defaults(command=table_commands.import_results)
    sub = add(
        "golden",
        table_commands.check_golden,
        "Compute the golden runs, and say whether a number moved and what to do about it.",
    )
    sub.add_argument("--store", action="store_true", help="keep what is computed, once versions.toml says why it moved")
    add("status", table_commands.show_status, "What is recorded per table and budget, and what is stale.")
    return top


if __name__ == "__main__":
    sys.exit(main())
