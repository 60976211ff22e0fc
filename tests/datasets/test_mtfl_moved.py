"""MTFL with RCN's squares: whole pixels around eyes and mouth, by hand and against the rule read slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core.types import Crop
from landmarklib.datasets import mtfl, mtfl_moved
from landmarklib.formats import archive
from landmarklib.loading import crops

FRONTAL = [[40.9, 50], [80.2, 50], [61, 70], [45, 90], [75, 90.0]]


def slowly(points: np.ndarray) -> list[int]:
    """RCN's rule for one face, up to the edges of its photo, number by number."""
    (lx, ly), (rx, ry), _, (ax, ay), (bx, by) = points.tolist()
    x, y = sorted([lx, rx, ax, bx]), sorted([ly, ry, ay, by])
    left, right, top, bottom = int(x[0]), int(x[-1]), int(y[0]), int(y[-1])
    lack = (right - left) - (bottom - top)
    if lack > 0:
        top, bottom = top - math.ceil(lack / 2), bottom + lack // 2
    else:
        left, right = left - math.ceil(-lack / 2), right + -lack // 2
    eyes = math.dist((lx, ly), (rx, ry))
    mouth = math.dist(((lx + rx) / 2, (ly + ry) / 2), ((ax + bx) / 2, (ay + by) / 2))
    more = int(max(eyes, mouth) * 3.8 / 4)
    return [left - more, top - more, right + more, bottom + more]


def test_a_square_by_hand():
    """Eyes 39.3 apart, 40 above the mouth: 38 on every side of 40 to 80, 50 to 90, which is a square already."""
    assert mtfl_moved.boxes(np.array([FRONTAL])).tolist() == [[2, 12, 118, 128]]
    wide = np.array([FRONTAL]) * [1, 0.5]  # 25 to 45 high: ten are lacking above and below; 37 on every side
    assert mtfl_moved.boxes(wide).tolist() == [[3, -22, 117, 92]]
    assert mtfl_moved.boxes(wide[..., ::-1]).tolist() == [[slowly(wide[0, :, ::-1])[i] for i in range(4)]]


def test_the_nose_does_not_count():
    far = np.array([FRONTAL])
    far[0, 2] = 500
    assert mtfl_moved.boxes(far).tolist() == mtfl_moved.boxes(np.array([FRONTAL])).tolist()


def test_squares_are_those_of_the_rule_read_slowly():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (300, 5, 2)).round(6)
    found = mtfl_moved.boxes(points)
    assert found.tolist() == [slowly(face) for face in points]
    assert (found[:, 2] - found[:, 0] == found[:, 3] - found[:, 1]).all()


def test_a_face_without_points_has_a_square():
    assert mtfl_moved.boxes(np.full((1, 5, 2), np.nan)).tolist() == [[0, 0, 0, 0]]


def test_all_but_the_squares_is_mtfls(tmp_path):
    counts = {"train": 9, "val": 1, "test": 4}
    written = mtfl_moved.write_standin(tmp_path, counts)
    ours, plain = read("mtfl_moved", tmp_path), read("mtfl", tmp_path)
    for split, listing in plain.items():
        found = ours[split]
        assert (found.ids, found.files) == (listing.ids, listing.files) and listing.boxes is None
        np.testing.assert_array_equal(found.points, listing.points)
        np.testing.assert_array_equal(found.boxes, written[split].boxes)
        np.testing.assert_array_equal(found.boxes, [slowly(face) for face in listing.points])
    a, b = loading.get("mtfl_moved"), loading.get("mtfl")
    assert (a.folder, a.counts, a.ids, a.shifted_labels) == (b.folder, b.counts, b.ids, b.shifted_labels)
    assert a.normalizer is b.normalizer and a.recipe.moved and not b.recipe.moved


def test_no_crop_is_black_beyond_its_photo(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    (tmp_path / "mtfl").mkdir()
    mtfl.write_standin(tmp_path / "mtfl", {"train": 18, "val": 2, "test": 12})
    d = loading.get("mtfl_moved")
    a = crops.load(d, "test", Crop(80))
    assert a.visible.all() and not (a.images == 0).all((1, 2)).any() and not (a.images == 0).all((1, 3)).any()
    np.testing.assert_allclose(
        a.normalizer, np.linalg.norm(a.points[:, 0] - a.points[:, 1], axis=-1), rtol=1e-5
    )  # the distance of the eyes, in pixels of the crop


def test_the_real_archive():
    splits = real("mtfl_moved")
    for listing in splits.values():
        assert listing.boxes.tolist() == [slowly(face) for face in listing.points]
    beyond = (splits["test"].boxes < 0) | (splits["test"].boxes > 150)  # of photos of 150 x 150
    assert beyond.any(1).mean() == pytest.approx(0.78, abs=0.01)
