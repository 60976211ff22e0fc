"""From a TOML to its table: shared options are merged, claims expanded, names checked against what they refer to."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from landmarklib import methods
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED, Options
from landmarklib.core.mistakes import checked, unknown
from landmarklib.tables import comparisons
from landmarklib.tables.models import Row, Table

SCHEMA = 1  # of the TOML files; a newer one is refused


@dataclass(frozen=True, config=CHECKED)
class Common:
    """Options of all rows, and of all rows of a method."""

    options: Options = field(default_factory=dict)
    methods: Mapping[str, Options] = field(default_factory=dict)


def read(path: Path) -> Table:
    """The table in that file.

    Raises UserError for a mistake in it: one line that names the file, the place in it, and what is valid there.
    """
    where, raw = shown(path), load(path)
    schema = raw.pop("schema", None)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise UserError(f"{where}: schema {schema!r}; this library reads tables up to schema {SCHEMA}")
    common = checked(Common, raw.pop("common", {}), where, "common")
    claims = checked(tuple[comparisons.WrittenClaim, ...], raw.pop("claims", []), where, "claims")
    table = checked(Table, raw, where, more=("schema", "common"))
    only(f"{where}, common, methods", common.methods, {row.method for row in table.rows})
    table = replace(table, rows=tuple(with_common(row, common) for row in table.rows))
    check_unique(where, "rows or references", [line.name for line in (*table.rows, *table.references)])
    check_unique(where, "claims", [claim.id for claim in claims])
    for name in ("metrics", "fractions", "seeds"):
        check_unique(where, name, getattr(table, name))
    check_names(where, table)
    check_fractions(where, table)
    check_stages(where, table)
    check_methods(where, table)
    return replace(table, claims=tuple(comparisons.expand(where, claim, table) for claim in claims))


def load(path: Path) -> dict[str, Any]:
    """The text of a file as TOML. Raises UserError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the encoding, the grammar, or a number too long to be read
        raise UserError(f"{shown(path)}: not valid TOML: {error}") from None


def shown(path: Path) -> str:
    """A file as messages name it: with its folder, since tables of several papers may share a file name."""
    return f"{path.parent.name}/{path.name}"


def name_of(path: Path) -> str:
    """The name of the table in that file.

    Raises UserError unless it follows from the file's place, as the paper does.
    """
    raw, paper = load(path), path.parent.name
    for key, valid in (("name", (path.stem, f"{paper}-{path.stem}")), ("paper", (paper,))):
        if raw.get(key) not in valid:
            raise UserError(f"{shown(path)}: {key} {raw.get(key)!r}; expected {' or '.join(map(repr, valid))}")
    return raw["name"]


def with_common(row: Row, common: Common) -> Row:
    """A row's options are those of all rows, then those of its method, then its own."""
    return replace(row, options={**common.options, **common.methods.get(row.method, {}), **row.options})


def only(where: str, found: Iterable[str], known: Iterable[str], what: str = "key") -> None:
    """Raise UserError for a name that is not among the known ones."""
    if strange := sorted(set(found) - set(known)):
        raise UserError(f"{where}: {unknown(strange[0], sorted(known), what)}")


def check_unique(where: str, what: str, values: Sequence[str | float | int]) -> None:
    """Raise UserError for a name or a number that is there twice."""
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"{where}: {values.count(value)} {what} are {value!r}; all must differ")


def check_names(where: str, table: Table) -> None:
    """Raise UserError for names of methods, metrics and budgets that the table does not have."""
    only(f"{where}, default_budget", [table.default_budget], table.budgets, "budget")
    for name, budget in table.budgets.items():
        only(f"{where}, budget {name}, methods", budget.methods, {row.method for row in table.rows})
    for kind, lines in (("row", table.rows), ("reference", table.references)):
        for line in lines:
            only(f"{where}, {kind} {line.name}, published_also", line.published_also, table.metrics)
    for place, select in (("", table.select), *((f", row {row.name}", row.select) for row in table.rows if row.select)):
        if select not in table.metrics:
            raise UserError(f"{where}{place}: select {select!r}; known: {', '.join(table.metrics)}")


def check_fractions(where: str, table: Table) -> None:
    """Raise UserError for a fraction that is not one of the table's."""
    places = {
        f"budget {name}, methods.{method}": changes.get("fractions", {})
        for name, budget in table.budgets.items()
        for method, changes in budget.methods.items()
    }
    places |= {f"row {row.name}": row.fractions for row in table.rows}
    for kind, lines in (("row", table.rows), ("reference", table.references)):
        for line in lines:
            places[f"{kind} {line.name}, published"] = line.published
            places |= {f"{kind} {line.name}, published_also, {m}": v for m, v in line.published_also.items()}
    for place, fractions in places.items():
        if strange := set(fractions) - set(table.fractions):
            raise UserError(f"{where}, {place}: fraction {min(strange):g} is not one of the table's")


def check_stages(where: str, table: Table) -> None:
    """Raise UserError for a row that has stages and, beside them, what each stage has for itself."""
    for row in (row for row in table.rows if row.stages):
        for name in ("weights", "onset", "rates"):
            if getattr(row, name):
                raise UserError(f"{where}, row {row.name}: {name} beside stages; each stage has its own")


def check_methods(where: str, table: Table) -> None:
    """Raise UserError for a row that its method cannot do.

    It may lack an option, a term or a group, or stages or a readout may not fit it.
    """
    for budget in table.budgets:
        for row in table.rows:
            for fraction in filter(row.has, table.fractions):
                try:
                    methods.check(table.experiment(row, fraction, 0, budget))
                except UserError as error:
                    raise UserError(f"{where}, budget {budget}, row {row.name}: {error}") from None
