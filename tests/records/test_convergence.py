"""Whether a run had converged, by hand-made curves."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from made import BLOCKS, cell, failed, made, some

from landmarklib.pages import table_page
from landmarklib.records import convergence, record
from landmarklib.report import aggregate, comparison, provenance


def with_curve(shares: dict[float, float], metric: str = "error_px") -> record.Record:
    """A run whose validation had these values after those shares of its steps."""
    (r,) = some(8.0)
    e = replace(r.experiment, evaluation=replace(r.experiment.evaluation, select=metric))
    curve = [
        {"step": round(share * e.steps), "loss": {"landmarks": 0.1}, "validation": {metric: value}}
        for share, value in shares.items()
    ]
    return made(e, curve=tuple(curve))


@pytest.mark.parametrize(
    ("shares", "improvement"),
    [
        ({0.5: 3.0, 0.8: 2.0, 0.9: 1.99, 1.0: 1.98}, 0.01),
        ({0.5: 3.0, 0.8: 2.0, 0.9: 1.5, 1.0: 1.8}, 0.25),
        ({0.5: 1.0, 0.8: 2.0, 1.0: 1.5}, 0.0),  # the best one was early
        ({0.5: 0.0, 1.0: 0.0}, 0.0),
        ({0.5: math.nan, 0.6: 2.0, 1.0: 1.0}, 0.5),
    ],
)
def test_the_best_value_of_the_last_fifth_against_the_best_before(shares, improvement):
    r = with_curve(shares)
    assert convergence.improvement(r) == pytest.approx(improvement)
    assert convergence.converged(r) == (improvement < 0.02)


def test_of_an_accuracy_what_is_missing_to_all_counts():
    assert convergence.improvement(with_curve({0.8: 80.0, 1.0: 85.0}, "accuracy_percent")) == pytest.approx(0.25)
    assert convergence.converged(with_curve({0.8: 85.0, 1.0: 80.0}, "accuracy_percent"))


@pytest.mark.parametrize("shares", [{}, {0.9: 2.0, 1.0: 1.0}, {0.5: 2.0, 0.7: 1.0}, {0.5: math.nan, 1.0: 1.0}])
def test_without_a_value_before_and_one_within_the_last_fifth_nobody_can_tell(shares):
    assert math.isnan(convergence.improvement(with_curve(shares))) and convergence.converged(with_curve(shares)) is None


def test_of_several_stages_the_last_one_counts():
    r = with_curve({0.8: 2.0, 1.0: 1.0})
    (one,) = r.experiment.stages
    first = {"step": one.steps, "loss": {"landmarks": 0.1}, "validation": {"error_px": 0.5}, "stage": "first"}
    last = [{**point, "stage": one.name} for point in r.curve]
    both = made(replace(r.experiment, stages=(replace(one, name="first"), one)), curve=(first, *last))
    assert convergence.improvement(both) == convergence.improvement(r) == pytest.approx(0.5)


def test_of_a_run_that_failed_nobody_can_tell():
    assert convergence.converged(failed(some(8.0)[0].experiment)) is None


def test_a_cell_of_runs_that_had_not_converged_is_marked_and_the_page_warns():
    going = [replace(r, curve=with_curve({0.8: 2.0, 1.0: 1.0}).curve) for r in some(8.0, 9.0)]
    still = [replace(r, curve=with_curve({0.8: 2.0, 1.0: 2.0}).curve) for r in some(8.0, fraction=0.5)]
    runs = record.frame([*going, *still])
    frame = aggregate.cells(BLOCKS, runs)
    assert (cell(frame).improving, cell(frame, fraction=0.5).improving) == (2, 0)
    shown = comparison.beside_paper(BLOCKS, runs)
    assert shown.count("⋯") == 1 and 'title="2 of 2 runs were still improving"' in shown
    assert "⋯: validation of at least one seed" in table_page.key(BLOCKS, runs)
    (text,) = provenance.warn_improving(runs)
    assert "2 of 3 runs had not converged" in text
    assert text in table_page.bookkeeping(BLOCKS, runs, [*going, *still])
    quiet = record.frame(still)
    assert provenance.warn_improving(quiet) == provenance.warn_improving(record.frame([])) == []
    assert "⋯" not in table_page.key(BLOCKS, quiet) + comparison.beside_paper(BLOCKS, quiet)
