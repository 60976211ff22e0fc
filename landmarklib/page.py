"""What the page of a table is composed of: the result at a glance, the folded details, how to run it again. No torch.

Takes a `Table`, its runs and records (`report.read`) and the verdicts on its claims (`claims.evaluate`).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landmarklib import claim_tables, claims, provenance, record, report
from landmarklib.tables import Table

BIN = ".venv/bin/"  # where `make` puts the commands


def overview(
    table: Table, runs: pd.DataFrame, records: Sequence[record.Record], verdicts: Sequence[claims.Verdict]
) -> report.Html:
    """The page's result at one glance: the headline and the table beside the paper's, with how to read it."""
    return report.Html(headline(table, runs, records, verdicts) + key(table, runs) + report.beside_paper(table, runs))


def key(table: Table, runs: pd.DataFrame) -> report.Html:
    """How to read the table beside the paper's."""
    which = "lower" if report.better(table) > 0 else "higher"
    text = f"{report.label(table.metrics[0])}, mean ± standard deviation over seeds; {which} is better."
    if report.cells(table, runs).difference.notna().any():
        text += " ✓: the mean is as good as the paper's or better, whatever the spread."
    undefined = [
        f"{html.escape(row.name)} is run with {', '.join(map(report.percent, row.fractions))} of the labels only"
        for row in table.rows_with(table.metrics[0])
        if row.fractions
    ]
    if any(row.needs_unlabelled for row in table.rows) and 1 in table.fractions:
        undefined.insert(0, "with all images labelled there is none for ELT")
    if undefined:
        text += f" Not defined: {'; '.join(undefined)}."
    return report.Html(f'<p class="key">{_capital(text)}</p>')


def headline(
    table: Table, runs: pd.DataFrame, records: Sequence[record.Record], verdicts: Sequence[claims.Verdict]
) -> report.Html:
    """The page in a few sentences: how complete it is, how it compares, which claims hold, and what to beware of."""
    frame = report.cells(table, runs)
    shown = frame[frame.n_seeds > 0]
    compared = shown[shown.difference.notna()]
    good = int((report.better(table) * compared.difference <= 0).sum())
    done, of, n_runs, failed = report.state(table, runs)
    text = []
    if of:
        cells = f"{done} of the paper's {of} cells" if of > 1 else f"{done} of the paper's 1 cell"
        text.append(f"<b>{cells}</b> measured here, in {n_runs} runs")
        text.append(
            f"{good} of {len(compared)} as good as the paper's or better."
            if len(compared)
            else "none of them compares with the paper's number: the data are others, or images and networks smaller."
        )
    else:
        text.append(f"{len(shown)} cells in {n_runs} runs.")
    asked = [[v.verdict for v in verdicts if v.claim.of_paper == of_paper] for of_paper in (True, False)]
    said = [
        f"of {len(found)} {kind}{'s' * (len(found) > 1)} of {whose} "
        + ", ".join(f"<b>{count}</b>" for count in claims.counted(found))
        for found, kind, whose in zip(asked, ("claim", "question"), ("the paper", "ours"), strict=True)
        if found
    ]
    if said:
        text.append(_capital(f"{'; '.join(said)}."))
    seeds = sorted(shown.n_seeds.unique())
    if len(seeds):
        spread = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
        budget = records[0].experiment.budget
        text.append(
            f"Seeds per cell: {spread}. Budget {_trained(table, budget, records)}. Data tier: {', '.join(sorted(set(shown.tier)))}."
        )
    if failed:
        text.append(f"<b>{failed} runs failed</b> and are in no mean.")
    text += provenance.locked(runs) + provenance.strayed(records) + provenance.unlearnt(table, runs)
    return report.Html(f'<div class="headline"><p>{"</p><p>".join(_sentences(text))}</p></div>')


def _sentences(parts: list[str]) -> list[str]:
    """The first two parts belong together; every other one is a paragraph of its own."""
    return ["; ".join(parts[:2]), *parts[2:]] if len(parts) > 1 and not parts[0].endswith(".") else parts


