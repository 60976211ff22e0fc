"""The reader of the hands labelled with DeepLabCut, on a small copy and, where it is there, on the real archive."""

from __future__ import annotations

import re

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.formats import archive as files
from landmarklib.loading import inspection

FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINTS = ["wristCenter"] + [f"{finger}{joint}" for finger in FINGERS for joint in ("Start", "Center", "End")]
HEADER = "file,split,video,hand,n_visible,crop_x0,crop_y0,crop_side," + ",".join(f"x_{j},y_{j}" for j in JOINTS)
ROWS = [
    ("A__img1__leftHand.jpg", "train", "A", "leftHand", 16),
    ("A__img1__rightHand.jpg", "train", "A", "rightHand", 15),
    ("B__img7__leftHand.jpg", "test", "B", "leftHand", 16),
    ("C__img2__rightHand.jpg", "val", "C", "rightHand", 16),
]


def row(i: int) -> str:
    """Row i has its points at (k + i/8, 2 k); of one hand the thumb's end, k = 3, has no point."""
    cells = [f"{k + i / 8},{2 * k}" for k in range(16)]
    if ROWS[i][4] == 15:
        cells[3] = ","
    return ",".join([*map(str, ROWS[i]), "10.5", "20", "240", *cells])


LANDMARKS = "\n".join([HEADER, *map(row, range(len(ROWS)))]) + "\n"


@pytest.fixture
def archive(tmp_path):
    """Four hands of three videos; one point is missing."""
    (tmp_path / "landmarks.csv").write_text(LANDMARKS)
    for name, *_ in ROWS:
        draw(tmp_path / "images" / name, 160, 160)
    return tmp_path


def test_points_hands_and_videos(archive):
    splits = read("dlc_hands", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 2, "val": 1, "test": 1}
    train, test = splits["train"], splits["test"]
    assert test.points[0].tolist() == [[k + 0.25, 2 * k] for k in range(16)] and test.visible.all()
    assert np.flatnonzero(~train.visible[1]).tolist() == [3] and train.visible[0].all()
    assert np.isnan(train.points[1, 3]).all() and np.isfinite(train.points[1][train.visible[1]]).all()
    assert train.attributes["hand"].tolist() == [0, 1] and train.attributes["hand"].dtype == np.int64
    assert train.attributes["video"].tolist() == ["A", "A"] and test.attributes["video"].tolist() == ["B"]
    assert train.files == ("images/A__img1__leftHand.jpg", "images/A__img1__rightHand.jpg")


def test_fingers_begin_at_the_wrist():
    d = loading.get("dlc_hands")
    edges = [(d.landmarks[a], d.landmarks[b]) for a, b in d.skeleton]
    assert edges[:3] == [("wrist", "thumb start"), ("thumb start", "thumb center"), ("thumb center", "thumb end")]
    assert ("wrist", "little start") in edges and len(edges) == 15


def test_the_check_decodes_every_image(archive, monkeypatch):
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("dlc_hands").startswith(
        "dlc_hands: a part: train 2 of 160, val 1 of 40, test 1 of 40 images"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",y_ringEnd", ",y_ring", "line 1: no column y_ringEnd; expected file, split"),
        (row(2), row(2).rsplit(",", 1)[0], "line 4: 39 cells; expected 40"),
        ("2.25,4,", "nan,4,", "line 4: '.* nan 4 .*; expected x and y"),
        ("2.25,4,", "inf,4,", "line 4: .*; expected x and y"),
        ("2.25,4,", "two,4,", "line 4: .*; expected x and y"),
        ("2.25,4,", ",4,", "line 4: .*; expected x and y"),
        ("2.25,4,", ",,", "line 4: 15 points; n_visible is '16'"),
        (
            "leftHand,16,10.5,20,240,0.25",
            "bothHands,16,10.5,20,240,0.25",
            "line 4: hand 'bothHands'; expected leftHand or",
        ),
        ("test,B", "dev,B", "line 4: split 'dev'; expected train, val or test"),
        ("test,B", "test,A", "line 4: A is in test and in train"),
        ("B__img7__leftHand", "A__img1__leftHand", "A__img1__leftHand.jpg is listed twice"),
        (LANDMARKS, "", "empty"),
    ],
)  # fmt: skip
def test_a_bad_list_is_named(archive, old, new, message):
    assert old in LANDMARKS
    (archive / "landmarks.csv").write_text(LANDMARKS.replace(old, new))
    with pytest.raises(UserError, match=rf"landmarks\.csv(, |: ){message}"):
        read("dlc_hands", archive)


def test_a_missing_list_is_named(archive):
    (archive / "landmarks.csv").unlink()
    with pytest.raises(UserError, match=r"landmarks.csv: missing"):
        read("dlc_hands", archive)


def test_a_path_out_of_the_folder_is_refused(archive, monkeypatch):
    (archive / "landmarks.csv").write_text(LANDMARKS.replace("B__img7__leftHand", "../../B__img7__leftHand"))
    monkeypatch.setattr(files, "find", lambda *_: archive)
    with pytest.raises(UserError, match=r"'images/\.\./\.\./B__img7__leftHand\.jpg' leaves the data set's folder"):
        inspection.check("dlc_hands")


def test_the_real_archive():
    splits = real("dlc_hands")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 160, "val": 40, "test": 40}
    videos = [set(listing.attributes["video"]) for listing in splits.values()]
    assert [len(found) for found in videos] == [4, 1, 1] and len(set.union(*videos)) == 6
    for listing in splits.values():
        assert listing.visible.all() and 21 < listing.points.min() and listing.points.max() < 140
        assert np.bincount(listing.attributes["hand"]).tolist() == [len(listing) / 2] * 2
        assert all(re.fullmatch(r"images/\w+__img\d+__(left|right)Hand\.jpg", file) for file in listing.files)
    assert splits["train"].points[0, 0].tolist() == [101.739, 21.447]
    assert subsets.ids_hash(list(splits["test"].ids)) == "3940b0a3d596"
