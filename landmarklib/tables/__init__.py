"""Tables: one TOML each, the folder is the registry. Strictly read, torch-free.

A TOML holds everything that a paper's table is here: citation, rows (method, options, weights), fractions, seeds, budgets, the
published numbers, the claims. To add a row or other fractions, edit that file; no code knows a table by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from landmarklib.experiment import Experiment
from landmarklib.tables import parameters
from landmarklib.types import PART, STAND_IN, UserError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One line of a table: a method with its options and loss weights, and what the paper measured (fraction -> value)."""

    name: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)  # fields of the budget that this row sets otherwise
    head_rate: float = 1.0
    needs_unlabelled: bool = False
    fractions: tuple[float, ...] = ()  # those of the table that the row is run at; all without
    published: Mapping[float, float] = field(default_factory=dict)  # of the table's first metric
    published_also: Mapping[str, Mapping[float, float]] = field(default_factory=dict)  # of others, by metric
    # the metric by which its checkpoint is chosen, where it has no value of the table's own; it has none of the first metric either
    select: str = ""
    note: str = ""

    def has(self, fraction: float) -> bool:
        """Whether there is such a cell: without unlabelled images there is nothing for a row that needs some."""
        return not (self.needs_unlabelled and fraction == 1) and fraction in (self.fractions or (fraction,))


@dataclass(frozen=True)
class Reference:
    """A line of the paper's table that others measured, whose layers are not known, or that is not repeated: nothing here runs it."""

    name: str
    published: Mapping[float, float] = field(default_factory=dict)
    published_also: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    note: str = ""

    def has(self, fraction: float) -> bool:
        """Whether there is such a cell, by whatever metric."""
        return any(fraction in numbers for numbers in (self.published, *self.published_also.values()))


class Inequality(NamedTuple):
    """The row `lower` at `fraction` has a smaller value of the metric than the row `higher` at `against`, to which the margin is added.

    higher_metric: that of `higher`, where its predictions are read in another way; empty for the same one.
    """

    lower: str
    higher: str
    fraction: float
    against: float
    metric: str
    margin: float = 0.0
    higher_metric: str = ""

    @property
    def metrics(self) -> tuple[str, str]:
        """That of `lower` and that of `higher`."""
        return self.metric, self.higher_metric or self.metric


@dataclass(frozen=True)
class Claim:
    """A sentence as inequalities: in every comparison, `lower` has the smaller error at each of the fractions.

    The paper's claims have a capital and a number for an id, such as H8 or H25-S5. Other questions are ours, though the paper's numbers may answer them.
    """

    id: str
    text: str
    comparisons: tuple[Inequality, ...]

    @property
    def of_paper(self) -> bool:
        """Whether the paper claims it."""
        return bool(re.match(r"[A-Z]\d", self.id))


