"""How rows read the points off their maps, in words: numbers that are read in different ways hardly compare. No torch.

A map of a softmax is read by argmax, to a whole cell; others by soft-argmax, between cells, or there is no map.
"""

from __future__ import annotations

from collections.abc import Iterable

from landmarklib import methods
from landmarklib.core import metrics
from landmarklib.tables import Claim, Row, Table


def by_argmax(row: Row) -> bool:
    """Whether the row's points are read off its maps by argmax."""
    return methods.complete(methods.get(row.method), row.options).get("decoder") == "softmax"


def of_rows(rows: Iterable[Row]) -> str:
    """How these rows are read; "" where all are read alike."""
    rows = list(rows)
    coarse = [row.name for row in rows if by_argmax(row)]
    if not coarse or len(coarse) == len(rows):
        return ""
    return f"Read by argmax, to a whole cell of the map: {', '.join(coarse)}. Others are not."


def of_claim(table: Table, claim: Claim) -> str:
    """How the rows of an inequality are read where it compares different readings; "" where none does."""
    rows = {row.name: row for row in table.rows}
    mixed: dict[str, Row] = {}
    for c in claim.comparisons:
        pair = [rows[name] for name in (c.lower, c.higher) if name in rows]
        if metrics.is_of_points(c.metric) and not c.higher_metric and len({by_argmax(row) for row in pair}) == 2:
            mixed |= {row.name: row for row in pair}
    coarse = [name for name, row in mixed.items() if by_argmax(row)]
    fine = [name for name, row in mixed.items() if not by_argmax(row)]
    if not mixed:
        return ""
    return f"{_listed(coarse)} read by argmax, to a whole cell of the map; {_listed(fine)} not."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'are' if len(names) > 1 else 'is'}"
