"""The reader of Multi-PIE, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core.errors import UserError

LABELS = "MPie_Labels/labels"
SHOTS = [
    "001_01_01_051",
    "150_02_02_041",
    "151_02_03_050",
    "200_03_03_140",
    "201_04_03_130",
    "337_04_02_051",
    "346_01_01_051",
]


def label(folder, name: str, points=None) -> None:
    path = folder / LABELS / name.split("_")[3] / f"{name}_lm.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"pts": np.arange(136.0).reshape(68, 2) + int(name[:3]) if points is None else points})


def image(folder, name: str) -> str:
    person, session, recording, camera, _ = name.split("_")
    path = f"Multi-PIE/data/session{session}/multiview/{person}/{recording}/{camera[:2]}_{camera[2]}/{name}.png"
    draw(folder / path)
    return path


@pytest.fixture
def archive(tmp_path):
    """Seven shots, labelled under flash 07 and taken under this and another one."""
    for shot in SHOTS:
        label(tmp_path, f"{shot}_07")
        image(tmp_path, f"{shot}_07")
        image(tmp_path, f"{shot}_{int(shot[2]) + 10}")
    return tmp_path


def test_people_expressions_cameras_and_the_other_flash(archive):
    splits = read("multipie", archive)
    assert {name: found.ids for name, found in splits.items()} == {
        "train": ("001_01_01_051", "150_02_02_041"),
        "val": ("151_02_03_050", "200_03_03_140"),
        "test": ("201_04_03_130", "337_04_02_051"),
    }
    train = splits["train"]
    assert train.files == (
        "Multi-PIE/data/session01/multiview/001/01/05_1/001_01_01_051_11.png",
        "Multi-PIE/data/session02/multiview/150/02/04_1/150_02_02_041_10.png",
    )
    assert train.points[0, :2].tolist() == [[1, 2], [3, 4]] and train.visible.all()
    assert [found.attributes["expression"].tolist() for found in splits.values()] == [[0, 2], [3, 4], [5, 0]]
    assert [found.attributes["camera"].tolist() for found in splits.values()] == [[2, 4], [3, 1], [0, 2]]
    assert splits["test"].attributes["person"].tolist() == ["201", "337"]


def test_a_shot_is_one_image_whose_flash_is_drawn_by_its_name(archive):
    label(archive, "001_01_01_051_11", np.zeros((68, 2)))
    for flash in range(20):
        image(archive, f"001_01_01_051_{flash:02d}")
        image(archive, f"150_02_02_041_{flash:02d}")
    train = read("multipie", archive)["train"]
    assert [file[-6:-4] for file in train.files] == ["14", "15"]
    assert train.points[0, 0].tolist() == [1, 2]


def test_labels_with_fewer_points_and_other_cameras_are_left_out(archive):
    before = read("multipie", archive)
    label(archive, "002_01_01_041_07", np.ones((39, 2)))
    label(archive, "003_01_01_240_07", np.ones((39, 2)))
    label(archive, "001_01_01_051_01", np.ones((66, 2)))
    (archive / LABELS / "041" / "readme.txt").write_text("not a label")
    assert read("multipie", archive)["train"].ids == before["train"].ids


def test_endings_may_be_capitals(archive):
    before = read("multipie", archive)["train"]
    for path in [*archive.rglob("*.mat"), *archive.rglob("*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    (archive / LABELS / "051" / "._001_01_01_051_07_lm.mat").touch()
    after = read("multipie", archive)["train"]
    assert after.ids == before.ids and after.files == tuple(f"{file[:-4]}.PNG" for file in before.files)


def test_the_only_image_of_a_shot_is_taken(archive):
    for path in archive.rglob("*_1[0-9].png"):
        path.unlink()
    assert read("multipie", archive)["train"].files[0].endswith("001_01_01_051_07.png")


@pytest.mark.parametrize(
    ("name", "points", "message"),
    [
        ("001_01_01_051", None, r"001_01_01_051_lm.mat: expected PERSON_SESSION_RECORDING_051_FLASH"),
        ("001_05_01_051_07", None, r"001_05_01_051_07_lm.mat: expected PERSON"),
        ("001_01_03_051_07", None, r"001_01_03_051_07_lm.mat: expected .* of a known recording"),
        ("002_01_01_051_07", np.zeros((68, 3)), r"pts is 68 x 3; expected any x 2"),
        ("002_01_01_051_07", np.full((68, 2), np.inf), r"002_01_01_051_07_lm.mat: a point is not a number"),
        ("002_01_01_051_07", "none", r"no array of numbers 'pts'"),
    ],
)
def test_a_bad_label_is_named(archive, name, points, message):
    label(archive, name, points)
    with pytest.raises(UserError, match=message):
        read("multipie", archive)


def test_a_shot_without_an_image_is_listed_with_the_one_that_it_should_have(archive):
    label(archive, "002_01_01_051_07", None)
    assert (
        "Multi-PIE/data/session01/multiview/002/01/05_1/002_01_01_051_07.png"
        in read("multipie", archive)["train"].files
    )


def test_a_label_of_another_camera_and_a_broken_one_are_named(archive):
    path = archive / LABELS / "051" / "002_01_01_041_07_lm.mat"
    path.write_bytes(b"not a MATLAB file")
    with pytest.raises(UserError, match=r"002_01_01_041_07_lm.mat: expected PERSON_SESSION_RECORDING_051"):
        read("multipie", archive)
    path.rename(path.with_name("002_01_01_051_07_lm.mat"))
    with pytest.raises(UserError, match=r"002_01_01_051_07_lm.mat: not a MATLAB file that can be read"):
        read("multipie", archive)


def test_missing_labels_are_named(tmp_path):
    with pytest.raises(UserError, match="MPie_Labels/labels: expected at least one of the folders 130, 140, 051"):
        read("multipie", tmp_path)


def test_of_a_shot_the_stand_in_draws_the_image_that_is_taken_lit_by_another_flash_than_the_labelled_one(tmp_path):
    splits = loading.get("multipie").write_standin(tmp_path, {"train": 2, "val": 1, "test": 1}, seed=3)
    drawn = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    labelled = {path.name.replace("_lm.mat", ".png") for path in tmp_path.rglob("*_lm.mat")}
    assert sorted(drawn) == sorted(file for found in splits.values() for file in found.files)
    assert len(drawn) == 4 and not {file.rpartition("/")[2] for file in drawn} & labelled


def test_the_real_archive():
    splits = real("multipie")
    assert {name: len(found) for name, found in splits.items()} == loading.get("multipie").counts
    people = [set(found.attributes["person"]) for found in splits.values()]
    assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]
