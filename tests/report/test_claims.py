"""Verdicts on claims: effects paired by seed, decided by intervals, corrected only where an inequality is to fall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from landmarklib import tables
from landmarklib.report import claim_tables, claims, effects
from landmarklib.report.claims import (
    AVERAGE,
    EVERYWHERE,
    HOLDS,
    INCOMPLETE,
    MISSING,
    MIXED,
    NO_EFFECT,
    REVERSED,
    UNDECIDED,
    VOID,
)
from landmarklib.tables import Claim, Inequality, Reference

LOWER, HIGHER, OTHER = "Seq-MT (L)", "Heatmap-MT (L)", "Comm-MT (L)"
WITH_CLASS = "Comm-MT (L+A)"
FIRST, SECOND = (LOWER, HIGHER, 0.1), (LOWER, HIGHER, 0.2)


def table_with(*comparisons: tuple, **fields) -> tables.Table:
    """Blocks with one claim of these comparisons."""
    inequalities = tuple(Inequality(*c[:3], c[2], *(c[3:] or ("error_px",))) for c in comparisons)
    return replace(tables.get("blocks"), claims=(Claim("X", "a sentence", inequalities, **fields),))


def runs_of(errors: dict, fraction: float = 0.1, seeds=(0, 1, 2), status: str = "done", **metrics) -> pd.DataFrame:
    """One line per row and seed."""
    lines = [
        {"row": row, "fraction": fraction, "seed": seed, "status": status, "error_px": value} | metrics
        for row, values in errors.items()
        for seed, value in zip(seeds, values, strict=True)
    ]
    return pd.DataFrame(lines).assign(tier="paper") if lines else pd.DataFrame(lines)


def on(first: dict, second: dict, **fields) -> claims.Verdict:
    """The verdict on one comparison at 10 and 20% labels with those errors."""
    runs = pd.concat([runs_of(first, 0.1), runs_of(second, 0.2)])
    return claims.evaluate(table_with(FIRST, SECOND, **fields), runs)[0]


def single(higher: list[float], lower: list[float], **fields) -> claims.Verdict:
    """The verdict on one comparison at 10% labels."""
    return claims.evaluate(table_with(FIRST, **fields), runs_of({LOWER: lower, HIGHER: higher}))[0]


UP, DOWN = {LOWER: [1.0, 1.0, 1.0], HIGHER: [3.0, 3.1, 2.9]}, {LOWER: [3.0, 3.1, 2.9], HIGHER: [1.0, 1.0, 1.0]}
FAR_DOWN = {LOWER: [300.0, 310.0, 290.0], HIGHER: [1.0, 1.0, 1.0]}
WIDE = {LOWER: [1.0, 1.0, 1.0], HIGHER: [2.0, 3.0, 4.0]}  # log 2, log 3, log 4: 1.06 +- 1.54
SAME = {LOWER: [2.0, 3.0, 2.0], HIGHER: [2.0, 3.0, 2.0]}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (UP, UP, EVERYWHERE),
        (UP, WIDE, AVERAGE),
        (UP, DOWN, MIXED),
        (DOWN, WIDE, MIXED),
        (FAR_DOWN, UP, MIXED),
        (SAME, SAME, NO_EFFECT),
        (DOWN, DOWN, REVERSED),
        (FAR_DOWN, WIDE, REVERSED),
        (WIDE, WIDE, UNDECIDED),
        (UP, {}, INCOMPLETE),
        (DOWN, {}, INCOMPLETE),
        ({}, {}, INCOMPLETE),
    ],
)
def test_a_verdict_follows_from_the_mean_and_from_each_inequality(first, second, verdict):
    v = on(first, second)
    assert v.verdict == verdict and v.decided == (verdict not in (UNDECIDED, INCOMPLETE))
    assert np.isfinite(v.effect) == bool(first)


def test_effect_is_the_log_ratio_with_its_interval_over_seeds():
    v = on(WIDE, {})
    logs = np.log([2.0, 3.0, 4.0])
    assert (v.effect, v.low, v.high) == pytest.approx(effects.interval(logs))
    first, second = v.comparisons
    assert (first.n, first.effect, first.low, first.high) == (3, v.effect, v.low, v.high)
    assert (second.n, second.verdict) == (0, MISSING)
    assert first.paper == pytest.approx(np.log(5.27 / 3.35))
    assert v.paper == pytest.approx((np.log(5.27 / 3.35) + np.log(3.82 / 1.98)) / 2)


def test_what_varies_from_seed_to_seed_cancels():
    v = single([12.0, 24.0, 36.1], [10.0, 20.0, 30.0])
    assert v.verdict == EVERYWHERE and effects.reduction(v.effect) == pytest.approx(16.7, abs=0.1)


def test_effect_of_a_claim_is_the_mean_of_its_comparisons_over_the_seeds_that_all_have():
    runs = pd.concat([runs_of(WIDE, 0.1), runs_of({LOWER: [1.0, 1.0], HIGHER: [4.0, 5.0]}, 0.2, seeds=[0, 1])])
    v = claims.evaluate(table_with(FIRST, SECOND), runs)[0]
    per_seed = np.log([[2.0, 4.0], [3.0, 5.0]]).mean(1)
    assert (v.effect, v.low, v.high) == pytest.approx(effects.interval(per_seed)) and v.n == 2


def test_an_inequality_takes_no_seed_that_another_of_its_claim_lacks():
    """Cells that got more seeds for another claim are looked at no more often than this one."""
    more = runs_of({LOWER: [1.0] * 5, HIGHER: [3.0, 3.1, 2.9, 0.1, 0.1]}, 0.1, seeds=range(5))
    (v,) = claims.evaluate(table_with(FIRST, SECOND), pd.concat([more, runs_of(UP, 0.2)]))
    assert [c.n for c in v.comparisons] == [3, 3] and v.verdict == EVERYWHERE
    (v,) = claims.evaluate(table_with(FIRST), more)
    assert v.n == 5 and v.verdict == UNDECIDED


def test_one_pair_of_seeds_has_an_effect_but_counts_as_not_run():
    runs = runs_of({LOWER: [1.0], HIGHER: [3.0]}, seeds=[0])
    v = claims.evaluate(table_with(FIRST), runs)[0]
    assert v.verdict == INCOMPLETE and v.effect == pytest.approx(np.log(3)) and np.isnan([v.low, v.high]).all()


def test_seeds_without_a_partner_are_dropped():
    runs = pd.concat(
        [
            runs_of({LOWER: [1.0, 1.0, 1.0, 90.0]}, seeds=[0, 1, 2, 3]),
            runs_of({HIGHER: [3.0, 3.1, 2.9, 70.0]}, seeds=[2, 0, 1, 4]),
        ]
    )
    v = claims.evaluate(table_with(FIRST), runs)[0]
    assert v.comparisons[0].n == 3 and v.effect == pytest.approx(np.log([3.0, 3.1, 2.9]).mean())


def test_runs_that_failed_or_have_no_value_are_left_out():
    failed = runs_of({LOWER: [1.0], HIGHER: [50.0]}, seeds=[3], status="failed")
    runs = pd.concat([runs_of(UP), failed, runs_of({LOWER: [1.0], HIGHER: [np.nan]}, seeds=[4])])
    v = claims.evaluate(table_with(FIRST), runs)[0]
    assert v.comparisons[0].n == 3 and v.verdict == EVERYWHERE


def test_runs_that_all_failed_are_not_run():
    runs = runs_of({LOWER: [np.nan] * 3, HIGHER: [np.nan] * 3}, status="failed").drop(columns="error_px")
    assert claims.evaluate(table_with(FIRST), runs)[0].verdict == INCOMPLETE


def test_an_inequality_is_reversed_only_after_holms_correction():
    """-1.1 +- 1.0 alone; among ten it has to pass 0.17% instead of 1.7%."""
    near = {LOWER: [2.5, 3.0, 3.8], HIGHER: [1.0, 1.0, 1.0]}
    alone = claims.evaluate(table_with(FIRST), runs_of(near))[0]
    assert alone.verdict == REVERSED and alone.comparisons[0].verdict == REVERSED
    fractions = [round(0.01 * i, 2) for i in range(1, 11)]
    wide = [runs_of(WIDE, f) for f in fractions[1:]]
    runs = pd.concat([runs_of(near, fractions[0]), *wide])
    v = claims.evaluate(table_with(*((LOWER, HIGHER, f) for f in fractions)), runs)[0]
    assert v.comparisons[0].high < 0 and v.comparisons[0].verdict == UNDECIDED
    runs = pd.concat([runs_of(DOWN, fractions[0]), *wide])
    v = claims.evaluate(table_with(*((LOWER, HIGHER, f) for f in fractions)), runs)[0]
    assert v.comparisons[0].verdict == REVERSED


def test_a_margin_of_no_effect_is_the_claims():
    """1% better: off zero but within 2%; that holds. Around zero within 2%: no effect, but not within 0.2%."""
    assert single([1.01, 1.0101, 1.0102], [1.0, 1.0, 1.0]).verdict == EVERYWHERE
    around = [1.003, 0.997, 1.0]
    assert single(around, [1.0, 1.0, 1.0]).verdict == NO_EFFECT
    v = single(around, [1.0, 1.0, 1.0], equivalence_margin=0.002)
    assert v.verdict == UNDECIDED and v.needed > 3


def test_an_undecided_claim_tells_how_many_seeds_would_decide_it():
    v = single([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
    assert v.needed == effects.seeds_needed(np.log([2.0, 3.0, 4.0]), np.nan) > 3
    assert f"about {v.needed} seeds would decide" in claim_tables.verdict(v)
    assert on(UP, UP).needed == on(UP, {}).needed == 0


@pytest.mark.parametrize(("factor", "size"), [(1.05, "smaller"), (5.27 / 3.35, "as large"), (3.0, "larger")])
def test_an_effect_stands_beside_the_papers(factor, size):
    v = single([factor, 1.001 * factor, 0.999 * factor], [1.0, 1.0, 1.0])
    assert v.size == size and claim_tables.in_paper(v).endswith(f"ours is {size}")


def test_of_an_effect_that_is_not_decided_no_size_is_told():
    assert on(WIDE, WIDE).size == "" and claim_tables.in_paper(on(WIDE, WIDE)) == "+43%"


def test_paper_holds_only_if_its_own_numbers_do():
    table = table_with(FIRST, (OTHER, HIGHER, 0.1))  # 3.35 < 5.27, but 10.72 > 5.27
    v = claims.evaluate(table, pd.DataFrame())[0]
    assert v.paper_holds is False and [round(c.paper, 2) for c in v.comparisons] == [0.45, -0.71]


def test_a_comparison_that_the_paper_has_no_number_for_is_no_support():
    v = claims.evaluate(table_with((LOWER, HIGHER, 0.3)), pd.DataFrame())[0]
    assert np.isnan(v.comparisons[0].paper) and v.paper_holds is None


def test_runs_of_several_budgets_are_refused():
    runs = runs_of({LOWER: [1.0, 1.0]}, seeds=[0, 1]).assign(budget=["cpu", "smoke"])
    with pytest.raises(ValueError, match="one budget"):
        claims.evaluate(tables.get("blocks"), runs)


def test_an_inequality_looks_at_its_own_metric():
    runs = runs_of(UP).assign(**{"error_px on afw": [5, 5.1, 5, 2, 2, 2.1]})
    (v,) = claims.evaluate(table_with(FIRST, (*FIRST, "error_px on afw")), runs)
    assert [c.verdict for c in v.comparisons] == [HOLDS, REVERSED]
    assert v.comparisons[0].paper == pytest.approx(np.log(5.27 / 3.35)) and np.isnan(v.comparisons[1].paper)


def test_two_rows_may_be_read_in_different_ways():
    runs = runs_of({LOWER: [2, 2, 2], HIGHER: [3, 3.1, 3]}).assign(**{"error_px on afw": [5, 5.1, 5, 1, 1.01, 1.02]})
    inequality = Inequality(LOWER, HIGHER, 0.1, 0.1, "error_px", higher_metric="error_px on afw")
    table = replace(tables.get("blocks"), claims=(Claim("X", "a sentence", (inequality,)),))
    (v,) = claims.evaluate(table, runs)
    assert v.effect == pytest.approx(np.log([0.5, 0.505, 0.51]).mean()) and v.verdict == REVERSED
    shown = claim_tables.per_inequality(table, [v]).replace("\u00a0", " ")
    assert "landmark error [px] against landmark error on afw [px]" in shown and "-98% [-107, -90]" in shown
    (v,) = claims.evaluate(table, runs[runs.seed < 0])
    assert "<td>not run</td>" in claim_tables.per_inequality(table, [v]) and claim_tables.effect(v) == "not run"


def test_a_claim_may_lean_on_other_runs_of_the_paper():
    """The paper prints 5.27 and 3.35 of the two; of another run of the second 1.0, against which the first loses."""
    printed = replace(with_reference().references[0], name="Again", published={0.1: 1.0})
    for line, expected in (("", np.log(5.27 / 3.35)), ("Again", np.log(1.0 / 3.35))):
        inequality = Inequality(*FIRST, 0.1, "error_px", printed=("", line))
        table = replace(tables.get("blocks"), references=(printed,), claims=(Claim("X", "a sentence", (inequality,)),))
        (v,) = claims.evaluate(table, runs_of(UP).assign(budget="cpu"))
        assert v.comparisons[0].paper == pytest.approx(expected) and v.paper_holds == (expected > 0)
        assert v.comparisons[0].verdict == HOLDS


def test_a_published_line_beats_nothing_here():
    claim = Claim("X", "the others are best", (Inequality("Others", HIGHER, 1.0, 1.0, "error_px"),))
    (v,) = claims.evaluate(replace(with_reference(), claims=(claim,)), runs_at({(HIGHER, 1.0): [5.0, 5.1, 5.2]}))
    assert v.verdict == VOID and v.comparisons[0].n == 0 and np.isnan(v.effect) and v.paper_holds is not None
    assert v.why == "Others is published, and nothing here runs it"


def test_verdicts_are_counted_in_words():
    assert claims.counted([EVERYWHERE, UNDECIDED, EVERYWHERE]) == ["2 hold everywhere", "1 undecided"]
    assert claims.counted([AVERAGE, REVERSED, VOID, NO_EFFECT]) == [
        *("1 holds on average", "1 no effect", "1 reversed", "1 void"),
    ]
    assert claims.counted([]) == []


def runs_at(values: dict[tuple[str, float], list[float]], tier: str = "paper", budget: str = "cpu") -> pd.DataFrame:
    """One line per cell and seed."""
    parts = [runs_of({row: errors}, fraction) for (row, fraction), errors in values.items()]
    return pd.concat(parts, ignore_index=True).assign(tier=tier, budget=budget)


@pytest.mark.parametrize(("margin", "effect", "verdict"), [(0.2, 0.1, EVERYWHERE), (0.05, -0.05, REVERSED)])
def test_cells_of_two_fractions_are_compared_and_a_margin_is_granted_in_points(margin, effect, verdict):
    runs = runs_at({(LOWER, 0.05): [3.0, 3.2, 3.1], (HIGHER, 0.1): [2.9, 3.1, 3.0]})
    claim = Claim("X", "half the labels", (Inequality(LOWER, HIGHER, 0.05, 0.1, "error_px", margin),))
    (v,) = claims.evaluate(replace(tables.get("blocks"), claims=(claim,)), runs)
    assert v.effect == pytest.approx(effect) and v.verdict == verdict and claim_tables.unit(claim) == "px"
    assert v.comparisons[0].paper == pytest.approx(5.27 + margin - 3.95)
    assert claim_tables.effect(v).replace("\u00a0", " ") == f"{effect:+.2f} px [{effect:+.2f}, {effect:+.2f}]"


def with_reference(fraction: float = 1.0) -> tables.Table:
    """Blocks on photos with a line that others measured, and the claim that Heatmap-MT at 5% beats it."""
    inequality = Inequality(HIGHER, "Others", 0.05, fraction, "error_px")
    return replace(
        tables.get("blocks"),
        dataset="mtfl",  # of the paper's own images
        references=(Reference("Others", {1.0: 4.0}),),
        claims=(Claim("X", "beats the others", (inequality,)),),
    )


def test_a_published_line_stands_for_every_seed_where_runs_are_on_the_papers_data_in_full():
    values = {(HIGHER, 0.05): [3.0, 3.2, 3.1]}
    (v,) = claims.evaluate(with_reference(), runs_at(values))
    assert v.comparisons[0].n == 3 and v.effect == pytest.approx(np.log(4 / np.array([3.0, 3.2, 3.1])).mean())
    assert v.verdict == EVERYWHERE and v.comparisons[0].paper == pytest.approx(np.log(4 / 6.59))
    for other in ({"tier": "stand-in"}, {"budget": "smoke"}):
        (v,) = claims.evaluate(with_reference(), runs_at(values, **other))
        assert v.comparisons[0].n == 0 and v.verdict == VOID and "compares only with runs on the paper's" in v.why
    (v,) = claims.evaluate(replace(with_reference(), dataset="blocks"), runs_at(values))  # generated here
    assert v.verdict == VOID
    (v,) = claims.evaluate(with_reference(0.5), runs_at(values))  # of which the paper prints nothing
    assert v.verdict == VOID and v.paper_holds is None
    assert claims.evaluate(with_reference(), pd.DataFrame())[0].verdict == INCOMPLETE  # nobody knows yet on which data


def test_data_that_cannot_test_a_sentence_make_it_void_in_the_tables_words():
    runs = runs_at({(LOWER, 0.1): [1.0, 1.1, 1.0], (HIGHER, 0.1): [3.0, 3.0, 3.0]}, tier="stand-in")
    table = table_with(FIRST, void_on={"stand-in": "drawn things are too easy"})
    (v,) = claims.evaluate(table, runs)
    assert v.verdict == VOID and claim_tables.verdict(v) == "void: drawn things are too easy"
    assert not v.decided and np.isnan(v.effect)
    assert claims.evaluate(table, runs.assign(tier="paper"))[0].verdict == EVERYWHERE


def test_a_claim_is_void_where_half_of_its_inequalities_are():
    """Accuracy near chance, a fifteenth, at 10% labels; the other fractions are what they are."""
    cells = [(WITH_CLASS, HIGHER, f) for f in (0.1, 0.2, 0.5)]
    better = {WITH_CLASS: UP[LOWER], HIGHER: UP[HIGHER]}
    told = [60.0, 61.0, 62.0, *[np.nan] * 3]
    blind, seeing = runs_of(better, 0.1, accuracy_percent=7.0), runs_of(better, 0.2).assign(accuracy_percent=told)
    v = claims.evaluate(table_with(*cells[:2]), pd.concat([blind, seeing]))[0]
    assert v.verdict == VOID and [c.verdict for c in v.comparisons] == [VOID, HOLDS]
    other = runs_of(better, 0.5).assign(accuracy_percent=told)
    v = claims.evaluate(table_with(*cells), pd.concat([blind, seeing, other]))[0]
    assert v.verdict == EVERYWHERE and v.count(VOID) == 1 and "by chance in 7%" in v.why
    assert v.paper == pytest.approx(np.mean([c.paper for c in v.comparisons[1:]]))  # of those that ours is of
    one_class = runs_of(better, 0.2, accuracy_percent=46.1)
    v = claims.evaluate(table_with(*cells), pd.concat([blind, one_class, other]))[0]
    assert v.verdict == VOID and "46% with every seed" in v.comparisons[1].why


@pytest.mark.parametrize(
    ("other", "void"),
    [
        ([1.0, 0.99, 1.01], True),  # nothing is left of the effect
        ([0.5, 0.51, 0.49], True),  # it turns
        ([2.0, 2.01, 1.99], False),  # it is smaller, and there
        ([0.2, 1.0, 5.0], False),  # it may be anything
    ],
)
def test_an_effect_of_how_maps_are_read_tests_nothing(other, void):
    """As read, 3 against 1; by the other reading what is given."""
    runs = runs_of(UP).assign(**{"error_px on afw": [1.0, 1.0, 1.0, *other]})
    inequality = Inequality(*FIRST, 0.1, "error_px", other_reading="error_px on afw")
    table = replace(tables.get("blocks"), claims=(Claim("X", "a sentence", (inequality,)),))
    (v,) = claims.evaluate(table, runs)
    assert (v.verdict == VOID) == void and ("how the maps" in v.why) == void
    (v,) = claims.evaluate(
        replace(table, claims=(Claim("X", "a sentence", (replace(inequality, other_reading=""),)),)), runs
    )
    assert v.verdict == EVERYWHERE


def test_test_images_without_a_metric_make_its_inequality_void():
    """A part of an archive may have none of the difficult faces; no seed changes that."""
    (v,) = claims.evaluate(table_with((*FIRST, "error_px on afw")), runs_of(UP))
    assert v.verdict == VOID and v.why == "no test image here has the landmark error on afw"


def test_inequalities_that_share_no_two_seeds_decide_nothing_together():
    runs = pd.concat([runs_of(UP, 0.1), runs_of(UP, 0.2, seeds=(3, 4, 5))])
    (v,) = claims.evaluate(table_with(FIRST, SECOND), runs)
    assert v.verdict == INCOMPLETE and v.n == 0 and [c.verdict for c in v.comparisons] == [HOLDS, HOLDS]


def test_a_mean_near_zero_of_which_a_part_holds_is_no_absence_of_an_effect():
    a, b = np.exp([0.10, 0.20, 0.15, 0.12, 0.18]), np.exp([-0.10, -0.20, -0.15, -0.12, -0.18])
    parts = [runs_of({LOWER: [1.0] * 5, HIGHER: list(x)}, f, range(5)) for x, f in ((a, 0.1), (b * 0.999, 0.2))]
    (v,) = claims.evaluate(table_with(FIRST, SECOND), pd.concat(parts))
    assert v.verdict == MIXED  # the other part is reversed
    wide = np.exp(np.array([-0.10, -0.20, -0.15, -0.12, -0.18]) + np.array([0.9, -0.9, 0.0, 0.5, -0.5]))
    parts[1] = runs_of({LOWER: [1.0] * 5, HIGHER: list(wide)}, 0.2, range(5))
    (v,) = claims.evaluate(table_with(FIRST, SECOND), pd.concat(parts))
    assert v.count(HOLDS) == 1 and v.verdict == UNDECIDED


def test_a_share_of_images_that_are_all_right_is_wrong_in_half_an_image():
    """Of 3,200 test images: 100% against 99% is log(1 / (50 / 3200)), not infinite."""
    runs = runs_of(UP).assign(accuracy_percent=[99.0, 99.0, 99.0, 100.0, 100.0, 100.0])
    (v,) = claims.evaluate(table_with((*FIRST, "accuracy_percent")), runs)
    assert v.effect == pytest.approx(np.log(3200 / 50))


@pytest.mark.parametrize(("higher", "holds"), [(OTHER, True), ("Seq-MT (L+A)", False), ("Seq-MT (L+ELT)", False)])
def test_papers_numbers_contradict_only_where_they_are_against_it(higher, holds):
    """One inequality that the paper has a number of, and one at a fraction that it has none of."""
    v = claims.evaluate(table_with((LOWER, higher, 0.1), (LOWER, higher, 0.3)), pd.DataFrame())[0]
    assert v.paper_holds is (None if holds else False)


def test_frame_has_a_line_per_claim():
    frame = claims.frame([on(UP, {})])
    old = [
        "id",
        "verdict",
        "effect",
        "low",
        "high",
        "paper_holds",
        "n_comparisons",
        "n_hold",
        "n_fail",
        "n_open",
        "text",
    ]
    new = ["seeds", "looks", "seeds_needed", "effect_percent", "low_percent", "high_percent", "paper_effect_percent"]
    assert {*old, *new} <= {*frame.columns}
    line = frame.iloc[0]
    assert (line.id, line.verdict, line.paper_holds, line.text) == ("X", INCOMPLETE, True, "a sentence")
    assert (line.n_comparisons, line.n_hold, line.n_fail, line.n_open, line.seeds, line.looks) == (2, 1, 0, 1, 3, 0)
    assert line.effect_percent == pytest.approx(effects.reduction(line.effect)) and 60 < line.effect_percent < 70
