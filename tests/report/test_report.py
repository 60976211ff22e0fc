"""What readers see: every cell is there, says what it is worth, and is never blank."""

from __future__ import annotations

import base64
import html
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landmarklib import tables
from landmarklib.core.experiment import Experiment
from landmarklib.pages import table_page
from landmarklib.records import query, record
from landmarklib.records.record import Record
from landmarklib.report import aggregate, claim_tables, claims, comparison, provenance
from landmarklib.report.markup import label

ROOT = Path(__file__).parents[2]
BLOCKS, SHAPES, QUICKSTART, HANDS = (tables.get(name) for name in ("blocks", "shapes", "quickstart", "hgr1"))
NOTHING = record.frame([])


def made(e: Experiment, value: float = 5.0, **changes) -> Record:
    """A record by hand: its error, and an accuracy where a class head is trained."""
    metrics = {"error_px": {"mean": value, "low": value - 0.1, "high": value + 0.1, "n": 64}}
    if "classes" in e.weights:
        metrics["accuracy_percent"] = {"mean": 90.0, "low": 89.0, "high": 91.0, "n": 64}
    if not e.fraction:
        metrics["matched_percent"] = {"mean": 99.5, "low": 99.0, "high": 100.0, "n": 64}
    told = {
        "device": "CPU",
        "form": "1x1 float32",
        "commit": "abc",
        "dirty": False,
        "date": "2026-01-02",
        "behaviour": {"engine": 99},
    }
    values = {"metrics": metrics, "data": {"tier": "paper", "fingerprint": "f00"}, "provenance": told, "seconds": 36.0}
    return Record(experiment=e, **{"status": "done", **values, **changes})


def failed(e: Experiment) -> Record:
    """A record of a run that failed."""
    return made(e, status="failed", reason="loss is not finite", metrics={})


def some(*values: float, row: str = "Seq-MT (L)", fraction: float = 0.01, **changes) -> list[Record]:
    """Records of one cell of Blocks, a seed each."""
    made_of = BLOCKS.experiments([fraction], list(range(len(values))), [row])
    return [made(e, value, **changes) for e, value in zip(made_of, values, strict=True)]


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


def cell(frame: pd.DataFrame, method: str = "Seq-MT (L)", fraction: float = 0.01) -> pd.Series:
    """The one line of that cell."""
    (line,) = frame[(frame.method == method) & (frame.fraction == fraction)].iloc
    return line


def rows_of(page: str) -> dict[str, list[str]]:
    """First column -> texts of the others, of the lines of an HTML table."""
    found = {}
    for line in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.S):
        texts = [
            " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split())
            for part in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)
        ]
        found[texts[0]] = texts[1:]
    return found


def test_every_cell_of_the_paper_is_there_without_any_run():
    frame = aggregate.cells(BLOCKS, record.frame([]))
    assert len(frame) == 46 and frame.paper.notna().all() and (frame.n_seeds == 0).all()
    assert frame["mean"].isna().all() and frame.sd.isna().all() and frame.difference.isna().all()
    assert set(frame.unit) == {"px"} and set(frame.tier) == {""} and set(frame.budget) == {"cpu"}
    assert cell(frame).paper == 8.33
    assert frame.columns.tolist() == [
        "method",
        "fraction",
        "n_seeds",
        "mean",
        "sd",
        "unit",
        "paper",
        "difference",
        "tier",
        "budget",
        "failed",
        "warned",
    ]


def test_a_cell_has_mean_spread_and_difference_over_its_seeds():
    frame = aggregate.cells(BLOCKS, record.frame(some(8.0, 9.0, 10.0)))
    line = cell(frame)
    assert (line.n_seeds, line["mean"], line.sd, line.tier) == (3, 9.0, 1.0, "paper")
    assert line.difference == pytest.approx(9.0 - 8.33)
    assert len(frame) == 46 and frame.n_seeds.sum() == 3


def test_one_seed_has_no_spread():
    line = cell(aggregate.cells(BLOCKS, record.frame(some(8.0))))
    assert (line.n_seeds, line["mean"]) == (1, 8.0) and np.isnan(line.sd)


