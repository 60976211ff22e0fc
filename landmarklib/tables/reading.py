"""Reads a table's TOML strictly: a key that nothing reads, a claim about an unknown row or a newer schema is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from landmarklib.metrics import base
from landmarklib.tables import Budget, Claim, Inequality, Reference, Row, Table
from landmarklib.types import UserError

SCHEMA = 1  # of the TOML files; a newer one is refused
RANGES = ("rotation_degrees", "scale", "shift")  # of a jitter


def read(path: Path) -> Table:
    """Read a table strictly: a key that nothing reads, a claim about an unknown row or a newer schema raise UserError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name}: not valid TOML: {error}") from None
    schema = raw.pop("schema", None)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise UserError(f"{path.name}: schema {schema!r}; this library reads tables up to schema {SCHEMA}")
    common = raw.pop("common", {})
    _only(f"{path.name}, common", common, ["options", "methods"])
    try:
        rows = tuple(_row(path.name, common, r) for r in raw.pop("rows"))
        _only(f"{path.name}, common, methods", common.get("methods", {}), sorted({row.method for row in rows}))
        budgets = {name: _budget(f"{path.name}, budget {name}", b) for name, b in raw.pop("budgets").items()}
        references = tuple(_reference(path.name, r) for r in raw.pop("references", []))
        known = {row.name: row for row in (*rows, *references)}
        claims = tuple(_claim(path.name, c, known, raw["fractions"], raw["metrics"]) for c in raw.pop("claims", []))
        for name in ("seeds", "metrics", "protocol"):
            raw[name] = tuple(raw[name])
        raw["tests"] = tuple(raw.get("tests", ()))
        raw["fractions"] = tuple(float(f) for f in raw["fractions"])
    except KeyError as error:
        raise UserError(f"{path.name}: {error.args[0]!r} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path.name}: a value is of the wrong kind: {error}") from None
    table = _build(
        path.name, Table, {**raw, "rows": rows, "references": references, "budgets": budgets, "claims": claims}
    )
    _check(path.name, table)
    return table


def _check(where: str, table: Table) -> None:
    """Raise UserError for names and numbers that nothing would ever look at."""
    methods = [row.method for row in table.rows]
    for name, budget in table.budgets.items():
        _only(f"{where}, budget {name}, methods", budget.methods, sorted(set(methods)))
        for method, changes in budget.methods.items():
            if unknown := set(changes.get("fractions", {})) - set(table.fractions):
                raise UserError(
                    f"{where}, budget {name}, methods.{method}: fraction {min(unknown):g} is not one of the table's"
                )
    for place, jitter in (
        ("jitter", table.jitter),
        *((f"budget {n}, jitter", b.jitter) for n, b in table.budgets.items()),
    ):
        if jitter and set(jitter) != set(RANGES):
            raise UserError(f"{where}, {place}: {', '.join(jitter)}; expected {', '.join(RANGES)}")
        if jitter and not jitter["shift"] > 0:
            raise UserError(f"{where}, {place}: shift {jitter['shift']:g}; it must be positive")
    for row in table.rows:
        _only(f"{where}, row {row.name}, published_also", row.published_also, table.metrics)
        if unknown := set(row.fractions) - set(table.fractions):
            raise UserError(f"{where}, row {row.name}: fraction {min(unknown):g} is not one of the table's")
        if row.select and row.select not in table.metrics:
            raise UserError(f"{where}, row {row.name}: select {row.select!r}; known: {', '.join(table.metrics)}")
    for reference in table.references:
        _only(f"{where}, reference {reference.name}, published_also", reference.published_also, table.metrics)
    for claim in table.claims:
        if not claim.comparisons:
            raise UserError(f"{where}, claim {claim.id}: its rows have no cell at its fractions; nothing is compared")


def _budget(where: str, raw: dict) -> Budget:
    known = [f.name for f in fields(Budget) if f.name not in ("note", "methods")]
    for method, changes in raw.get("methods", {}).items():
        _only(f"{where}, methods.{method}", changes, ["options", "fractions", *known])
        for fraction, more in changes.get("fractions", {}).items():
            _only(f"{where}, methods.{method}, fraction {fraction}", more, known)
        if "fractions" in changes:
            changes["fractions"] = {float(fraction): more for fraction, more in changes["fractions"].items()}
    return _build(where, Budget, raw)


