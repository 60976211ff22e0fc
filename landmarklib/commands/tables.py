"""Commands on tables and their records."""

from __future__ import annotations

import argparse
import json

from landmarklib.commands.arguments import RUN_PARAMETERS, command, group, run_parameters
from landmarklib.core.errors import UserError, shown

TIER = "auto, paper, open or stand-in"


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this file to the parser."""
    sub = command(commands, "list", list_tables, "The tables, and how much of each has been run.")
    sub.add_argument("--json", action="store_true", help="for programs")
    known = "\n".join(["parameters (name=value, or --name value):", *_columns(RUN_PARAMETERS)])
    sub = command(commands, "run", run_table, "Compute the runs of a table that are missing.", epilog=known)
    sub.add_argument("table")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    of_cells = "One line per cell: method, fraction or labels, n_seeds, mean, sd, unit, paper, tier, budget."
    of_claims = "One line per claim: verdict, effect with its interval (also in percent), the paper's, data, seeds."
    for name, function, text in (("table", show_table, of_cells), ("claims", show_claims, of_claims)):
        sub = command(commands, name, function, text)
        sub.add_argument("table")
        sub.add_argument("--budget", help="only this budget; by default the table's own")
        sub.add_argument("--csv", action="store_true", help="comma-separated, full precision")
    command(commands, "status", show_status, "What is recorded per table and budget, and what is stale.")
    _add_bundle_and_overlap(commands)
    _add_results_and_golden(commands)


def _add_bundle_and_overlap(commands: argparse._SubParsersAction) -> None:
    text = "Bundle a table's photos for a machine without archives: one file per data set."
    sub = command(commands, "bundle", bundle_table, text)
    sub.add_argument("table")
    sub.add_argument("--budget", default="paper", help="its image sizes are bundled; by default paper")
    sub.add_argument("--data", default="auto", help=TIER)
    sub.add_argument("--out", default="build/data", help="LANDMARKLIB_DATA of that machine; by default build/data")
    text = "How much a data set's attributes and landmarks tell of each other (Table S2)."
    sub = command(commands, "overlap", measure_overlap, text)
    sub.add_argument("name")
    sub.add_argument("--data", default="auto", help=TIER)
    sub.add_argument("--results", help="folder of the results; by default the project's own")


def _add_results_and_golden(commands: argparse._SubParsersAction) -> None:
    results = group(commands, "results", "Import the records of another machine.")
    text = "Check the records in a folder (TABLE/KEY.json) and import those that are not here yet."
    command(results, "import", import_results, text).add_argument("folder")
    text = "Compute the golden runs, and say whether a number moved and what to do about it."
    sub = command(commands, "golden", check_golden, text)
    text = (
        "keep what is computed in results/golden/*.json and results/golden.json, once versions.toml says why it moved"
    )
    sub.add_argument("--store", action="store_true", help=text)


def _columns(described: dict[str, str]) -> list[str]:
    return [f"  {name:<10} {text}" for name, text in described.items()]


def list_tables(arguments: argparse.Namespace) -> None:
    """Print every table with its state."""
    from landmarklib import tables
    from landmarklib.records import query
    from landmarklib.report import aggregate

    lines = []
    for name in tables.names():
        table, runs, _ = query.read_recorded(tables.get(name))
        cells, of, done, failed = aggregate.state(table, runs)
        lines.append(
            {"table": name, "title": table.title, "paper": table.paper, "where": table.where, "cells": cells, "of": of}
            | {"runs": done, "failed": failed, "budgets": list(table.budgets), "rows": [r.name for r in table.rows]}
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
    """Fill a table, or decide its claims, and say what is there afterwards."""
    from landmarklib.commands import deciding
    from landmarklib.engine.ensure import ensure
    from landmarklib.report import aggregate

    parameters = run_parameters(arguments.parameters)
    if parameters.pop("until", None):
        deciding.decide(arguments.table, **parameters)
        return
    table, runs, records = ensure(arguments.table, **parameters)
    wanted = table.experiments(*(parameters.get(n) for n in ("fractions", "seeds", "rows", "budget")))
    cells, of, _, failed = aggregate.state(table, runs)
    there = f"{len(records)} of {len(wanted)} runs are there ({failed} failed)"
    print(f"{table.name}: {there}; {cells} of the paper's {of} cells")
    if len(records) < len(wanted):
        left = len(wanted) - len(records)
        print(
            f"{left} run{'s' * (left > 1)} did not fit before the deadline; "
            + ("they stay as they were" if parameters.get("refresh") else "the same command goes on from here")
        )


def show_table(arguments: argparse.Namespace) -> None:
    """Print a table's cells."""
    from landmarklib.report import aggregate

    table, runs = _runs(arguments)
    _print(aggregate.written(table, aggregate.cells(table, runs)), arguments.csv)


