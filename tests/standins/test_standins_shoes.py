"""Stand-in shoes."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib.standins import shoes


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(shoes, len(shoes.LANDMARKS))


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(shoes.draw(300, 64, seed=1), lambda p: np.linalg.norm(p[:, 0] - p[:, 4], axis=-1))
    assert mean > 10 and 0.4 < ridge < 0.95


def test_what_is_given_is_kept_and_unknown_names_are_refused():
    assert shoes.draw(4, 32, category=[3, 0, 1, 1]).attributes["category"].tolist() == [3, 0, 1, 1]
    with pytest.raises(TypeError, match="unknown attribute heel; known: category"):
        shoes.draw(1, 32, heel=[1])


def test_toes_are_on_the_left_and_shoes_stand_on_their_soles():
    a = shoes.draw(200, 64, category=np.arange(200) % 4)
    toe, ball, breast, end, counter, back, front, vamp = (a.points[:, k] for k in range(8))
    assert (toe[:, 0] < vamp[:, 0]).all() and (vamp[:, 0] < front[:, 0]).all() and (front[:, 0] < back[:, 0]).all()
    assert (breast[:, 0] < end[:, 0]).all() and (counter[:, 1] > back[:, 1]).all()
    assert np.abs(ball[:, 1] - end[:, 1]).max() < 8


def test_the_collar_tells_boots_and_slippers():
    a = shoes.draw(400, 64, category=np.arange(400) % 4)
    length = np.linalg.norm(a.points[:, 0] - a.points[:, 4], axis=-1)
    height = (a.points[:, 4, 1] - a.points[:, 5, 1]) / length
    boots, sandals, closed, slippers = (height[k::4] for k in range(4))
    assert boots.min() > max(sandals.max(), closed.max()) and slippers.max() < closed.min()
    corner = a.images[:, :, :3, :3].mean((1, 2, 3))
    assert corner.min() > 200
