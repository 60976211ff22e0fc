"""What must fit together in a table: names and what they refer to, fractions and cells, runs and their data.

Each function raises UserError, one line that names the file, the place in it, and what is valid there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from landmarklib import datasets, methods
from landmarklib.core import amounts, metrics
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError, shown
from landmarklib.core.experiment import Experiment
from landmarklib.core.mistakes import unknown
from landmarklib.tables.models import Table
from landmarklib.tables.rows import Reference, Row

SMOKE = "smoke"  # the budget by which every table is tested
SPLITS = ("train", "val", "test")


def check(where: str, table: Table) -> None:
    """All rules of this module but those on claims. where: the file."""
    check_unique(where, "rows or references", [line.name for line in (*table.rows, *table.references)])
    for name in ("metrics", "fractions", "labels", "seeds", "tests"):
        check_unique(where, name, getattr(table, name))
    check_data(where, table)
    check_names(where, table)
    check_unannotated(where, table)
    check_kinds(where, table)
    check_fractions(where, table)
    check_cells(where, table)
    check_stages(where, table)
    check_runs(where, table)
    check_qualifiers(where, table)
    check_measures(where, table)


def only(where: str, found: Iterable[str], known: Iterable[str], what: str = "key") -> None:
    """A name is among the known ones."""
    if strange := sorted(set(found) - set(known)):
        raise UserError(f"{where}: {unknown(strange[0], sorted(known), what)}")


def check_unique(where: str, what: str, values: Sequence[str | float | int]) -> None:
    """No name and no number is there twice."""
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"{where}: {values.count(value)} {what} are {shown(value)}; all must differ")


def lines_of(table: Table) -> Iterator[tuple[str, Row | Reference]]:
    """Rows and references, each with its place in the file."""
    yield from ((f"row {row.name}", row) for row in table.rows)
    yield from ((f"reference {line.name}", line) for line in table.references)


def check_data(where: str, table: Table) -> None:
    """Data sets are known, have the splits that runs need, and agree on the landmarks, where these count."""
    for row in table.rows:
        others = [stage.dataset for stage in row.stages if stage.dataset]
        only(f"{where}, row {row.name}, stages", others, datasets.names(), "data set")
    for key, names, splits in (
        ("dataset", [table.dataset], SPLITS),
        ("tests", table.tests, SPLITS[-1:]),
        ("open", [table.open] * bool(table.open), SPLITS),
    ):
        only(f"{where}, {key}", names, datasets.names(), "data set")
        for other in map(datasets.get, names):
            if lacking := [split for split in splits if split not in other.counts]:
                raise UserError(f"{where}, {key}: {other.name} has no {lacking[0]} images")
            if len(other.landmarks) != len(datasets.get(table.dataset).landmarks):
                n, wanted = len(other.landmarks), len(datasets.get(table.dataset).landmarks)
                raise UserError(f"{where}, {key}: {other.name} has {n} landmarks, and {table.dataset} has {wanted}")


def check_unannotated(where: str, table: Table) -> None:
    """On images without landmarks no metric is of points, and without classes of pixels none is of these."""
    dataset = datasets.get(table.dataset)
    for name in () if dataset.landmarks else filter(metrics.is_of_points, table.metrics):
        valid = ", ".join(metrics.UNANNOTATED)
        raise UserError(f"{where}, metrics: {name}, and {dataset.name} has no landmarks; valid: {valid}, of classes")
    if metrics.PIXELS in table.metrics and not dataset.pixel_names:
        raise UserError(f"{where}, metrics: {metrics.PIXELS}, and {dataset.name} has no classes of pixels")


def check_measures(where: str, table: Table) -> None:
    """The scatter over photos of one thing is of data that has such, and chooses nothing: it is of test images."""
    for name in filter(lambda name: metrics.base(name) == metrics.SCATTER, (table.select, *table.metrics)):
        if not datasets.get(table.dataset).aligned:
            raise UserError(f"{where}, metrics: {name}, and {table.dataset} has no photos of one thing in other light")
        if name == table.select:
            raise UserError(f"{where}: select {name}, which is measured on test images alone")


def check_qualifiers(where: str, table: Table) -> None:
    """What qualifies a metric (`on IBUG`, `of yaw`) is of the table's data or methods."""
    qualifiers = {"", *qualified(table, datasets.get(table.dataset))}
    for name in table.metrics:
        rest = name.partition(" ")[2]
        if rest not in qualifiers:
            raise UserError(f"{where}, metrics, {name}: {unknown(rest, sorted(qualifiers - {''}), 'qualifier')}")