@pytest.mark.parametrize("tier", ["open", "stand-in"])
def test_numbers_on_other_data_are_not_compared_with_the_papers(tier):
    line = cell(aggregate.cells(BLOCKS, record.frame(some(8.0, 9.0, data={"tier": tier}))))
    assert (line["mean"], line.tier, line.paper) == (8.5, tier, 8.33) and np.isnan(line.difference)


def test_failed_runs_are_counted_and_in_no_mean():
    good = some(8.0, 9.0, 10.0)
    line = cell(aggregate.cells(BLOCKS, record.frame([*good[:2], failed(good[2].experiment)])))
    assert (line.n_seeds, line["mean"], line.failed) == (2, 8.5, 1)


def test_a_failed_run_that_has_a_value_all_the_same_is_in_no_mean():
    good = some(8.0, 1000.0)
    line = cell(aggregate.cells(BLOCKS, record.frame([good[0], replace(good[1], status="failed")])))
    assert (line.n_seeds, line["mean"], line.failed) == (1, 8.0, 1)


def test_runs_with_dead_maps_are_counted():
    good = some(8.0, 9.0)
    line = cell(aggregate.cells(BLOCKS, record.frame([good[0], replace(good[1], warnings=("map 0 is dead",))])))
    assert (line.n_seeds, line.warned) == (2, 1)


def test_another_fraction_adds_a_cell_without_a_paper_value():
    frame = aggregate.cells(BLOCKS, record.frame(some(7.0, fraction=0.02)))
    line = cell(frame, fraction=0.02)
    assert len(frame) == 47 and line["mean"] == 7.0 and np.isnan(line.paper) and np.isnan(line.difference)
    assert frame[frame.method == "Seq-MT (L)"].fraction.tolist() == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]


def test_budgets_are_not_mixed():
    cpu = some(8.0)
    smoke = [made(e, 20.0) for e in BLOCKS.experiments([0.01], [0], ["Seq-MT (L)"], "smoke")]
    frame = aggregate.cells(BLOCKS, record.frame(cpu + smoke))
    part = frame[(frame.method == "Seq-MT (L)") & (frame.fraction == 0.01)]
    assert dict(zip(part.budget, part["mean"], strict=True)) == {"cpu": 8.0, "smoke": 20.0}


def test_another_metric_has_its_unit_and_no_paper_value():
    line = cell(
        aggregate.cells(BLOCKS, record.frame(some(8.0, row="Seq-MT (L+A)")), "accuracy_percent"), "Seq-MT (L+A)"
    )
    assert (line["mean"], line.unit) == (90.0, "%") and np.isnan(line.paper)


def test_state_counts_cells_and_runs():
    good = some(8.0, 9.0, 10.0)
    runs = record.frame([*good[:2], failed(good[2].experiment), *some(7.0, fraction=0.02)])
    assert aggregate.state(BLOCKS, runs) == (1, 46, 3, 1)
    assert aggregate.state(BLOCKS, record.frame([])) == (0, 46, 0, 0)


def test_beside_paper_has_ours_over_the_papers_and_no_empty_cell():
    good = some(8.0, 9.0)
    one = some(0.4, fraction=1.0)
    lost = [failed(r.experiment) for r in some(0.0, fraction=0.5)]
    shown = rows_of(comparison.beside_paper(BLOCKS, record.frame([*good, *one, *lost])))
    assert shown["method"] == ["1%", "5%", "10%", "20%", "50%", "100%"]
    ours = shown["Seq-MT (L)"]
    assert ours[0] == "8.50 ± 0.71 paper 8.33"
    assert ours[1] == "not run paper 3.95"
    assert ours[4] == "failed paper 1.19"
    assert ours[5] == "0.40 paper 0.44 ✓"
    assert shown["Seq-MT (L+ELT)"][5] == "not defined"
    assert len(shown) == 9 and all(text for texts in shown.values() for text in texts)


