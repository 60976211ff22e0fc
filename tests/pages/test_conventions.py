"""The same predictions under every convention: means, ratios, orders, what is missing, the picture."""

from __future__ import annotations

import numpy as np
import pytest

from landmarklib import tables
from landmarklib.pages import conventions
from landmarklib.pages.conventions import COUNT, ERROR, NORMALIZERS, READING
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.report import style

TABLE = tables.get("w300")
PART = TABLE.variants()["part"]
CORNERS, ROOT, SIDE = (f"nme_percent by the {name}" for name in NORMALIZERS[1:])
NEAR = f"pck_percent at 0.1 of the {SIDE.partition(' by the ')[2]}"
SOFT = "nme_percent read by soft-argmax"


@pytest.fixture(autouse=True)
def close():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def made(row: str, seed: int, fraction: float = 0.05, status: str = "done", budget: str = "cpu", **values) -> Record:
    """A record by hand: name of a metric -> its mean."""
    (experiment,) = PART.experiments([fraction], [seed], [row], budget)
    found = {name: {"mean": v, "low": v, "high": v, "n": 4} for name, v in values.items()}
    return Record(experiment, status, metrics=found, data={"tier": "open"})


def two_seeds() -> list[Record]:
    """One cell: the first run is worse by the mean, better by the count."""
    return [
        made("RCN+ (L)", 0, **{"nme_percent": 12.0, CORNERS: 8.0, ROOT: 4.0, NEAR: 90.0}),
        made("RCN+ (L)", 1, **{"nme_percent": 9.0, CORNERS: 5.0, NEAR: 80.0}),
    ]


@pytest.fixture
def folder(tmp_path):
    """Records of one cell, of another one with one run, and of a run that failed."""
    other = made("Seq-MT (L)", 0, 1.0, **{"nme_percent": 18.0, CORNERS: 12.0})
    for r in (*two_seeds(), other, made("RCN+ (L+ELT)", 0, status="failed")):
        record.save(r, tmp_path)
    return tmp_path


def test_every_measure_of_the_table_but_those_of_other_faces_is_a_convention():
    own = {name for name in TABLE.metrics if " on " not in name}
    assert own <= {c.metric for c in conventions.CONVENTIONS}


def test_a_number_is_the_mean_over_the_runs_that_recorded_it():
    frame = conventions.measured(PART, record.frame(two_seeds()))
    errors = frame[frame.kind == ERROR].set_index("convention")
    assert errors.loc["eye centres", ["mean", "n", "runs"]].tolist() == [10.5, 2, 2]
    assert errors.loc["eye centres", "sd"] == pytest.approx(np.sqrt(4.5))
    assert errors.loc[NORMALIZERS[2], ["mean", "n", "runs"]].tolist() == [4.0, 1, 2]
    assert errors.loc[NORMALIZERS[3], "n"] == 0


def test_what_no_run_or_not_every_run_recorded_is_said():
    frame = conventions.measured(PART, record.frame(two_seeds()))
    (line,) = conventions.beside_each_other(frame, ERROR).to_dict("records")
    assert [line[name] for name in NORMALIZERS] == [
        "10.50 ± 2.12",
        "6.50 ± 2.12",
        "4.00 (1 of 2 seeds)",
        "not recorded",
    ]
    assert [line[name] for name in ("method", "labelled", "seeds", "budget", "data tier")] == [
        "RCN+ (L)",
        "5%",
        2,
        "cpu",
        "open",
    ]
    (line,) = conventions.beside_each_other(frame, COUNT).to_dict("records")
    assert [line[name] for name in NORMALIZERS] == ["not recorded"] * 3 + ["85.00 ± 7.07"]


def test_an_area_that_is_approximate_in_one_of_the_runs_is_marked():
    kept = {"nme_percent": 12.0, "auc_percent": 30.0}
    runs = record.frame([made("RCN+ (L)", 0, **kept), made("RCN+ (L)", 1, **kept), made("RCN+ (L)", 0, 1.0, **kept)])
    runs.loc[1, "approximate"] = "auc_percent"
    lines = conventions.beside_each_other(conventions.measured(PART, runs), COUNT).to_dict("records")
    (area,) = (name for name in lines[0] if name.startswith("area"))
    assert [line[area] for line in lines] == ["≈ 30.00 ± 0.00", "30.00"]


def test_ratios_are_taken_within_a_run():
    frame = conventions.ratios(record.frame(two_seeds())).set_index("eye centres against")
    assert frame.loc[NORMALIZERS[1]].tolist() == ["1.500", "1.800", 2]
    assert frame.loc[NORMALIZERS[2]].tolist() == ["3.000", "3.000", 1]
    assert frame.loc[NORMALIZERS[3]].tolist() == ["not recorded", "not recorded", 0]