def qualified(table: Table, dataset: Dataset) -> Iterator[str]:
    """What may follow the name of a metric."""
    yield from (f"on {name}" for name in (*dataset.subsets, *table.tests))
    yield from (f"of {name}" for name in (*dataset.attributes, *dataset.parts))
    yield from (f"of points less {shift:g} px" for shift in dataset.shifted_labels.values())
    if dataset.correct_within:
        yield from ("macro", *(f"of {name}" for name in dataset.landmarks))
    for name in dataset.normalizers:
        yield from (f"by {name}", f"at {metrics.PCK_SHARE:g} of {name}")
    for row in table.rows:
        method = methods.get(row.method)
        yield from (*method.measures, *method.other_readings(methods.complete(method, row.options)))
        yield from table.regressor.readings if table.regresses(row) else ()


def check_names(where: str, table: Table) -> None:
    """Methods, metrics and budgets that are named are the table's."""
    only(f"{where}, metrics", map(metrics.base, table.metrics), metrics.LOWER_IS_BETTER, "metric")
    only(f"{where}, default_budget", [table.default_budget], table.budgets, "budget")
    if SMOKE not in table.budgets:
        raise UserError(f"{where}, budgets: {SMOKE!r} is missing; by it every table is tested in seconds")
    for name, budget in table.budgets.items():
        only(f"{where}, budget {name}, methods", budget.methods, {row.method for row in table.rows})
        for method, changes in budget.methods.items():
            of_rows = {group for row in table.rows if row.method == method for group in groups_with_rates(row)}
            only(f"{where}, budget {name}, methods.{method}.rates", changes.get("rates", ()), of_rows, "group")
    for place, line in lines_of(table):
        only(f"{where}, {place}, published_also", line.published_also, table.metrics)
        if table.metrics[0] in line.published_also:
            raise UserError(f"{where}, {place}, published_also: {table.metrics[0]} belongs into published")
    for place, select in (("", table.select), *((f", row {row.name}", row.select) for row in table.rows if row.select)):
        if select not in table.metrics:
            raise UserError(f"{where}{place}: select {shown(select)}; known: {', '.join(table.metrics)}")


def groups_with_rates(row: Row) -> set[str]:
    """The groups of parameters whose rate a row sets."""
    return {*row.rates, *(group for stage in row.stages for group in stage.rates)}


def kind(table: Table) -> str:
    """What tells a table's cells apart."""
    return "labels" if table.counts else "fractions"


def said(table: Table, amount: float) -> str:
    """A fraction, or number of labels, of the table in words."""
    return f"{'labels' if table.counts else 'fraction'} {amounts.written(amount)}"


def check_kinds(where: str, table: Table) -> None:
    """A table has fractions or numbers of labels, and all that is in it has the same."""
    if not table.fractions and not table.labels:
        raise UserError(f"{where}: 'fractions' is missing: shares, or 'labels', numbers of labelled images")
    if table.fractions and table.labels:
        raise UserError(f"{where}: fractions beside labels; a table has shares or numbers of labelled images")
    for row in table.rows:
        check_kind(f"{where}, row {row.name}", table, row.fractions or None, row.labels or None)
    for name, budget in table.budgets.items():
        for method, changes in budget.methods.items():
            place = f"{where}, budget {name}, methods.{method}"
            check_kind(place, table, changes.get("fractions"), changes.get("labels"))


def check_kind(where: str, table: Table, fractions: object, labels: object) -> None:
    """There is none of the kind that the table does not have; None for none."""
    if (fractions if table.counts else labels) is not None:
        other = "fractions" if table.counts else "labels"
        raise UserError(f"{where}: {other}, where the table has {kind(table)}")


