"""The command line: names, types and exit statuses only; all work is done by run, report, claims and book."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from landmarklib import __version__
from landmarklib.types import UserError
from landmarklib.words import RUN_PARAMETERS, items, literal, number, run_parameters, split_words, truth


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
    sub = add("list", list_tables, "The tables, and how much of each has been run.")
    sub.add_argument("--json", action="store_true", help="for programs")
    sub = add("run", run_table, "Compute the runs of a table that are missing.", epilog=names)
    sub.add_argument("table")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    sub = add("notebook", run_notebook, "Execute a notebook with parameters, into book/tables/.")
    sub.add_argument("name")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    sub = add("store", store_notebook, "Store what a notebook's check cell prints, for nbval to compare with.")
    sub.add_argument("name")
    for name, command, text in (
        ("table", show_table, "One line per cell: method, fraction, n_seeds, mean, sd, unit, paper, tier, budget."),
        ("claims", show_claims, "One line per claim: id, verdict, effect, low, high, paper_holds."),
    ):
        sub = add(name, command, text)
        sub.add_argument("table")
        sub.add_argument("--budget", help="only this budget; by default the table's own")
        sub.add_argument("--csv", action="store_true", help="comma-separated, full precision")
    sub = add("book", build_book, "Execute the notebooks and build the book; prints the path of its first page.")
    sub.add_argument(
        "--live",
        action="store_true",
        help="train the quickstart on this machine instead of showing its committed records",
    )
    sub = add(
        "overlap", measure_overlap, "How much a data set's attributes and landmarks tell of each other (Table S2)."
    )
    sub.add_argument("name")
    sub.add_argument("--data", default="auto", help="auto, paper, open or stand-in")
    sub.add_argument("--results", help="folder of the results; by default the project's own")
    sub = add("bundle", bundle_table, "Bundle a table's photos for a machine without archives: one file per data set.")
    sub.add_argument("table")
    sub.add_argument("--budget", default="paper", help="whose image sides are taken along; by default paper")
    sub.add_argument("--data", default="auto", help="auto, paper, open or stand-in")
    sub.add_argument("--out", default="build/data", help="LANDMARKLIB_DATA of that machine; by default build/data")
    data = commands.add_parser("data", help="The data sets on this machine.").add_subparsers(
        metavar="COMMAND", required=True
    )
    for name, command, text in (
        ("list", list_data, "The data sets: which are here, their licence, how to get the rest."),
        ("check", check_data, "Read a whole archive: lists, counts, every image, every point."),
        ("fetch", fetch_data, "Download a data set that is openly available, and check it."),
        ("show", show_data, "Draw images of a data set with their points, mirror pairs and skeleton."),
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
    sub.set_defaults(command=import_results)
    sub = add(
        "golden", check_golden, "Compute the golden runs, and say whether a number moved and what to do about it."
    )
    sub.add_argument("--store", action="store_true", help="keep what is computed, once versions.toml says why it moved")
    add("status", show_status, "What is recorded per table and budget, and what is stale.")
    return top


def list_tables(arguments: argparse.Namespace) -> None:
    """Print every table with its state."""
    from landmarklib import query, report, tables

    lines = []
    for name in tables.names():
        table = tables.get(name)
        runs, _ = query.read(query.recorded(table) or table)
        cells, of, done, failed = report.state(table, runs)
        lines.append(
            {"table": name, "title": table.title, "paper": table.paper, "where": table.where, "cells": cells, "of": of}
            | {"runs": done, "failed": failed, "budgets": list(table.budgets), "methods": [r.name for r in table.rows]}
        )
    if arguments.json:
        print(json.dumps(lines, indent=1))
    else:
        for line in lines:
            state = f"{line['cells']} of {line['of']} cells, {line['runs']} runs" + (
                f", {line['failed']} failed" if line["failed"] else ""
            )
            print(f"{line['table']:<12} {line['paper']}, {line['where']:<14} {line['title']:<12} {state}")


def run_table(arguments: argparse.Namespace) -> None:
    """Fill a table, and say what is there afterwards."""
    from landmarklib import report, run, tables

    table = tables.get(arguments.table)
    parameters = run_parameters(arguments.parameters)
    runs = run.ensure(table.name, **parameters)
    wanted = table.experiments(*(parameters.get(n) for n in ("fractions", "seeds", "rows", "budget")))
    cells, of, _, failed = report.state(table, runs)
    print(
        f"{table.name}: {len(runs)} of {len(wanted)} runs are there ({failed} failed); {cells} of the paper's {of} cells"
    )
    if len(runs) < len(wanted):
        left = len(wanted) - len(runs)
        print(
            f"{left} run{'s' * (left > 1)} did not fit before the deadline; "
            + ("they stay as they were" if parameters.get("refresh") else "the same command goes on from here")
        )


def run_notebook(arguments: argparse.Namespace) -> None:
    """Execute one notebook with checked parameters."""
    from landmarklib import book

    path = book.notebook_path(arguments.name)
    known = book.parameters_of(path)
    given = {}
    described = {name: f"{kind}, {default!r} unless given" for name, (kind, default) in known.items()}
    for name, text in split_words(arguments.parameters, described).items():
        kind = known[name][0]
        if kind == "bool":
            given[name] = truth(name, text)
        elif kind in ("int", "float"):
            given[name] = number(name, text, int if kind == "int" else float)
        elif kind == "list":
            given[name] = [literal(part) for part in items(text)]
        else:
            given[name] = text
    print(book.execute(arguments.name, given))


def store_notebook(arguments: argparse.Namespace) -> None:
    """Store a notebook's checked output."""
    from landmarklib import book

    print(book.store(arguments.name))