def test_beside_paper_marks_nothing_as_good_on_other_data():
    assert "✓" in comparison.beside_paper(BLOCKS, record.frame(some(1.0)))
    assert "✓" not in comparison.beside_paper(BLOCKS, record.frame(some(1.0, data={"tier": "stand-in"})))


def test_beside_paper_where_larger_is_better():
    runs = record.frame([made(e) for e in SHAPES.experiments(seeds=[0])])
    low = rows_of(comparison.beside_paper(SHAPES, runs))
    high = rows_of(comparison.beside_paper(SHAPES, runs.assign(accuracy_percent=99.5)))
    assert [texts[0] for texts in list(low.values())[1:]] == ["90.00 paper 99", "90.00"]
    assert [texts[0] for texts in list(high.values())[1:]] == ["99.50 paper 99 ✓", "99.50"]


def test_long_table_says_in_words_what_is_missing():
    page = comparison.long_table(BLOCKS, record.frame(some(8.0, 9.0)))
    lines = [
        [" ".join(html.unescape(part).split()) for part in re.findall(r"<td>(.*?)</td>", line)]
        for line in re.findall(r"<tr>(.*?)</tr>", page, re.S)
    ]
    lines = [line for line in lines if line]
    assert len(lines) == 46 and all(part for line in lines for part in line)
    assert lines[0] == ["Seq-MT (L)", "1%", "8.50 ± 0.71", "2", "8.33", "+0.17", "no", "cpu", "paper", "0, 0"]
    assert lines[1] == ["Seq-MT (L)", "5%", "not run", "0", "3.95", "none", "none", "cpu", "none", "0, 0"]


def test_other_metrics_tell_a_missing_run_from_a_cell_that_is_not_defined():
    runs = [*some(1.0, 2.0, row="Seq-MT (L+ELT+A)"), *some(1.0, row="Seq-MT (L+ELT+A)", fraction=0.05)]
    runs += [*some(1.0, row="Seq-MT (L+A)", fraction=1.0), *some(1.0)]
    shown = rows_of(comparison.other_metrics(BLOCKS, record.frame(runs)))
    assert shown["method"] == ["1%", "5%", "100%"]  # nothing is run at the others
    assert shown["class accuracy [%]"] == []  # the line above those of its methods
    assert shown["Seq-MT (L+ELT+A)"] == ["90.0 ± 0.0", "90.0", "not defined"]
    assert shown["Seq-MT (L+A)"] == ["not run", "not run", "90.0"]
    assert "Seq-MT (L)" not in shown


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
        parts.append(table_page.starts(table, runs))
    for part in parts:
        assert part._repr_html_() == str(part) != ""
        assert not re.search(r"<td>\s*</td>|<th></th>\s*<td>|[+ ]nan\b|>nan<|NaN|None", part)


def test_headline_counts_cells_claims_seeds_and_failures():
    records = [*some(8.0, 9.0), *some(0.4, fraction=1.0), *[failed(r.experiment) for r in some(0.0, fraction=0.5)]]
    runs = record.frame(records)
    text = re.sub(r"<[^>]*>", "", table_page.headline(BLOCKS, runs, records, claims.evaluate(BLOCKS, runs)))
    assert "2 of the paper's 46 cells measured here, in 3 runs" in text
    assert "1 of 2 as good as the paper's or better" in text
    assert "Of 7 claims of the paper 7 not run." in text
    assert "Seeds per cell: 1 to 2. Budget cpu: " in text and "Data tier: paper." in text
    assert "1 runs failed and are in no mean" in text


def test_provenance_names_data_device_commit_cost_and_what_is_stale():
    records = [*some(8.0, 9.0, warnings=("map 0 is dead",)), *[failed(r.experiment) for r in some(0.0, fraction=0.5)]]
    shown = rows_of(provenance.origin(BLOCKS, records))
    assert shown["runs"] == ["3, of which 1 failed"] and shown["seeds"] == ["0, 1"]
    assert shown["data"] == ["paper tier, fingerprint f00"]
    assert shown["device"] == ["CPU"] and shown["commit"] == ["abc"] and shown["date"] == ["2026-01-02"]
    assert shown["training time"] == ["0.03 h in all, 36 s a run"]
    assert shown["flagged"][0].startswith("2 runs") and shown["versions since then"] == ["3 stale"]


