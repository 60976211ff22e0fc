"""The reader of YouTube Faces with 68 points, on a small table and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib.core import subsets
from landmarklib.core.errors import UserError

XY = [f"{axis}{k}" for k in range(68) for axis in "xy"]
HEADER = ",".join(["file", "source_split", "split", "person", "orig_w", "orig_h", *"abc", *XY])
COORDINATES = ",".join(f"{v / 2}" for v in range(136))
ROWS = [
    f"{name}_{source}.jpg,{source},{split},{person},312,270,26.5,12.5,231.0,{COORDINATES}"
    for name, source, split, person in (
        ("Ann_Lee_00_", "training", "train", "Ann_Lee"),
        ("Ann_Lee_00_", "test", "train", "Ann_Lee"),
        ("Bo-Al_12_", "training", "val", "Bo-Al"),
        ("C_D_41_", "training", "test", "C_D"),
        ("Ann_Lee_31_", "training", "train", "Ann_Lee"),
    )
]


def write(folder, header=HEADER, rows=tuple(ROWS)):
    (folder / "landmarks.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_points_persons_clips_and_splits(tmp_path):
    splits = read("ytf68", write(tmp_path))
    train, val, test = (splits[name] for name in ("train", "val", "test"))
    assert train.files == tuple(f"images/Ann_Lee_{n}.jpg" for n in ("00__training", "00__test", "31__training"))
    assert val.ids == ("Bo-Al_12__training.jpg",) and test.ids == ("C_D_41__training.jpg",)
    assert train.points.shape == (3, 68, 2) and train.visible.all()
    assert test.points[0, :2].tolist() == [[0, 0.5], [1, 1.5]] and test.points[0, 67].tolist() == [67, 67.5]
    assert train.attributes["person"].tolist() == ["Ann_Lee"] * 3
    assert train.attributes["clip"].tolist() == ["Ann_Lee_0", "Ann_Lee_0", "Ann_Lee_3"]
    assert val.attributes["clip"].tolist() == ["Bo-Al_1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROWS[0].replace("312", "312,1"), "line 3: 146 cells; expected 145"),
        (ROWS[0].rpartition(",")[0], "line 3: 144 cells; expected 145"),
        (ROWS[0].replace("231.0,0.0", "231.0,nan"), r"line 3: 'nan 0.5 .*expected x0, y0 to x67, y67"),
        (ROWS[0].replace("231.0,0.0", "231.0,inf"), "line 3: 'inf 0.5 "),
        (ROWS[0].replace("231.0,0.0", "231.0,"), "line 3: ' 0.5 "),
        (ROWS[0], "Ann_Lee_00__training.jpg is listed twice"),
        (ROWS[1].replace(",train,", ",dev,"), "line 3: split 'dev'; expected train, val or test"),
        (ROWS[1].replace(",train,", ",val,"), "line 3: Ann_Lee is in val and in train"),
        (ROWS[1].replace("Lee_00", "Lee"), "line 3: file 'Ann_Lee__test.jpg' of 'Ann_Lee'; expected PERSON"),
        (ROWS[1].replace(",Ann_Lee", ",Ann_Low"), "line 3: file 'Ann_Lee_00__test.jpg' of 'Ann_Low'; expected PERSON"),
        (ROWS[1].replace("Ann_Lee_00", "../Ann_Lee_00"), "line 3: file '../Ann_Lee_00__test.jpg' of 'Ann_Lee'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    with pytest.raises(UserError, match=rf"landmarks\.csv[:,] {message}"):
        read("ytf68", write(tmp_path, rows=[ROWS[0], row, *ROWS[2:]]))


def test_a_missing_table_or_column_is_named(tmp_path):
    with pytest.raises(UserError, match=r"landmarks\.csv: missing; the archive is not there or half unpacked"):
        read("ytf68", tmp_path)
    with pytest.raises(UserError, match=r"landmarks\.csv, line 1: no column person"):
        read("ytf68", write(tmp_path, header=HEADER.replace("person", "people")))


def test_the_real_archive():
    splits = real("ytf68")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 1586, "val": 210, "test": 301}
    people = {name: set(listing.attributes["person"]) for name, listing in splits.items()}
    assert {name: len(names) for name, names in people.items()} == {"train": 131, "val": 18, "test": 25}
    assert not people["train"] & people["val"] and not (people["train"] | people["val"]) & people["test"]
    assert subsets.ids_hash(list(splits["val"].ids)) == "c08f1fc7c570"
    assert subsets.ids_hash(list(splits["test"].ids)) == "1d55424eaae1"
    points = np.concatenate([listing.points for listing in splits.values()])
    assert points.min() == 16 and points.max() == 80
    assert np.allclose((points.max(1) - points.min(1)).max(-1), 64, atol=2e-3)
    names = [i.rpartition("__")[0] for listing in splits.values() for i in listing.ids]
    assert len(names) - len(set(names)) == 384
