"""The page of a table: every part is made, whatever there is."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from made import BLOCKS, HANDS, NOTHING, QUICKSTART, SHAPES, failed, hands, made, some

from landmarklib import tables
from landmarklib.pages import table_page
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.report import aggregate, claim_tables, claims, comparison, provenance


def full(table: tables.Table) -> list[Record]:
    """Two seeds of every cell."""
    return [made(e, 5.0 + e.seed) for e in table.experiments(seeds=[0, 1])]


def partial(table: tables.Table) -> list[Record]:
    """One cell with a warning and a failed run, another with one seed."""
    first, second, *_, last = full(table)
    return [replace(first, warnings=("map 0 is dead",)), failed(second.experiment), last]


def no_success(table: tables.Table) -> list[Record]:
    """Two runs, both failed."""
    return [failed(r.experiment) for r in full(table)[:2]]


STATES = {"empty": lambda table: [], "partial": partial, "full": full, "failed": no_success}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("table", [BLOCKS, SHAPES, QUICKSTART], ids=lambda table: table.name)
def test_every_part_of_a_page_is_made_whatever_there_is(table, state):
    records = STATES[state](table)
    runs = record.frame(records)
    verdicts = claims.evaluate(table, runs)
    parts = [
        comparison.beside_paper(table, runs),
        comparison.long_table(table, runs),
        comparison.other_metrics(table, runs),
        claim_tables.per_claim(verdicts),
        claim_tables.per_inequality(verdicts),
        provenance.origin(table, records),
        provenance.flagged(records),
        table_page.headline(table, runs, records, verdicts),
        table_page.details(table, runs, records, verdicts),
        table_page.again(table),
    ]
    if table is SHAPES:
        parts.append(table_page.per_seed(runs))
    for part in parts:
        assert part._repr_html_() == str(part) != ""
        assert not re.search(r"<td>\s*</td>|<th></th>\s*<td>|[+ ]nan\b|>nan<|NaN|None", part)


def test_headline_counts_cells_claims_seeds_and_failures():
    records = [*some(8.0, 9.0), *some(0.4, fraction=1.0), *[failed(r.experiment) for r in some(0.0, fraction=0.5)]]
    runs = record.frame(records)
    text = re.sub(r"<[^>]*>", "", table_page.headline(BLOCKS, runs, records, claims.evaluate(BLOCKS, runs)))
    assert "2 of the paper's 46 cells measured here, in 3 runs" in text
    assert "1 of 2 as good as the paper's or better" in text
    assert "Of 7 claims of the paper 7 incomplete." in text
    assert "Seeds per cell: 1 to 2. Budget cpu: " in text and "Data tier: paper." in text
    assert "1 runs failed and are in no mean" in text


def test_names_of_methods_are_escaped():
    row = replace(BLOCKS.rows[1], name="<b>A & B</b>")
    table = replace(BLOCKS, rows=(row,), claims=())
    records = [replace(r, experiment=replace(r.experiment, row=row.name)) for r in some(8.0, 9.0, row="Seq-MT (L+A)")]
    runs = record.frame(records).assign(accuracy_percent=10.0)
    for part in (
        comparison.beside_paper(table, runs),
        comparison.long_table(table, runs),
        comparison.other_metrics(table, runs),
        table_page.headline(table, runs, records, []),
        provenance.flagged([failed(records[0].experiment)]),
    ):
        assert row.name not in part
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in comparison.beside_paper(table, runs)


def test_download_link_holds_the_whole_table():
    frame = aggregate.cells(BLOCKS, record.frame(some(8.0, 9.0)))
    link = table_page.download("blocks.csv", frame)
    assert 'download="blocks.csv"' in link
    (data,) = re.findall(r'href="data:text/csv;base64,([^"]*)"', link)
    again = pd.read_csv(io.BytesIO(base64.b64decode(data)))
    assert again.shape == frame.shape and again.method.tolist() == frame.method.tolist()
    assert (again["mean"][0], again.paper[0]) == (8.5, 8.33)


def test_again_names_commands_of_this_table_only():
    text = html.unescape(table_page.again(SHAPES))
    assert "landmarklib run shapes budget=cpu" in text and "fractions" not in text
    assert "papermill notebooks/blocks.ipynb out.ipynb -y 'fractions: [0.02, 0.3]'" in html.unescape(
        table_page.again(BLOCKS)
    )


def test_another_budget_is_shown_with_every_measure_of_the_paper_by_name(tmp_path):
    table = tables.get("mtfl")
    (e,) = table.experiments([1.0], [0], ["RCN+ (L)"], "full")
    found = {"nme_percent": 6.0, "nme_percent on afw": 5.0}
    metrics = {name: {"mean": v, "low": v, "high": v, "n": 9} for name, v in found.items()}
    made = Record(experiment=e, status="done", metrics=metrics)
    record.save(made, tmp_path)
    first, second, rest = table_page.at_budget(table, "full", tmp_path).split("</table>", 2)
    assert "NME [%] at the budget <code>full</code>: the network in full" in first and "<b>6.00</b>" in first
    assert "NME on afw [%] at the budget" in second and "<b>5.00</b>" in second
    assert "full: 50,000 images seen" in rest
    assert "No record yet" in table_page.at_budget(table, "paper", tmp_path)


def test_the_key_says_why_a_cell_is_not_defined():
    table = tables.get("mtfl")
    words = "Not defined: with all images labelled there is none for ELT; RCN (L) is run with 100% of the labels only.<"
    assert words in table_page.key(table, NOTHING)
    assert "Not defined: RCN (L) is run" in table_page.key(replace(table, fractions=(0.05,)), NOTHING)
    assert "Not defined" not in table_page.key(tables.get("shapes"), NOTHING)


def test_the_key_explains_a_tick_only_where_numbers_compare():
    assert "✓" in table_page.key(BLOCKS, record.frame(some(8.0)))
    assert "✓" not in table_page.key(BLOCKS, NOTHING) and "✓" not in table_page.key(
        HANDS, record.frame(hands("Seq-MT (L)", 1.0, nme_percent=20.0))
    )
