"""Stand-ins of people: whole ones at sport, and signers in clips."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib.standins import bodies


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(bodies, len(bodies.JOINTS))


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(bodies.draw(300, 64, seed=1), kinds.box_side)
    assert mean > 20 and 0.4 < ridge < 0.95


def test_what_is_given_is_kept_and_unknown_names_are_refused():
    given = {"person": [7, 7, 8], "activity": [0, 1, 2]}
    drawn = bodies.draw(3, 32, **given)
    assert {name: values.tolist() for name, values in drawn.attributes.items()} == given
    with pytest.raises(TypeError, match="unknown attribute shoe; known: person, activity, clip, frame"):
        bodies.draw(1, 32, shoe=[1])


def test_all_of_a_person_lies_in_the_image_and_some_joints_are_hidden():
    drawn = bodies.draw(200, 48)
    assert ((drawn.points >= 0) & (drawn.points <= 47)).all()
    assert 0.02 < (~drawn.visible).mean() < 0.3


def test_bones_keep_their_lengths_in_all_poses_of_a_person():
    found = [bodies.skeleton(np.random.default_rng(1), np.random.default_rng(i), "tumble", None)[0] for i in range(5)]
    for k in (bodies.RIGHT_LEG, bodies.LEFT_LEG, bodies.RIGHT_ARM, bodies.LEFT_ARM):
        lengths = np.linalg.norm([np.diff(joints[list(k)], axis=0) for joints in found], axis=-1)
        assert np.allclose(lengths, lengths[0])


def test_a_signer_moves_smoothly_in_one_place_and_all_seven_joints_are_seen():
    frames = np.arange(50)
    clip = bodies.draw(50, 64, clip=np.full(50, 3), frame=frames)
    assert set(clip.attributes["person"]) == {3} and clip.attributes["frame"].tolist() == frames.tolist()
    assert np.abs(np.diff(clip.points, axis=0)).max() < 2 < np.ptp(clip.points[:, 10], axis=0).max()
    corners = clip.images[:, :, :6, :6].astype(float).mean((1, 2, 3))
    assert np.ptp(corners) < 5
    many = bodies.draw(200, 16, clip=np.arange(200), frame=37 * frames.repeat(4))
    points = bodies.seven(many.points)
    assert ((points >= 0) & (points <= 15)).all()


def test_other_sets_joints():
    points = np.arange(32.0).reshape(1, 16, 2)
    assert bodies.fourteen(points)[0, :, 0].tolist() == [0, 2, 4, 6, 8, 10, 20, 22, 24, 26, 28, 30, 16, 18]
    assert bodies.fourteen(np.zeros((2, 16), bool)).shape == (2, 14)
    assert bodies.seven(points)[0, :, 0].tolist() == [17, 20, 30, 22, 28, 24, 26]
