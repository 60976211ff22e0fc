"""The reader of Leeds Sports Pose Extended, on a small archive and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core.errors import UserError

N = 10_000


def joints() -> np.ndarray:
    """Joint k of image i is at (k + 1, i + 1) counted from 1; the left wrist of the third image is missing."""
    values = np.ones((14, 3, N))
    values[:, 0] = np.arange(1, 15)[:, None]
    values[:, 1] = np.arange(1, N + 1)
    values[11, :, 2] = -3.5, 0, 0
    return values


def save(folder, values) -> None:
    savemat(folder / "joints.mat", {"joints": values})


def test_points_flags_and_names(tmp_path):
    save(tmp_path, joints())
    splits = read("lspet", tmp_path)
    assert list(splits) == ["train"] and len(splits["train"]) == N
    train = splits["train"]
    assert train.files[:2] == ("images/im00001.jpg", "images/im00002.jpg") and train.files[-1] == "images/im10000.jpg"
    assert train.ids[-1] == "im10000" and not train.attributes
    assert train.points[0].tolist() == [[k, 0] for k in range(14)]
    assert train.points[9, 13].tolist() == [13, 9]
    assert np.argwhere(~train.visible).tolist() == [[2, 11]]
    assert np.isnan(train.points[2, 11]).all() and np.isnan(train.points).sum() == 2


def change(index, value):
    values = joints()
    values[index] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (joints()[:13], r"joints.mat: joints is 13 x 3 x 10000; expected 14 x 3 x any"),
        (joints().transpose(1, 0, 2), r"joints.mat: joints is 3 x 14 x 10000; expected 14 x 3 x any"),
        (change((12, 2, 6), 2), r"joints.mat: neck of im00007 is \[13.0, 7.0, 2.0\]; expected a flag of 0 or 1"),
        (change((12, 2, 6), np.nan), r"neck of im00007 is .*; expected a flag of 0 or 1"),
        (change((13, 0, 0), np.nan), r"head top of im00001 is \[nan, 1.0, 1.0\]; expected a finite point"),
        (change((13, 1, 0), np.inf), r"head top of im00001 is .*; expected a finite point"),
    ],
)
def test_a_bad_array_is_named(tmp_path, values, message):
    save(tmp_path, values)
    with pytest.raises(UserError, match=message):
        read("lspet", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "(missing|not a MATLAB file)"), (b"MATLAB 5.0 MAT-file", "not a MATLAB file that can be read")],
)
def test_a_bad_file_is_named(tmp_path, content, message):
    if content:
        (tmp_path / "joints.mat").write_bytes(content)
    with pytest.raises(UserError, match=f"joints.mat: {message}"):
        read("lspet", tmp_path)


def test_garbage_of_a_missing_joint_is_no_fault(tmp_path):
    save(tmp_path, change((11, slice(0, 2), 2), np.nan))
    assert not read("lspet", tmp_path)["train"].visible[2, 11]


def test_the_real_archive():
    train = real("lspet")["train"]
    assert len(train) == loading.get("lspet").counts["train"] == N
    assert (~train.visible).sum() == 16_787 and train.visible.any(1).all()
    assert np.array_equal(np.isfinite(train.points).all(-1), train.visible)
    distance = [np.linalg.norm(train.points[:, 12] - train.points[:, k], axis=-1) for k in (13, 0)]
    both = train.visible[:, [12, 13, 0]].all(1)
    assert (distance[0] < distance[1])[both].mean() > 0.99  # the neck is nearer to the head's top than to an ankle
    both = train.visible[:, [13, 0]].all(1)
    below = train.points[both, 13, 1] > train.points[both, 0, 1]
    assert both.sum() == 8503 and below.sum() == 2559  # heads below the right ankle


def test_mirrored_joints_swap_left_and_right():
    d = loading.get("lspet")
    swapped = {"left": "right", "right": "left"}
    for name, k in zip(d.landmarks, d.mirror, strict=True):
        side, _, joint = name.partition(" ")
        assert d.landmarks[k] == (f"{swapped[side]} {joint}" if side in swapped else name)