@dataclass(frozen=True)
class Budget:
    """How much a run may see. See `Experiment` for the fields."""

    images: int
    batch: int
    batch_unlabelled: int
    rate: float
    warmup: int
    hold: float
    n_evaluations: int
    evaluation_images: int
    train_images: int = 0
    test_images: int = 0
    size: int = 0  # 0: the table's
    clip: float = 0.0
    beta2: float = 0.999
    jitter: Mapping[str, float] = field(default_factory=dict)
    # method -> fields that its rows set otherwise, its `options`, since networks are smaller where there is less time, and `fractions`: more such
    # fields, at one fraction
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One table of a paper, as it is run here."""

    name: str
    title: str
    paper: str
    where: str
    citation: str
    dataset: str
    metrics: tuple[str, ...]  # the first is the one of the table's cells
    unit: str
    select: str
    size: int
    fractions: tuple[float, ...]  # (0,) for a table without landmark labels
    seeds: tuple[int, ...]
    budgets: Mapping[str, Budget]
    default_budget: str
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...]
    n_maps: int  # gallery images whose probability maps are kept in each record
    protocol: tuple[str, ...]  # what the paper leaves open about training and is decided here
    references: tuple[Reference, ...] = ()
    tests: tuple[str, ...] = ()  # other data sets whose test images are judged, too
    jitter: Mapping[str, float] = field(default_factory=dict)  # of training images, at every budget
    open: str = ""  # an openly available data set of the same kind, where the paper's is not

    @property
    def uses_labels(self) -> bool:
        """Whether landmark labels are part of the protocol at all."""
        return self.fractions != (0,)

    def row(self, name: str) -> Row:
        """The row of that name. Raises UserError that lists the known ones."""
        for row in self.rows:
            if row.name == name:
                return row
        raise UserError(f"table {self.name}: unknown method {name!r}; known: {', '.join(r.name for r in self.rows)}")

    def published(self, row: str, metric: str) -> Mapping[float, float]:
        """What the paper printed of a row or of a reference, by fraction."""
        line = next((r for r in self.references if r.name == row), None) or self.row(row)
        return line.published if metric == self.metrics[0] else line.published_also.get(metric, {})

    def paper_value(self, row: str, fraction: float, metric: str) -> float:
        """What the paper printed of a cell; NaN for nothing."""
        return self.published(row, metric).get(fraction, float("nan"))

    def rows_with(self, metric: str) -> list[Row]:
        """The rows that can have a value of that metric: one that is given the points has no error of them."""
        return [row for row in self.rows if not row.select or metric != self.metrics[0]]

    def experiments(
        self,
        fractions: Sequence[float] | None = None,
        seeds: Sequence[int] | None = None,
        methods: Sequence[str] | None = None,
        budget: str | None = None,
    ) -> list[Experiment]:
        """The runs of the table, seed by seed, rows in the table's order; None takes the table's own values.

        Rows that need unlabelled images have no cell at fraction 1. Raises UserError for anything that is not valid.
        """
        fractions = parameters.check_fractions(self, fractions)
        seeds = parameters.check_seeds(self.seeds if seeds is None else seeds)
        budget = self.default_budget if budget is None else budget
        if budget not in self.budgets:
            raise UserError(f"table {self.name}: unknown budget {budget!r}; known: {', '.join(self.budgets)}")
        rows = (
            self.rows
            if methods is None
            else [*map(self.row, dict.fromkeys(parameters.check_list("methods", methods, str)))]
        )
        found = [
            self._experiment(row, fraction, seed, budget)
            for seed in seeds
            for row in rows
            for fraction in fractions
            if row.has(fraction)
        ]
        if not found:
            there = "; ".join(
                f"{r.name} has {parameters.in_words(f for f in r.fractions or self.fractions if r.has(f))}"
                for r in rows
            )
            raise UserError(f"fractions: no cell at {parameters.in_words(fractions)}: {there}")
        return found

    def in_full(self, budget: str) -> bool:
        """Whether images and networks are of the table's size at that budget."""
        b = self.budgets[budget]
        smaller = {"size", "options"} & {name for changes in b.methods.values() for name in changes}
        return b.size in (0, self.size) and not smaller

    def variants(self) -> dict[str, Table]:
        """The table on every kind of data that it may be run on, by tier, the best first: the paper's, a part of it, an open set, stand-ins."""
        found = {"paper": self, "part": self._on(PART), "open": None, "stand-in": self._on(STAND_IN)}
        if self.open:
            found["open"] = replace(self, dataset=self.open, tests=())
        return {tier: table for tier, table in found.items() if table}

    def _on(self, prefix: str) -> Table:
        tests = tuple(prefix + test for test in self.tests) if prefix == STAND_IN else self.tests
        return replace(self, dataset=prefix + self.dataset, tests=tests)

    def makes(self, experiment: Experiment) -> bool:
        """Whether this is a run of the table with today's settings, whatever its fraction and seed."""
        e = experiment
        rows = [row for row in self.rows if row.name == e.row and e.budget in self.budgets]
        return any(self._experiment(row, e.fraction, e.seed, e.budget) == e for row in rows)

    def _experiment(self, row: Row, fraction: float, seed: int, budget: str) -> Experiment:
        values = {**asdict(self.budgets[budget]), **row.training}
        values.pop("note")
        of_method = dict(values.pop("methods").get(row.method, {}))
        options = {**row.options, **of_method.pop("options", {})}
        at_fraction = of_method.pop("fractions", {}).get(fraction, {})
        values |= of_method | at_fraction
        values["size"] = values["size"] or self.size
        values["jitter"] = values["jitter"] or self.jitter
        # A row sets its warm-up for full training; at the smoke budget a run would be over before it.
        steps = values["images"] // (values["batch"] or values["batch_unlabelled"])
        values["warmup"] = min(values["warmup"], max(1, steps // 4))
        return Experiment(
            table=self.name,
            row=row.name,
            dataset=self.dataset,
            method=row.method,
            options=options,
            weights=row.weights,
            starts=row.starts,
            head_rate=row.head_rate,
            fraction=fraction,
            seed=seed,
            budget=budget,
            select=row.select or self.select,
            tests=list(self.tests),
            **values,
        )


def names() -> list[str]:
    """All tables that can be run, in the order of the book."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def get(name: str) -> Table:
    """The table of that name. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown table {name!r}; known: {', '.join(names())}")
    from landmarklib.tables import reading

    return reading.read(FOLDER / f"{name}.toml")