def show_table(arguments: argparse.Namespace) -> None:
    """Print a table's cells."""
    from landmarklib import report

    table, runs = _runs(arguments)
    _print(report.cells(table, runs), arguments.csv)


def show_claims(arguments: argparse.Namespace) -> None:
    """Print the verdicts on a table's claims."""
    from landmarklib import claims

    table, runs = _runs(arguments)
    _print(claims.frame(claims.evaluate(table, runs)), arguments.csv)


def _runs(arguments: argparse.Namespace):
    from landmarklib import query, tables

    table = tables.get(arguments.table)
    budget = arguments.budget or table.default_budget
    if budget not in table.budgets:
        raise UserError(f"table {table.name}: unknown budget {budget!r}; known: {', '.join(table.budgets)}")
    table = query.recorded(table) or table
    return table, query.read(table, budget)[0]


def _print(frame, csv: bool) -> None:
    print(frame.to_csv(index=False), end="") if csv else print(
        frame.to_string(index=False, float_format=lambda v: f"{v:.3f}")
    )


def measure_overlap(arguments: argparse.Namespace) -> None:
    """Measure and keep what a data set's attributes and landmarks tell of each other."""
    from landmarklib import overlap, record

    found = overlap.measure(arguments.name, arguments.data)
    for attribute, (mean, largest) in found.values.items():
        print(f"{found.title}, {attribute}: mean {mean:.3f}, largest {largest:.3f}")
    print(overlap.save(found, record.results_folder(arguments.results)))


def bundle_table(arguments: argparse.Namespace) -> None:
    """Write the bundles of a table's data sets."""
    from landmarklib import bundling, run, tables

    table = run.on(tables.get(arguments.table), arguments.data, None, arguments.budget)
    for path in bundling.write(table.experiments(budget=arguments.budget), arguments.out):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"there, run with LANDMARKLIB_DATA={arguments.out}")


def import_results(arguments: argparse.Namespace) -> None:
    """Take records home."""
    from landmarklib import importing, record

    folder = record.results_folder()
    new, here = importing.import_records(Path(arguments.folder), folder)
    print(f"{new} record{'s' * (new != 1)} imported into {folder}; {here} there already")


def list_data(arguments: argparse.Namespace) -> None:
    """Print every data set, where it is, and how to get it."""
    from landmarklib import data

    frame = data.overview(arguments.data)
    if arguments.json:
        print(json.dumps(frame.to_dict("records"), indent=1))
        return
    for line in frame.itertuples():
        print(f"{line.name:<12} {line.tier:<9} {line.here}\n{'':<12} licence: {line.licence}")
        if line.here == "missing":
            print(f"{'':<12} to get it: {line.obtain}")


def check_data(arguments: argparse.Namespace) -> None:
    """Check one archive."""
    from landmarklib import data

    print(data.check(arguments.name, arguments.data))


def fetch_data(arguments: argparse.Namespace) -> None:
    """Download a data set, read all of it, and print what is there."""
    from landmarklib import data, fetch

    fetch.fetch(arguments.name, arguments.data)
    print(data.check(arguments.name, arguments.data))


def show_data(arguments: argparse.Namespace) -> None:
    """Draw a contact sheet."""
    from landmarklib import data, datasets, record, sheets

    shown = data.samples(arguments.name, 12, arguments.split, arguments.data)
    figure = sheets.contact_sheet(datasets.get(arguments.name), shown)
    out = Path(arguments.out)
    if out.suffix.lower() not in (".png", ".pdf", ".svg", ".jpg"):
        raise UserError(f"--out: {out} is no picture; write .png, .pdf, .svg or .jpg")
    record.write_in_one_step(out, lambda file: figure.savefig(file, format=out.suffix[1:]))
    print(out)


def build_book(arguments: argparse.Namespace) -> None:
    """Build the book."""
    from landmarklib import book

    print(f"first page: {book.build(live=arguments.live)}")


def check_golden(arguments: argparse.Namespace) -> None:
    """Compare the golden runs with the stored ones, or store them."""
    from landmarklib import golden, record

    print((golden.store if arguments.store else golden.check)(record.results_folder()))


def show_status(arguments: argparse.Namespace) -> None:
    """Print what is recorded."""
    from landmarklib import book

    _print(book.status(), csv=False)


if __name__ == "__main__":
    sys.exit(main())
