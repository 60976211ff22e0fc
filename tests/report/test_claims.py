"""Verdicts on inequalities: paired by seed, decided by an interval, corrected only where a claim is to fall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from landmarklib import tables
from landmarklib.report import claim_tables, claims
from landmarklib.report.claims import FAILS, HOLDS, MISSING, SO_FAR, UNDECIDED
from landmarklib.tables import Claim, Inequality, Reference

LOWER, HIGHER, OTHER = "Seq-MT (L+A)", "Seq-MT (L)", "Comm-MT (L)"


def table_with(*comparisons: tuple) -> tables.Table:
    """Blocks with one claim of these comparisons."""
    inequalities = tuple(Inequality(*c[:3], c[2], *(c[3:] or ("error_px",))) for c in comparisons)
    return replace(tables.get("blocks"), claims=(Claim("X", "a sentence", inequalities),))


def runs_of(errors: dict, fraction: float = 0.1, seeds=(0, 1, 2), status: str = "done") -> pd.DataFrame:
    """One line per row and seed."""
    lines = [
        {"row": row, "fraction": fraction, "seed": seed, "status": status, "error_px": value}
        for row, values in errors.items()
        for seed, value in zip(seeds, values, strict=True)
    ]
    return pd.DataFrame(lines)


def single(higher: list[float], lower: list[float]) -> claims.Verdict:
    """The verdict on one comparison at 10% labels."""
    runs = runs_of({LOWER: lower, HIGHER: higher})
    return claims.evaluate(table_with((LOWER, HIGHER, 0.1)), runs)[0]


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        ([1, 2, 3], 0.95, (2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)),
        ([1, 2, 3], 0.99, (2, 2 - 9.924843 / 3**0.5, 2 + 9.924843 / 3**0.5)),
        ([0, 2], 0.95, (1, 1 - 12.706205, 1 + 12.706205)),
        ([4, 4, 4], 0.95, (4, 4, 4)),
    ],
)
def test_interval_is_students(values, level, expected):
    assert claims.interval(np.array(values, float), level) == pytest.approx(expected, rel=1e-6)


def test_interval_of_one_value_has_no_bounds_and_of_none_no_mean():
    mean, low, high = claims.interval(np.array([2.5]))
    assert mean == 2.5 and np.isnan([low, high]).all()
    assert np.isnan(claims.interval(np.array([]))).all()


@pytest.mark.parametrize(
    ("higher", "lower", "verdict"),
    [
        ([3.0, 3.1, 2.9], [1.0, 1.0, 1.0], HOLDS),  # 2 +- 0.25
        ([1.0, 1.0, 1.0], [3.0, 3.1, 2.9], FAILS),  # -2 +- 0.25
        ([2.0, 3.0, 4.0], [1.0, 1.0, 1.0], UNDECIDED),  # 2 +- 2.48
        ([1.0, 1.0, 1.0], [2.0, 3.0, 4.0], UNDECIDED),  # -2 +- 2.48
        ([2.0, 2.0, 2.0], [2.0, 2.0, 2.0], UNDECIDED),  # 0 +- 0
    ],
)
def test_an_interval_off_zero_decides_in_the_direction_of_the_claim(higher, lower, verdict):
    assert single(higher, lower).verdict == verdict


def test_effect_is_higher_minus_lower_with_its_interval():
    v = single([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
    half = 4.302653 / 3**0.5
    assert (v.effect, v.low, v.high) == pytest.approx((2, 2 - half, 2 + half), rel=1e-6)
    (c,) = v.comparisons
    assert (c.n, c.effect, c.low, c.high) == (3, v.effect, v.low, v.high)
    assert c.paper == pytest.approx(3.35 - 3.2)


def test_what_varies_from_seed_to_seed_cancels():
    v = single([12.0, 22.0, 32.1], [10.0, 20.0, 30.0])
    assert v.verdict == HOLDS and v.effect == pytest.approx(6.1 / 3)


def test_nothing_is_decided_without_runs():
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1)), pd.DataFrame())[0]
    assert v.verdict == MISSING and v.comparisons[0].n == 0
    assert np.isnan([v.effect, v.low, v.high]).all()
    assert v.paper_holds


def test_one_pair_of_seeds_has_an_effect_but_counts_as_not_run():
    runs = runs_of({LOWER: [1.0], HIGHER: [3.0]}, seeds=[0])
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1)), runs)[0]
    assert v.verdict == MISSING and v.effect == 2.0 and np.isnan([v.low, v.high]).all()


def test_seeds_without_a_partner_are_dropped():
    runs = pd.concat(
        [
            runs_of({LOWER: [1.0, 1.0, 1.0, 90.0]}, seeds=[0, 1, 2, 3]),
            runs_of({HIGHER: [3.0, 3.1, 2.9, -70.0]}, seeds=[2, 0, 1, 4]),
        ]
    )
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1)), runs)[0]
    assert v.comparisons[0].n == 3 and v.effect == pytest.approx(2.0) and v.verdict == HOLDS


def test_runs_that_failed_or_have_no_value_are_left_out():
    runs = pd.concat(
        [
            runs_of({LOWER: [1.0, 1.0, 1.0], HIGHER: [3.0, 3.1, 2.9]}),
            runs_of({LOWER: [1.0], HIGHER: [-50.0]}, seeds=[3], status="failed"),
            runs_of({LOWER: [1.0], HIGHER: [np.nan]}, seeds=[4]),
        ]
    )
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1)), runs)[0]
    assert v.comparisons[0].n == 3 and v.verdict == HOLDS


def test_runs_that_all_failed_are_not_run():
    runs = runs_of({LOWER: [np.nan] * 3, HIGHER: [np.nan] * 3}, status="failed").drop(columns="error_px")
    assert claims.evaluate(table_with((LOWER, HIGHER, 0.1)), runs)[0].verdict == MISSING


def ten(higher: list[float], lower: list[float]) -> claims.Verdict:
    """One comparison of those errors among ten, of which the others hold."""
    fractions = [round(0.01 * i, 2) for i in range(1, 11)]
    clear = [runs_of({LOWER: [1.0, 1.0, 1.0], HIGHER: [3.0, 3.1, 2.9]}, f) for f in fractions[1:]]
    runs = pd.concat([runs_of({LOWER: lower, HIGHER: higher}, fractions[0]), *clear])
    return claims.evaluate(table_with(*((LOWER, HIGHER, f) for f in fractions)), runs)[0]


def test_bonferroni_guards_a_claim_from_falling_by_chance():
    # -2 +- 1.24 at 95%, but -2 +- 4.07 at 99.5%, which is what one of ten has to pass
    assert single([1.0, 1.0, 1.0], [3.0, 3.5, 2.5]).verdict == FAILS
    v = ten([1.0, 1.0, 1.0], [3.0, 3.5, 2.5])
    assert v.comparisons[0].verdict == UNDECIDED and v.comparisons[0].high == pytest.approx(-2 + 1.242069)
    assert v.verdict == UNDECIDED and v.count(HOLDS) == 9


def test_bonferroni_lets_a_clear_contradiction_through():
    v = ten([1.0, 1.0, 1.0], [3.0, 3.1, 2.9])  # -2 +- 0.81 at 99.5%
    assert v.verdict == FAILS and (v.count(FAILS), v.count(HOLDS)) == (1, 9)


def test_no_correction_where_every_comparison_has_to_hold():
    v = ten([3.0, 3.5, 2.5], [1.0, 1.0, 1.0])  # 2 +- 1.24 at 95%
    assert v.verdict == HOLDS and v.count(HOLDS) == 10


HOLDING, FAILING = {LOWER: [1.0, 1.0, 1.0], HIGHER: [3.0, 3.1, 2.9]}, {LOWER: [3.0, 3.1, 2.9], HIGHER: [1.0, 1.0, 1.0]}
OPEN = {LOWER: [1.0, 1.0, 1.0], HIGHER: [2.0, 3.0, 4.0]}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (HOLDING, HOLDING, HOLDS),
        (HOLDING, OPEN, UNDECIDED),
        (HOLDING, {}, SO_FAR),
        (OPEN, {}, UNDECIDED),
        ({}, {}, MISSING),
        (FAILING, {}, FAILS),
        (FAILING, HOLDING, FAILS),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(first, second, verdict):
    runs = pd.concat([runs_of(first, 0.1), runs_of(second, 0.2)])
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1), (LOWER, HIGHER, 0.2)), runs)[0]
    assert v.verdict == verdict and np.isfinite(v.effect) == bool(first)


def test_effect_of_a_claim_is_the_mean_of_its_comparisons_over_the_seeds_that_all_have():
    runs = pd.concat(
        [
            runs_of({LOWER: [1.0, 1.0, 1.0], HIGHER: [2.0, 3.0, 4.0]}, 0.1),  # 1, 2, 3
            runs_of({LOWER: [1.0, 1.0], HIGHER: [4.0, 5.0]}, 0.2, seeds=[0, 1]),  # 3, 4
        ]
    )
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.1), (LOWER, HIGHER, 0.2)), runs)[0]
    # per seed 2 and 3: mean 2.5, sd 1 / sqrt(2), n 2
    assert (v.effect, v.low, v.high) == pytest.approx((2.5, 2.5 - 12.706205 / 2, 2.5 + 12.706205 / 2), rel=1e-6)


def test_paper_holds_only_if_its_own_numbers_do():
    table = table_with((LOWER, HIGHER, 0.1), (OTHER, HIGHER, 0.1))  # 3.2 < 3.35, but 10.72 > 3.35
    v = claims.evaluate(table, pd.DataFrame())[0]
    assert not v.paper_holds
    assert [round(c.paper, 2) for c in v.comparisons] == [0.15, -7.37]


def test_a_comparison_that_the_paper_has_no_number_for_is_no_support():
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.3)), pd.DataFrame())[0]
    assert np.isnan(v.comparisons[0].paper) and v.paper_holds is None


def test_frame_has_a_line_per_claim():
    table = table_with((LOWER, HIGHER, 0.1), (LOWER, HIGHER, 0.2))
    frame = claims.frame(claims.evaluate(table, runs_of(HOLDING, 0.1)))
    assert frame.columns.tolist()[:6] == ["id", "verdict", "effect", "low", "high", "paper_holds"]
    line = frame.iloc[0]
    assert (line.id, line.verdict, line.paper_holds, line.text) == ("X", SO_FAR, True, "a sentence")
    assert (line.n_comparisons, line.n_hold, line.n_fail, line.n_open) == (2, 1, 0, 1)


def test_runs_of_several_budgets_are_refused():
    table = tables.get("blocks")
    runs = pd.DataFrame(
        {"row": "Seq-MT (L)", "fraction": 0.05, "seed": [0, 0], "budget": ["cpu", "smoke"], "status": "done"}
    )
    with pytest.raises(ValueError, match="one budget"):
        claims.evaluate(table, runs)


def test_an_inequality_looks_at_its_own_metric():
    runs = runs_of({LOWER: [1, 1, 1], HIGHER: [3, 3.1, 3]}).assign(**{"error_px on afw": [5, 5.1, 5, 2, 2, 2.1]})
    table = table_with((LOWER, HIGHER, 0.1), (LOWER, HIGHER, 0.1, "error_px on afw"))
    (v,) = claims.evaluate(table, runs)
    assert [c.verdict for c in v.comparisons] == [HOLDS, FAILS] and v.verdict == FAILS
    assert [c.inequality.metric for c in v.comparisons] == ["error_px", "error_px on afw"]
    assert v.comparisons[0].paper == pytest.approx(0.15) and np.isnan(v.comparisons[1].paper)


def test_two_rows_may_be_read_in_different_ways():
    runs = runs_of({LOWER: [2, 2, 2], HIGHER: [3, 3.1, 3]}).assign(**{"error_px on afw": [5, 5.1, 5, 1, 1.2, 1.1]})
    inequality = Inequality(LOWER, HIGHER, 0.1, 0.1, "error_px", higher_metric="error_px on afw")
    table = replace(tables.get("blocks"), claims=(Claim("X", "a sentence", (inequality,)),))
    (v,) = claims.evaluate(table, runs)
    assert v.effect == pytest.approx(1.1 - 2) and v.verdict == FAILS and v.paper_holds is None
    shown = claim_tables.per_inequality([v]).replace("\u00a0", " ")
    assert "landmark error [px] against landmark error on afw [px]" in shown and "-0.90 [-1.15, -0.65] px" in shown
    (v,) = claims.evaluate(table, runs[runs.seed < 0])
    assert "<td>not run</td>" in claim_tables.per_inequality([v]) and claim_tables.effect(v) == "not run"


def test_a_published_line_beats_nothing_here():
    runs = runs_at({(HIGHER, 1.0): [5.0, 5.1, 5.2]})
    table = with_reference()
    claim = Claim("X", "the others are best", (Inequality("Others", HIGHER, 1.0, 1.0, "error_px"),))
    (v,) = claims.evaluate(replace(table, claims=(claim,)), runs)
    assert v.verdict == MISSING and v.comparisons[0].n == 0 and np.isnan(v.effect) and v.paper_holds is not None


def test_verdicts_are_counted_in_words():
    assert claims.counted([HOLDS, UNDECIDED, HOLDS]) == ["2 hold", "1 not decided"]
    assert claims.counted([SO_FAR, SO_FAR, MISSING]) == ["2 hold so far", "1 not run"]
    assert claims.counted([FAILS, HOLDS]) == ["1 holds", "1 fails"] and claims.counted([]) == []


def runs_at(values: dict[tuple[str, float], list[float]], tier: str = "paper", budget: str = "cpu") -> pd.DataFrame:
    """One line per cell and seed."""
    parts = [runs_of({row: errors}, fraction) for (row, fraction), errors in values.items()]
    return pd.concat(parts, ignore_index=True).assign(tier=tier, budget=budget)


def test_cells_of_two_fractions_are_compared_and_a_margin_is_granted():
    runs = runs_at({(LOWER, 0.05): [3.0, 3.2, 3.1], (HIGHER, 0.1): [2.9, 3.1, 3.0]})
    for margin, effect, verdict in ((0.0, -0.1, FAILS), (0.2, 0.1, HOLDS)):
        claim = Claim("X", "half the labels", (Inequality(LOWER, HIGHER, 0.05, 0.1, "error_px", margin),))
        (v,) = claims.evaluate(replace(tables.get("blocks"), claims=(claim,)), runs)
        assert v.effect == pytest.approx(effect) and v.verdict == verdict
        assert v.comparisons[0].paper == pytest.approx(3.35 + margin - 3.45)


def with_reference(fraction: float = 1.0) -> tables.Table:
    """Blocks with a line that others measured, and the claim that Seq-MT at 5% beats it."""
    inequality = Inequality(HIGHER, "Others", 0.05, fraction, "error_px")
    return replace(
        tables.get("blocks"),
        references=(Reference("Others", {1.0: 4.0}),),
        claims=(Claim("X", "beats the others", (inequality,)),),
    )


def test_a_published_line_stands_for_every_seed_where_runs_are_on_the_papers_data_in_full():
    values = {(HIGHER, 0.05): [3.0, 3.5, 3.4]}
    (v,) = claims.evaluate(with_reference(), runs_at(values))
    assert v.comparisons[0].n == 3 and v.effect == pytest.approx(0.7) and v.verdict == HOLDS
    assert v.comparisons[0].paper == pytest.approx(4.0 - 3.95)
    for other in ({"tier": "stand-in"}, {"budget": "smoke"}):
        (v,) = claims.evaluate(with_reference(), runs_at(values, **other))
        assert v.comparisons[0].n == 0 and v.verdict == MISSING
    (v,) = claims.evaluate(with_reference(0.5), runs_at(values))  # of which the paper prints nothing
    assert v.verdict == MISSING and v.paper_holds is None
