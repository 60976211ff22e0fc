"""The reader of ATRW, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.datasets import atrw
from landmarklib.formats import archive
from landmarklib.loading import inspection


def document(ids, keypoints=None, name="filename") -> dict:
    """A list as the publisher writes it: annotations are in another order than images."""
    keypoints = keypoints or [v for k in range(15) for v in (10 * k, 5 * k, 2)]
    return {
        "images": [{"width": 400, "height": 300, name: f"{i:06d}.jpg", "id": i} for i in ids],
        "annotations": [
            {"bbox": [0, 0, 400, 300], "category_id": 1, "keypoints": keypoints, "image_id": i, "id": i}
            for i in reversed(ids)
        ],
        "categories": [{"name": "tiger", "id": 1}],
    }


@pytest.fixture
def folder(tmp_path):
    """Two images for training, one of them without points; one for validation; one for testing, its points unknown."""
    train = document([7, 3])
    train["annotations"][0]["keypoints"] = [0] * 45  # image 3
    save(tmp_path, "keypoint_train.json", train)
    save(tmp_path, "keypoint_val.json", document([5]))
    save(tmp_path, "image_info_test.json", document([4], [0] * 45))
    return tmp_path


def save(folder, name, value) -> None:
    (folder / name).write_text(json.dumps(value))


def test_points_visibility_and_names(folder):
    splits = read("atrw", folder)
    assert {name: found.ids for name, found in splits.items()} == {
        "train": ("000007", "000003"),
        "val": ("000005",),
        "test": ("000004",),
    }
    train = splits["train"]
    assert train.files == ("images/train/000007.jpg", "images/train/000003.jpg")
    assert train.points[0].tolist() == [[10 * k, 5 * k] for k in range(15)]
    assert train.visible.all(1).tolist() == [True, False] and not train.visible[1].any()
    assert np.isnan(train.points[1]).all() and np.isnan(splits["test"].points).all()


def test_the_evaluations_list_gives_the_test_points(folder):
    save(folder, "pose_tiger02_test.json", document([4], [v for k in range(15) for v in (-k, k + 0.5, 2 * (k > 0))]))
    test = read("atrw", folder)["test"]
    assert test.files == ("images/test/000004.jpg",)
    assert test.visible[0].tolist() == [False] + [True] * 14 and test.points[0, 14].tolist() == [-14, 14.5]


@pytest.mark.parametrize("flag", [1, 2])
def test_a_flag_is_not_believed_where_all_points_are_in_one_place(folder, flag):
    save(folder, "image_info_test.json", document([4, 6], [0, 0, flag] * 15))
    test = read("atrw", folder)["test"]
    assert len(test) == 2 and not test.visible.any() and np.isnan(test.points).all()


def test_copies_call_the_files_name_otherwise(folder):
    save(folder, "keypoint_val.json", document([5], name="file_name"))
    assert read("atrw", folder)["val"].files == ("images/val/000005.jpg",)


def changed(**change) -> dict:
    value = document([7, 3])
    for part, entries in change.items():
        for key, new in entries.items():
            value[part][0][key] = new
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "keypoint_train.json: list; expected a JSON object"),
        ({}, "keypoint_train.json: no `images`; expected a list of objects"),
        ({"images": [1]}, "no `images`; expected a list of objects"),
        ({"images": []}, "no `annotations`; expected a list of objects"),
        (changed(images={"id": 3}), "image 3 is twice in `images`"),
        (changed(annotations={"image_id": 7}), "image 7 is twice in `annotations`"),
        (changed(images={"id": 8}), "image 7 is not in both `images` and `annotations`"),
        (changed(images={"id": "7"}), r"images\[0\] has id '7'; expected a whole number"),
        (changed(images={"filename": None}), "image 7 has no filename"),
        (changed(images={"filename": "000003.jpg"}), "000003 is listed twice"),
        (changed(annotations={"keypoints": [0] * 42}), "image 3 has other keypoints than 45 numbers"),
        (changed(annotations={"keypoints": [*[0] * 44, "2"]}), "image 3 has other keypoints than 45 numbers"),
        (changed(annotations={"keypoints": [*[0] * 44, None]}), "image 3 has other keypoints than 45 numbers"),
        (changed(annotations={"keypoints": [*[0] * 44, 3]}), "image 3 has visibility 3; expected 0, 1 or 2"),
        (changed(annotations={"keypoints": [np.nan, *[2] * 44]}), "not a JSON file that can be read .NaN is no number"),
        (changed(annotations={"keypoints": [np.inf, *[2] * 44]}), "not a JSON file .*Infinity is no number"),
    ],
)
def test_a_bad_list_is_named(folder, value, message):
    save(folder, "keypoint_train.json", value)
    with pytest.raises(UserError, match=message):
        read("atrw", folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing"),
        (b"", "not a JSON file that can be read"),
        (b'{"images": [', "not a JSON file that can be read"),
        (b"\xff\xfe\x00", "not a JSON file that can be read"),
        (b"[" * 100_000, "not a JSON file that can be read"),
        (json.dumps(changed()).replace("[0, 0, 2,", "[1e999, 0, 2,").encode(), "image 7 has other keypoints"),
        (json.dumps(changed()).replace("[0, 0, 2,", f"[{10**9}, 0, 2,").encode(), "image 7 has other keypoints"),
        (json.dumps(changed()).replace("[0, 0, 2,", f"[{10**400}, 0, 2,").encode(), "not a JSON file"),
    ],
)
def test_a_bad_file_is_named(folder, content, message):
    path = folder / "keypoint_train.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=f"keypoint_train.json: {message}"):
        read("atrw", folder)


def test_a_name_that_leaves_the_folder_is_refused_by_the_check(folder, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", folder / "nowhere")
    save(folder, "keypoint_val.json", changed(images={"filename": "../../../x.jpg"}))
    folder.rename(folder.parent / "atrw")
    with pytest.raises(UserError, match="leaves the data set's folder"):
        inspection.check("atrw", folder.parent)


def test_the_real_lists():
    splits = real("atrw")
    assert {name: len(found) for name, found in splits.items()} == loading.get("atrw").counts
    none = {name: int((~found.visible.any(1)).sum()) for name, found in splits.items()}
    assert none in ({"train": 1416, "val": 172, "test": 391}, {"train": 1416, "val": 172, "test": 1032})
    assert (splits["train"].visible.sum(), splits["val"].visible.sum()) == (27_831, 4387)
    assert np.nanmin(splits["train"].points) == -1166
    assert sorted(i for found in splits.values() for i in found.ids) == [f"{i:06d}" for i in range(5156)]


def test_the_real_photos():
    try:
        folder = archive.find("atrw/sample", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    sample, val = atrw.listing(folder / "test_atrw.json", "."), real("atrw")["val"]
    assert sample.ids == ("003464", "000061") and sample.visible.all()
    places = [val.ids.index(i) for i in sample.ids]
    assert np.array_equal(sample.points, val.points[places])
    for file, points in zip(sample.files, sample.points, strict=True):
        size = archive.size(archive.safe_join(folder, file))
        assert (points >= 0).all() and (points <= np.array(size) - 1).all()