def starts(table: Table, runs: pd.DataFrame, enough: tuple[float, float] = (98.0, 99.0)) -> report.Html:
    """A line per start, and how many of them succeed: accuracy and points on their own shape both at least `enough` percent."""
    done = runs[runs.status == "done"].copy()
    if not len(done):
        return report.Html("<p>No run yet.</p>")
    done["succeeds"] = (done.accuracy_percent >= enough[0]) & (done.own_percent >= enough[1])
    counts = [
        f"{html.escape(row)}: <b>{int(g.succeeds.sum())} of {len(g)} starts</b>"
        for row, g in done.groupby("row", sort=False)
    ]
    rule = f"A start succeeds if accuracy reaches {enough[0]:g}% and {enough[1]:g}% of the points lie nearer to their own shape."
    out = done[["row", "seed", "succeeds", "accuracy_percent", "own_percent", "error_px"]].round(2)
    out["row"] = [name.split(") ")[-1] for name in out.row]  # without the method, where a name says more
    out["succeeds"] = out.succeeds.map({True: "yes", False: "no"})
    out.columns = ["form", "start", "succeeds", "accuracy [%]", "own shape [%]", "distance to centre [px]"]
    return report.Html(f"<p>{rule} {'; '.join(counts)}.</p>{report.to_html(out)}")


def at_budget(table: Table, budget: str, results: str | Path | None = None) -> report.Html:
    """The runs of one budget beside the paper, a table for each measure that the paper has, then where their numbers come from."""
    runs, records = report.read(table, budget, results)
    wanted = [m for m in table.metrics if any(table.published(row.name, m) for row in table.rows)]
    where = f" at the budget {_trained(table, budget, records)}"
    return report.Html(measures(table, runs, wanted, where) + provenance.origin(table, records))


def _trained(table: Table, budget: str, records: Sequence[record.Record]) -> str:
    """A budget's name, what its note says of it, and how long its runs trained."""
    took = f"; training took {provenance.took(records)}" if records else ""
    return f"<code>{budget}</code>: {html.escape(table.budgets[budget].note)}{took}"


def measures(table: Table, runs: pd.DataFrame, wanted: Sequence[str], where: str = "") -> report.Html:
    """Some of a table's metrics beside the paper, one below the other, each under its name and what `where` adds to it."""
    return report.Html(
        "".join(
            f'<p class="key">{_capital(report.label(metric))}{where}.</p>{report.beside_paper(table, runs, metric)}'
            for metric in wanted
        )
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def details(
    table: Table, runs: pd.DataFrame, records: Sequence[record.Record], verdicts: Sequence[claims.Verdict]
) -> report.Html:
    """What is behind the page, folded: every cell, other metrics, every inequality, provenance, flagged runs, how to run it again."""
    parts = [("Every cell", report.long_table(table, runs) + download(f"{table.name}.csv", report.cells(table, runs)))]
    if len(table.metrics) > 1:
        parts.append(("Other metrics", report.other_metrics(table, runs)))
    if verdicts:
        parts.append(("Every inequality behind the claims", claim_tables.per_inequality(verdicts)))
    parts += [
        ("Where the numbers come from", provenance.origin(table, records)),
        ("Flagged runs", provenance.flagged(records)),
    ]
    parts.append(("Run it again", again(table)))
    return report.Html("".join(f"<details><summary>{title}</summary>{body}</details>" for title, body in parts))


def download(name: str, frame: pd.DataFrame) -> report.Html:
    """A link that saves the frame as CSV; the data travel inside the page, so it works without a server."""
    data = base64.b64encode(frame.to_csv(index=False).encode()).decode()
    return report.Html(f'<p><a download="{name}" href="data:text/csv;base64,{data}">Download {name}</a></p>')


def again(table: Table) -> report.Html:
    """The commands that compute this page, with other label fractions, and in full."""
    fractions = "fractions=0.02,0.3 " if table.uses_labels else ""
    lines = [
        (
            f"{BIN}landmarklib run {table.name} budget={table.default_budget}",
            "computes what is missing; stop and resume at will",
        ),
        (
            f"{BIN}landmarklib notebook {table.name} {fractions}seeds=0",
            "this page with other values; trains only the new cells",
        ),
    ]
    if table.uses_labels:
        lines.append(
            (
                f"{BIN}papermill notebooks/{table.name}.ipynb out.ipynb -y 'fractions: [0.02, 0.3]'",
                "the same with papermill",
            )
        )
    if "paper" in table.budgets:
        lines.append((f"{BIN}landmarklib run {table.name} budget=paper device=cuda", "our longest budget, on a GPU"))
    body = "".join(f"<dt><code>{html.escape(command)}</code></dt><dd>{text}</dd>" for command, text in lines)
    return report.Html(f"<dl>{body}</dl>")
