"""Commands on notebooks and the book."""

from __future__ import annotations

import argparse

from landmarklib.commands.arguments import items, literal, number, split_words, truth


def run_notebook(arguments: argparse.Namespace) -> None:
    """Execute one notebook with checked parameters."""
    from landmarklib.pages import notebooks

    path = notebooks.notebook_path(arguments.name)
    known = notebooks.parameters_of(path)
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
    print(notebooks.execute(arguments.name, given))


def store_notebook(arguments: argparse.Namespace) -> None:
    """Store a notebook's checked output."""
    from landmarklib.pages import notebooks

    print(notebooks.store(arguments.name))


def build_book(arguments: argparse.Namespace) -> None:
    """Build the book."""
    from landmarklib.pages import book

    print(f"first page: {book.build(live=arguments.live)}")
