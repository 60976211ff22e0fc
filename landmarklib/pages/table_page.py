"""What the page of a table is composed of: the result at a glance, the folded details, how to run it again. No torch.

Takes a `Table`, its runs and records (`query.read`) and the verdicts on its claims (`claims.evaluate`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landmarklib import loading, tables
from landmarklib.core import amounts
from landmarklib.pages import overview as papers
from landmarklib.records import query, record
from landmarklib.report import aggregate, claim_cards, claim_tables, claims, comparison, provenance, readings
from landmarklib.report.markup import Html, label, render, to_html
from landmarklib.tables import Row, Table

BIN = ".venv/bin/"  # where `make` puts the commands


def overview(
    table: Table, runs: pd.DataFrame, records: Sequence[record.Record], verdicts: Sequence[claims.Verdict]
) -> Html:
    """The page's result at one glance: the headline, a card per claim of the paper, the table; then the bookkeeping."""
    of_paper = [v for v in verdicts if v.claim.of_paper]
    return (
        headline(table, runs, verdicts)
        + claim_cards.cards(table, of_paper, records)
        + key(table, runs)
        + comparison.beside_paper(table, runs)
        + bookkeeping(table, runs, records)
    )


def key(table: Table, runs: pd.DataFrame) -> Html:
    """How to read the table beside the paper's."""
    metric = aggregate.shown(table, runs)
    which = "lower" if aggregate.better(table) > 0 else "higher"
    text = [f"{_capital(label(metric))}, mean ± standard deviation over seeds; {which} is better."]
    if metric != table.metrics[0]:
        part = metric.removeprefix(f"{table.metrics[0]} on ")
        text.append(f"All test images here are of the paper's {part}, so its numbers on {part} stand beside ours.")
    frame = aggregate.cells(table, runs, metric)
    if frame.difference.notna().any():
        text.append("✓: the mean is as good as the paper's or better, whatever the spread.")
    if frame.improving.any():
        text.append(
            "⋯: validation of at least one seed still improved, by 2% or more over the last fifth of its training."
        )
    text.append(readings.of_rows(table.rows_with(table.metrics[0])))
    if any(row.needs_unlabelled for row in table.rows) and table.everything in table.amounts:
        text.append("Not defined: with all images labelled there is none for a row that needs others.")
    left_out = [
        f"{row.name} is run with {_run_at(table, row)} only" for row in table.rows_with(table.metrics[0]) if row.amounts
    ]
    if left_out:
        text.append(f"Left out: {'; '.join(left_out)}.")
    return render("key", text=" ".join(filter(None, text)))


def _run_at(table: Table, row: Row) -> str:
    """At which fractions, or numbers of labels, a row is run that is not run at all of the table's."""
    return ", ".join(amounts.short(f, table.counts) for f in row.amounts) + " of the labels" * (not table.counts)


def headline(table: Table, runs: pd.DataFrame, verdicts: Sequence[claims.Verdict]) -> Html:
    """The page in two sentences: which claims hold, and how many cells there are and compare with the paper's."""
    frame = aggregate.cells(table, runs, aggregate.shown(table, runs))
    shown = frame[frame.n_seeds > 0]
    compared = shown[shown.difference.notna()]
    done, of, _, _ = aggregate.state(table, runs)
    asked = [
        (len(found), f"{kind}{'s' * (len(found) > 1)} of {whose}", claims.counted([v.verdict for v in found]))
        for of_paper, kind, whose in ((True, "claim", "the paper"), (False, "question", "ours"))
        if (found := [v for v in verdicts if v.claim.of_paper == of_paper])
    ]
    good = int((aggregate.better(table) * compared.difference <= 0).sum())
    because = " and ".join(_reasons(table, shown))
    numbers = {"done": done, "of": of, "shown": len(shown), "compared": len(compared), "good": good}
    return render("headline", asked=asked, because=because, **numbers)


def _reasons(table: Table, shown: pd.DataFrame) -> list[str]:
    """Why no cell of these compares with the paper's."""
    reasons = [f"data are of the {aggregate.kind_of_data(table, tier)}" for tier in sorted(set(shown.tier))]
    smaller = len(shown) and not any(map(table.in_full, set(shown.budget)))
    own = set(shown.tier) == {"paper"} and not loading.generated(table.dataset)
    return reasons * (not own) + ["images or networks are smaller"] * smaller


def bookkeeping(table: Table, runs: pd.DataFrame, records: Sequence[record.Record]) -> Html:
    """How many runs, seeds and failures, at which budget, on which data, and what to beware of."""
    frame = aggregate.cells(table, runs)
    shown = frame[frame.n_seeds > 0]
    _, _, n_runs, failed = aggregate.state(table, runs)
    seeds = sorted(shown.n_seeds.unique())
    return render(
        "bookkeeping",
        runs=n_runs,
        failed=failed,
        seeds=" to ".join(str(n) for n in dict.fromkeys([*seeds[:1], *seeds[-1:]])),
        trained=_trained(table, records[0].experiment.budget, records) if seeds else "",
        data="; ".join(aggregate.kind_of_data(table, tier) for tier in sorted(set(shown.tier))),
        warnings=provenance.warn_locked(records)
        + provenance.warn_collapsed(records)
        + provenance.warn_outliers(records)
        + provenance.warn_improving(runs)
        + provenance.warn_timed_forms(records)
        + provenance.warn_untrained_heads(table, runs),
    )


