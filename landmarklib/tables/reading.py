"""From a TOML to its table: shared options are merged, claims expanded; `rules` says what must fit together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from landmarklib.core.errors import UserError, shown
from landmarklib.core.kinds import CHECKED, Options
from landmarklib.core.mistakes import checked
from landmarklib.tables import comparisons, rules
from landmarklib.tables.models import Table
from landmarklib.tables.rows import Row

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
    where, raw = place_of(path), load(path)
    check_place(path, raw)
    schema = raw.pop("schema", None)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise UserError(f"{where}: schema {shown(schema)}; this library reads tables up to schema {SCHEMA}")
    common = checked(Common, raw.pop("common", {}), where, "common")
    claims = checked(tuple[comparisons.WrittenClaim, ...], raw.pop("claims", []), where, "claims")
    table = checked(Table, raw, where, more=("schema", "common"))
    rules.only(f"{where}, common, methods", common.methods, {row.method for row in table.rows})
    table = replace(table, rows=tuple(with_common(row, common) for row in table.rows))
    rules.check_unique(where, "claims", [claim.id for claim in claims])
    rules.check(where, table)
    return replace(table, claims=tuple(comparisons.expand(where, claim, table) for claim in claims))


def load(path: Path) -> dict[str, Any]:
    """The text of a file as TOML. Raises UserError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{place_of(path)}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # of the encoding, the grammar, or a number too long to be read
        raise UserError(f"{place_of(path)}: not valid TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{place_of(path)}: not valid TOML: its values are nested too deep") from None


def place_of(path: Path) -> str:
    """A file as messages name it: with its folder, since tables of several papers may share a file name."""
    return f"{path.parent.name}/{path.name}"


def name_of(path: Path) -> str:
    """The name of the table in that file.

    Raises UserError unless it follows from the file's place, as the paper does.
    """
    return check_place(path, load(path))


def check_place(path: Path, raw: Mapping[str, Any]) -> str:
    """The name in a file, which follows from the file's place, as the paper does; else raises UserError.

    So no table can have the name of another one and fill its records.
    """
    paper = path.parent.name
    for key, valid in (("name", (path.stem, f"{paper}-{path.stem}")), ("paper", (paper,))):
        if raw.get(key) not in valid:
            expected = " or ".join(map(repr, valid))
            raise UserError(f"{place_of(path)}: {key} {shown(raw.get(key))}; expected {expected}")
    return raw["name"]


def with_common(row: Row, common: Common) -> Row:
    """A row's options are those of all rows, then those of its method, then its own."""
    return replace(row, options={**common.options, **common.methods.get(row.method, {}), **row.options})
