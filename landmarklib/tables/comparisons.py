"""A table's claims as they are written: rows, fractions and metrics in lists, which are expanded into inequalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from landmarklib.core import amounts
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED, Amount, Decay, Labels, Name, Number, Share, Text, Tier
from landmarklib.core.metrics import base, n_labels
from landmarklib.core.mistakes import unknown
from landmarklib.tables import rules
from landmarklib.tables.claims import EQUIVALENCE_MARGIN, Claim, Inequality
from landmarklib.tables.models import Table

Names = Annotated[tuple[Text, ...], Field(min_length=1)]


@dataclass(frozen=True, config=CHECKED)
class WrittenComparison:
    """Every lower row against every higher one, at every fraction that both have, by each metric.

    labels: numbers of labelled images instead of fractions, where the table counts.
    against, higher_metrics: the fractions and metrics of the higher rows, where they are others than those of the lower
        ones.
    other_reading: another metric of the higher rows; a sign that turns with it makes the inequality void.
    printed: row -> the reference that tells what the paper measured of it for this sentence, where its row tells of
        other runs.
    """

    lower: Names
    higher: Names
    fractions: tuple[Share, ...] | None = None  # all of the table
    labels: tuple[Labels, ...] | None = None
    against: tuple[Amount, ...] | None = None
    metrics: tuple[Text, ...] | None = None  # the table's first
    higher_metrics: tuple[Text, ...] | None = None
    margin: Number = 0.0
    other_reading: str = ""
    printed: Mapping[Text, Text] = field(default_factory=dict)


@dataclass(frozen=True, config=CHECKED)
class WrittenClaim:
    """A sentence and its comparisons."""

    id: Name
    text: Text
    comparisons: tuple[WrittenComparison, ...]
    equivalence_margin: Decay = EQUIVALENCE_MARGIN
    void_on: Mapping[Tier, Text] = field(default_factory=dict)


def expand(where: str, written: WrittenClaim, table: Table) -> Claim:
    """The claim with an inequality for each pair of cells.

    Raises UserError for rows and metrics that the table does not have, and for no pair.
    """
    where = f"{where}, claim {written.id}"
    pairs = tuple(pair for comparison in written.comparisons for pair in _pairs(where, comparison, table))
    if not pairs:
        raise UserError(f"{where}: its rows have no cell at its fractions; nothing is compared")
    return Claim(written.id, written.text, pairs, written.equivalence_margin, written.void_on)


def _pairs(where: str, c: WrittenComparison, table: Table) -> list[Inequality]:
    known = {line.name: line for line in (*table.rows, *table.references)}
    for name in (*c.lower, *c.higher):
        if name not in known:
            raise UserError(f"{where}: {unknown(name, list(known), 'row')}")
    for name, line in c.printed.items():
        if name not in (*c.lower, *c.higher):
            raise UserError(f"{where}: printed: {unknown(name, [*c.lower, *c.higher], 'row')}")
        if line not in (lines := [reference.name for reference in table.references]):
            raise UserError(f"{where}: printed: {unknown(line, lines, 'reference')}")
    metrics = _both(where, "metrics", table.metrics[:1] if c.metrics is None else c.metrics, c.higher_metrics)
    rules.check_kind(where, table, c.fractions, c.labels)
    given = c.labels if table.counts else c.fractions
    fractions = _both(where, rules.kind(table), table.amounts if given is None else given, c.against)
    for fraction in (f for pair in fractions for f in pair if f not in table.amounts):
        raise UserError(f"{where}: {rules.said(table, fraction)} is not one of the table's")
    for one, other in metrics:
        for metric in (m for m in (one, other, c.other_reading or one) if m not in table.metrics):
            raise UserError(f"{where}: {unknown(metric, table.metrics, 'metric')}")
        for reading in (other, c.other_reading or one):
            if base(one) != base(reading):
                raise UserError(f"{where}: {reading!r} is not another reading of {one!r}")
    _check_regressed(where, table, c.lower, [one for one, _ in metrics])
    _check_regressed(where, table, c.higher, [m for _, other in metrics for m in (other, c.other_reading)])
    pairs = [
        Inequality(
            lower,
            higher,
            fraction,
            against,
            metric,
            c.margin,
            other * (other != metric),
            c.other_reading,
            (c.printed.get(lower, ""), c.printed.get(higher, "")),
        )
        for lower in c.lower
        for higher in c.higher
        for fraction, against in fractions
        for metric, other in metrics
        if table.has(known[lower], fraction) and table.has(known[higher], against)
    ]
    for p in pairs:
        if (p.lower, p.fraction) == (p.higher, p.against) and len(set(p.metrics)) == 1:
            raise UserError(f"{where}: {p.lower} at {amounts.written(p.fraction)} is compared with itself")
    return pairs


def _check_regressed(where: str, table: Table, lines: Names, metrics: Sequence[str]) -> None:
    """No error from few labels is asked of a row that has none: only a regressed one is fitted to them afterwards."""
    for row in (row for row in table.rows if row.name in lines and not table.regresses(row)):
        if few := [metric for metric in metrics if n_labels(metric)]:
            raise UserError(f"{where}: {row.name} has no {few[0]!r}; its landmarks are not regressed")


def _both(where: str, what: str, of_lower: tuple, of_higher: tuple | None) -> list[tuple]:
    """Pairs of what the lower rows and the higher ones have."""
    of_higher = of_lower if of_higher is None else of_higher
    if len(of_lower) != len(of_higher):
        raise UserError(f"{where}: {len(of_lower)} {what} against {len(of_higher)}; expected as many")
    return list(zip(of_lower, of_higher, strict=True))
