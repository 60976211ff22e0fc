"""Several methods on one axis: what is drawn, what is said to be the best, what it costs."""

from __future__ import annotations

from dataclasses import replace

import counting
import matplotlib.pyplot as plt
import pytest
from made import rows_of

from landmarklib.core.amounts import ALL
from landmarklib.records import record
from landmarklib.report import axis


@pytest.fixture
def few(tmp_path):
    yield counting.read(tmp_path)
    plt.close("all")


def runs(few, **supervised):
    """FSE is regressed from one, ten and all labels; its rival is trained at each."""
    found = counting.records(few, "FSE", "all", 6.0, 6.2, error_px_from_1_label=9.0, error_px_from_10_labels=7.0)
    for labels, values in supervised.items():
        found += counting.records(few, "Supervised", int(labels[1:]) if labels[1:].isdigit() else "all", *values)
    return record.frame(found)


def test_the_best_row_is_told_with_those_that_may_be_as_good(few):
    of = runs(few, n1=(18.0, 18.2), n10=(6.9, 7.3), nall=(5.0, 5.1667))
    assert axis.choice(few, of, 1.0) == "FSE: 9 px"
    assert axis.choice(few, of, 10.0) == "FSE: 7 px; may be as good: Supervised"
    assert axis.choice(few, of, ALL) == "Supervised: 5.08 px"
    assert axis.choice(few, runs(few, nall=(4.0, 6.0)), ALL) == "Supervised: 5 px; may be as good: FSE"


def test_one_seed_decides_nothing_and_no_run_is_said(few):
    one = runs(few, n1=(18.0,))
    assert axis.choice(few, one, 1.0) == "FSE: 9 px; may be as good: Supervised"  # of which there is one seed
    assert axis.choice(few, one[one.row == "Supervised"], 1.0) == "Supervised: 18 px; one seed, which decides nothing"
    assert axis.choice(few, record.frame([]), 1.0) == axis.NONE


def test_of_a_metric_of_which_more_is_better_the_largest_is_the_best(few):
    of = runs(few, n10=(80.0, 80.5)).assign(pck_percent=lambda frame: frame.error_px)
    bodies = replace(few, metrics=("pck_percent",), unit="%")
    assert axis.choice(bodies, of, 10.0) == "Supervised: 80.2 %"


def test_runs_that_failed_are_told_of(few):
    of = runs(few, n10=(6.9, 7.0))
    of.loc[of.index[of.row == "Supervised"][0], "status"] = "failed"
    assert axis.choice(few, of, 10.0) == "FSE: 7 px; may be as good: Supervised; failed runs: Supervised"


def test_choices_have_a_line_for_each_number_of_labels_at_which_all_rows_were_run(few):
    some, all_of_them = runs(few, n1=(18.0, 18.2)), runs(few, n1=(18.0, 18.2), n10=(6.9, 7.3), nall=(5.0, 5.2))
    assert rows_of(axis.choices([(few, some)])) == {"labels": [few.title], "1": ["FSE: 9 px"]}
    shown = rows_of(axis.choices([(few, all_of_them), (replace(few, title="others"), some)]))
    assert list(shown) == ["labels", "1", "10", "all"] and shown["all"] == ["Supervised: 5.1 px", axis.NONE]
    assert list(rows_of(axis.choices([(few, record.frame([]))]))) == ["labels"]


def test_a_discovery_is_paid_for_once(few):
    shown = rows_of(axis.costs([(few, runs(few, n1=(18.0, 18.2)))]))
    assert shown["FSE"][0].isdigit() and shown["With ELT"] == [axis.NONE]


def test_a_row_has_one_colour_in_every_panel_and_all_labels_stand_at_the_end(few):
    of = runs(few, n1=(18.0, 18.2), n10=(6.9, 7.3), nall=(5.0, 5.2))
    figure = axis.curves([(few, of), (few, of[of.row == "Supervised"])])
    first, second = figure.axes
    assert second.lines[0].get_color() == first.lines[1].get_color() != first.lines[0].get_color()
    assert first.get_xticks().tolist() == [1, 10, 3200]
    assert axis.curves([(few, record.frame([]))]).axes
