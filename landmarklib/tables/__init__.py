"""Tables: one TOML each, the folder is the registry. Strictly read, torch-free.

A TOML holds everything that a paper's table is here: citation, rows (method, options, weights), fractions, seeds, budgets, the
published numbers, the claims. To add a row or other fractions, edit that file; no code knows a table by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from landmarklib.experiment import Experiment
from landmarklib.types import PART, STAND_IN, UserError

SCHEMA = 1  # of the TOML files; a newer one is refused
FOLDER = Path(__file__).parent
RANGES = ("rotation_degrees", "scale", "shift")  # of a jitter
KINDS = {str: "a name", float: "a number", int: "a whole number"}


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
    note: str = ""

    def has(self, fraction: float) -> bool:
        """Whether there is such a cell: without unlabelled images there is nothing for a row that needs some."""
        return not (self.needs_unlabelled and fraction == 1) and fraction in (self.fractions or (fraction,))


class Inequality(NamedTuple):
    """The row `lower` has a smaller error than the row `higher` at that label fraction."""

    lower: str
    higher: str
    fraction: float
    metric: str


@dataclass(frozen=True)
class Claim:
    """A sentence as inequalities: in every comparison, `lower` has the smaller error at each of the fractions.

    Where the paper prints no number of any of them, the question is ours.
    """

    id: str
    text: str
    comparisons: tuple[Inequality, ...]


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
    # method -> fields that its rows set otherwise, and its `options`: networks are smaller where there is less time
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

    def paper_value(self, row: str, fraction: float, metric: str) -> float:
        """What the paper printed; NaN for nothing."""
        numbers = self.row(row).published if metric == self.metrics[0] else self.row(row).published_also.get(metric, {})
        return numbers.get(fraction, float("nan"))

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
        fractions = check_fractions(self, fractions)
        seeds = check_seeds(self.seeds if seeds is None else seeds)
        budget = self.default_budget if budget is None else budget
        if budget not in self.budgets:
            raise UserError(f"table {self.name}: unknown budget {budget!r}; known: {', '.join(self.budgets)}")
        rows = self.rows if methods is None else [*map(self.row, dict.fromkeys(_list("methods", methods, str)))]
        found = [
            self._experiment(row, fraction, seed, budget)
            for seed in seeds
            for row in rows
            for fraction in fractions
            if row.has(fraction)
        ]
        if not found:
            there = "; ".join(
                f"{r.name} has {_words(f for f in r.fractions or self.fractions if r.has(f))}" for r in rows
            )
            raise UserError(f"fractions: no cell at {_words(fractions)}: {there}")
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
        values |= of_method
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
            select=self.select,
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
    return read(FOLDER / f"{name}.toml")


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
    _only(f"{path.name}, common", common, ["options"])
    try:
        rows = tuple(
            _row(path.name, {**r, "options": {**common.get("options", {}), **r.get("options", {})}})
            for r in raw.pop("rows")
        )
        budgets = {name: _budget(f"{path.name}, budget {name}", b) for name, b in raw.pop("budgets").items()}
        claims = tuple(_claim(path.name, c, rows, raw["fractions"], raw["metrics"]) for c in raw.pop("claims", []))
        for name in ("seeds", "metrics", "protocol"):
            raw[name] = tuple(raw[name])
        raw["tests"] = tuple(raw.get("tests", ()))
        raw["fractions"] = tuple(float(f) for f in raw["fractions"])
    except KeyError as error:
        raise UserError(f"{path.name}: {error.args[0]!r} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path.name}: a value is of the wrong kind: {error}") from None
    table = _build(path.name, Table, {**raw, "rows": rows, "budgets": budgets, "claims": claims})
    _check(path.name, table)
    return table


def _check(where: str, table: Table) -> None:
    """Raise UserError for names and numbers that nothing would ever look at."""
    methods = [row.method for row in table.rows]
    for name, budget in table.budgets.items():
        _only(f"{where}, budget {name}, methods", budget.methods, sorted(set(methods)))
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


def _words(fractions: Iterable[float]) -> str:
    return ", ".join(f"{f:g}" for f in fractions)


def _budget(where: str, raw: dict) -> Budget:
    for method, changes in raw.get("methods", {}).items():
        known = ["options", *(f.name for f in fields(Budget) if f.name not in ("note", "methods"))]
        _only(f"{where}, methods.{method}", changes, known)
    return _build(where, Budget, raw)


def _row(where: str, raw: dict) -> Row:
    _only(f"{where}, row {raw.get('name')}, training", raw.get("training", {}), [f.name for f in fields(Budget)])
    raw["fractions"] = tuple(map(float, raw.get("fractions", ())))
    raw["published"] = _by_fraction(raw.get("published", {}))
    raw["published_also"] = {metric: _by_fraction(v) for metric, v in raw.get("published_also", {}).items()}
    return _build(f"{where}, row {raw.get('name')}", Row, raw)


def _by_fraction(numbers: Mapping[str, float | int]) -> dict[float, float]:
    return {float(fraction): float(value) for fraction, value in numbers.items()}


def _claim(where: str, raw: dict, rows: Sequence[Row], fractions: Sequence[float], metrics: Sequence[str]) -> Claim:
    """A comparison lists lower and higher rows; every pair of them, at every fraction that both have, is one inequality of each metric."""
    known = {row.name: row for row in rows}
    pairs = []
    _only(f"{where}, claim {raw['id']}", raw, ["id", "text", "comparisons"])
    for comparison in raw["comparisons"]:
        _only(f"{where}, claim {raw['id']}", comparison, ["lower", "higher", "fractions", "metrics"])
        wanted = comparison.get("metrics", metrics[:1])
        if unread := set(wanted) - set(metrics):
            raise UserError(
                f"{where}, claim {raw['id']}: unknown metric {sorted(unread)[0]!r}; known: {', '.join(metrics)}"
            )
        unknown = {*comparison["lower"], *comparison["higher"]} - set(known)
        if unknown:
            raise UserError(f"{where}, claim {raw['id']}: unknown rows {sorted(unknown)}; known: {', '.join(known)}")
        for lower in comparison["lower"]:
            for higher in comparison["higher"]:
                for fraction in comparison.get("fractions", fractions):
                    if known[lower].has(fraction) and known[higher].has(fraction):
                        pairs += [Inequality(lower, higher, float(fraction), metric) for metric in wanted]
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


def check_fractions(table: Table, fractions: object) -> tuple[float, ...]:
    """Label fractions as sorted different numbers in (0, 1]; None takes the table's own."""
    if fractions is None:
        return table.fractions
    values = _list("fractions", fractions, float)
    if not table.uses_labels:
        if values != [0.0]:
            raise UserError(f"table {table.name}: fractions do not apply, its networks see no landmark labels")
        return table.fractions
    for value in values:
        if not 0 < value <= 1:
            raise UserError(f"fractions: {value:g} is outside (0, 1]")
    return tuple(sorted(set(values)))


def check_seeds(seeds: object) -> tuple[int, ...]:
    """Seeds as different integers that a generator takes, in the order given."""
    values = _list("seeds", seeds, int)
    for value in values:
        if not 0 <= value < 2**63:
            raise UserError(f"seeds: {value} is outside [0, 2**63)")
    return tuple(dict.fromkeys(values))


def _list(name: str, values: object, kind: type) -> list:
    """A list of one kind; a string where a list belongs is the classic mistake."""
    example = {"fractions": "[0.05, 0.2]", "seeds": "[0, 1, 2]", "methods": '["Seq-MT (L)"]'}[name]
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise UserError(f"{name}: {values!r} is not a list with at least one value; write {name} = {example}")
    for value in values:
        right = (
            isinstance(value, str) if kind is str else isinstance(value, (int, kind)) and not isinstance(value, bool)
        )
        if not right or (kind is int and not isinstance(value, int)):
            raise UserError(f"{name}: {value!r} is not {KINDS[kind]}; write {name} = {example}")
    return [kind(value) for value in values]
