"""Test faces whole, training faces in squares of their scale, validation faces off their squares' centre."""

from __future__ import annotations

import numpy as np

from landmarklib.datasets import mtfl, mtfl_whole


def test_a_training_face_fills_its_square_as_the_margin_says():
    points = np.array([[[10.0, 20.0], [30.0, 20.0], [20.0, 30.0], [15.0, 60.0], [25.0, 60.0]]])
    (box,) = mtfl_whole.squares(points)
    assert np.allclose(box, [20.5 - 56, 40.5 - 56, 20.5 + 56, 40.5 + 56])  # 40 px high, 2.8 times as wide


def test_validation_squares_are_moved_by_their_ids_alone_and_within_their_ranges():
    boxes, ids = np.tile([0.0, 0.0, 100.0, 100.0], (500, 1)), tuple(f"{i}.jpg" for i in range(500))
    moved = mtfl_whole.displaced(boxes, ids)
    assert np.array_equal(mtfl_whole.displaced(boxes, ids[::-1])[::-1], moved)
    side, centre = moved[:, 2] - moved[:, 0], (moved[:, :2] + moved[:, 2:]) / 2 - 50
    assert np.allclose(moved[:, 3] - moved[:, 1], side)
    assert 90 <= side.min() < 91 and 109 < side.max() <= 110
    assert 9.5 < abs(centre).max() <= 10 and np.abs(centre.mean(0)).max() < 1


def test_test_faces_are_whole_and_all_splits_are_mtfls(tmp_path):
    counts = {"train": 20, "val": 2, "test": 5}
    written = mtfl_whole.write_standin(tmp_path, counts, 0)
    read, plain = mtfl_whole.read(tmp_path), mtfl.read(tmp_path)
    assert np.array_equal(read["test"].boxes, np.tile([0.0, 0.0, 150.0, 150.0], (5, 1)))
    for split, listing in read.items():
        assert listing.ids == plain[split].ids and np.array_equal(listing.points, plain[split].points)
        assert np.allclose(written[split].boxes, listing.boxes, atol=1e-4)
