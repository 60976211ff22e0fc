"""When what happens in a stage, worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from experiments import changed
from small import EVERYTHING, OPTIONS, experiment

from landmarklib import methods
from landmarklib.core import costs
from landmarklib.core.experiment import Experiment
from landmarklib.core.stages import Stage
from landmarklib.methods import seq_mt
from landmarklib.training import schedule


def stage_of(**changes) -> Stage:
    return experiment(**changes).stages[0]


def cosine(plateau: float, warmup: int = 0, floor: float = 0.02, images: int = 800) -> Stage:
    """100 steps."""
    stage = stage_of(images=images, warmup=warmup, hold=plateau)
    return replace(stage, schedule=replace(stage.schedule, kind="cosine", floor=floor))


def test_linear_schedule_by_hand():
    stage = stage_of(images=800, warmup=4, hold=0.5)
    factors = [schedule.learning_rate(stage, step) for step in (0, 1, 3, 4, 49, 50, 51, 75, 90, 99)]
    assert factors == pytest.approx([0.25, 0.5, 1, 1, 1, 1, 0.98, 0.5, 0.2, 0.02])


def test_cosine_schedule_by_hand():
    """Half a cosine over the last 60 steps: a third of the way down it has lost a quarter, half-way a half, at two
    thirds three quarters.
    """
    stage = cosine(plateau=0.4, warmup=4, floor=0.0)
    factors = [schedule.learning_rate(stage, step) for step in (0, 3, 4, 39, 40, 60, 70, 80)]
    assert factors == pytest.approx([0.25, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert schedule.learning_rate(stage, 99) == pytest.approx((1 - math.cos(math.pi / 60)) / 2)


def test_cosine_schedule_ends_at_its_floor():
    stage = cosine(plateau=0.0, floor=0.2)
    assert [schedule.learning_rate(stage, step) for step in (0, 50, 75)] == pytest.approx(
        [1, 0.6, 0.2 + 0.4 * (1 - math.sqrt(0.5))]
    )
    assert schedule.learning_rate(cosine(plateau=0.0, floor=0.2, images=80000), 9999) == pytest.approx(0.2, abs=1e-6)


def test_linear_schedule_stays_above_its_floor():
    stage = stage_of(images=8000, warmup=0, hold=0.4)
    assert schedule.learning_rate(stage, 999) == 0.02
    assert schedule.learning_rate(stage_of(images=8000, warmup=0, hold=0.0), 960) == pytest.approx(0.04)
    higher = replace(stage, schedule=replace(stage.schedule, floor=0.5))
    assert [schedule.learning_rate(higher, step) for step in (400, 550, 700, 999)] == pytest.approx([1, 0.75, 0.5, 0.5])


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_schedule_without_decay_and_warm_up_is_flat(kind):
    stage = stage_of(images=80, warmup=0, hold=1.0)
    stage = replace(stage, schedule=replace(stage.schedule, kind=kind))
    assert [schedule.learning_rate(stage, step) for step in range(10)] == pytest.approx([1] * 10)


def test_terms_join_at_their_onset_and_those_without_weight_never():
    stage = stage_of(weights={**EVERYTHING, "angles": 0.0}, starts={"elt": 0.3, "classes": 0.6}, images=80)
    found = [costs.active_terms(stage, step) for step in (0, 2, 3, 5, 6, 9)]
    early, later = ("landmarks",), ("landmarks", "elt")
    assert found == [early, early, later, later, tuple(EVERYTHING), tuple(EVERYTHING)]


def test_unlabelled_images_are_taken_from_the_first_term_on_that_needs_no_labels():
    def first(**changes) -> int:
        return costs.unlabelled_from(stage_of(images=80, **changes), seq_mt.METHOD, OPTIONS)

    for onset, step in (({}, 0), ({"elt": 0.3, "classes": 0.6}, 3), ({"elt": 0.95, "classes": 0.25}, 3)):
        assert first(weights=EVERYTHING, starts=onset) == step
    assert first(weights={"landmarks": 900.0, "elt": 0.0}) == 10
    assert first(weights=EVERYTHING, starts={"elt": 0.95, "classes": 0.95}) == 10


def test_evaluations_are_spread_over_the_last_seventy_percent():
    assert schedule.evaluations(stage_of(images=800, n_evaluations=7)) == {40, 50, 60, 70, 80, 90, 100}
    assert schedule.evaluations(stage_of(images=800, n_evaluations=1)) == {100}
    assert schedule.evaluations(stage_of(images=8, n_evaluations=3)) == {1}
    assert schedule.evaluations(stage_of(n_evaluations=0)) == set()


def test_evaluations_may_be_spread_over_all_of_a_stage():
    spread = replace(stage_of(images=800, n_evaluations=5), evaluated_from=0.0)
    assert schedule.evaluations(spread) == {20, 40, 60, 80, 100}


def two_stages():
    """10 steps of landmarks on 8 images; then 20 of 5 images and 3 unlabelled ones, which ELT joins half-way."""
    first = replace(stage_of(images=80), name="first")
    second = stage_of(images=100, batch=5, batch_unlabelled=3, weights=EVERYTHING, starts={"elt": 0.5, "classes": 0.5})
    return replace(experiment(), stages=(first, replace(second, name="second")))


def test_stages_follow_one_another():
    e = two_stages()
    assert costs.spans(e) == [(e.stages[0], 0, 10), (e.stages[1], 10, 30)]
    assert e.steps == 30


def test_images_that_are_left_are_counted_step_by_step():
    """By hand: 8 in each of 10 steps, 5 in the next 10, then 5 + 3 and the 3 of ELT again."""
    left = {0: 80 + 50 + 110, 4: 48 + 50 + 110, 10: 50 + 110, 15: 25 + 110, 20: 110, 27: 33, 30: 0}
    assert {done: methods.images_processed(two_stages(), done) for done in left} == left


def test_where_all_images_are_labelled_no_unlabelled_ones_are_counted():
    assert methods.images_processed(experiment(weights={"landmarks": 900.0, "classes": 10.0}, fraction=1.0)) == 240
    assert methods.images_processed(experiment(weights={"landmarks": 900.0, "classes": 10.0}, fraction=0.5)) == 360


def early_look(e: Experiment) -> int:
    return schedule.early_look(e, seq_mt.METHOD, OPTIONS)


def test_the_early_look_is_after_the_step_by_which_so_many_images_went_through():
    one = experiment(images=800_000, batch=8, batch_unlabelled=0)
    assert early_look(one) == schedule.EARLY // 8
    assert early_look(changed(one, images=schedule.EARLY)) == 0  # its end is looked at anyhow
    both = changed(one, batch_unlabelled=4, weights={"landmarks": 900.0, "elt": 270.0})
    each = costs.of_step(seq_mt.METHOD, ["landmarks", "elt"], OPTIONS, 8, 4)
    assert each > 12 and early_look(both) == math.ceil(schedule.EARLY / each)


def test_the_early_look_counts_images_of_the_last_stage_alone():
    one = experiment(images=800_000, batch=8, batch_unlabelled=0)
    first, last = (replace(one.stages[0], name=name) for name in ("first", "last"))
    assert early_look(replace(one, stages=(first, last))) == schedule.EARLY // 8
