"""The reader of BBC Pose, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.datasets import bbcpose
from landmarklib.formats import matlab


def row(video: int, **changed: object) -> dict[str, object]:
    """Training videos have two frames, joint k of frame f at (k + 1, f) counted from 1.

    The others have three frames labelled by hand and one by a tracker.
    """
    split = "train" if video <= 10 else "val" if video <= 15 else "test"
    frames = np.array([[5.0, 9.0]] if split == "train" else [[4.0, 8.0, 2.0]])
    joints = np.stack([np.arange(1.0, 8)[:, None].repeat(frames.shape[1], 1), frames.repeat(7, 0)])
    given, other = (frames, joints), (np.array([[1.0]]), np.zeros((2, 7, 1)))
    train, test = (given, (np.zeros((0, 0)), np.zeros((0, 0)))) if split == "train" else (other, given)
    values = (f"{video}.avi", split, "buehler11", *train, *test)
    return {**dict(zip(bbcpose.FIELDS, values, strict=True)), **changed}


def save(folder, rows) -> None:
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, entry in enumerate(rows):
        array[0, i] = tuple(entry.values())
    (folder / "code").mkdir(exist_ok=True)
    savemat(folder / "code" / "bbcpose.mat", {"bbcpose": array})


def rows(**changed: dict) -> list[dict]:
    """92 videos.

    changed: v3={field: value} for the third one.
    """
    return [row(v, **changed.get(f"v{v}", {})) for v in range(1, 93)]


def test_points_frames_and_splits(tmp_path):
    save(tmp_path, rows())
    splits = read("bbcpose", tmp_path)
    assert {name: len(found) for name, found in splits.items()} == {"train": 20, "val": 15, "test": 15}
    train, val = splits["train"], splits["val"]
    assert train.ids[:3] == ("1/5", "1/9", "2/5") and train.files[0] == "1/5.jpg"
    assert train.points[1].tolist() == [[k, 8] for k in range(7)]
    assert val.ids[:3] == ("11/4", "11/8", "11/2") and val.points[2, 0].tolist() == [0, 1]
    assert set(val.attributes["video"]) == {str(v) for v in range(11, 16)}
    assert all(found.visible.all() for found in splits.values())


def test_a_thousand_frames_of_a_long_training_video_are_read(tmp_path):
    frames = np.arange(1.0, 2502)[None]
    joints = np.arange(7.0)[:, None] + np.zeros((2, 7, 2501)) + frames
    save(tmp_path, rows(v1={"train_frames": frames, "train_joints": joints}))
    train = read("bbcpose", tmp_path)["train"]
    assert len(train) == 1000 + 18
    numbers = np.array([int(name.split("/")[1]) for name in train.ids[:1000]])
    assert (numbers[0], numbers[-1]) == (1, 2501) and set(np.diff(numbers)) == {2, 3}
    assert np.array_equal(train.points[:1000, 0, 0], numbers - 1)


def test_one_frame_no_frame_and_a_joint_without_a_number(tmp_path):
    joints = np.arange(14.0).reshape(2, 7, 1)
    joints[0, 3] = np.nan
    none = {"train_frames": np.zeros((0, 0)), "train_joints": np.zeros((0, 0))}
    save(tmp_path, rows(v1={"train_frames": np.array([[7.0]]), "train_joints": joints}, v2=none))
    train = read("bbcpose", tmp_path)["train"]
    assert train.ids[:2] == ("1/7", "3/5") and np.argwhere(~train.visible).tolist() == [[0, 3]]
    assert np.isnan(train.points[0, 3]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"v3": {"type": "val"}}, r"bbcpose\(3\) has type 'val'; expected train"),
        ({"v16": {"type": "train"}}, r"bbcpose\(16\) has type 'train'; expected test"),
        (
            {"v2": {"train_joints": np.zeros((2, 7, 3))}},
            r"\(2\).train_joints is 2 x 7 x 3; expected 2 x 7 x 2, one for",
        ),
        ({"v2": {"train_joints": np.zeros((7, 2, 2))}}, r"\(2\).train_joints is 7 x 2 x 2; expected 2 x 7 x 2"),
        ({"v2": {"train_joints": "none"}}, r"\(2\).train_joints is .*; expected 2 x 7 x 2"),
        ({"v2": {"train_frames": np.array([[1.5, 2]])}}, r"\(2\).train_frames is no list of whole numbers"),
        ({"v2": {"train_frames": np.array([[np.nan, 2]])}}, r"\(2\).train_frames is no list of whole numbers"),
        ({"v12": {"test_frames": np.array([[3.0, 3, 1]])}}, r"bbcpose.mat: 12/3 is listed twice"),
    ],
)
def test_a_bad_video_is_named(tmp_path, changed, message):
    save(tmp_path, rows(**changed))
    with pytest.raises(UserError, match=message):
        read("bbcpose", tmp_path)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"other": 1.0}, "bbcpose is no array of structs; expected the fields videoName"),
        ({"bbcpose": np.zeros((3, 3))}, "bbcpose is no array of structs"),
        ({"bbcpose": {"videoName": "a"}}, r"bbcpose\(1\) has no field type; expected videoName, type"),
        ({"bbcpose": row(1)}, "bbcpose has 1 videos; expected at least 20"),
    ],
)
def test_another_struct_is_refused(tmp_path, variables, message):
    (tmp_path / "code").mkdir()
    savemat(tmp_path / "code" / "bbcpose.mat", variables)
    with pytest.raises(UserError, match=message):
        read("bbcpose", tmp_path)


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(UserError, match=r"bbcpose.mat: missing"):
        read("bbcpose", tmp_path)
    save(tmp_path, rows())
    path = tmp_path / "code" / "bbcpose.mat"
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for n in (0, 60, 127, 128, 140, 300, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(UserError, match=r"bbcpose.mat: "):
            matlab.entries(path, matlab.struct(path, "bbcpose"), bbcpose.FIELDS, "bbcpose")
    for place in rng.integers(128, 1000, 20):  # a struct may survive a changed byte; nothing but a clear line is raised
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read("bbcpose", tmp_path)
        except UserError as error:
            assert "bbcpose.mat" in str(error) and "\n" not in str(error)


def test_the_real_archive():
    splits = real("bbcpose")
    assert {name: len(found) for name, found in splits.items()} == loading.get("bbcpose").counts