def per_seed(runs: pd.DataFrame, enough: tuple[float, float] = (98.0, 99.0)) -> Html:
    """A line per run, and how many seeds of each row succeed.

    enough: the least accuracy and the least share of points on their own shape of a run that succeeds, in percent.
    """
    done = runs[runs.status == "done"].copy()
    if not len(done):
        return render("paragraph", text="No run yet.")
    done["succeeds"] = (done.accuracy_percent >= enough[0]) & (done.matched_percent >= enough[1])
    counts = [(row, int(g.succeeds.sum()), len(g)) for row, g in done.groupby("row", sort=False)]
    numbers = ["accuracy_percent", "matched_percent", "error_px"]
    out = done[["row", "seed", "succeeds"]].join(done[numbers].map("{:.2f}".format))
    out["row"] = [name.split(") ")[-1] for name in out.row]  # without the method, where a name says more
    out["succeeds"] = out.succeeds.map({True: "yes", False: "no"})
    out.columns = ["form", "seed", "succeeds", "accuracy [%]", "own shape [%]", "distance to centre [px]"]
    return render("per_seed", enough=enough, counts=counts, table=to_html(out))


def at_budget(table: Table, budget: str, results: str | Path | None = None) -> Html:
    """The runs of one budget beside the paper, a table per metric that it has; then where the numbers come from."""
    runs, records = query.read(table, budget, results)
    wanted = [m for m in table.metrics if any(table.published(row.name, m) for row in table.rows)]
    where = " at the budget " + _trained(table, budget, records)
    return measures(table, runs, wanted, where) + provenance.origin(table, records)


def on_other_data(table: Table, name: str, budget: str, results: str | Path | None = None) -> Html:
    """The cells that a table shares with one that runs them on other data, side by side at one budget.

    Then where the numbers of the other one come from; a sentence alone where it has no run yet.

    name: of the other table. It is looked at on the same kind of data as the first: the paper's, a part, stand-ins.
    """
    kind = next(kind for kind, v in tables.get(table.name).variants().items() if v.dataset == table.dataset)
    other = tables.get(name).variants()[kind]
    runs, records = query.read(other, budget, results)
    if not records:
        return render("paragraph", text=f"Not computed yet: the table {name} at the budget {budget}.")
    shown = comparison.side_by_side([(table, query.read(table, budget, results)[0]), (other, runs)])
    where = " at the budget " + _trained(other, budget, records)
    return render("measures", parts=[("The same runs on other data", shown)], where=where) + provenance.origin(
        other, records
    )


def _trained(table: Table, budget: str, records: Sequence[record.Record]) -> Html:
    """A budget's name, what its note says of it, and how long its runs trained."""
    took = provenance.took(records) if records else ""
    return render("trained", budget=budget, note=table.budgets[budget].note, took=took)


def measures(table: Table, runs: pd.DataFrame, wanted: Sequence[str], where: str = "") -> Html:
    """Some of a table's metrics beside the paper, one below the other, each under its name.

    wanted: their names; the one that the page shows first, above, is left out, unless it is the table's own.
    where: is added to each name.
    """
    above = {aggregate.shown(table, runs)} - {table.metrics[0]}
    parts = [
        (_capital(label(metric)), comparison.beside_paper(table, runs, metric))
        for metric in wanted
        if metric not in above
    ]
    return render("measures", parts=parts, where=where)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def details(
    table: Table, runs: pd.DataFrame, records: Sequence[record.Record], verdicts: Sequence[claims.Verdict]
) -> Html:
    """What is behind the page, folded: cells, other metrics, inequalities, provenance, flagged runs, commands."""
    parts = [("Every cell", _every_cell(table, runs))]
    if len(table.metrics) > 1:
        parts.append(("Other metrics", comparison.other_metrics(table, runs)))
    if verdicts:
        parts.append(("Every inequality behind the claims", claim_tables.per_inequality(table, verdicts)))
    parts += [
        ("Where the numbers come from", provenance.origin(table, records)),
        ("Flagged runs", provenance.flagged(records)),
    ]
    parts.append(("Run it again", again(table)))
    return render("details", parts=parts)


def _every_cell(table: Table, runs: pd.DataFrame) -> Html:
    frame = aggregate.cells(table, runs, aggregate.shown(table, runs))
    return comparison.long_table(table, runs) + download(f"{table.name}.csv", aggregate.written(table, frame))


def download(name: str, frame: pd.DataFrame) -> Html:
    """A link that saves the frame as CSV; the data travel inside the page, so it works without a server."""
    data = base64.b64encode(frame.to_csv(index=False).encode()).decode()
    return render("download", name=name, data=data)


def again(table: Table) -> Html:
    """The commands that compute this page, with other label fractions, and in full."""
    # A regressor is fitted from certain numbers of labels, and with fewer images than the most of these not at all.
    values = (table.regressor.few[1:3] or (2, 30)) if table.counts else (0.02, 0.3)
    name, listed = "labels" if table.counts else "fractions", ", ".join(map(str, values))
    fractions = f"{name}={listed.replace(' ', '')} " * table.uses_labels
    lines = [
        (
            f"{BIN}landmarklib run {table.name} budget={table.default_budget}",
            "computes what is missing; stop and resume at will",
        ),
        (
            f"{BIN}landmarklib notebook {papers.page_of(table.name)} {fractions}seeds=0",
            "this page with other values; trains only the new cells",
        ),
    ]
    if table.uses_labels:
        lines.append(
            (
                f"{BIN}papermill notebooks/{papers.page_of(table.name)}.ipynb out.ipynb -y '{name}: [{listed}]'",
                "the same with papermill",
            )
        )
    if "paper" in table.budgets:
        lines.append((f"{BIN}landmarklib run {table.name} budget=paper device=cuda", "our longest budget, on a GPU"))
    return render("again", lines=lines)
