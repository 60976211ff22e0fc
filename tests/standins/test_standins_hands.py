"""Stand-in hands: what they show, where their points lie, and that a gesture is told by them."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib.drawing import generator
from landmarklib.standins import hands


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(hands, len(hands.LANDMARKS))


def test_what_is_given_is_kept_and_unknown_names_are_refused():
    given = {"gesture": [0, 7, 26, 7], "subject": [1, 5, 0, 1], "right": [1, 0, 1, 1], "back": [0, 0, 1, 0]}
    drawn = hands.draw(4, 32, **given)
    assert {name: values.tolist() for name, values in drawn.attributes.items()} == given
    with pytest.raises(TypeError, match="unknown attribute gestures; known: gesture, subject"):
        hands.draw(1, 32, gestures=[0])


def test_the_thumb_is_where_a_hand_has_it():
    """Seen from the palm with the fingers up, a right hand's thumb is on the right.

    So it is from the back with the fingers down.
    """
    for back, turn in ((0, 0.0), (1, np.pi)):
        for right in (0, 1):
            a = hands.draw(20, 32, gesture=[8] * 20, right=[right] * 20, back=[back] * 20, turn=[turn] * 20)
            assert ((a.points[:, 4, 0] > a.points[:, 23, 0]) == bool(right)).all()


def test_sixteen_points_are_the_wrists_middle_and_three_of_each_finger():
    names = [hands.LANDMARKS[k] for k in hands.SIXTEEN]
    assert [name.split()[0] for name in names] == [f for f in ("thumb", *hands.FINGERS) for _ in range(3)]
    a = hands.draw(2, 32)
    found = hands.sixteen(a.points)
    assert found.shape == (2, 16, 2) and np.array_equal(found[:, 0], a.points[:, [0, 24]].mean(1))


def wrist(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 0] - points[:, 24], axis=-1)


def shapes(n: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalised points of hands, and their gestures."""
    gestures, found = np.arange(n) % len(hands.GESTURES), []
    for i, gesture in enumerate(gestures):
        rng = generator(3, hands.IMAGE, first + i)
        points = hands.pose(rng, hands.looks(3, int(rng.integers(hands.N_SUBJECTS))), int(gesture)).points()
        centred = points - points.mean(0)
        found.append((centred / np.sqrt((centred**2).mean())).ravel())
    return np.array(found), gestures


def test_points_tell_the_gesture():
    (known, gestures), (new, expected) = shapes(2700, 0), shapes(270, 5000)
    nearest = ((new[:, None] - known[None]) ** 2).sum(-1).argmin(1)
    assert (gestures[nearest] == expected).mean() > 0.97


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(hands.draw(300, 64, seed=1), wrist)
    assert mean > 10 and 0.4 < ridge < 0.95
