"""Stand-ins of cats' heads."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib import loading
from landmarklib.standins import cats


def eyes(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 0] - points[:, 1], axis=-1).clip(2)


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(cats, len(loading.get("cats").landmarks))
    assert cats.LANDMARKS == loading.get("cats").landmarks


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(cats.draw(300, 32, seed=1), eyes)
    assert mean > 50 and 0.4 < ridge < 0.95


def test_what_is_given_is_kept_and_the_cat_has_one_coat():
    drawn = cats.draw(3, 16, cat=[3, 3, 4], coat=[5, 0, 1])
    assert drawn.attributes["cat"].tolist() == [3, 3, 4] and drawn.attributes["coat"].tolist() == [5, 0, 1]
    assert len(set(cats.draw(5, 16, cat=[9] * 5).attributes["coat"])) == 1
    with pytest.raises(TypeError, match="unknown attribute tail; known: cat, coat"):
        cats.draw(1, 16, tail=[1])


def test_the_points_lie_as_a_cats_and_in_the_image():
    """Left of the image's, however the head turns: eyes, ears and their edges in order, along the line of the ears."""
    points = cats.draw(200, 64).points
    assert ((points >= 0) & (points <= 63)).all()
    along = points[:, 8] - points[:, 3]
    places = np.einsum("nkc,nc->nk", points, along / np.linalg.norm(along, axis=-1, keepdims=True))
    assert (np.diff(places[:, [3, 5, 6, 8]]) > 0).all() and (places[:, 0] < places[:, 1]).all()
    down = np.stack([-along[:, 1], along[:, 0]], 1)
    depth = np.einsum("nkc,nc->nk", points, down)
    assert (depth[:, [4, 7]].max(1) < depth[:, [0, 1]].min(1)).all() and (depth[:, 2] > depth[:, [0, 1]].max(1)).all()
