"""What a table is made of: frozen values whose every field is checked when they are made.

What is wrong raises pydantic's ValidationError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from landmarklib import datasets, methods
from landmarklib.core import amounts
from landmarklib.core.errors import UserError, shown
from landmarklib.core.experiment import BALANCED_BY, Experiment
from landmarklib.core.kinds import (
    CHECKED,
    Count,
    Jitter,
    Labels,
    Seed,
    Share,
    Some,
    Text,
    Word,
)
from landmarklib.core.stages import ONLY, Evaluation, Optimizer, Regressor, Schedule, Stage
from landmarklib.core.types import PART, STAND_IN, whole
from landmarklib.tables import selection
from landmarklib.tables.budgets import Budget, Training
from landmarklib.tables.claims import Claim
from landmarklib.tables.rows import Reference, Row, RowStage


@dataclass(frozen=True, config=CHECKED)
class Table:
    """One table of a paper, as it is run here.

    fractions, labels: either of the two: shares of the training images that have landmarks, (0,) without landmark
        labels at all; or their numbers, which stay the same on data with fewer images.
    """

    name: Word
    title: Text
    paper: Text
    where: Text
    citation: Text
    dataset: Text
    metrics: Annotated[tuple[Text, ...], Field(min_length=1)]  # the first is the one of the table's cells
    unit: Text
    select: Text
    size: Some
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    budgets: Annotated[Mapping[Word, Budget], Field(min_length=1)]
    default_budget: Text
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    n_maps: Count  # gallery images whose probability maps are kept in each record
    protocol: tuple[str, ...]  # what the paper leaves open about training and is decided here
    fractions: tuple[Share, ...] = ()
    labels: tuple[Labels, ...] = ()
    claims: tuple[Claim, ...] = ()
    references: tuple[Reference, ...] = ()
    tests: tuple[str, ...] = ()  # other data sets whose test images are judged, too
    jitter: Jitter = field(default_factory=dict)  # of training images, at every budget
    balanced_by: Text = BALANCED_BY  # attribute whose classes the labelled images hold in equal numbers
    regressor: Regressor = field(default_factory=Regressor)  # of rows whose outputs are regressed
    open: str = ""  # an openly available data set of the same kind, where the paper's is not

    @property
    def uses_labels(self) -> bool:
        """Whether landmark labels are part of the protocol at all."""
        return self.amounts != (0,)

    @property
    def counts(self) -> bool:
        """Whether it has numbers of labelled images, and not shares."""
        return bool(self.labels)

    @property
    def amounts(self) -> tuple[float, ...]:
        """The fractions of its cells, or the numbers of labels where it counts (`core.amounts`)."""
        return self.labels or self.fractions

    @property
    def labelled_split(self) -> str:
        """Whose images it counts the labels of, in a word."""
        return {"train": "training", "val": "validation"}[self.regressor.split]

    @property
    def everything(self) -> float:
        """The fraction, or number of labels, at which all images are labelled."""
        return amounts.ALL if self.counts else 1.0

    def has(self, line: Row | Reference, fraction: float | int) -> bool:
        """Whether a row or reference of the table has such a cell."""
        return line.has(fraction, self.everything)

    def n_train(self, budget: str) -> int:
        """Training images of the paper's data set that a run sees at that budget."""
        return self.budgets[budget].train_images or datasets.get(whole(self.dataset)).counts["train"]

    def row(self, name: str) -> Row:
        """The row of that name. Raises UserError that lists the known ones."""
        for row in self.rows:
            if row.name == name:
                return row
        raise UserError(f"table {self.name}: unknown row {shown(name)}; known: {', '.join(r.name for r in self.rows)}")

    def published(self, row: str, metric: str) -> Mapping[float, float]:
        """What the paper printed of a row or of a reference, by fraction or number of labels."""
        line = next((r for r in self.references if r.name == row), None) or self.row(row)
        return line.published if metric == self.metrics[0] else line.published_also.get(metric, {})

    def paper_value(self, row: str, fraction: float | int, metric: str) -> float:
        """What the paper printed of a cell; NaN for nothing."""
        return self.published(row, metric).get(fraction, float("nan"))

    def rows_with(self, metric: str) -> list[Row]:
        """The rows that can have a value of that metric: one that is given the points has no error of them."""
        return [row for row in self.rows if not row.select or metric != self.metrics[0]]

    def experiments(
        self,
        fractions: Sequence[float | int | str] | None = None,
        seeds: Sequence[int] | None = None,
        rows: Sequence[str] | None = None,
        budget: str | None = None,
    ) -> list[Experiment]:
        """The runs of the table, seed by seed, rows in the order asked for; None takes the table's own values.

        fractions: numbers of labelled images, or "all", where the table counts them.
        Rows that need unlabelled images have no cell where all are labelled. One run has all cells of a row whose
        landmarks are regressed from few labels, too. Raises UserError for what is not valid.
        """
        asked = ((row, self.trained_at(row, f)) for row, f in selection.cells(self, fractions, rows))
        cells = {(row.name, f): (row, f) for row, f in asked}.values()
        seeds = selection.check_seeds(self.seeds if seeds is None else seeds)
        budget = selection.check_budget(self, budget)
        return [self.experiment(row, fraction, seed, budget) for seed in seeds for row, fraction in cells]

    def regresses(self, row: Row) -> bool:
        """Whether the landmarks of a row's runs are regressed from its outputs."""
        return (row.readout or methods.default_readout(methods.get(row.method), 1.0)) == "regressed"

    def trained_at(self, row: Row, amount: float) -> float:
        """At how many labels the run is trained that has this cell."""
        return self.everything if self.regresses(row) and amount in self.regressor.few else amount

    def in_full(self, budget: str) -> bool:
        """Whether images and networks are of the table's size at that budget."""
        b = self.budgets[budget]
        smaller = {"size", "options"} & {name for changes in b.methods.values() for name in changes}
        return b.size in (0, self.size) and not smaller

    def variants(self) -> dict[str, Table]:
        """The table on each kind of data, by tier, the best first: paper, part of it, open, stand-in."""
        found = {datasets.get(whole(self.dataset)).tier: self, "part": self._on(PART)}
        if self.open:
            found["open"] = replace(self, dataset=self.open, tests=())
        return {**found, "stand-in": self._on(STAND_IN)}

    def _on(self, prefix: str) -> Table:
        """The same on a part of its data set, or on stand-ins, of its other data sets as well."""
        beside = prefix if prefix == STAND_IN else ""
        tests, rows = tuple(beside + test for test in self.tests), tuple(_beside(row, beside) for row in self.rows)
        return replace(self, dataset=prefix + self.dataset, tests=tests, rows=rows)

    def makes(self, experiment: Experiment) -> bool:
        """Whether this is a run of the table with today's settings, whatever its fraction and seed."""
        e = experiment
        rows = [row for row in self.rows if row.name == e.row and e.budget in self.budgets]
        rows = rows if bool(e.labels) == self.counts else []
        return any(self.experiment(row, e.amount, e.seed, e.budget) == e for row in rows)

    def settings(self, row: Row, fraction: float, budget: str) -> dict[str, Any]:
        """The fields of `Training` of a cell, its options and its factors on rates."""
        b = self.budgets[budget]
        of_method = dict(b.methods.get(row.method, {}))
        options = {**row.options, **of_method.pop("options", {})}
        rates = of_method.pop("rates", {})
        at_fraction = {**of_method.pop("fractions", {}), **of_method.pop("labels", {})}.get(fraction, {})
        values = {f.name: getattr(b, f.name) for f in fields(Training)} | row.training | of_method | at_fraction
        values["size"] = values["size"] or self.size
        values["jitter"] = values["jitter"] or self.jitter
        return {**values, "options": options, "rates": rates}

    def experiment(self, row: Row, fraction: float, seed: int, budget: str) -> Experiment:
        """The run of one cell with one seed. fraction: or the number of labels, where the table counts.

        Raises UserError for more labels than training images.
        """
        values = self.settings(row, fraction, budget)
        found = self._run(row, fraction, seed, budget, values)
        if not (cap := values["images_processed"]):
            return found
        images = max(1, round(values["images"] * cap / methods.images_processed(found)))
        return self._run(row, fraction, seed, budget, {**values, "images": images})

    def _run(self, row: Row, fraction: float, seed: int, budget: str, values: Mapping[str, Any]) -> Experiment:
        """The same with these settings."""
        share, labels = self._labelled(fraction, values["train_images"])
        alone = RowStage(ONLY, row.weights, row.onset, row.rates)
        numbers = values["evaluation_images"], values["test_images"]
        readout = row.readout or methods.default_readout(methods.get(row.method), share)
        regressor = self.regressor if readout == "regressed" else Regressor()
        return Experiment(
            table=self.name,
            row=row.name,
            dataset=self.dataset,
            method=row.method,
            options=values["options"],
            fraction=share,
            labels=labels,
            seed=seed,
            budget=budget,
            size=values["size"],
            train_images=values["train_images"],
            stages=tuple(_stage(stage, {**values, **stage.training}, share) for stage in row.stages or (alone,)),
            evaluation=Evaluation(row.select or self.select, *numbers, list(self.tests), readout, regressor),
            dtype=self.budgets[budget].dtype,
            balanced_by=self.balanced_by,
        )

    def _labelled(self, amount: float, train_images: int) -> tuple[float, int | str]:
        """A run's `fraction` and `labels`. train_images: that it sees; 0 for all."""
        if not self.counts:
            return amount, 0
        if amount == amounts.ALL:
            return 1.0, amounts.EVERY
        n = train_images or datasets.get(whole(self.dataset)).counts["train"]
        if amount > n:
            raise UserError(f"labels: {amount:.0f} of {n} training images; the most is {amounts.EVERY!r}")
        return amount / n, int(amount)


