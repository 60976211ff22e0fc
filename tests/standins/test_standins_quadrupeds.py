"""Stand-ins of tigers."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib.standins import quadrupeds

NOSE, TAIL = quadrupeds.JOINTS.index("nose"), quadrupeds.JOINTS.index("tail")


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(quadrupeds, 19)


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(quadrupeds.draw(300, 32, seed=1), kinds.box_side)
    assert mean > 20 and 0.4 < ridge < 0.95


def test_what_is_given_is_kept_and_the_points_tell_the_direction():
    drawn = quadrupeds.draw(40, 16, animal=[5] * 40, facing=[0, 1] * 20)
    assert set(drawn.attributes["animal"]) == {5} and drawn.attributes["facing"].tolist() == [0, 1] * 20
    assert ((drawn.points[:, NOSE, 0] > drawn.points[:, TAIL, 0]) == drawn.attributes["facing"]).all()
    with pytest.raises(TypeError, match="unknown attribute stripes; known: animal, facing"):
        quadrupeds.draw(1, 16, stripes=[1])


def test_the_flank_that_is_seen_is_the_right_one_of_a_tiger_that_walks_to_the_right():
    right, left = (quadrupeds.JOINTS.index(f"{side} hip") for side in ("right", "left"))
    for facing, near, far in ((1, right, left), (0, left, right)):
        shown = quadrupeds.draw(40, 16, facing=[facing] * 40).visible
        assert shown[:, near].mean() > 0.8 > 0.7 > shown[:, far].mean()


def test_a_tiger_walks_on_smoothly_from_frame_to_frame():
    frames = np.arange(60)
    clip = quadrupeds.draw(60, 64, clip=[2] * 60, frame=frames)
    assert set(clip.attributes["facing"]) in ({0}, {1}) and clip.attributes["frame"].tolist() == frames.tolist()
    steps = np.linalg.norm(np.diff(clip.points, axis=0), axis=-1)
    assert steps.max() < 5 and np.ptp(clip.points[:, 4], axis=0).max() > 5


def test_points_of_tiger_pose():
    names = [quadrupeds.JOINTS[int(k)] for k in quadrupeds.twelve(np.arange(19.0)[None, :, None].repeat(2, 2))[0, :, 0]]
    assert names == [
        *("nose", "left ear", "withers", "croup", "right knee", "right back paw", "left back paw", "left knee"),
        *("right elbow", "right front paw", "left elbow", "left front paw"),
    ]
