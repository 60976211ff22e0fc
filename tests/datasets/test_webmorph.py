"""The reader of Webmorph's faces, on a small table in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError

XY = [f"{axis}{k}" for k in range(189) for axis in "xy"]
HEADER = ",".join(
    "file set split person gender age ethnicity expression has_landmarks crop_x0 crop_y0 crop_side".split() + XY
)
COORDINATES = ",".join(f"{v / 2}" for v in range(378))
NEUTRAL = (
    "london_neutral__001_03.jpg,london_neutral,train,london_001,female,24,white,neutral,1,"
    f"239.0,226.5,894,{COORDINATES}"
)
ROWS = [
    NEUTRAL,
    "london_smiling__001_08.jpg,london_smiling,train,london_001,female,24,white,smiling,0,239.0,226.5,894" + "," * 378,
    f"canada__1m.jpg,canada,val,canada_1m,male,,east_asian/white,neutral,1,-186.667,46.825,1736.798,{COORDINATES}",
    f"3dsk__agata.jpg,3dsk,test,3dsk_agata,female,19.5,black,neutral,1,0,0,1,{COORDINATES}",
]


def write(folder, header=HEADER, rows=tuple(ROWS)):
    (folder / "landmarks.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_points_attributes_and_splits(tmp_path):
    splits = read("webmorph", write(tmp_path))
    train, val, test = (splits[name] for name in ("train", "val", "test"))
    assert train.files == ("images/london_neutral__001_03.jpg", "images/london_smiling__001_08.jpg")
    assert train.ids == ("london_neutral__001_03.jpg", "london_smiling__001_08.jpg")
    assert train.points[0, :2].tolist() == [[0, 0.5], [1, 1.5]] and train.points[0, 188].tolist() == [188, 188.5]
    assert train.visible.all(-1).tolist() == [True, False]
    assert np.isnan(train.points[1]).all() and not train.visible[1].any()
    codes = {
        name: [listing.attributes[name].tolist() for listing in (train, val, test)]
        for name in ("set", "gender", "ethnicity", "expression", "person")
    }
    assert codes == {
        "set": [[0, 1], [2], [3]],
        "gender": [[0, 0], [1], [0]],
        "ethnicity": [[4, 4], [2], [0]],
        "expression": [[0, 1], [0], [0]],
        "person": [["london_001"] * 2, ["canada_1m"], ["3dsk_agata"]],
    }
    assert train.attributes["age"].tolist() == [24, 24] and test.attributes["age"].tolist() == [19.5]
    assert np.isnan(val.attributes["age"]).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (NEUTRAL + ",1", "line 3: 391 cells; expected 390"),
        (NEUTRAL.rpartition(",")[0], "line 3: 389 cells; expected 390"),
        (NEUTRAL.replace("894,0.0", "894,nan"), "line 3: 'nan 0.5 .*expected x0, y0 to x188, y188"),
        (NEUTRAL.replace("894,0.0", "894,inf"), "line 3: 'inf 0.5 "),
        (NEUTRAL.replace("894,0.0", "894,"), "line 3: ' 0.5 "),
        (NEUTRAL.replace("neutral,1,", "neutral,0,"), "line 3: has_landmarks '0'; expected 1, or 0 and no points"),
        (NEUTRAL.replace("neutral,1,", "neutral,yes,"), "line 3: has_landmarks 'yes'; expected 1, or 0 and no points"),
        (NEUTRAL.replace("female", "f"), "line 3: gender 'f'; expected female, male"),
        (NEUTRAL.replace("white,neutral", "white,angry"), "line 3: expression 'angry'; expected neutral, smiling"),
        (NEUTRAL.replace(",24,", ",old,"), "line 3: 'old'; expected an age or nothing"),
        (NEUTRAL, "london_neutral__001_03.jpg is listed twice"),
        (
            NEUTRAL.replace("001_03", "2").replace(",train,", ",dev,"),
            "line 3: split 'dev'; expected train, val or test",
        ),
        (NEUTRAL.replace("001_03", "2").replace(",train,", ",val,"), "line 3: london_001 is in val and in train"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    with pytest.raises(UserError, match=rf"landmarks\.csv[:,] {message}"):
        read("webmorph", write(tmp_path, rows=[ROWS[0], row, *ROWS[2:]]))


def test_a_missing_table_or_column_is_named(tmp_path):
    with pytest.raises(UserError, match=r"landmarks\.csv: missing; the archive is not there or half unpacked"):
        read("webmorph", tmp_path)
    with pytest.raises(UserError, match=r"landmarks\.csv, line 1: no column age"):
        read("webmorph", write(tmp_path, header=HEADER.replace("age", "years")))


def test_names_and_lines_are_the_same_in_the_mirror():
    d = loading.get("webmorph")
    assert len(d.landmarks) == 189
    swapped = {"left": "right", "right": "left"}
    for name, k in zip(d.landmarks, d.mirror, strict=True):
        side, _, rest = name.rpartition(" ")[0].partition(" ")
        assert d.landmarks[k].rpartition(" ")[0] == f"{swapped.get(side, side)} {rest}".strip()
    edges = {frozenset(edge) for edge in d.skeleton}
    assert edges == {frozenset(d.mirror[k] for k in edge) for edge in edges} and len(edges) == len(d.skeleton) == 180
    assert set(range(189)) - set().union(*edges) == {0, 1}  # the pupils


def test_the_real_archive():
    splits = real("webmorph")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 259, "val": 34, "test": 51}
    people = {name: set(listing.attributes["person"]) for name, listing in splits.items()}
    assert {name: len(names) for name, names in people.items()} == {"train": 182, "val": 24, "test": 36}
    assert not people["train"] & people["val"] and not (people["train"] | people["val"]) & people["test"]
    assert subsets.ids_hash(list(splits["val"].ids)) == "ef25a1e76b75"
    assert subsets.ids_hash(list(splits["test"].ids)) == "12dc19cddea8"
    visible = np.concatenate([listing.visible for listing in splits.values()])
    smiling = np.concatenate([listing.attributes["expression"] for listing in splits.values()]) == 1
    assert visible.all(-1).sum() == 242 and (visible.any(-1) == ~smiling).all() and smiling.sum() == 102
    assert np.isnan(np.concatenate([listing.attributes["age"] for listing in splits.values()])).sum() == 4
    # In a face upright and seen from the front, the mirrored mean falls on itself: this is what found the pairs.
    points = np.concatenate([listing.points for listing in splits.values()])[~smiling]
    eyes = points[:, :2]
    face = (points - eyes.mean(1, keepdims=True)) / np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=-1)[:, None, None]
    mean = face.mean(0)
    assert np.abs(mean[list(loading.get("webmorph").mirror)] * [-1, 1] - mean).max() < 0.06
