"""The arguments of a command: how it declares them, and `name=value` as values of their types."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable

from landmarklib.core.amounts import EVERY
from landmarklib.core.errors import UserError, shown

RUN_PARAMETERS = {
    "fractions": "label fractions in (0, 1], such as 0.05,0.2",
    "labels": "numbers of labelled images instead, of a table that counts them, such as 1,10,all",
    "seeds": "whole numbers, such as 0,1,2; with until how many at most: 5, 10 or 20",
    "until": "decided: 5 seeds first, then 10 and 20 for the cells of claims that are undecided",
    "rows": "of the table, such as 'Seq-MT (L),Seq-MT (L+ELT)'; with a comma in the name '[\"...\"]'",
    "budget": "smoke, cpu, paper or another of the table's",
    "data": "auto, paper, open or stand-in",
    "device": "cpu, cuda, cuda:1 ...",
    "workers": "processes; 0 takes one per core on a CPU and one on a GPU",
    "deadline": "seconds; no run starts that would not end in time",
    "form": "of the convolutions of missing runs, such as '1x2 float32'; by default what is listed for the processor",
    "refresh": "true computes everything anew",
    "results": "folder of the records",
}
UNTIL = ("decided",)
OLDER = {"methods": "rows"}  # older names of parameters, still understood


def command(
    commands: argparse._SubParsersAction,
    name: str,
    function: Callable[[argparse.Namespace], None],
    text: str,
    **options,
) -> argparse.ArgumentParser:
    """Add a command to the parser; returns its own parser, for its arguments.

    commands: what `add_subparsers` returned.
    function: does the work, given the parsed arguments.
    text: what the command does, for both helps.
    options: further ones of `argparse.ArgumentParser`.
    """
    sub = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )
    sub.set_defaults(command=function)
    return sub


def group(commands: argparse._SubParsersAction, name: str, text: str) -> argparse._SubParsersAction:
    """Add a command that has commands of its own, as `data list`; returns what they are added to."""
    return commands.add_parser(name, help=text, description=text).add_subparsers(metavar="COMMAND", required=True)


def run_parameters(given: list[str]) -> dict:
    """`name=value` as arguments of `engine.ensure`, each of its type, and `until`.

    Raises UserError that names the valid ones.
    """
    values = {}
    for name, text in split(given, RUN_PARAMETERS).items():
        if name in ("fractions", "labels") and "fractions" in values:
            raise UserError("fractions and labels are both given; a table has one of them")
        if name in ("fractions", "labels"):  # which of them the table has it says itself
            values["fractions"] = [part if part == EVERY else number(name, part, float) for part in items(text)]
        elif name == "seeds":
            values[name] = [number(name, part, int) for part in items(text)]
        elif name == "rows":
            values[name] = items(text)
        elif name in ("workers", "deadline"):
            values[name] = number(name, text, int if name == "workers" else float)
        elif name == "refresh":
            values[name] = truth(name, text)
        elif name == "until" and text not in UNTIL:
            raise UserError(f"until: {shown(text)} is unknown; valid: {', '.join(UNTIL)}")
        else:
            values[name] = text
    return values


def split(given: list[str], known: dict) -> dict[str, str]:
    """`name=value` and `--name value` as a dict; `--help` prints the known names with what is said of them.

    An older name means today's. Raises UserError for an unknown or repeated name and for a missing value.
    """
    values: dict[str, str] = {}
    left = list(given)
    while left:
        argument = left.pop(0)
        if argument in ("-h", "--help"):
            print("\n".join(f"{name:<10} {about}" for name, about in known.items()))
            raise SystemExit(0)
        if argument.startswith("--") and "=" not in argument:
            if not left:
                raise UserError(f"{argument}: a value is missing")
            argument = f"{argument}={left.pop(0)}"
        written, equals, value = argument.removeprefix("--").partition("=")
        name = written if written in known else OLDER.get(written, written)
        if name not in known or not equals:
            raise UserError(f"unknown parameter {shown(argument)}; write name=value with one of: {', '.join(known)}")
        if not value:
            raise UserError(f"{written}: a value is missing")
        if name in values:
            older = [f"; {old} is an older name of it" for old, new in OLDER.items() if new == name]
            raise UserError(f"{name} is given twice{''.join(older)}")
        values[name] = value
    return values


def items(text: str) -> list[str]:
    """'0.05,0.2' and '[0.05, 0.2]' as a list of texts.

    A comma between quotes belongs to its text, unless the quotes are around all of it. Raises UserError for a quote
    that does not end.
    """
    text = text.strip()
    lexer = shlex.shlex(text.removeprefix("[").removesuffix("]"), posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters, lexer.escape = ",", True, "", ""
    try:
        parts = list(lexer)
    except ValueError:
        raise UserError(f"{shown(text)}: a quotation mark is missing") from None
    if len(parts) == 1 and not text.startswith("["):
        parts = parts[0].split(",")
    return [part.strip() for part in parts if part.strip()]


def number(name: str, text: str, kind: type) -> int | float:
    """A finite number of that kind."""
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise UserError(f"{name}: {shown(text)} is not a {'whole ' if kind is int else ''}number")
    return value


def truth(name: str, text: str) -> bool:
    """true or false."""
    if text.lower() not in ("true", "false"):
        raise UserError(f"{name}: {shown(text)} is neither true nor false")
    return text.lower() == "true"


def literal(text: str) -> int | float | str:
    """A number if it is one, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
