"""The reader of the recropped AFLW, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core.errors import UserError

TRAIN = [f"{i % 3}/image{i // 2:05d}_{40000 + i}.jpg" for i in range(20)]
TEST = ["2/image00100_50000.jpg", "0/image00100_50001.jpg", "2/image00100_50000.jpg"]


def write(folder, which: str, names: list[str], **changes) -> None:
    """A list and its points, y before x; point k of face i is at x = 10 k + 1, y = i."""
    n = len(names)
    yx = np.stack(np.broadcast_arrays(np.arange(n)[:, None], 10 * np.arange(5) + 1), -1).astype(float)
    hw = np.tile(np.array([[60, 70]], np.uint16), (n, 1))
    (folder / f"aflw_{which}_images.txt").write_text("\n".join(names) + "\n")
    savemat(folder / f"aflw_{which}_keypoints.mat", {"gt": yx, "hw": hw} | changes)


@pytest.fixture
def archive(tmp_path):
    """Twenty training faces, and three test faces, one of which is listed again."""
    write(tmp_path, "train", TRAIN)
    write(tmp_path, "test", TEST)
    return tmp_path


def test_x_comes_second_and_sizes_are_heights_and_widths(archive):
    splits = read("aflw5_r", archive)
    assert {name: len(found) for name, found in splits.items()} == {"train": 18, "val": 2, "test": 3}
    test = splits["test"]
    assert test.points[1].tolist() == [[1, 1], [11, 1], [21, 1], [31, 1], [41, 1]] and test.visible.all()
    assert test.boxes.tolist() == [[0, 0, 70, 60]] * 3
    assert test.ids == ("2/image00100_50000.jpg", "0/image00100_50001.jpg", "2/image00100_50000.jpg#2")
    assert test.files == tuple(f"output/{name}" for name in TEST)
    assert test.attributes["photo"].tolist() == ["2/image00100", "0/image00100", "2/image00100"]
    assert set(splits["val"].ids) == {"2/image00005_40011.jpg", "2/image00002_40005.jpg"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gt": np.zeros((20, 2, 5))}, "gt is 20 x 2 x 5; expected 20 x 5 x 2"),
        ({"gt": np.zeros((19, 5, 2))}, "gt is 19 x 5 x 2; expected 20 x 5 x 2"),
        ({"gt": np.full((20, 5, 2), np.nan)}, r"gt, row 1 \(0/image00000_40000.jpg\); expected finite numbers"),
        ({"hw": np.zeros((20, 2))}, "hw, row 1 .*expected finite numbers, sizes above 0"),
        ({"hw": "60 x 70"}, "no array of numbers 'hw'"),
    ],
)
def test_a_bad_variable_is_named(archive, changes, message):
    write(archive, "train", TRAIN, **changes)
    with pytest.raises(UserError, match=f"aflw_train_keypoints.mat: {message}"):
        read("aflw5_r", archive)


def test_missing_and_broken_files_are_named(archive):
    (archive / "aflw_test_keypoints.mat").write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(UserError, match=r"aflw_test_keypoints.mat: not a MATLAB file"):
        read("aflw5_r", archive)
    for name in ("aflw_test_keypoints.mat", "aflw_test_images.txt"):
        (archive / name).unlink()
        with pytest.raises(UserError, match=f"{name}: missing"):
            read("aflw5_r", archive)
    (archive / "aflw_train_images.txt").write_text("\n")
    with pytest.raises(UserError, match=r"aflw_train_images.txt: empty"):
        read("aflw5_r", archive)


def test_stand_ins_have_a_face_that_is_listed_twice(tmp_path):
    test = loading.get("aflw5_r").write_standin(tmp_path, {"train": 2, "val": 1, "test": 3}, seed=1)["test"]
    assert test.files[2] == test.files[0] and test.ids[2] == f"{test.ids[0]}#2"
    assert len({tuple(box) for box in test.boxes}) > 1


def test_the_real_archive():
    splits = real("aflw5_r")
    assert {name: len(found) for name, found in splits.items()} == loading.get("aflw5_r").counts
    assert 100 < sum("#" in i for i in splits["test"].ids) < 140
