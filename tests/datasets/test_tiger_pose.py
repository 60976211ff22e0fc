"""The reader of Tiger-Pose, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.formats import archive

POINTS = " ".join(f"{k / 16} {k / 32}" for k in range(12))
LINE = f"0 0.5 0.25 0.5 0.5 {POINTS}"


@pytest.fixture
def folder(tmp_path):
    """Three training frames of 40 x 30, two validation frames of 80 x 60; not all labels end in a line break."""
    for split, name, scale, end in (
        ("train", "Frame_0", 1, ""),
        ("train", "Frame_1", 1, "\n"),
        ("train", "Frame_10", 1, "\r\n\r\n"),
        ("val", "Frame_12", 2, ""),
        ("val", "Frame_2", 2, ""),
    ):
        draw(tmp_path / split / "images" / f"{name}.jpg", 40 * scale, 30 * scale)
        (tmp_path / split / "labels").mkdir(exist_ok=True)
        (tmp_path / split / "labels" / f"{name}.txt").write_bytes((LINE + end).encode())
    (tmp_path / "train" / "labels.cache").write_bytes(b"\x80\x04")
    return tmp_path


def test_points_boxes_and_names(folder):
    splits = read("tiger_pose", folder)
    train, val = splits["train"], splits["val"]
    assert list(splits) == ["train", "val", "test"] and train.ids == ("Frame_0", "Frame_1", "Frame_10")
    assert train.files == tuple(f"train/images/{name}.jpg" for name in train.ids)
    assert val.files == ("val/images/Frame_12.jpg",) and splits["test"].files == ("val/images/Frame_2.jpg",)
    assert train.points.shape == (3, 12, 2) and train.visible.all()
    assert train.points[1].tolist() == [[k * 40 / 16 - 0.5, k * 30 / 32 - 0.5] for k in range(12)]
    assert val.points[0].tolist() == [[k * 80 / 16 - 0.5, k * 60 / 32 - 0.5] for k in range(12)]
    assert train.boxes.tolist() == [[10, 0, 30, 15]] * 3 and val.boxes.tolist() == [[20, 0, 60, 30]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE.rsplit(" ", 1)[0], r"Frame_1.txt, line 1: 28 words; expected 29: a class, the box"),
        (f"{LINE} 2", r"Frame_1.txt, line 1: 30 words; expected 29"),
        (f"{LINE}\n{LINE}", r"Frame_1.txt: 2 lines; expected one tiger"),
        ("", r"Frame_1.txt: empty"),
        (LINE.replace("0.0625", "nan"), r"Frame_1.txt, line 1: .*expected a class"),
        (LINE.replace("0.0625", "inf"), r"Frame_1.txt, line 1: .*expected a class"),
        (LINE.replace("0.0625", "x"), r"Frame_1.txt, line 1: .*expected a class"),
        (LINE.replace("0.0625", "1.01"), r"Frame_1.txt, line 1: .*expected class 0"),
        (LINE.replace("0.0625", "-0.01"), r"Frame_1.txt, line 1: .*expected class 0"),
        ("1" + LINE[1:], r"Frame_1.txt, line 1: '1 0.5 .*expected class 0"),
    ],
)
def test_a_bad_label_is_named(folder, text, message):
    (folder / "train" / "labels" / "Frame_1.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        read("tiger_pose", folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "train/labels/Frame_1.txt").unlink(), "train: Frame_1 has no label"),
        (lambda f: draw(f / "train/images/Frame_1.png"), r"Frame_1.jpg and Frame_1.png; expected one file of a name"),
        (lambda f: (f / "val/labels").rename(f / "val/annotations"), "val/labels: missing"),
        (lambda f: (f / "val").rename(f / "valid"), "val/images: missing"),
    ],
)
def test_a_missing_or_broken_file_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message):
        read("tiger_pose", folder)


@pytest.mark.parametrize("damage", [lambda photo: photo.unlink(), lambda photo: photo.write_text("no")])
def test_without_its_photo_a_frame_is_listed_and_has_no_points(folder, damage):
    """Labels are shares of the photo's size, which is not known."""
    whole = read("tiger_pose", folder)["train"]
    damage(folder / "train/images/Frame_1.jpg")
    found = read("tiger_pose", folder)["train"]
    assert found.files == whole.files
    gone = [file.endswith("/Frame_1.jpg") for file in found.files]
    assert not found.visible[gone].any() and np.array_equal(
        found.points[~np.array(gone)], whole.points[~np.array(gone)]
    )


def test_validation_frames_are_for_testing_and_for_validation_in_turns_by_their_numbers(folder):
    for name in ("b10", "a10", "2", "Frame_2_1", "none"):
        draw(folder / "val" / "images" / f"{name}.jpg", 40, 30)
        (folder / "val" / "labels" / f"{name}.txt").write_text(LINE)
    splits = read("tiger_pose", folder)  # in the order of: none, 2, Frame_2, Frame_2_1, a10, b10, Frame_12
    assert splits["test"].ids == ("Frame_12", "Frame_2", "a10", "none")
    assert splits["val"].ids == ("2", "Frame_2_1", "b10")


def test_the_size_of_an_image_is_read_from_its_header(tmp_path):
    draw(tmp_path / "a.png", 7, 5)
    assert archive.size(tmp_path / "a.png") == (7, 5)
    with pytest.raises(UserError, match=r"b\.png: missing"):
        archive.size(tmp_path / "b.png")


def test_the_real_archive():
    splits = real("tiger_pose")
    assert {name: len(found) for name, found in splits.items()} == loading.get("tiger_pose").counts
    for split, wanted in loading.get("tiger_pose").ids.items():
        assert subsets.ids_hash(list(splits[split].ids)) == wanted
    frames = {name: {int(i.removeprefix("Frame_")) for i in found.ids} for name, found in splits.items()}
    held_out = frames["val"] | frames["test"]
    assert frames["train"] | held_out == set(range(263)) and sorted(held_out)[::2] == sorted(frames["test"])
    beside = [i for i in held_out if {i - 1, i + 1} & frames["train"]]
    assert len(beside) == 50  # frames for validation or testing whose neighbour is for training
    points, boxes = (
        np.concatenate([getattr(found, part) for found in splits.values()]) for part in ("points", "boxes")
    )
    points = points + 0.5  # from the image's edge, as boxes are
    outside = (points < boxes[:, None, :2] - 1e-6) | (points > boxes[:, None, 2:] + 1e-6)
    assert outside.any((1, 2)).sum() == 35
    assert (points[:, 0, 0] > points[:, 3, 0]).all()  # it always walks to the right