def _row(where: str, common: dict, raw: dict) -> Row:
    """A row's options are those of all rows, then those of its method, then its own."""
    of_method = common.get("methods", {}).get(raw.get("method"), {})
    raw["options"] = {**common.get("options", {}), **of_method, **raw.get("options", {})}
    _only(f"{where}, row {raw.get('name')}, training", raw.get("training", {}), [f.name for f in fields(Budget)])
    raw["fractions"] = tuple(map(float, raw.get("fractions", ())))
    return _build(f"{where}, row {raw.get('name')}", Row, _published(raw))


def _reference(where: str, raw: dict) -> Reference:
    return _build(f"{where}, reference {raw.get('name')}", Reference, _published(raw))


def _published(raw: dict) -> dict:
    also = {metric: _by_fraction(v) for metric, v in raw.get("published_also", {}).items()}
    return {**raw, "published": _by_fraction(raw.get("published", {})), "published_also": also}


def _by_fraction(numbers: Mapping[str, float | int]) -> dict[float, float]:
    return {float(fraction): float(value) for fraction, value in numbers.items()}


def _claim(
    where: str, raw: dict, known: Mapping[str, Row | Reference], fractions: Sequence[float], metrics: Sequence[str]
) -> Claim:
    """A comparison lists lower and higher rows; every pair of them, at every fraction that both have, is one inequality of each metric.

    against and higher_metrics: the fractions and metrics of the higher rows, where they are others than those of the lower ones.
    """
    where = f"{where}, claim {raw['id']}"
    _only(where, raw, ["id", "text", "comparisons"])
    pairs = []
    for comparison in raw["comparisons"]:
        _only(where, comparison, ["lower", "higher", "fractions", "against", "metrics", "higher_metrics", "margin"])
        wanted = comparison.get("metrics", metrics[:1])
        metrics_of_higher = comparison.get("higher_metrics", wanted)
        if unread := {*wanted, *metrics_of_higher} - set(metrics):
            raise UserError(f"{where}: unknown metric {sorted(unread)[0]!r}; known: {', '.join(metrics)}")
        if unknown := {*comparison["lower"], *comparison["higher"]} - set(known):
            raise UserError(f"{where}: unknown rows {sorted(unknown)}; known: {', '.join(known)}")
        of_lower = comparison.get("fractions", fractions)
        of_higher = comparison.get("against", of_lower)
        if len(of_lower) != len(of_higher):
            raise UserError(f"{where}: {len(of_lower)} fractions against {len(of_higher)}; expected as many")
        if len(wanted) != len(metrics_of_higher):
            raise UserError(f"{where}: {len(wanted)} metrics against {len(metrics_of_higher)}; expected as many")
        margin = float(comparison.get("margin", 0))
        for metric, other in zip(wanted, metrics_of_higher, strict=True):
            if base(metric) != base(other):
                raise UserError(f"{where}: {other!r} is not another reading of {metric!r}")
        pairs += [
            Inequality(lower, higher, float(fraction), float(against), metric, margin, other * (other != metric))
            for lower in comparison["lower"]
            for higher in comparison["higher"]
            for fraction, against in zip(of_lower, of_higher, strict=True)
            for metric, other in zip(wanted, metrics_of_higher, strict=True)
            if known[lower].has(fraction) and known[higher].has(against)
        ]
    return Claim(raw["id"], raw["text"], tuple(pairs))


def _build(where: str, kind: type, raw: dict) -> Any:
    _only(where, raw, [f.name for f in fields(kind)])
    for f in fields(kind):  # TOML tells 900 from 900.0, a weight does not
        if f.name in raw and f.type == "float":
            raw[f.name] = float(raw[f.name])
        elif f.name in raw and str(f.type).endswith("float]"):
            raw[f.name] = {name: float(value) for name, value in raw[f.name].items()}
    try:
        return kind(**raw)
    except TypeError as error:
        raise UserError(f"{where}: {str(error).split('__init__() ')[-1]}") from None


def _only(where: str, raw: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := set(raw) - set(known):
        raise UserError(f"{where}: unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(known))}")