def show_claims(arguments: argparse.Namespace) -> None:
    """Print the verdicts on a table's claims."""
    from landmarklib.report import claims

    table, runs = _runs(arguments)
    found = claims.frame(claims.evaluate(table, runs))
    if len(found) and len(runs):
        budget = runs.budget.iloc[0]
        size = table.budgets[budget].size or table.size
        found = found.assign(tier=", ".join(sorted(set(runs.tier))), budget=budget, size=size)
    _print(found, arguments.csv)


def _runs(arguments: argparse.Namespace):
    from landmarklib import tables
    from landmarklib.records import query

    table = tables.get(arguments.table)
    budget = arguments.budget or table.default_budget
    if budget not in table.budgets:
        raise UserError(f"table {table.name}: unknown budget {shown(budget)}; known: {', '.join(table.budgets)}")
    return query.read_recorded(table, budget)[:2]


def _print(frame, csv: bool) -> None:
    text = frame.to_csv(index=False) if csv else f"{frame.to_string(index=False, float_format='{:.3f}'.format)}\n"
    print(text, end="")


def measure_overlap(arguments: argparse.Namespace) -> None:
    """Measure and keep what a data set's attributes and landmarks tell of each other."""
    from landmarklib.core import files
    from landmarklib.pages import overlap
    from landmarklib.records import record

    results = record.results_folder(arguments.results)
    files.writable("results", results / record.OVERLAP)
    found = overlap.measure(arguments.name, arguments.data)
    for attribute, (mean, largest) in found.values.items():
        print(f"{found.title}, {attribute}: mean {mean:.3f}, largest {largest:.3f}")
    print(overlap.save(found, results))


def bundle_table(arguments: argparse.Namespace) -> None:
    """Write the bundles of a table's data sets."""
    from landmarklib import tables
    from landmarklib.core import files
    from landmarklib.loading import bundling
    from landmarklib.records import query

    out = files.named("--out", arguments.out)
    table = query.resolve_tier(tables.get(arguments.table), arguments.data, None, arguments.budget)
    experiments = table.experiments(budget=arguments.budget)
    if bundling.asked_for(experiments):
        files.writable("--out", out)
    for path in bundling.write(experiments, out):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"there, run with LANDMARKLIB_DATA={arguments.out}")


def import_results(arguments: argparse.Namespace) -> None:
    """Import the records of another machine."""
    from landmarklib.core import files
    from landmarklib.records import importing, record

    folder = record.results_folder()
    new, here = importing.import_records(files.named("folder", arguments.folder), folder)
    print(f"{new} record{'s' * (new != 1)} imported into {folder}; {here} there already")


def check_golden(arguments: argparse.Namespace) -> None:
    """Compare the golden runs with the stored ones, or store them."""
    from landmarklib.core import files
    from landmarklib.engine import golden
    from landmarklib.records import record

    folder = record.results_folder()
    if arguments.store:
        files.writable("results", folder)
    print((golden.store if arguments.store else golden.check)(folder))


def show_status(arguments: argparse.Namespace) -> None:
    """Print what is recorded."""
    from landmarklib.pages import status

    _print(status.status(), csv=False)
