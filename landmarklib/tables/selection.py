"""What a user may ask of a table, checked: fractions, seeds, rows and a budget.

A table here is a `models.Table`, which asks these functions and cannot be named by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from landmarklib.core import amounts
from landmarklib.core.errors import UserError, shown

KINDS = {str: "a name", float: "a number", int: "a whole number"}
EXAMPLES = {"fractions": "[0.05, 0.2]", "labels": '[10, "all"]', "seeds": "[0, 1, 2]", "rows": '["Seq-MT (L)"]'}


def in_words(fractions: Iterable[float]) -> str:
    """0.05, 0.2 and so on; numbers of labels likewise."""
    return ", ".join(map(amounts.written, fractions))


def cells(table: Any, fractions: object, rows: object) -> list[tuple[Any, float]]:
    """The cells at these fractions in these rows, row by row. Raises UserError where there is none."""
    fractions, chosen = check_fractions(table, fractions), check_rows(table, rows)
    found = [(row, fraction) for row in chosen for fraction in fractions if table.has(row, fraction)]
    if not found:
        there = "; ".join(
            f"{r.name} has {in_words(f for f in r.amounts or table.amounts if table.has(r, f))}" for r in chosen
        )
        raise UserError(f"{'labels' if table.counts else 'fractions'}: no cell at {in_words(fractions)}: {there}")
    return found


def check_fractions(table: Any, fractions: object) -> tuple[float, ...]:
    """Label fractions as sorted different numbers in (0, 1]; None takes the table's own.

    Where the table counts labelled images they are whole numbers from 1, or "all".
    """
    if fractions is None:
        return table.amounts
    if table.counts:
        return check_labels(table, fractions)
    values = check_list("fractions", fractions, float)
    if not table.uses_labels:
        if values != [0.0]:
            raise UserError(f"table {table.name}: fractions do not apply, its networks see no landmark labels")
        return table.fractions
    for value in values:
        if not 0 < value <= 1:
            raise UserError(f"fractions: {value:g} is outside (0, 1]")
    return tuple(sorted(set(values)))


def check_labels(table: Any, labels: object) -> tuple[float, ...]:
    """Numbers of labelled images, of a table that counts them, as amounts; sorted and different."""
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
        raise UserError(f"labels: {_no_list('labels', labels)}")
    for value in labels:
        if not amounts.is_count(value):
            known = in_words(table.amounts)
            raise UserError(
                f"labels: {shown(value)} is not a number of images, a whole one from 1 or {amounts.EVERY!r}; "
                f"table {table.name} counts labelled images: {known}"
            )
    return tuple(sorted(set(map(amounts.count, labels))))


def check_seeds(seeds: object) -> tuple[int, ...]:
    """Seeds as different integers that a generator takes, in the order given."""
    values = check_list("seeds", seeds, int)
    for value in values:
        if not 0 <= value < 2**63:
            raise UserError(f"seeds: {shown(value)} is outside [0, 2**63)")
    return tuple(dict.fromkeys(values))


def check_rows(table: Any, rows: object) -> tuple[Any, ...]:
    """Different rows of the table in the order given, by name; None takes all."""
    if rows is None:
        return table.rows
    return tuple(map(table.row, dict.fromkeys(check_list("rows", rows, str))))


def rows_of_each(found: Sequence[Any], rows: object) -> list[tuple[Any, list[str]]]:
    """Those of several tables that have some of these rows, each with the ones that it has.

    Raises UserError for a row that none has.
    """
    asked = check_list("rows", rows, str)
    known = dict.fromkeys(row.name for table in found for row in table.rows)
    if strange := [name for name in asked if name not in known]:
        raise UserError(f"rows: unknown row {shown(strange[0])}; known: {', '.join(known)}")
    there = [(table, [name for name in asked if name in {row.name for row in table.rows}]) for table in found]
    return [(table, names) for table, names in there if names]


def check_budget(table: Any, budget: str | None) -> str:
    """The name of one of the table's budgets; None takes its default."""
    budget = table.default_budget if budget is None else budget
    if budget not in table.budgets:
        raise UserError(f"table {table.name}: unknown budget {shown(budget)}; known: {', '.join(table.budgets)}")
    return budget


def one_of(rows: object, methods: object) -> object:
    """The rows, which `methods` is an older name of. Raises UserError where both are given."""
    if rows is not None and methods is not None:
        raise UserError("rows and methods are both given; methods is an older name of rows, give rows alone")
    return methods if rows is None else rows


def check_list(name: str, values: object, kind: type) -> list:
    """A list of one kind; a string where a list belongs is the classic mistake."""
    example = EXAMPLES[name]
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise UserError(f"{name}: {_no_list(name, values)}")
    for value in values:
        right = (
            isinstance(value, str) if kind is str else isinstance(value, (int, kind)) and not isinstance(value, bool)
        )
        if not right or (kind is int and not isinstance(value, int)):
            raise UserError(f"{name}: {shown(value)} is not {KINDS[kind]}; write {name} = {example}")
    return [kind(value) for value in values]


def _no_list(name: str, values: object) -> str:
    return f"{shown(values)} is not a list with at least one value; write {name} = {EXAMPLES[name]}"
