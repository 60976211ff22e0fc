"""Stand-ins of birds."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

from landmarklib import loading
from landmarklib.standins import birds


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(birds, 15)
    assert birds.PARTS == loading.get("cub").landmarks


def test_neither_the_mean_shape_nor_a_ridge_is_good():
    mean, ridge = kinds.varies(birds.draw(300, 32, seed=1), kinds.box_side)
    assert mean > 20 and 0.4 < ridge < 0.95


def test_what_is_given_is_kept():
    assert birds.draw(3, 16, species=[0, 199, 7]).attributes["species"].tolist() == [0, 199, 7]
    with pytest.raises(TypeError, match="unknown attribute wings; known: species"):
        birds.draw(1, 16, wings=[1])


def test_all_parts_lie_in_the_image_and_mostly_one_eye_is_seen():
    drawn = birds.draw(300, 32)
    assert ((drawn.points >= 0) & (drawn.points <= 31)).all()
    seen = drawn.visible[:, [birds.PARTS.index("left eye"), birds.PARTS.index("right eye")]].sum(1)
    assert (seen == 1).mean() > 0.7 and set(seen) == {0, 1, 2}


def test_the_right_side_is_seen_of_a_bird_that_looks_to_the_right():
    drawn = birds.draw(300, 32)
    tail, breast = (drawn.points[:, birds.PARTS.index(part), 0] for part in ("tail", "breast"))
    right = (breast - tail) > 6
    left = (tail - breast) > 6
    wings = drawn.visible[:, [birds.PARTS.index("left wing"), birds.PARTS.index("right wing")]]
    assert wings[right, 1].mean() > 0.8 > 0.2 > wings[right, 0].mean()
    assert wings[left, 0].mean() > 0.8 > 0.2 > wings[left, 1].mean()


def test_a_species_has_its_proportions():
    drawn = birds.draw(6, 16, species=[4] * 3 + [5] * 3)
    one, other = (birds.Bird(np.random.default_rng(1), np.random.default_rng(k), 16) for k in (4, 5))
    assert one.beak != other.beak and not np.array_equal(one.colours, other.colours)
    assert drawn.attributes["species"].tolist() == [4, 4, 4, 5, 5, 5]
