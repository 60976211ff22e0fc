"""Stand-in digits."""

from __future__ import annotations

import kinds
import numpy as np

from landmarklib.standins import digits


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(digits, len(digits.LANDMARKS))


def test_digits_are_grey_on_black_and_points_on_the_ink():
    a = digits.draw(40, 28, digit=np.arange(40) % 10)
    assert a.attributes["digit"].tolist() == [i % 10 for i in range(40)]
    assert (a.images == a.images[:, :1]).all() and 0.05 < a.images.mean() / 255 < 0.3
    assert not a.images[:, :, [0, -1]].any() and not a.images[..., [0, -1]].any()
    x, y = np.rint(a.points[:, [0, 3, -1]]).astype(int).transpose(2, 0, 1)
    one_stroke = a.attributes["digit"] != 4
    assert (a.images[np.arange(40)[:, None], 0, y, x] > 90)[one_stroke].all()


def test_the_nearest_picture_has_the_same_digit():
    a = digits.draw(600, 28, digit=np.arange(600) % 10)
    flat = a.images[:, 0].reshape(600, -1).astype(float)
    known, new = flat[:500], flat[500:]
    nearest = ((new[:, None] - known[None]) ** 2).sum(-1).argmin(1)
    assert (a.attributes["digit"][nearest] == a.attributes["digit"][500:]).mean() > 0.9
