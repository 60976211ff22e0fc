"""Folders and links, photos beside their labels, copies, and which points count, for all readers at once."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from landmarklib import datasets, loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Crop, Recipe
from landmarklib.formats import archive, layout
from landmarklib.loading import crops, cutting

NAN = float("nan")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("points", "flags", "visible"),
    [
        ([[0, 0], [0, 0], [0, 0]], None, [False] * 3),
        ([[0, 0], [0, 0], [0, 0]], [True, True, False], [False] * 3),
        ([[7, 9], [7, 9], [1, 2]], [True, True, False], [False] * 3),  # wherever that place is
        ([[0, 0], [0, 0], [0, 1]], None, [True] * 3),
        ([[0, 0], [0, 0], [0, 0]], [False, True, False], [False, True, False]),  # one point coincides with nothing
        ([[0, 0], [0, 0], [0, 0]], [False] * 3, [False] * 3),
        ([[NAN, NAN]] * 3, None, [True] * 3),  # a fault, which `check` names
    ],
)
def test_an_image_all_of_whose_points_coincide_has_none(points, flags, visible):
    other = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    both = None if flags is None else np.array([[True] * 3, flags])
    found = layout.listing(["a.jpg", "b.jpg"], ["a", "b"], np.array([other, points], float), both)
    assert found.visible.tolist() == [[True] * 3, visible] and found.points[0].tolist() == other
    lost = np.array(visible if flags is None else [a and not b for a, b in zip(flags, visible, strict=True)])
    if (flags is not None and lost.any()) or (flags is None and not any(visible)):
        assert np.isnan(found.points[1]).all()
    else:
        np.testing.assert_array_equal(found.points[1], points)


def test_listings_without_images_or_landmarks():
    none = layout.listing([], [], np.zeros((0, 5, 2)))
    assert none.visible.shape == (0, 5) and none.files == none.ids == ()
    shown = layout.listing(["a.jpg"], ["a"], attributes={"digit": np.array([3])})
    assert shown.points.shape == (1, 0, 2) and shown.visible.shape == (1, 0) and shown.boxes is None


def test_every_reader_makes_its_listings_by_this_rule():
    for name in datasets.names():
        text = Path(datasets.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])Listing\(", text), name


@pytest.mark.parametrize("groups", [(), ((0, 1), (2,))])
def test_an_image_without_points_is_cut_somewhere_and_counts_nowhere(groups):
    points = np.array([[[4.0, 4.0]] * 3, [[1.0, 2.0], [3.0, 4.0], [5.0, 8.0]]])
    found = layout.listing(["a", "b"], ["a", "b"], points)
    cut_out = cutting.squares(found, Recipe(groups=groups))
    assert np.isfinite(cut_out).all() and (cut_out[:, 2] > 0).all()
    assert cut_out[1].tolist() == cutting.squares(found[np.array([1])], Recipe(groups=groups))[0].tolist()


def test_a_label_and_its_image_are_told_in_small_letters_and_capitals(tmp_path):
    names = ("a.JPG", "b.jpg", "b_2.png", "c.Jpeg", "._a.pts", "alone.jpg", "alone.png", "notes.txt")
    touch(tmp_path, *names, "a.pts", "b.PTS", "b_2.pts", "c.pts", "gone.pts")
    found = layout.pairs(tmp_path, ".pts", tmp_path, [".jpg", ".jpeg", ".png"])
    assert found == {
        "a": ("a.pts", "a.JPG"),
        "b": ("b.PTS", "b.jpg"),
        "b_2": ("b_2.pts", "b_2.png"),
        "c": ("c.pts", "c.Jpeg"),
        "gone": ("gone.pts", "gone.jpg"),  # which a check then misses
    }


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("x.png", r"photos: x.jpg and x.png; expected one"),
        ("x.JPG", r"photos: x.JPG and x.jpg; expected one"),
        ("x.PTS", r"photos: x.PTS and x.pts; expected one"),
    ],
)
def test_names_that_leave_open_which_file_is_meant_are_refused(tmp_path, more, message):
    touch(tmp_path / "photos", "x.jpg", "x.pts", more)
    if len(list((tmp_path / "photos").iterdir())) == 2:
        pytest.skip("this file system knows no capitals")
    with pytest.raises(UserError, match=message):
        layout.pairs(tmp_path / "photos", ".pts", tmp_path / "photos", [".jpg", ".png"])


def test_links_are_followed_and_each_folder_is_seen_once(tmp_path):
    inside, outside = touch(tmp_path / "archive", "a.txt", "part/b.txt"), touch(tmp_path / "disc", "c.txt")
    (inside / "linked").symlink_to(outside)
    (inside / "part" / "above").symlink_to(inside)
    assert [(path.relative_to(inside).as_posix(), files) for path, files in layout.walk(inside)] == [
        (".", ["a.txt"]),
        ("linked", ["c.txt"]),
        ("part", ["b.txt"]),
    ]
    assert layout.present(inside, ["part", "linked", "neither"]) == ["part", "linked"]
    assert archive.safe_join(inside, "linked/c.txt").is_file() and archive.any_here(inside, ["linked/c.txt"])


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "helen").symlink_to(tmp_path / "disc")
    with pytest.raises(DataMissing, match=r"looked for \S+/helen, a link that leads nowhere"):
        archive.find("helen", tmp_path, "")
    with pytest.raises(UserError, match=r"helen: a link to .*disc, which is not there"):
        layout.present(tmp_path, ["afw", "helen/trainset"])
    with pytest.raises(UserError, match=r"helen/list.txt: missing; .*helen is a link to .*disc, which is not there"):
        archive.lines(tmp_path / "helen" / "list.txt")


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "a/..", "..\\x", "a\\..\\x", "/etc/hostname", "\\etc", "C:\\x", "c:/x", "//host/x", "a\0b"],
)
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    for ask in (archive.safe_join, lambda folder, name: archive.any_here(folder, [name])):
        with pytest.raises(UserError, match=r"leaves the data set's folder|no file can have the name"):
            ask(tmp_path, name)


@pytest.mark.parametrize("name", ["a.jpg", "a b/c..jpg", "...", "a:b.jpg", "1:2.jpg", "a\\b.jpg"])
def test_other_names_are_taken(tmp_path, name):
    assert archive.safe_join(tmp_path, name) == tmp_path / name.replace("\\", "/")


def test_crops_of_an_archive_whose_folders_are_links(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    dataset = loading.get("w300")
    (tmp_path / "w300").mkdir()
    dataset.write_standin(tmp_path / "w300", {"train": 8, "val": 1, "test": 4}, 0)
    before = crops.load(dataset, "train", Crop(8), tmp_path)
    (tmp_path / "w300" / "afw").rename(tmp_path / "disc")
    (tmp_path / "w300" / "afw").symlink_to(tmp_path / "disc")
    after = crops.load(dataset, "train", Crop(8), tmp_path)
    assert after.ids == before.ids and np.array_equal(after.images, before.images)
