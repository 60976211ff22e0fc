"""The reader of HELEN's face parsing, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.datasets import helen_parsing
from landmarklib.standins import faces

LISTS = {"exemplars.txt": ["10_1", "20_1"], "tuning.txt": ["30_2"], "testing.txt": ["10_2"]}
CLASSES = np.arange(12 * 10).reshape(12, 10) % 11


@pytest.fixture
def archive(tmp_path):
    """Four photos of 10 x 12 pixels; the mask of a pixel's class is half bright there, the others less."""
    for name, ids in LISTS.items():
        (tmp_path / name).write_text("".join(f"{i + 1} , {face}\n" for i, face in enumerate(ids)))
        for face in ids:
            draw(tmp_path / "images" / f"{face}.jpg", 10, 12)
            (tmp_path / "labels" / face).mkdir(parents=True)
            for k in range(11):
                mask = np.where(k == CLASSES, 100, 60).astype(np.uint8)
                Image.fromarray(mask).save(tmp_path / "labels" / face / f"{face}_lbl{k:02d}.png")
    return tmp_path


def test_lists_boxes_and_photos(archive):
    splits = read("helen_parsing", archive)
    assert {name: found.ids for name, found in splits.items()} == {
        "train": ("10_1", "20_1"),
        "val": ("30_2",),
        "test": ("10_2",),
    }
    train = splits["train"]
    assert train.files == ("images/10_1.jpg", "images/20_1.jpg") and train.attributes["photo"].tolist() == ["10", "20"]
    assert train.points.shape == (2, 0, 2) and train.visible.shape == (2, 0)
    assert train.boxes.tolist() == [[0, 0, 10, 12]] * 2


def test_a_pixel_is_of_the_brightest_mask(archive):
    found = helen_parsing.labels(archive, "30_2")
    assert found.dtype == np.uint8 and np.array_equal(found, CLASSES)
    for k in (4, 7):
        Image.new("L", (10, 12), 255).save(archive / "labels" / "30_2" / f"30_2_lbl{k:02d}.png")
    assert (helen_parsing.labels(archive, "30_2") == 4).all()


def test_stand_ins_have_the_classes_that_were_painted(tmp_path):
    splits = loading.get("helen_parsing").write_standin(tmp_path, {"train": 1, "val": 1, "test": 1}, seed=5)
    painted = faces.regions(3, 128, 5, helen_parsing.FACES)
    for i, found in enumerate(splits.values()):
        assert np.array_equal(helen_parsing.labels(tmp_path, found.ids[0]), painted[i])
    assert helen_parsing.CLASSES == faces.CLASSES


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 10_1", "exemplars.txt, line 1: '1 10_1'; expected a number, a comma and a photo"),
        ("a , 10_1", "exemplars.txt, line 1: 'a , 10_1'; expected a number"),
        ("1 ,", "exemplars.txt, line 1: '1 ,'; expected a number"),
        ("1 , 99_1", "exemplars.txt, line 1: no folder labels/99_1; the archive is half unpacked"),
        ("1 , 20_1", "exemplars.txt: 20_1 is listed twice"),
        ("1 , ../../labels", "the file name 'labels/../../labels' leaves the data set's folder"),
    ],
)
def test_a_bad_line_is_named(archive, line, message):
    (archive / "exemplars.txt").write_text(f"{line}\n2 , 20_1\n")
    with pytest.raises(UserError, match=message):
        read("helen_parsing", archive)


def test_missing_and_broken_files_are_named(archive):
    folder = archive / "labels" / "10_2"
    draw(folder / "10_2_lbl03.png", 12, 10)
    with pytest.raises(UserError, match=r"10_2_lbl03.png: 12 x 10 pixels; the photo has 10 x 12"):
        helen_parsing.labels(archive, "10_2")
    (folder / "10_2_lbl03.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"10_2_lbl03.png: not an image that can be decoded"):
        helen_parsing.labels(archive, "10_2")
    (folder / "10_2_lbl03.png").unlink()
    with pytest.raises(UserError, match=r"10_2_lbl03.png: missing"):
        helen_parsing.labels(archive, "10_2")
    (archive / "images" / "10_2.jpg").unlink()
    (val,) = (found for found in read("helen_parsing", archive).values() if "images/10_2.jpg" in found.files)
    assert np.isnan(val.boxes[val.files.index("images/10_2.jpg"), 2:]).all()
    (archive / "testing.txt").unlink()
    with pytest.raises(UserError, match=r"testing.txt: missing"):
        read("helen_parsing", archive)


def test_the_real_archive():
    splits = real("helen_parsing")
    assert {name: len(found) for name, found in splits.items()} == loading.get("helen_parsing").counts
