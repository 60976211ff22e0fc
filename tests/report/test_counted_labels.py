"""What readers see of a table that counts labelled images: numbers of labels, never a share of them."""

from __future__ import annotations

import counting
import matplotlib.pyplot as plt
import numpy as np
import pytest
from made import BLOCKS, cell, rows_of

from landmarklib.core.amounts import ALL
from landmarklib.records import query, record
from landmarklib.report import aggregate, claim_cards, claim_tables, claims, comparison, figures, galleries, provenance


@pytest.fixture
def few(tmp_path):
    yield counting.read(tmp_path)
    plt.close("all")


@pytest.fixture
def records(few):
    found = counting.records(few, "FSE", "all", 6.0, 6.2, error_px_from_1_label=9.0, error_px_from_10_labels=7.0)
    for labels, values in ((1, (18.0, 18.2)), (10, (14.0, 14.4)), ("all", (5.0, 5.2))):
        found += counting.records(few, "Supervised", labels, *values)
    return found


def test_cells_are_by_the_number_of_labels_and_are_written_so(few, records):
    frame = aggregate.cells(few, record.frame(records))
    assert [(line.method, line.fraction, line.n_seeds) for line in frame.itertuples()] == [
        ("FSE", 1, 2),
        ("FSE", 10, 2),
        ("FSE", ALL, 2),
        ("Supervised", 1, 2),
        ("Supervised", 10, 2),
        ("Supervised", ALL, 2),
    ]
    assert (cell(frame, "Supervised", 10)["mean"], cell(frame, "Supervised", 10).paper) == (14.2, 22.31)
    written = aggregate.written(few, frame)
    assert list(written.labels) == ["1", "10", "all"] * 2 and "fraction" not in written
    shares = aggregate.cells(BLOCKS, record.frame([]))
    assert aggregate.written(BLOCKS, shares) is shares


def test_a_table_has_columns_of_numbers_and_says_what_is_left_out(few, records):
    shown = rows_of(comparison.beside_paper(few, record.frame(records)))
    assert shown["method"] == ["1 label", "10 labels", "all labels"]
    assert [value.split()[0] for value in shown["FSE"]] == ["9.00", "7.00", "6.10"]  # of one run each seed
    assert shown["Supervised"][1].startswith("14.20") and shown["With ELT"][2] == "not defined"
    assert shown["TCDCN as published"][2] == "paper 7.65"
    assert "<td>10 labels</td>" in comparison.long_table(few, record.frame(records))


def test_the_axis_of_a_curve_has_numbers_and_all_where_so_many_images_are(few, records):
    figure = figures.curve(few, record.frame(records))
    axis = figure.axes[-1]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "10", "all"]
    assert axis.get_xticks().tolist() == [1, 10, 3200] and axis.get_xlabel() == "training images with landmarks"
    assert all(
        np.isfinite(np.asarray(line.get_xdata(), float)).all() for one in figure.axes for line in one.get_lines()
    )


def test_an_error_from_few_labels_is_held_against_a_network_of_as_many(few, records):
    verdict = claims.evaluate(few, record.frame(records))[0]
    effects = [c.effect for c in verdict.comparisons]
    first = np.log(np.array([18.0, 18.2]) / 9.0).mean()
    assert effects == pytest.approx([first, np.log(np.array([14.0, 14.4]) / 7.0).mean()])
    lines = claim_tables.per_inequality(few, [verdict])
    assert "all labels against 10 labels" in lines and "from 10 labels [px] against landmark error [px]" in lines
    said = claim_cards.data(few, verdict, records)
    assert "1 to 10 of 3,200 training images labelled" in said and "; 64 test images;" in said


def test_a_run_with_several_cells_is_counted_once(few, records):
    runs = record.frame(records)
    assert len(runs) == len(records) + 2 * 2  # two seeds of FSE are read from two numbers of labels, too
    assert aggregate.state(few, runs)[2] == len(records)
    (text,) = provenance.warn_improving(runs.assign(improving=True))
    assert f"{len(records)} of {len(records)} runs" in text


def test_runs_are_found_by_their_number_of_labels(few, records, tmp_path):
    wanted = [("Supervised", 10), ("Supervised", "all"), ("FSE", ALL), ("FSE", 10)]
    found = galleries.of_cells(records, wanted)
    assert [(r.experiment.row, r.experiment.labels) for r in found] == [
        ("Supervised", 10),
        ("Supervised", "all"),
        ("FSE", "all"),
    ]
    assert galleries._label(found[0], {10.0, ALL}) == "Supervised\n10 labels"
    for r in records:
        record.save(r, tmp_path / "results")
    assert len(query.read(few, "cpu", tmp_path / "results")[1]) == len(records)
