"""Squares that are moved into their photos: where they go, and that points stay on their pixels."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landmarklib import loading
from landmarklib.core import versions
from landmarklib.core.errors import UserError
from landmarklib.core.types import Crop, Listing, Recipe
from landmarklib.formats import archive
from landmarklib.loading import crops, cutting, photos
from landmarklib.pages import overlap

WIDE, HIGH = 60, 40  # of the photos
# Left, top and side of a square, and of where it goes.
BY_HAND = [
    ((10, 5, 20), (10, 5, 20)),  # inside
    ((0, 0, 40), (0, 0, 40)),  # up to three edges
    ((-7, 5, 20), (0, 5, 20)),  # over the left edge
    ((50, 5, 20), (40, 5, 20)),
    ((10, -3, 20), (10, 0, 20)),
    ((10, 31, 20), (10, 20, 20)),
    ((-5, -9, 30), (0, 0, 30)),  # over a corner
    ((55, 25, 20), (40, 20, 20)),
    ((5, -4, 50), (10, 0, 40)),  # higher than the photo: the width loses 5 on both sides
    ((-20, -4, 50), (5, 0, 40)),  # it is shifted before that
    ((-10, -20, 80), (10, 0, 40)),  # larger than the photo both ways: its middle
]


@pytest.mark.parametrize(("square", "expected"), BY_HAND)
def test_a_square_by_hand(square, expected):
    (found,) = cutting.moved(np.array([square], float), np.array([[WIDE, HIGH]]))
    assert found.tolist() == list(expected)


def test_a_margin_widens_a_square_where_it_lies_at_last():
    (found,) = cutting.moved(np.array([[-7.0, 5, 20]]), np.array([[WIDE, HIGH]]), 1.5)
    assert found.tolist() == [-5, 0, 30]  # around 10, 15, as 0, 5, 20 is; over the edge again


def slowly_moved(square, wide: int, high: int) -> tuple[int, int, int]:
    """The same for whole pixels, a pixel at a time."""
    left, top, side = square
    right, bottom = left + side, top + side
    while left < 0:
        left, right = left + 1, right + 1
    while right > wide:
        left, right = left - 1, right - 1
    while top < 0:
        top, bottom = top + 1, bottom + 1
    while bottom > high:
        top, bottom = top - 1, bottom - 1
    left, right, top, bottom = max(left, 0), min(right, wide), max(top, 0), min(bottom, high)
    while right - left > bottom - top:
        left, right = left + 1, right - 1
    while bottom - top > right - left:
        top, bottom = top + 1, bottom - 1
    return left, top, min(right - left, bottom - top)


def test_squares_go_where_moving_them_a_pixel_at_a_time_takes_them():
    rng = np.random.default_rng(0)
    squares, sizes = rng.integers(-30, 60, (500, 3)), rng.integers(30, 70, (500, 2))
    squares[:, 2] = rng.integers(2, 80, 500)
    found = cutting.moved(squares.astype(float), sizes)
    assert (found[:, :2] >= 0).all() and (found[:, :2] + found[:, 2:] <= sizes).all()
    even = (np.minimum(squares[:, 2:], sizes) % 2 == 0).all(1)  # else what is left lies between pixels
    assert even.sum() > 100
    expected = [slowly_moved(*given) for given in zip(squares[even], *sizes[even].T, strict=True)]
    np.testing.assert_array_equal(found[even], expected)


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A data set with a photo of noise and a square for each of BY_HAND, two points in all of them."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    (tmp_path / "faces").mkdir()
    rng, n = np.random.default_rng(0), len(BY_HAND)
    for i in range(n):
        Image.fromarray(rng.integers(1, 256, (HIGH, WIDE), np.uint8)).save(tmp_path / "faces" / f"{i}.png")
    squares = np.array([square for square, _ in BY_HAND], float)
    goals = np.array([goal for _, goal in BY_HAND], float)
    points = np.stack([goals[:, :2], goals[:, :2] + np.floor(goals[:, 2:] / 3)], 1)  # whole pixels
    boxes = np.concatenate([squares[:, :2], squares[:, :2] + squares[:, 2:]], 1)
    ids = tuple(f"{i}.png" for i in range(n))
    listing = Listing(ids, points, np.ones((n, 2), bool), ids, {"class": np.arange(n)}, boxes)
    mtfl = loading.get("mtfl")
    recipe = Recipe("box", 1.0, moved=True)
    return replace(mtfl, name="faces", folder="faces", read=lambda _: {"train": listing}, recipe=recipe)


def photo(tmp_path, i: int) -> np.ndarray:
    return np.asarray(Image.open(tmp_path / "faces" / f"{i}.png"))


@pytest.mark.parametrize("size", [20, 30, 40])
def test_crops_of_the_squares_size_are_the_photos_own_pixels_and_points_stay_on_them(faces, tmp_path, size):
    a = crops.load(faces, "train", Crop(size))
    listing, seen = faces.read(None)["train"], 0
    for i, (_, (left, top, side)) in enumerate(BY_HAND):
        if side != size:
            continue
        whole = photo(tmp_path, i)
        np.testing.assert_array_equal(a.images[i, 0], whole[top : top + side, left : left + side])
        for (x, y), (column, row) in zip(listing.points[i].astype(int), a.points[i].astype(int), strict=True):
            assert a.images[i, 0, row, column] == whole[y, x]
        assert a.pixel[i] == 1 and a.visible[i].all()
        seen += 1
    assert seen and (a.points == a.points.round()).all(-1)[a.pixel == 1].all()


def test_around_a_moved_square_is_the_photo_then_black(faces, tmp_path):
    """With the margin of jitter, twice here: 40 pixels around the middle of 0, 5, 20 reach from -10, -5 to 30, 35."""
    a = crops.load(faces, "train", Crop(40, 2.0))
    i = 2
    shown, whole = a.images[i, 0], photo(tmp_path, i)
    assert (shown[:5] == 0).all() and (shown[:, :10] == 0).all()
    np.testing.assert_array_equal(shown[5:, 10:], whole[:35, :30])
    np.testing.assert_allclose(a.points[i], faces.read(None)["train"].points[i] + [10, 5])


def test_without_moving_the_same_squares_are_black_beyond_the_photo(faces, tmp_path):
    a = crops.load(replace(faces, recipe=Recipe("box", 1.0)), "train", Crop(20))
    np.testing.assert_array_equal(a.images[0, 0], photo(tmp_path, 0)[5:25, 10:30])
    assert (a.images[2, 0, :, :7] == 0).all() and (a.images[2, 0, :, 7:] > 0).all()


def test_an_image_whose_photo_cannot_be_read_is_left_out(faces, tmp_path, monkeypatch):
    monkeypatch.setenv(photos.VARIABLE, "0.2")
    (tmp_path / "faces" / "1.png").write_bytes(b"no picture")
    a = crops.load(faces, "train", Crop(20))
    assert a.ids == tuple(f"{i}.png" for i in range(len(BY_HAND)) if i != 1)
    assert len(a.images) == len(a.points) == len(BY_HAND) - 1
    split = photos.Split(tmp_path / "faces", "train", faces.read(None)["train"])
    with pytest.raises(UserError, match=r"1\.png: not an image that can be decoded"):
        crops.cut_out(faces, split)


def test_images_of_one_file_have_their_squares_moved_too(faces):
    pixels = np.arange(2 * HIGH * WIDE).reshape(2, 1, HIGH, WIDE).astype(np.uint8)
    listing = replace(faces.read(None)["train"][np.array([2, 6])], files=())
    packed = replace(faces, read=lambda _: {"train": listing}, images=lambda folder, split: pixels)
    a = crops.load(packed, "train", Crop(20))
    np.testing.assert_array_equal(a.images[0, 0], pixels[0, 0, 5:25, :20])
    np.testing.assert_allclose(a.pixel, [1, 20 / 30])


def test_files_of_other_crops_keep_their_names(faces, tmp_path):
    """Their fingerprint is over what a recipe was before squares could be moved."""
    black = replace(faces, recipe=Recipe("box", 1.0))
    listing = faces.read(None)["train"]
    split = photos.Split(tmp_path / "faces", "train", listing)
    recipe = {"around": "box", "margin": 1.0, "grey": True, "groups": ()}
    digest = hashlib.sha256(json.dumps([versions.of("crops"), 20, 1.0, recipe]).encode())
    digest.update(f"train {len(listing)}".encode())
    digest.update(cutting.squares(listing, black.recipe).round(3).tobytes())
    for file in listing.files:
        state = os.stat(tmp_path / "faces" / file)
        digest.update(f"{file} {state.st_size} {state.st_mtime_ns}".encode())
    assert crops.fingerprint(black, split, Crop(20)) == digest.hexdigest()[:16]
    assert crops.fingerprint(faces, split, Crop(20)) != digest.hexdigest()[:16]


def test_attributes_and_landmarks_are_compared_on_moved_squares(faces, monkeypatch):
    seen = {}
    monkeypatch.setattr(loading, "get", lambda name: replace(faces, attributes={"class": len(BY_HAND)}))
    monkeypatch.setattr(overlap.tiers, "choose", lambda dataset, *_: dataset)
    monkeypatch.setattr(overlap, "with_landmarks", lambda value, points: seen.update(points=points) or np.zeros(1))
    overlap.measure("faces")
    (left, top, side), first = BY_HAND[2][1], faces.read(None)["train"].points[2]
    np.testing.assert_allclose(seen["points"][2], (first + 0.5 - [left, top]) * 80 / side - 0.5)
