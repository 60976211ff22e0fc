"""What a run costs: images that go forward and backward, in all and from any step on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from experiments import SEQ_MT, changed

from landmarklib import methods


@pytest.mark.parametrize(
    ("changes", "images"),
    [
        # 8 steps of 8 labelled images
        ({"weights": {"landmarks": 900.0}}, 64),
        # for 3/4 of the 8 steps also 4 unlabelled images, each of them warped as well: 64 + 0.75 * 8 * (4 + 4)
        ({}, 112),
        # classes from the start take the unlabelled images along, only ELT warps: 64 + 8 * 4 + 0.75 * 8 * 4
        ({"weights": {"landmarks": 900.0, "elt": 270.0, "classes": 10.0}}, 120),
        # classes alone, from half of training: 64 + 0.5 * 8 * 4
        ({"weights": {"landmarks": 900.0, "classes": 10.0}, "starts": {"classes": 0.5}}, 80),
        # no unlabelled image is left, a term of weight 0 costs nothing
        ({"fraction": 1.0}, 64),
        ({"weights": {"landmarks": 900.0, "elt": 0.0}}, 64),
        # or others take their places: classes see 4 images more a step, as at any other fraction
        ({"fraction": 1.0, "weights": {"landmarks": 900.0, "classes": 1.0}, "starts": {}, "refill": True}, 96),
        ({"fraction": 1.0, "weights": {"landmarks": 900.0}, "starts": {}, "refill": True}, 64),
        # 4 steps of 16 unlabelled images, nothing else
        ({"fraction": 0.0, "batch": 0, "batch_unlabelled": 16, "weights": {"classes": 1.0}, "starts": {}}, 64),
    ],
)
def test_images_are_counted_as_often_as_they_go_forward_and_backward(changes, images):
    assert methods.images_processed(changed(SEQ_MT, **changes)) == pytest.approx(images)


def test_images_that_are_left_follow_the_terms_that_have_started():
    """32 steps of 8 and 4 images; ELT, which counts its images twice and draws them, joins after 8 steps."""
    e = changed(
        SEQ_MT, images=256, batch=8, batch_unlabelled=4, weights={"landmarks": 1.0, "elt": 1.0}, starts={"elt": 0.25}
    )
    assert methods.images_processed(e) == methods.images_processed(e, 0) == 32 * 8 + 24 * 2 * 4
    assert methods.images_processed(e, 4) == 28 * 8 + 24 * 2 * 4
    assert methods.images_processed(e, 16) == 16 * 8 + 16 * 2 * 4
    assert methods.images_processed(e, 32) == 0


def test_images_of_two_stages_add_up_and_those_of_a_finished_stage_are_not_left():
    """First 32 steps of 8 images alone, then 8 steps of 4 unlabelled images."""
    (stage,) = SEQ_MT.stages
    first = replace(stage, name="first", images=256, batch_unlabelled=0, weights={"landmarks": 1.0}, onset={})
    second = replace(stage, name="second", images=32, batch=0, weights={"classes": 1.0}, onset={})
    e = replace(SEQ_MT, stages=(first, second))
    left = {done: methods.images_processed(e, done) for done in (0, 12, 32, 34, 40)}
    assert left == {0: 32 * 8 + 8 * 4, 12: 20 * 8 + 8 * 4, 32: 8 * 4, 34: 6 * 4, 40: 0}