def test_how_long_runs_took_is_read_from_their_records():
    first, *others = some(8.0, 9.0, 7.0, 6.0, 5.0)
    assert provenance.took([first]) == "36 s a run"
    times = [99.4, 100.0, 150.0, 1065.0]
    others = [replace(r, seconds=seconds) for r, seconds in zip(others, times, strict=True)]
    assert provenance.took(others) == "99 s to 18 min a run, the median 2 min"
    text = re.sub(r"<[^>]*>", "", table_page.headline(BLOCKS, record.frame(others), others, []))
    assert "training took 99 s to 18 min a run, the median 2 min." in text


def test_claims_table_has_the_whole_sentence_and_the_counts():
    runs = record.frame(full(BLOCKS))
    shown = rows_of(claim_tables.per_claim(claims.evaluate(BLOCKS, runs)))
    claim = next(c for c in BLOCKS.claims if c.id == "H3")
    assert shown["H3"][0] == claim.text and len(claim.text) > 60
    assert shown["H3"][1] == "not decided" and "0 / 0 / 35 / 0" in shown["H3"] and shown["H3"][-1] == "holds"


def test_runs_that_ended_with_broken_maps_are_warned_of():
    sound, broken = some(8.0, 9.0, 7.0), replace(some(6.0)[0], warnings=("map 0 is dead: it is constant",))
    (text,) = provenance.warn_locked(record.frame([*sound, broken]))
    assert text.startswith("<b>Beware:</b> 1 of 4 runs ended")
    assert provenance.warn_locked(record.frame(sound)) == provenance.warn_locked(record.frame([])) == []
    runs = record.frame([*sound, broken])
    assert text in table_page.headline(BLOCKS, runs, [*sound, broken], [])


def test_runs_far_from_the_other_starts_of_their_cell_are_warned_of():
    records = [*some(8.0, 9.0, 18.1), *some(8.0, 30.0, fraction=0.5), *some(8.0, 9.0, 17.9, fraction=0.2)]
    assert provenance.apart(records) == {records[2].key: "its error is 2.0 times the median of its cell's 3 starts"}
    (text,) = provenance.warn_outliers(records)
    assert "in 1 of 8 runs" in text and text in table_page.headline(BLOCKS, record.frame(records), records, [])
    assert records[2].key in provenance.flagged(records) and records[7].key not in provenance.flagged(records)
    assert provenance.apart(records[3:]) == {} and provenance.warn_outliers(records[3:]) == []
    assert "none is far" in provenance.flagged(records[3:])


def test_a_share_of_right_answers_has_no_runs_that_stray():
    shares = [replace(r, experiment=replace(r.experiment, select="accuracy_percent")) for r in some(8.0, 9.0, 99.0)]
    assert provenance.apart(shares) == {}


@pytest.mark.parametrize(("accuracy", "warns"), [(49.0, True), (51.0, False)])
def test_a_class_head_that_has_not_learnt_is_warned_of(accuracy, warns):
    rows = [*some(8.0, 9.0, row="Seq-MT (L+A)"), *some(8.0)]
    runs = record.frame(rows)
    runs["accuracy_percent"] = runs.accuracy_percent.where(runs.row == "Seq-MT (L)", accuracy)
    text = " ".join(provenance.warn_untrained_heads(BLOCKS, runs))
    assert (f"is right in {accuracy:.0f}%: Seq-MT (L+A)." in text) == warns and ("Beware" in text) == warns


