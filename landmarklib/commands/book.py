"""Commands on notebooks and the book."""

from __future__ import annotations

import argparse

from landmarklib.commands.arguments import command, items, literal, number, split, truth


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this file to the parser."""
    sub = command(commands, "notebook", run_notebook, "Execute a notebook with parameters, into book/tables/.")
    sub.add_argument("name")
    sub.add_argument("parameters", nargs=argparse.REMAINDER, metavar="name=value")
    text = "Store what a notebook's check cell prints, for nbval to compare with; prints what changed."
    command(commands, "store", store_notebook, text).add_argument("name")
    text = "Execute the notebooks and build the book; prints the path of its first page."
    sub = command(commands, "book", build_book, text)
    text = "train the quickstart on this machine instead of showing its committed records"
    sub.add_argument("--live", action="store_true", help=text)


def run_notebook(arguments: argparse.Namespace) -> None:
    """Execute one notebook with checked parameters."""
    from landmarklib.pages import notebooks

    path = notebooks.notebook_path(arguments.name)
    known = notebooks.parameters_of(path)
    given = {}
    described = {name: f"{kind}, {default!r} unless given" for name, (kind, default) in known.items()}
    for name, text in split(arguments.parameters, described).items():
        kind = known[name][0]
        if kind == "bool":
            given[name] = truth(name, text)
        elif kind in ("int", "float"):
            given[name] = number(name, text, int if kind == "int" else float)
        elif kind == "list":
            given[name] = [literal(part) for part in items(text)]
        else:
            given[name] = text
    print(notebooks.execute(arguments.name, given))


def store_notebook(arguments: argparse.Namespace) -> None:
    """Store a notebook's checked output, and print which lines of it changed."""
    from landmarklib.pages import notebooks

    changed = notebooks.store(arguments.name)
    print("\n".join(changed) or f"{arguments.name}: nothing changed")


def build_book(arguments: argparse.Namespace) -> None:
    """Build the book."""
    from landmarklib.pages import book

    print(f"first page: {book.build(live=arguments.live)}")
