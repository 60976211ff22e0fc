"""Commands on tables and their records."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from landmarklib.commands.arguments import run_parameters
from landmarklib.core.types import UserError


def list_tables(arguments: argparse.Namespace) -> None:
    """Print every table with its state."""
    from landmarklib import tables
    from landmarklib.records import query
    from landmarklib.report import aggregate

    lines = []
    for name in tables.names():
        table = tables.get(name)
        runs, _ = query.read(query.recorded(table) or table)
        cells, of, done, failed = aggregate.state(table, runs)
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
    from landmarklib import tables
    from landmarklib.engine import ensure
    from landmarklib.report import aggregate

    table = tables.get(arguments.table)
    parameters = run_parameters(arguments.parameters)
    runs = ensure.ensure(table.name, **parameters)
    wanted = table.experiments(*(parameters.get(n) for n in ("fractions", "seeds", "rows", "budget")))
    cells, of, _, failed = aggregate.state(table, runs)
    print(
        f"{table.name}: {len(runs)} of {len(wanted)} runs are there ({failed} failed); {cells} of the paper's {of} cells"
    )
    if len(runs) < len(wanted):
        left = len(wanted) - len(runs)
        print(
            f"{left} run{'s' * (left > 1)} did not fit before the deadline; "
            + ("they stay as they were" if parameters.get("refresh") else "the same command goes on from here")
        )


def show_table(arguments: argparse.Namespace) -> None:
    """Print a table's cells."""
    from landmarklib.report import aggregate

    table, runs = _runs(arguments)
    _print(aggregate.cells(table, runs), arguments.csv)


def show_claims(arguments: argparse.Namespace) -> None:
    """Print the verdicts on a table's claims."""
    from landmarklib.report import claims

    table, runs = _runs(arguments)
    _print(claims.frame(claims.evaluate(table, runs)), arguments.csv)


def _runs(arguments: argparse.Namespace):
    from landmarklib import tables
    from landmarklib.records import query

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
    from landmarklib.pages import overlap
    from landmarklib.records import record

    found = overlap.measure(arguments.name, arguments.data)
    for attribute, (mean, largest) in found.values.items():
        print(f"{found.title}, {attribute}: mean {mean:.3f}, largest {largest:.3f}")
    print(overlap.save(found, record.results_folder(arguments.results)))


def bundle_table(arguments: argparse.Namespace) -> None:
    """Write the bundles of a table's data sets."""
    from landmarklib import tables
    from landmarklib.loading import bundling
    from landmarklib.records import query

    table = query.resolve_tier(tables.get(arguments.table), arguments.data, None, arguments.budget)
    for path in bundling.write(table.experiments(budget=arguments.budget), arguments.out):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"there, run with LANDMARKLIB_DATA={arguments.out}")


def import_results(arguments: argparse.Namespace) -> None:
    """Take records home."""
    from landmarklib.records import importing, record

    folder = record.results_folder()
    new, here = importing.import_records(Path(arguments.folder), folder)
    print(f"{new} record{'s' * (new != 1)} imported into {folder}; {here} there already")


def check_golden(arguments: argparse.Namespace) -> None:
    """Compare the golden runs with the stored ones, or store them."""
    from landmarklib.engine import golden
    from landmarklib.records import record

    print((golden.store if arguments.store else golden.check)(record.results_folder()))


def show_status(arguments: argparse.Namespace) -> None:
    """Print what is recorded."""
    from landmarklib.pages import status

    _print(status.status(), csv=False)
