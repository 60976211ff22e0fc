"""Measure in which form each network of the tables is computed fastest on this kind of processor, and list it.

A run looks its form up in `landmarklib/training/forms.json`, so that its digits depend on no timing. Networks that are
listed already stay as they are unless asked for anew. On an idle machine:

    python benchmarks/choose_forms.py [--device cpu] [--tables NAME ...] [--budgets smoke cpu ...] [--anew]
    [--list FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from landmarklib import tables
from landmarklib.core import progress
from landmarklib.records import environment
from landmarklib.training import autotune
from landmarklib.training.autotune import Network


def networks(names: list[str], budgets: list[str] | None) -> list[Network]:
    """Every network that a run of these tables has, at these budgets or at all."""
    found = {}
    for table in map(tables.get, names):
        for variant in table.variants().values():
            for budget in budgets or variant.budgets:
                if budget in variant.budgets:
                    runs = variant.experiments(seeds=[0], budget=budget)
                    found |= dict.fromkeys(map(autotune.network, runs))
    return sorted(found, key=str)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tables", nargs="+", default=tables.names(), metavar="NAME")
    parser.add_argument("--budgets", nargs="+", metavar="NAME", help="all without it")
    parser.add_argument("--anew", action="store_true", help="those that are listed, too")
    parser.add_argument("--list", type=Path, default=autotune.LIST, help="of forms; the library's own without it")
    arguments = parser.parse_args()
    processor = environment.processor(arguments.device)
    listed = {} if arguments.anew else autotune.read(arguments.list).get(processor, {})
    wanted = [n for n in networks(arguments.tables, arguments.budgets) if str(n) not in listed]
    for network in progress.bar(wanted, desc=processor, unit="network"):
        autotune.write(arguments.list, processor, {network: autotune.measure(network, arguments.device)})
    print(f"{arguments.list}: {len(wanted)} networks measured on {processor}")


if __name__ == "__main__":
    main()
