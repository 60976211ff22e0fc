"""Ours beside the paper's: what is there, what is missing, what is not defined."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pandas as pd
from made import BLOCKS, HANDS, PHOTOS, SHAPES, failed, hands, made, rows_of, some

from landmarklib import tables
from landmarklib.records import record
from landmarklib.report import comparison


def test_beside_paper_has_ours_over_the_papers_and_no_empty_cell():
    good = some(8.0, 9.0)
    one = some(0.4, fraction=1.0)
    lost = [failed(r.experiment) for r in some(0.0, fraction=0.5)]
    shown = rows_of(comparison.beside_paper(PHOTOS, record.frame([*good, *one, *lost])))
    assert shown["method"] == ["1%", "5%", "10%", "20%", "50%", "100%"]
    ours = shown["Seq-MT (L)"]
    assert ours[0] == "8.50 ± 0.71 paper 8.33"
    assert ours[1] == "not run paper 3.95"
    assert ours[4] == "failed paper 1.19"
    assert ours[5] == "0.40 paper 0.44 ✓"
    assert shown["Seq-MT (L+ELT)"][5] == "not defined"
    assert len(shown) == 12 and all(text for texts in shown.values() for text in texts)


def test_beside_paper_marks_nothing_as_good_on_other_data():
    assert "✓" in comparison.beside_paper(PHOTOS, record.frame(some(1.0)))
    assert "✓" not in comparison.beside_paper(PHOTOS, record.frame(some(1.0, data={"tier": "stand-in"})))


def test_beside_paper_has_no_tick_on_generated_images():
    runs = record.frame(some(0.01))
    assert "✓" not in comparison.beside_paper(BLOCKS, runs) and ">yes<" not in comparison.long_table(BLOCKS, runs)


def test_on_a_part_of_the_test_images_ours_stand_beside_the_papers_on_that_part():
    table = tables.get("w300").variants()["part"]
    line = {"row": "RCN+ (L)", "fraction": 1.0, "seed": 0, "budget": "cpu", "status": "done", "tier": "open"}
    runs = pd.DataFrame([{**line, "warnings": 0, "nme_percent": 6.0, "nme_percent on Common": 6.0}])
    shown = rows_of(comparison.beside_paper(table, runs))
    assert shown["method"] == ["5%", "10%", "20%", "50%", "100%"]
    assert shown["RCN+ (L)"][0] == "not run" and shown["RCN+ (L)"][-1] == "6.00 paper 4.47"
    assert "<td>4.47</td>" in comparison.long_table(table, runs) and "on Common" not in comparison.other_metrics(
        table, runs
    )


def test_beside_paper_where_larger_is_better():
    runs = record.frame([made(e) for e in SHAPES.experiments(seeds=[0])])
    photos = replace(SHAPES, dataset="mtfl")
    low = rows_of(comparison.beside_paper(photos, runs))
    high = rows_of(comparison.beside_paper(photos, runs.assign(accuracy_percent=99.5)))
    assert [texts[0] for texts in list(low.values())[1:]] == ["90.00 paper 99", "90.00"]
    assert [texts[0] for texts in list(high.values())[1:]] == ["99.50 paper 99 ✓", "99.50"]


def test_long_table_says_in_words_what_is_missing():
    page = comparison.long_table(PHOTOS, record.frame(some(8.0, 9.0)))
    lines = [
        [" ".join(html.unescape(part).split()) for part in re.findall(r"<td>(.*?)</td>", line)]
        for line in re.findall(r"<tr>(.*?)</tr>", page, re.S)
    ]
    lines = [line for line in lines if line]
    assert len(lines) == 46 and all(part for line in lines for part in line)
    assert lines[0] == ["Seq-MT (L)", "1%", "8.50 ± 0.71", "2", "8.33", "+0.17", "no", "cpu", "paper", "0, 0, 0"]
    assert lines[1] == ["Seq-MT (L)", "5%", "not run", "0", "3.95", "none", "none", "cpu", "none", "0, 0, 0"]


def test_other_metrics_tell_a_missing_run_from_a_cell_that_is_not_defined():
    runs = [*some(1.0, 2.0, row="Seq-MT (L+ELT+A)"), *some(1.0, row="Seq-MT (L+ELT+A)", fraction=0.05)]
    runs += [*some(1.0, row="Seq-MT (L+A)", fraction=1.0), *some(1.0)]
    shown = rows_of(comparison.other_metrics(BLOCKS, record.frame(runs)))
    assert shown["method"] == ["1%", "5%", "100%"]  # nothing is run at the others
    assert shown["class accuracy [%]"] == []  # the line above those of its methods
    assert shown["Seq-MT (L+ELT+A)"] == ["90.0 ± 0.0", "90.0", "not defined"]
    assert shown["Seq-MT (L+A)"] == ["not run", "not run", "90.0"]
    assert "Seq-MT (L)" not in shown


def test_a_cell_that_nobody_has_run_is_told_from_one_that_is_left_out_and_one_that_there_is_not():
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
    assert line.count("left out") == 2 and "not defined" not in line and "paper 5.6" in line
    (part,) = (part for part in comparison.other_metrics(table, runs).split("<tbody>") if "over 10%" in part)
    assert rows_of(part)["RCN+ (L+A)"] == ["not run", "20.0", "20.0"]


def test_a_mean_of_which_a_seed_is_approximate_is_marked_and_a_line_says_so():
    table = tables.get("mtfl")
    line = {"budget": "cpu", "status": "done", "tier": "paper", "warnings": 0, "nme_percent": 8.0, "auc_percent": 40.0}
    cells = (("RCN+ (L)", 0.05, 0, ""), ("RCN+ (L)", 1.0, 0, ""), ("RCN+ (L)", 1.0, 1, "auc_percent"))
    runs = pd.DataFrame(
        [{"row": row, "fraction": f, "seed": s, "approximate": rough, **line} for row, f, s, rough in cells]
    )
    shown = comparison.other_metrics(table, runs)
    assert rows_of(shown)["RCN+ (L)"] == ["40.0", "≈ 40.0 ± 0.0"] and shown.count("≈") == 2
    assert "≈: a run from before every error was kept" in shown
    assert "≈" not in comparison.other_metrics(table, runs[:2])


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