def test_orders_are_opposite_where_the_mean_and_the_count_disagree():
    first, second = two_seeds()
    assert conventions.orders(record.frame([first, second])) == (1, 1)
    agreeing = made("RCN+ (L)", 2, **{"nme_percent": 13.0, CORNERS: 9.0, NEAR: 80.0})
    assert conventions.orders(record.frame([first, agreeing])) == (1, 0)
    tied = made("RCN+ (L)", 2, **{"nme_percent": 12.0, CORNERS: 8.0, NEAR: 70.0})
    assert conventions.orders(record.frame([first, tied])) == (1, 0)
    elsewhere = made("RCN+ (L)", 0, 0.1, **{"nme_percent": 13.0, NEAR: 99.0})
    assert conventions.orders(record.frame([first, elsewhere])) == (0, 0)


def test_only_a_network_that_is_read_by_both_has_readings():
    rcn = made("RCN (L)", 0, 1.0, nme_percent=7.0, **{SOFT: 6.0})
    others = [made(row, 0, 1.0, nme_percent=9.0) for row in ("Seq-MT (L)", "Heatmap-MT (L)")]
    frame = conventions.measured(PART, record.frame([rcn, *others, *two_seeds()]))
    (line,) = conventions.beside_each_other(frame, READING).to_dict("records")
    assert [line[name] for name in ("method", "argmax", "soft-argmax")] == ["RCN (L)", "7.00", "6.00"]


def test_both_readings_of_every_network_that_has_them(tmp_path):
    record.save(made("RCN (L)", 0, 1.0, nme_percent=7.0, **{SOFT: 6.0}), tmp_path)
    lines = conventions.readings(tmp_path).set_index("data set")
    assert lines.loc["300-W", ["method", "labelled", "argmax", "soft-argmax"]].tolist() == [
        "RCN (L)",
        "100%",
        "7.00",
        "6.00",
    ]
    assert lines.loc["MTFL", ["argmax", "seeds", "data tier"]].tolist() == ["not run", 0, "none"]


def test_the_summary_has_the_largest_ratios_and_what_is_not_there(folder):
    table, runs = conventions.recorded("w300", folder)
    text = " ".join(conventions.summary(table, runs).split())
    assert table.dataset == "part-of-w300" and "2 cells of 300-W" in text
    assert "<b>2.62 times</b>" in text  # 10.5 to 4 in one cell
    assert "1.85 times that of the best" in text  # 12 to 6.5 by the outer eye corners
    assert "budget: 1. In <b>1</b> of them two metrics disagree" in text
    assert "Seeds per cell: 1, 2. Budget: cpu. Data tier: open." in text
    assert "Not run yet: RCN (L), RCN+ (L+ELT), Seq-MT (L+ELT)" in text and "1 of 4 runs" in text


def test_the_page_has_every_table_and_no_blank(folder):
    text = conventions.page(folder)
    assert all(f"**{kind}**" in text for kind in (ERROR, COUNT, READING)) and text.count("<table") == 4
    assert "_generated/conventions.svg" in text and ':alt: "Dots' in text
    assert "nan" not in text.lower() and "<td></td>" not in text


def test_without_a_run_the_page_says_so(tmp_path):
    assert conventions.page(tmp_path) == "No run of 300-W is recorded yet.\n"
    record.save(made("RCN+ (L)", 0, status="failed"), tmp_path)
    assert conventions.page(tmp_path) == "No run of 300-W is recorded yet.\n"


def test_the_picture_has_a_row_per_convention_and_a_mark_per_cell(folder):
    errors, counts = conventions.figure(*conventions.recorded("w300", folder)).axes
    assert [label.get_text().replace("\n", " ") for label in errors.get_yticklabels()] == list(NORMALIZERS)
    assert len(counts.get_yticklabels()) == 6
    assert len(errors.containers) == 3 + 2 and len(counts.containers) == 1  # an error bar per cell and length
    assert [text.get_text() for text in errors.texts] == ["not recorded"] and len(counts.texts) == 5
    first = errors.containers[0].lines[0].get_xydata()
    assert first[0, 0] == 10.5 and -0.5 < first[0, 1] < 0


def test_every_method_is_in_the_picture_in_a_style_of_its_own():
    names = [row.name for row in PART.rows]
    runs = record.frame([made(name, 0, nme_percent=float(i + 5)) for i, name in enumerate(names)])
    figure = conventions.figure(PART, runs)
    assert len(names) > len(style.COLOURS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    assert len(figure.axes[0].containers) == len(names)
    assert len({(line.get_color(), line.get_marker()) for line in figure.legends[0].get_lines()}) == len(names)


def test_the_picture_shows_one_budget_and_its_text_says_which():
    full = made("RCN+ (L)", 0, budget="paper", nme_percent=5.0)
    alone = conventions.alt(PART, record.frame([full]))
    assert "at the budget paper" in alone and "eye centres 5.0 to 5.0" in alone
    beside = conventions.alt(PART, record.frame([full, *two_seeds()]))
    assert "at the budget cpu" in beside and "eye centres 10.5 to 10.5" in beside
