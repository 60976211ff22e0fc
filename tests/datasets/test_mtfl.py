"""The reader of MTFL, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from readers import read, real

from landmarklib.core.errors import UserError

LINE = "lfw_5590\\a{i}.jpg 1.5 2 3 4 5 6 7.25 8 9 10 2 1 2 5"


@pytest.fixture
def archive(tmp_path):
    """1,010 training lines as the publisher writes them: a space before every line but the first, one at the end."""
    text = "\r\n ".join(LINE.format(i=i) for i in range(1010)) + "\r\n "
    (tmp_path / "training.txt").write_text(text)
    (tmp_path / "testing.txt").write_text("AFLW/b.jpg 1 2 3 4 5 6 7 8 9 10 1 2 1 1\n")
    return tmp_path


def test_points_attributes_and_paths(archive):
    splits = read("mtfl", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 909, "val": 101, "test": 1}
    train = splits["train"]
    assert train.points[0].tolist() == [[1.5, 6], [2, 7.25], [3, 8], [4, 9], [5, 10]]
    assert (np.random.RandomState(7345).permutation(1010)[:3] == [int(file[10:-4]) for file in train.files[:3]]).all()
    assert {name: values[0] for name, values in train.attributes.items()} == {
        "gender": 1,
        "smile": 0,
        "glasses": 1,
        "pose": 4,
    }
    assert all(re.fullmatch(r"lfw_5590/a\d+\.jpg", file) for file in train.files) and train.ids == train.files
    assert splits["test"].files == ("AFLW/b.jpg",)
    assert not set(train.ids) & set(splits["val"].ids)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg 1 2 3", r"training.txt, line 2: 4 words; expected 15"),
        (LINE.format(i="x").replace("1.5", "nan"), r"training.txt, line 2: 'nan 2 3 .*expected a path"),
        (LINE.format(i="x").replace("1.5", "inf"), r"training.txt, line 2"),
        (LINE.format(i="x").replace("1.5", "left"), r"training.txt, line 2"),
        (LINE.format(i="x")[:-1] + "6", r"ax.jpg has pose 6; expected 1 to 5"),
        (LINE.format(i=0), r"training.txt: lfw_5590/a0.jpg is listed twice"),
    ],
)
def test_a_bad_line_is_named(archive, line, message):
    lines = (archive / "training.txt").read_text().split("\n")
    (archive / "training.txt").write_text("\n".join([lines[0], line, *lines[2:]]))
    with pytest.raises(UserError, match=message):
        read("mtfl", archive)


def test_a_missing_list_is_named(archive):
    (archive / "testing.txt").unlink()
    with pytest.raises(UserError, match=r"testing.txt: missing; the archive is not there or half unpacked"):
        read("mtfl", archive)


def test_the_real_archive():
    splits = real("mtfl")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 9000, "val": 1000, "test": 2995}
    test = splits["test"]
    left, right = test.points[:, 0, 0], test.points[:, 1, 0]
    assert (left >= right).sum() == 4
    assert (test.attributes["pose"] == 2).mean() == pytest.approx(0.61, abs=0.005)
    poses = np.concatenate([splits[name].attributes["pose"] for name in ("train", "val")])
    assert (poses == 2).mean() == pytest.approx(0.74, abs=0.005)
    train = splits["train"]
    assert np.linalg.norm(train.points[:, 0] - train.points[:, 1], axis=-1).min() == pytest.approx(16.5, abs=0.1)
    assert {file.split("/")[0] for file in train.files} == {"lfw_5590", "net_7876"}