def check_fractions(where: str, table: Table) -> None:
    """Fractions that are named are the table's; 0, for no landmark labels at all, stands alone."""
    if 0 in table.fractions and table.uses_labels:
        raise UserError(f"{where}, fractions: 0 beside others; a table without landmark labels has [0.0] alone")
    places = {
        f"budget {name}, methods.{method}": changes.get(kind(table), {})
        for name, budget in table.budgets.items()
        for method, changes in budget.methods.items()
    }
    places |= {f"row {row.name}": row.amounts for row in table.rows}
    for place, line in lines_of(table):
        places[f"{place}, published"] = line.published
        places |= {f"{place}, published_also, {m}": v for m, v in line.published_also.items()}
    for place, fractions in places.items():
        if strange := set(fractions) - set(table.amounts):
            raise UserError(f"{where}, {place}: {said(table, min(strange))} is not one of the table's")


def check_cells(where: str, table: Table) -> None:
    """A row has cells, and the paper's numbers stand in cells that there are."""
    for row in table.rows:
        check_unique(f"{where}, row {row.name}", kind(table), row.amounts)
        if not any(table.has(row, fraction) for fraction in table.amounts):
            raise UserError(f"{where}, row {row.name}: it has no cell; all its images would be labelled")
        for fraction in {f for numbers in (row.published, *row.published_also.values()) for f in numbers}:
            if not table.has(row, fraction):
                raise UserError(f"{where}, row {row.name}, published: it has no cell at {said(table, fraction)}")


def check_stages(where: str, table: Table) -> None:
    """A row that has stages has nothing beside them that each has for itself, and no stage its own length at a cap."""
    capped = [name for name, budget in table.budgets.items() if budget.images_processed]
    for row in (row for row in table.rows if row.stages):
        if capped and any("images" in stage.training for stage in row.stages):
            what = "a stage's images; with images_processed a stage has a share"
            raise UserError(f"{where}, row {row.name}, budget {capped[0]}: {what}")
        for name in ("weights", "onset", "rates"):
            if getattr(row, name):
                raise UserError(f"{where}, row {row.name}: {name} beside stages; each stage has its own")


def check_runs(where: str, table: Table) -> None:
    """Every run can be computed: by its method, on its data set, in the steps that it has."""
    dataset = datasets.get(table.dataset)
    for budget in table.budgets:
        for row in table.rows:
            try:
                for amount in dict.fromkeys(table.trained_at(row, f) for f in table.amounts if table.has(row, f)):
                    check_run(table.experiment(row, amount, 0, budget), dataset)
            except UserError as error:
                raise UserError(f"{where}, budget {budget}, row {row.name}: {error}") from None


def check_run(e: Experiment, dataset: Dataset) -> None:
    """Method, data set and schedule of a run fit together."""
    if methods.get(e.method).pixelwise:
        methods.check_attributes(e, dataset)
    elif not dataset.landmarks:
        check_alone(e, dataset)
    methods.check(e)
    used = {"train": e.train_images, "val": e.evaluation.images, "test": e.evaluation.test_images}
    for key, split in (("train_images", "train"), ("evaluation_images", "val"), ("test_images", "test")):
        if used[split] > dataset.counts[split]:
            raise UserError(f"{key}: {used[split]}; {dataset.name} has {dataset.counts[split]} {split} images")
    methods.check_data(e, dataset)
    for name in e.others:
        dataset.check_other(datasets.get(name), e.jitter)
    for stage in e.stages:
        s = stage.schedule
        if s.warmup > max(1, s.plateau * stage.steps):  # one of 1 step is none
            raise UserError(
                f"warmup: {s.warmup} of {stage.steps} steps; it must end before the plateau does, "
                f"at {s.plateau:g} of them"
            )


def check_alone(e: Experiment, dataset: Dataset) -> None:
    """On images without landmarks none is labelled, none is regressed, and the method measures itself."""
    if e.fraction or e.evaluation.readout == "regressed":
        raise UserError(
            f"{dataset.name} has no landmarks to learn from or to regress; valid: fractions = [0.0], no readout"
        )
    if methods.get(e.method).measure is None:
        raise UserError(f"{dataset.name} has no landmarks, and {e.method} measures nothing without them")