def test_a_class_head_that_always_gives_one_class_is_warned_of_where_that_is_often_right():
    table = tables.get("multipie")
    records = [made(e, 8.0) for e in table.experiments([0.05, 0.2], [0, 1, 2], ["Seq-MT (L+A)"])]
    runs = record.frame(records).assign(accuracy_percent=[46.0] * 3 + [46.0, 46.0, 60.0])
    (text,) = provenance.warn_untrained_heads(table, runs)
    assert "is right in 46% at every start, so one class whatever it sees: Seq-MT (L+A) with 5% labelled." in text
    assert "20%" not in text
    (text,) = provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=46.0))
    assert text.endswith("whatever it sees: Seq-MT (L+A) with 5%, 20% labelled.")
    (text,) = provenance.warn_untrained_heads(
        table, runs.assign(accuracy_percent=runs.fraction.map({0.05: 17.5, 0.2: 20.0}) + runs.seed % 2)
    )
    assert text.endswith("is right in 18%: Seq-MT (L+A) with 5% labelled. In 20%: Seq-MT (L+A) with 20% labelled.")
    assert provenance.warn_untrained_heads(table, runs[runs.seed < 2]) == []
    assert provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=100.0)) == []


def test_every_attribute_and_every_start_is_looked_at_by_itself():
    table = tables.get("multipie")
    records = [made(e, 8.0) for e in table.experiments([1.0], [0, 1, 2], ["Seq-MT (L+A)"])]
    runs = record.frame(records).assign(**{"accuracy_percent": 60.0, "accuracy_percent of camera": [92.0, 90.0, 19.0]})
    (text,) = provenance.warn_untrained_heads(table, runs)
    assert text.endswith(
        "The camera, by chance right in 20%, is right in 19% at 1 of 3 starts: Seq-MT (L+A) with 100% labelled."
    )
    (text,) = provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=[20.0, 60.0, 22.0]))
    assert (
        "The expression, by chance right in 17%, is right in 21% at 2 of 3 starts: Seq-MT (L+A)" in text
        and "camera" in text
    )


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


def test_read_gives_the_records_of_one_budget(tmp_path):
    cpu, smoke = some(8.0), [made(e, 20.0) for e in BLOCKS.experiments([0.01], [0], ["Seq-MT (L)"], "smoke")]
    for r in cpu + smoke:
        record.save(r, tmp_path)
    runs, records = query.read(BLOCKS, "smoke", str(tmp_path))
    assert records == smoke and runs.error_px.tolist() == [20.0]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("landmarklib", {"torch", "numpy", "pandas", "matplotlib"}),
        ("landmarklib.__main__", {"torch", "pandas", "scipy", "matplotlib"}),
        ("landmarklib.report", {"torch", "matplotlib", "seaborn", "scipy"}),
        ("landmarklib.figures", {"torch", "matplotlib", "seaborn"}),
        ("landmarklib.run", {"torch", "matplotlib", "seaborn"}),
    ],
)
def test_importing_loads_no_heavy_library(module, absent):
    script = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_records_of_other_settings_than_todays_are_in_no_table(tmp_path):
    (today,) = BLOCKS.experiments([0.1], [0], ["Seq-MT (L)"], "cpu")
    for e in (today, replace(today, rate=0.5)):
        record.save(replace(some(8.0)[0], experiment=e), tmp_path)
    assert len(query.load_all(tmp_path, "blocks")) == 2
    for budget in ("cpu", None):
        runs, records = query.read(BLOCKS, budget, tmp_path)
        assert [r.experiment for r in records] == [today] and len(runs) == 1
    assert query.read(BLOCKS, "paper", tmp_path)[1] == []


def test_a_cell_that_nobody_has_run_is_told_from_one_that_there_is_not():
    table = tables.get("mtfl")
    runs = pd.DataFrame(
        [
            {"row": row, "fraction": f, "seed": 0, "budget": "cpu", "status": "done", "tier": "paper", "warnings": 0}
            | {"nme_percent": 8.0, "failures_percent": 20.0}
            for row, f in (("RCN+ (L)", 0.01), ("RCN+ (L+A)", 0.05), ("RCN+ (L+A)", 1.0))
        ]
    )
    shown = comparison.beside_paper(table, runs)
    (line,) = (line for line in shown.split("<tr>") if "<th>RCN+ (L+A)</th>" in line)
    assert line.count("not run") == 1 and "not defined" not in line
    (line,) = (line for line in shown.split("<tr>") if "<th>RCN+ (L+ELT)</th>" in line)
    assert line.count("not run") == 2 and line.count("not defined") == 1
    (line,) = (line for line in shown.split("<tr>") if "<th>RCN (L)</th>" in line)
    assert line.count("not defined") == 2 and "paper 5.6" in line
    (part,) = (part for part in comparison.other_metrics(table, runs).split("<tbody>") if "over 10%" in part)
    assert rows_of(part)["RCN+ (L+A)"] == ["not run", "20.0", "20.0"]


