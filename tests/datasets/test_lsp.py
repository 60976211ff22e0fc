"""The reader of Leeds Sports Pose, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.loading import inspection

N = 2000


def joints() -> np.ndarray:
    """Joint k of image i is at (k + 1, i + 1) counted from 1; the left wrist of the third image is occluded."""
    values = np.zeros((3, 14, N))
    values[0] = np.arange(1, 15)[:, None]
    values[1] = np.arange(1, N + 1)
    values[2, 11, 2] = 1
    return values


def save(folder, values) -> None:
    savemat(folder / "joints.mat", {"joints": values})


def test_points_flags_names_and_splits(tmp_path):
    save(tmp_path, joints())
    splits = read("lsp", tmp_path)
    assert {name: len(found) for name, found in splits.items()} == {"val": 1000, "test": 1000}
    val, test = splits["val"], splits["test"]
    assert (val.files[0], val.files[-1]) == ("images/im0001.jpg", "images/im1000.jpg")
    assert (test.ids[0], test.ids[-1]) == ("im1001", "im2000")
    assert val.points[0].tolist() == [[k, 0] for k in range(14)]
    assert test.points[0, 13].tolist() == [13, 1000]
    assert val.visible.all() and test.visible.all() and val.points[2, 11].tolist() == [11, 2]


def test_a_part_is_divided_in_halves(tmp_path):
    save(tmp_path, joints()[..., :5])
    splits = read("lsp", tmp_path)
    assert {name: found.ids for name, found in splits.items()} == {
        "val": ("im0001", "im0002"),
        "test": ("im0003", "im0004", "im0005"),
    }


def change(index, value):
    values = joints()
    values[index] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (joints()[:, :13], r"joints.mat: joints is 3 x 13 x 2000; expected 3 x 14 x any"),
        (np.zeros((14, 3, 400)), r"joints.mat: joints is 14 x 3 x 400; expected 3 x 14 x any"),
        (change((2, 12, 6), 2), r"joints.mat: neck of im0007 is \[13.0, 7.0, 2.0\]; expected a flag of 0 or 1"),
        (change((2, 12, 6), np.nan), r"neck of im0007 is .*; expected a flag of 0 or 1"),
        (change((0, 13, 0), np.nan), r"head top of im0001 is \[nan, 1.0, 0.0\]; expected a finite point"),
        (change((1, 11, 2), np.inf), r"left wrist of im0003 is .*; expected a finite point"),
    ],
)
def test_a_bad_array_is_named(tmp_path, values, message):
    save(tmp_path, values)
    with pytest.raises(UserError, match=message):
        read("lsp", tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"MATLAB 5.0 MAT-file"])
def test_a_bad_file_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "joints.mat").write_bytes(content)
    with pytest.raises(UserError, match=r"joints\.mat: (missing|not a MATLAB file)"):
        read("lsp", tmp_path)


def test_missing_images_are_counted(tmp_path):
    (tmp_path / "lsp").mkdir()
    save(tmp_path / "lsp", np.ones((3, 14, N)))
    draw(tmp_path / "lsp" / "images" / "im0001.jpg")
    with pytest.raises(
        UserError, match=r"2 faults: val: 999 of 1,000 images have .*im0002.jpg: missing; .*; and 994 more\);"
    ):
        inspection.check("lsp", tmp_path)


def test_the_real_archive():
    splits = real("lsp")
    assert {name: len(found) for name, found in splits.items()} == loading.get("lsp").counts
    points = np.concatenate([found.points for found in splits.values()])
    assert all(found.visible.all() for found in splits.values())
    assert np.argwhere((points < -0.5).any(-1)).tolist() == [[631, 11]]
    assert points[631, 11, 1] == pytest.approx(-0.753, abs=1e-3)
    to_head, to_ankle = (np.linalg.norm(points[:, 12] - points[:, k], axis=-1) for k in (13, 0))
    assert (to_head > to_ankle).sum() == 1  # the neck is nearer to the head's top than to an ankle