def _beside(row: Row, prefix: str) -> Row:
    """The row with that prefix before the other data sets of its stages."""
    stages = (replace(stage, dataset=stage.dataset and prefix + stage.dataset) for stage in row.stages)
    return replace(row, stages=tuple(stages))


def _stage(stage: RowStage, values: Mapping[str, Any], fraction: float) -> Stage:
    """A stage of a row with the values of `Training` that it has, at a label fraction (0 for no labels at all)."""
    images = max(1, round(stage.share * values["images"] * (fraction or 1) ** values["images_exponent"]))
    # A row sets its warm-up for full training; at the smoke budget a run would be over before it.
    taken = values["batch"] or values["batch_unlabelled"]
    steps = images // (taken or 1)
    warmup = min(values["warmup"], max(1, steps // 4))
    rates = {group: values["rates"].get(group, factor) for group, factor in stage.rates.items()}
    rates = {group: factor for group, factor in rates.items() if factor != 1}  # as without them, in the key too
    return Stage(
        name=stage.name,
        weights=stage.weights,
        onset=stage.onset,
        trains=stage.trains,
        ema=stage.ema,
        optimizer=Optimizer(values["rate"], rates, values["clip"], values["beta2"], values["weight_decay"]),
        schedule=Schedule(warmup, values["plateau"], values["schedule"], values["floor"]),
        n_evaluations=values["n_evaluations"] if stage.measured else 0,
        images=images,
        batch=0 if stage.dataset else values["batch"],
        batch_unlabelled=taken if stage.dataset else values["batch_unlabelled"],
        dataset=stage.dataset,
        pairs=stage.pairs,
        afresh=stage.afresh,
        unlabelled=stage.unlabelled,
        **{name: values[name] for name in ("jitter", "refill", "evaluated_from")},
    )