def test_provenance_says_how_many_images_the_runs_saw_where_they_differ():
    table = tables.get("w300")
    few, many = (Record(experiment=e, status="done") for e in table.experiments([0.05, 1.0], [0], ["RCN+ (L)"], "cpu"))
    assert "cpu: 48,000 images seen" in provenance.origin(table, [few])
    assert "cpu: 48,000 or 96,000 images seen" in provenance.origin(table, [few, many])


def test_another_budget_is_shown_with_every_measure_of_the_paper_by_name(tmp_path):
    table = tables.get("mtfl")
    (e,) = table.experiments([1.0], [0], ["RCN+ (L)"], "full")
    made = Record(
        experiment=e, status="done", metrics={"nme_percent": {"mean": 6.0}, "nme_percent on afw": {"mean": 5.0}}
    )
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


def hands(row: str, fraction: float, **values: float) -> list[Record]:
    """A record of one cell of HGR1, with these means."""
    (e,) = HANDS.experiments([fraction], [0], [row])
    return [made(e, metrics={name: {"mean": v, "low": v, "high": v, "n": 9} for name, v in values.items()})]


def test_a_line_of_others_stands_under_the_table_with_the_papers_value_alone():
    shown = rows_of(comparison.beside_paper(HANDS, record.frame(hands("Seq-MT (L)", 0.05, nme_percent=50.0))))
    assert shown["method"] == ["5%", "10%", "20%", "50%", "100%"]
    assert shown["Seq-MT (L)"][:2] == ["50.00 paper 57.6", "not run paper 41.1"]
    (others,) = [texts for name, texts in shown.items() if name.startswith("MT-Conv (L+A)")]
    assert others == ["–", "–", "–", "–", "paper 19.2"]
    assert "Attributes from true points" not in shown


def test_another_metric_stands_beside_the_papers_values_of_it():
    told = hands("Seq-MT (L+A)", 0.05, nme_percent=50.0, accuracy_percent=70.0)
    told += hands("Attributes from true points", 1.0, accuracy_percent=90.0)
    shown = rows_of(comparison.beside_paper(HANDS, record.frame(told), "accuracy_percent"))
    assert shown["Seq-MT (L+A)"][:2] == ["70.00 paper 69.08", "not run paper 70.14"]
    assert shown["Attributes from true points"][-1] == "90.00 paper 91.7"
    assert "Seq-MT (L)" not in shown and "TCDCN (L+A)" not in shown  # no accuracy here, nor in the paper


def test_a_claims_effect_has_the_unit_of_its_metric():
    faces = tables.get("aflw")
    units = {claim.id: claim_tables.effect_unit(claim) for claim in faces.claims}
    assert units == {"H19": "%", "H20": "%", "H27": "degrees"}
    assert label("angle_error_degrees of yaw") == "error of the head's angles of yaw [degrees]"


def test_a_class_head_on_photos_that_stayed_at_chance_is_warned_of_by_cell():
    told = hands("Seq-MT (L+A)", 0.05, nme_percent=50.0, accuracy_percent=70.0)
    assert provenance.warn_untrained_heads(HANDS, record.frame(told)) == []
    told += hands("Seq-MT (L+A)", 1.0, nme_percent=20.0, accuracy_percent=5.0)
    (text,) = provenance.warn_untrained_heads(HANDS, record.frame(told))
    assert "The gesture, by chance right in 4%, is right in " in text
    assert text.endswith("is right in 5%: Seq-MT (L+A) with 100% labelled.")
    assert "70%" not in text
