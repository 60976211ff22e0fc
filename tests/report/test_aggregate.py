"""The numbers of a table: every cell is there, says what it is worth, and is never blank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import BLOCKS, cell, failed, made, some

from landmarklib.records import record
from landmarklib.report import aggregate


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
        "improving",
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
