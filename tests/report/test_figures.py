"""What the pictures show; how they look is for eyes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made import HANDS, made

from landmarklib import tables
from landmarklib.records import distributions, query, record
from landmarklib.report import claims, figures, galleries

TABLE = tables.get("quickstart")
RUNS, RECORDS = query.read(TABLE, "live")
ROWS = [row.name for row in TABLE.rows]


@pytest.fixture(autouse=True)
def close():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def test_one_seed_draws_no_spread_and_a_narrow_range_has_ticks():
    (axis,) = figures.curve(TABLE, RUNS).axes
    assert not any(container.has_yerr for container in axis.containers)
    for factor in (1.0, 7.0):
        (axis,) = figures.curve(TABLE, RUNS.assign(error_px=RUNS.error_px * factor)).axes
        low, high = axis.get_ylim()
        assert sum(low <= tick <= high for tick in axis.get_yticks()) >= 3


def test_seeds_are_drawn_where_every_run_failed():
    shapes = tables.get("shapes")
    runs, _ = query.read(shapes, "cpu")
    assert figures.per_seed(shapes, runs).axes
    failed = runs[["row", "seed", "fraction", "budget"]].assign(status="failed")
    assert figures.per_seed(shapes, failed).axes


def test_the_error_distribution_of_each_method_and_fraction():
    figure = figures.distribution(TABLE, RECORDS)
    fractions = sorted({r.experiment.fraction for r in RECORDS})
    assert [axis.get_title() for axis in figure.axes] == [f"{100 * f:g}% labelled" for f in fractions]
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ROWS  # errors in pixels have no area
    (first,) = galleries.runs_of(RECORDS, ROWS[:1], fractions[0])
    drawn = np.interp(first.quantiles[1:], lines[0].get_xdata(), lines[0].get_ydata())
    assert drawn == pytest.approx(np.linspace(5, 100, 20), abs=2)


def test_records_without_errors_and_quantiles_are_left_out_of_the_error_distribution():
    first, second, *_ = galleries.runs_of(RECORDS, ROWS, 0.05)
    (axis,) = figures.distribution(TABLE, [replace(first, quantiles=()), second]).axes
    assert [line.get_label() for line in axis.get_lines()] == [ROWS[1]]
    for older in ([replace(r, quantiles=()) for r in RECORDS], []):
        (said,) = figures.distribution(TABLE, older).texts
        assert said.get_text() == "No run has kept the distribution of its errors."


def test_the_error_distribution_of_runs_that_keep_every_error_and_of_older_ones():
    """Four of ten images fail with the first seed, and half of an older run's with the second."""
    older = {"nme_percent": {"mean": 10.0, "n": 10}, "failures_percent": {"mean": 50.0, "n": 10}}
    (first, second), errors = HANDS.experiments([0.05], [0, 1], ["Seq-MT (L)"]), np.array([5.0] * 6 + [15.0] * 4)
    newer = {**older, "auc_percent": {"mean": 30.0, "n": 10}}
    records = [
        made(first, metrics=newer, errors=distributions.packed(errors), quantiles=(5.0, 15.0)),
        made(second, metrics=older, quantiles=tuple(np.linspace(0, 20, 21))),
    ]
    for shown, label in ((records[:1], "Seq-MT (L): 30%"), (records, "Seq-MT (L): ≈ 28%")):
        (axis,) = figures.distribution(HANDS, shown).axes
        line, limit = axis.get_lines()
        assert line.get_label() == label and limit.get_xdata() == [10, 10]
        at = dict(zip(line.get_xdata().round(2).tolist(), line.get_ydata().tolist(), strict=True))
        assert (at[4.95], at[5.0], at[10.0]) == pytest.approx(
            (0, 60, 60) if shown == records[:1] else (12.375, 42.5, 55)
        )


def test_a_method_that_nobody_has_run_has_no_panel_unless_none_has():
    hands = tables.get("hgr1").variants()["stand-in"]
    runs, _ = query.read(hands, "cpu")
    only = runs[runs.row.isin(["Seq-MT (L)", "RCN (L)", "RCN+ (L)"])]
    assert [axis.get_title() for axis in figures.curve(hands, only).axes] == ["Seq-MT", "RCN, RCN+"]
    panels = [axis.get_title() for axis in figures.curve(hands, record.frame([])).axes]
    assert panels == ["Seq-MT", "Comm-MT", "Heatmap-MT", "RCN, RCN+", "TCDCN, TCDCN-2"]


def test_effects_are_those_of_claims_that_share_the_scale():
    faces = tables.get("aflw").variants()["stand-in"]
    verdicts = claims.evaluate(faces, query.read(faces, "cpu")[0])
    (axis,) = figures.effects(verdicts).axes
    assert [label.get_text().split(":")[0] for label in axis.get_yticklabels()] == ["H19", "H20"]


@pytest.mark.parametrize("n_run", [2, 6])
def test_of_many_rows_those_that_have_been_run_are_drawn_and_named_below(n_run):
    """Eight rows of one method, whose names begin in eight ways."""
    first, *_ = TABLE.rows
    table = replace(TABLE, rows=tuple(replace(first, name=f"Row{i} (L)") for i in range(8)), claims=())
    names = [f"Row{i} (L)" for i in range(n_run)]
    of_first = RUNS[RUNS.row == first.name]
    runs = pd.concat([of_first.assign(row=name) for name in names])
    (axis,) = figures.curve(table, runs).axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert [label for label in labels if label.startswith("Row")] == names
    assert axis.get_title() == ("Row0, Row1" if n_run == 2 else "Row0 and 5 others")
    assert (axis.get_legend().get_bbox_to_anchor()._bbox.y1 < 0) == (n_run > figures.MOST)
