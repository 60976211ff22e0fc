"""The reader of Extended Yale B, on a small copy in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.formats import archive as files
from landmarklib.loading import inspection

INDEX = """file,subject,azimuth,elevation,split
yaleB01_P00A+000E+00.pgm,yaleB01,0,0,train
yaleB38_P00A-005E-10.pgm,yaleB38,-5,-10,test
yaleB01_P00A+130E+20.pgm,yaleB01,130,20,train
yaleB05_P00A+000E+90.pgm,yaleB05,0,90,val
"""
PIXELS = np.repeat(np.arange(4, dtype=np.uint8), 64 * 56).reshape(4, 64, 56)


@pytest.fixture
def archive(tmp_path):
    """Four images of three people; every pixel of an image is its row."""
    (tmp_path / "index.csv").write_text(INDEX)
    np.savez_compressed(tmp_path / "images_64x56.npz", images=PIXELS)
    return tmp_path


def test_light_people_and_pixels(archive):
    splits = read("yaleb", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 2, "val": 1, "test": 1}
    train = splits["train"]
    assert train.ids == ("yaleB01_P00A+000E+00.pgm", "yaleB01_P00A+130E+20.pgm") and train.files == ()
    assert train.points.shape == (2, 0, 2) and train.visible.shape == (2, 0)
    assert train.attributes["azimuth"].tolist() == [0, 130] and train.attributes["elevation"].tolist() == [0, 20]
    assert splits["test"].attributes["azimuth"].tolist() == [-5]
    assert splits["test"].attributes["elevation"].tolist() == [-10]
    assert [list(listing.attributes["subject"]) for listing in splits.values()] == [
        ["yaleB01", "yaleB01"],
        ["yaleB05"],
        ["yaleB38"],
    ]
    for split, rows in {"train": [0, 2], "val": [3], "test": [1]}.items():
        pixels = loading.get("yaleb").images(archive, split)
        assert pixels.shape == (len(rows), 1, 64, 56) and pixels.dtype == np.uint8
        assert pixels[:, 0, 9, 9].tolist() == rows


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("azimuth,", "", "line 1: no column azimuth; expected file, subject"),
        (",130,20,train", ",130,20", "line 4: 4 cells; expected 5"),
        (",130,20,train", ",nan,20,train", "line 4: 'nan 20'; expected the light"),
        (",130,20,train", ",left,20,train", "line 4: 'left 20'; expected the light"),
        (",130,20,train", ",inf,20,train", "line 4: 'inf 20'; expected the light"),
        (",130,20,train", ",-130,20,train", "line 4: 'yaleB01_P00A.130E.20.pgm' is not yaleB01 with .* -130, 20"),
        ("pgm,yaleB38", "pgm,yaleB01", "line 3: 'yaleB38_P00A-005E-10.pgm' is not yaleB01"),
        ("yaleB05_P00A+000E+90.pgm", "yaleB05_P00_Ambient.pgm", "line 5: 'yaleB05_P00_Ambient.pgm' is not yaleB05"),
        ("0,90,val", "0,90,dev", "line 5: split 'dev'; expected train, val or test"),
        ("130,20,train", "130,20,val", "line 4: yaleB01 is in val and in train"),
        ("yaleB01_P00A+130E+20.pgm,yaleB01,130,20", "yaleB01_P00A+000E+00.pgm,yaleB01,0,0", ".* is listed twice"),
        ("yaleB01,0,0", '"yaleB01,0,0', "not a comma-separated table"),
        (INDEX, "", "empty"),
    ],
)
def test_a_bad_index_is_named(archive, old, new, message):
    assert old in INDEX
    (archive / "index.csv").write_text(INDEX.replace(old, new))
    with pytest.raises(UserError, match=rf"index\.csv(, |: ){message}"):
        read("yaleb", archive)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (PIXELS[:3], "images is 3 x 64 x 56; expected 4 x 64 x 56"),
        (PIXELS.transpose(0, 2, 1), "images is 4 x 56 x 64; expected"),
        (PIXELS.astype(float), "images are float64; expected uint8"),
        (PIXELS.astype(str), "no array of numbers 'images'"),
    ],
)
def test_bad_pixels_are_named(archive, images, message):
    np.savez(archive / "images_64x56.npz", images=images)
    with pytest.raises(UserError, match=f"images_64x56.npz: {message}"):
        read("yaleb", archive)


def test_missing_and_broken_files_are_named(archive):
    (archive / "images_64x56.npz").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(UserError, match=r"images_64x56.npz: not an \.npz file of plain arrays"):
        read("yaleb", archive)
    (archive / "images_64x56.npz").unlink()
    with pytest.raises(UserError, match=r"images_64x56.npz: missing"):
        read("yaleb", archive)
    (archive / "index.csv").unlink()
    with pytest.raises(UserError, match=r"index.csv: missing"):
        read("yaleb", archive)


def test_the_check_counts_images(archive, monkeypatch):
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("yaleb").startswith("yaleb: a part: train 2 of 1,780, val 1 of 255, test 1 of 379 images")


def test_the_real_archive():
    splits = real("yaleb")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 1780, "val": 255, "test": 379}
    people = {name: set(listing.attributes["subject"]) for name, listing in splits.items()}
    assert {name: len(found) for name, found in people.items()} == {"train": 28, "val": 4, "test": 6}
    everyone = set().union(*people.values())
    assert len(everyone) == 38 and "yaleB14" not in everyone
    azimuth, elevation = (
        np.concatenate([listing.attributes[name] for listing in splits.values()]) for name in ("azimuth", "elevation")
    )
    assert (azimuth.min(), azimuth.max(), elevation.min(), elevation.max()) == (-130, 130, -40, 90)
    assert subsets.ids_hash(list(splits["test"].ids)) == "4e92b6b95ace"


def test_the_real_pixels_follow_the_light():
    """With the light in front a face is bright, with the light behind it dark: rows and pixels belong together."""
    try:
        folder = files.find("yaleB", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    pixels, azimuth = loading.get("yaleb").images(folder, "val"), read("yaleb", folder)["val"].attributes["azimuth"]
    bright = pixels.mean((1, 2, 3))
    assert bright[np.abs(azimuth) <= 10].mean() > 3 * bright[np.abs(azimuth) >= 110].mean()
