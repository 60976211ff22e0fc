"""Seeds in stages: a claim that is undecided gets more of them, another one none.

A look at stage n is at the seeds below n alone, whatever else is recorded, of the cells that its claims need. A page
takes the seeds that all of a claim's cells share. So it shows a claim on more seeds than the look that decided it only
where other claims needed more seeds of all its cells, or somebody ran more by hand. The intervals are wide enough for
all looks of `effects.STAGES` together, so the page errs no more often than the looks. That does not hold for other
numbers of seeds, which runs without `until` leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from landmarklib import tables
from landmarklib.core import amounts
from landmarklib.core.errors import UserError, shown
from landmarklib.engine import ensure
from landmarklib.records import query
from landmarklib.report import claim_tables, claims
from landmarklib.report.effects import STAGES
from landmarklib.tables import Claim, Row, Table, selection

Cells = Sequence[tuple[Row, float]]  # rows with their fractions


def decide(
    name: str,
    seeds: Sequence[int] | None = None,
    fractions: Sequence[float | int | str] | None = None,
    rows: Sequence[str] | None = None,
    budget: str | None = None,
    data: str = "auto",
    workers: int = 0,
    **given: Any,
) -> None:
    """Compute a table's runs stage by stage while a claim is undecided; print what each stage is for and what came out.

    A claim is looked at if all of its cells are in these rows and fractions. Void and incomplete ones get no more
    seeds, because they lack something else.

    seeds: how many at most, a list with one of STAGES; None takes the last of them.
    data, workers, given: as for `engine.ensure`, but without refresh; a deadline is for all stages together.
    Raises UserError as `engine.ensure` does, and where there is nothing to look at.
    """
    stages = _stages(seeds)
    if given.get("refresh"):
        raise UserError("refresh: true does not go with until=decided, which goes on from the runs that are there")
    table = query.resolve_tier(tables.get(name), data, given.get("results"), budget)
    budget, cells = selection.check_budget(table, budget), selection.cells(table, fractions, rows)
    how, asked = ensure.how_asked(table, **given), _within(table, cells)
    found: dict[str, claims.Verdict] = {}
    undecided, n_late = asked, 0
    for i, stage in enumerate(stages):
        look = f"look {i + 1} of {len(stages)}, seeds {stages[i - 1] if i else 0} to {stage - 1}"
        needed = [(row, fraction) for row, fraction in cells if (row.name, fraction) in _cells(undecided)]
        trained = {
            (row.name, f): (row, f) for row, f in ((row, table.trained_at(row, f)) for row, f in needed)
        }.values()
        wanted = [table.experiment(row, fraction, seed, budget) for seed in range(stage) for row, fraction in trained]
        tell = partial(_say, look, undecided)
        there = ensure.complete(table, wanted, how, workers, given.get("deadline"), tell).runs
        n_late = len(wanted) - len(there)
        if n_late:  # no look at some of its runs
            break
        found |= {v.claim.id: v for v in claims.evaluate(replace(table, claims=undecided), there)}
        undecided = tuple(c for c in undecided if found[c.id].verdict == claims.UNDECIDED)
        if not undecided:
            break
    _conclude(table, asked, found, n_late)


def _stages(seeds: Sequence[int] | None) -> tuple[int, ...]:
    """The stages up to that number of seeds. Raises UserError for what is none of them."""
    most = [STAGES[-1]] if seeds is None else list(seeds)
    if len(most) != 1 or most[0] not in STAGES:
        valid = ", ".join(map(str, STAGES))
        given = shown(most[0] if len(most) == 1 else most)
        raise UserError(f"seeds: {given} is not how many seeds until=decided may take at most; valid: {valid}")
    return tuple(stage for stage in STAGES if stage <= most[0])


def _cells(of: Iterable[Claim]) -> set[tuple[str, float]]:
    """The cells that claims compare, published lines included."""
    pairs = [((c.lower, c.fraction), (c.higher, c.against)) for claim in of for c in claim.comparisons]
    return {cell for pair in pairs for cell in pair}


def _within(table: Table, asked: Cells) -> tuple[Claim, ...]:
    """The claims all of whose cells are among these; nobody runs those of published lines.

    Raises UserError where there is none, with what the nearest one lacks.
    """
    if not table.claims:
        raise UserError(f"until: table {table.name} makes no claims, so there is nothing to decide")
    here = {(row.name, fraction) for row, fraction in asked} | {
        (line.name, fraction) for line in table.references for fraction in table.amounts
    }
    lacking = {claim.id: sorted(_cells([claim]) - here) for claim in table.claims}
    found = tuple(claim for claim in table.claims if not lacking[claim.id])
    if not found:
        nearest, cells = min(lacking.items(), key=lambda item: len(item[1]))
        also = f"{len(cells)} more, such as {cells[0][0]} at {amounts.written(cells[0][1])}"
        raise UserError(f"until: no claim has all of its cells in these rows and fractions; {nearest} needs {also}")
    return found


def _say(look: str, of: Sequence[Claim], n_missing: int) -> None:
    runs = _runs(n_missing) if n_missing else "no run is missing"
    print(f"{look}: {runs} for {_ids(of)}", flush=True)  # at once, because hours may follow


def _conclude(table: Table, asked: Sequence[Claim], found: Mapping[str, claims.Verdict], n_late: int) -> None:
    """Print a line per claim, and what is left.

    found: what the last look at each claim gave.
    n_late: runs of the next look that did not fit before the deadline.
    """
    for v in found.values():
        seeds = f", {v.n} seeds" if v.n else ""  # none where all inequalities are void or not run
        print(f"{v.claim.id}{seeds}: {claim_tables.verdict(v)}")
    if others := [claim for claim in table.claims if claim not in asked]:
        print(f"not looked at, since they need other rows or fractions: {_ids(others)}")
    stuck = [v.claim for v in found.values() if v.verdict in (claims.VOID, claims.INCOMPLETE)]
    if stuck:
        print(f"{len(stuck)} void or incomplete, to which more seeds are not given: {_ids(stuck)}")
    undecided = [v.claim for v in found.values() if v.verdict == claims.UNDECIDED]
    if n_late:
        print(f"{_runs(n_late)} did not fit before the deadline; the same command goes on from here")
    elif undecided:
        print(f"{len(undecided)} still undecided after the last look: {_ids(undecided)}")
    else:
        print("nothing is left to decide")


def _ids(of: Iterable[Claim]) -> str:
    return ", ".join(claim.id for claim in of)


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n > 1)}"
