"""The reader of AFLW-19, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from readers import draw, read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import aflw
from landmarklib.loading import inspection

NAMES = ["0/image00002.jpg", "2/image00002.jpg", "0/image00002.jpg", "3/image00007.jpg", "2/image00009.jpg"]
BOXES = [[10, 40, 20, 50], [10, 40, 20, 50], [60, 80, 5, 25], [0, 30, -5, 25], [5, 9, 5, 9]]  # left, right, top, bottom
RA = [3, 5, 1, 2, 4]
FACES = [  # number, file, x, y, w, h, yaw
    (65000, "image00002.jpg", 60, 5, 20, 20, 0.5),
    (39341, "image00002.jpg", 10, 20, 30, 30, -1.0),
    (39342, "image00007.jpg", 0, -5, 30, 30, 0.25),
    (39343, "image00009.jpg", 5, 5, 5, 4, 0.1),
]


def base(path, faces=FACES) -> None:
    """The database; a photo's name without its folder is all that faces know of it."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE FaceImages (image_id, db_id, file_id, filepath, bw, width, height)")
        file.execute("CREATE TABLE Faces (face_id, file_id, db_id)")
        file.execute("CREATE TABLE FaceRect (face_id, x, y, w, h, annot_type_id)")
        file.execute("CREATE TABLE FacePose (face_id, roll, pitch, yaw, annot_type_id)")
        for name in sorted(set(NAMES)):
            file.execute("INSERT INTO FaceImages VALUES (1, 'a', ?, ?, 0, 9, 9)", (name[2:], name))
        for face, name, x, y, w, h, yaw in faces:
            file.execute("INSERT INTO Faces VALUES (?, ?, 'a')", (face, name))
            file.execute("INSERT INTO FaceRect VALUES (?, ?, ?, ?, ?, 1)", (face, x, y, w, h))
            file.execute("INSERT INTO FacePose VALUES (?, 0.0, 0.0, ?, 1)", (face, yaw))


def info(**changes) -> dict[str, object]:
    """The variables of the .mat file."""
    xy = np.arange(5)[:, None] * 100.0 + np.arange(38)
    mask = np.ones((5, 19), np.uint8)
    mask[0, 4] = 0
    values = {"bbox": np.array(BOXES, float), "data": xy, "mask_new": mask, "ra": np.array([RA], np.uint16)}
    return values | {"nameList": np.array(NAMES, object)[:, None]} | changes


@pytest.fixture
def archive(tmp_path):
    """Five faces on four photos, three of which share a file name."""
    savemat(tmp_path / "AFLWinfo_release.mat", info())
    (tmp_path / "data").mkdir()
    base(tmp_path / "data" / "aflw.sqlite")
    return tmp_path


def test_order_points_boxes_and_poses(archive):
    splits = read("aflw", archive)
    assert {name: found.ids for name, found in splits.items()} == {
        "train": ("0/image00002.jpg#3", "2/image00009.jpg#5", "0/image00002.jpg#1"),
        "val": ("2/image00002.jpg#2",),
        "test": ("3/image00007.jpg#4",),
    }
    train = splits["train"]
    assert train.files == tuple(f"data/flickr/{NAMES[i]}" for i in (2, 4, 0))
    assert train.points[2, [0, 18]].tolist() == [[0, 19], [18, 37]] and train.visible.all()
    assert train.boxes.tolist() == [[60, 5, 80, 25], [5, 5, 9, 9], [10, 20, 40, 50]]
    assert train.attributes["frontal"].tolist() == [1, 1, 0]
    # The second face's box is not the one that the database has.
    assert train.attributes["yaw"] == pytest.approx([np.degrees(0.5), np.nan, np.degrees(-1)], nan_ok=True)
    assert splits["test"].attributes["yaw"] == pytest.approx([np.degrees(0.25)])
    assert splits["val"].attributes["yaw"] == pytest.approx([np.degrees(-1)])


def test_two_poses_in_one_box_are_none(archive):
    (archive / "data" / "aflw.sqlite").unlink()
    base(archive / "data" / "aflw.sqlite", [*FACES, (1, *FACES[0][1:6], 0.6)])
    assert np.isnan(read("aflw", archive)["train"].attributes["yaw"]).tolist() == [True, True, False]


def test_a_box_without_an_area_is_that_of_the_points(archive):
    savemat(archive / "AFLWinfo_release.mat", info(bbox=np.array([BOXES[0], [9, 9, 2, 5], *BOXES[2:]], float)))
    assert read("aflw", archive)["val"].boxes.tolist() == [[100, 119, 119, 138]]


def test_the_whole_archive_has_the_papers_counts():
    n = aflw.N
    photo = np.array([f"0/image{i - i // 9:05d}.jpg" for i in range(n)])
    points = np.zeros((n, 19, 2))
    faces = Listing(
        (), points, points[..., 0] == 0, tuple(f"{name}#{i}" for i, name in enumerate(photo)), {"photo": photo}
    )
    splits = aflw.split(faces, np.random.RandomState(0).permutation(n))
    assert {name: len(found) for name, found in splits.items()} == loading.get("aflw").counts
    assert subsets.ids_hash(list(splits["val"].ids)) == "3555d52a7082"
    assert not set(splits["val"].attributes["photo"]) & set(splits["train"].attributes["photo"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nameList": np.zeros((5, 1))}, "no cell array of strings 'nameList'"),
        ({"nameList": np.array([*NAMES[:4], 3.0], object)}, "no cell array of strings 'nameList'"),
        ({"ra": np.array([[0, 1, 2, 3, 4]])}, "ra; expected every number of 1 to 5 once"),
        ({"ra": np.array([[1, 1, 2, 3, 4]])}, "ra; expected every number of 1 to 5 once"),
        ({"ra": np.array([RA]).T}, "ra is 5 x 1; expected 1 x any"),
        ({"bbox": np.zeros((4, 4))}, "bbox is 4 x 4; expected 5 x 4"),
        ({"data": np.zeros((5, 42))}, "data is 5 x 42; expected 5 x 38"),
        ({"data": np.full((5, 38), np.nan)}, r"data, row 1 \(0/image00002.jpg\); expected finite numbers"),
        ({"mask_new": np.full((5, 19), np.inf)}, "mask_new, row 1"),
    ],
)
def test_a_bad_variable_is_named(archive, changes, message):
    savemat(archive / "AFLWinfo_release.mat", info(**changes))
    with pytest.raises(UserError, match=rf"AFLWinfo_release.mat: {message}"):
        read("aflw", archive)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (
            [(1, "image00007.jpg", None, 0, 1, 1, 0.0)],
            r"image00007.jpg, \[None, .*expected a box and a pose in numbers",
        ),
        ([(1, "image00007.jpg", "x", 0, 1, 1, 0.0)], "expected a box and a pose in numbers"),
        ([(1, "image00007.jpg", 1, 0, 1, 1, 0.0)], "no face of AFLWinfo_release.mat by its photo and its box"),
        ([], "no face of AFLWinfo_release.mat"),
    ],
)
def test_a_database_of_something_else_is_named(archive, faces, message):
    (archive / "data" / "aflw.sqlite").unlink()
    base(archive / "data" / "aflw.sqlite", faces)
    with pytest.raises(UserError, match=f"aflw.sqlite: .*{message}"):
        read("aflw", archive)


def test_missing_and_broken_files_are_named(archive):
    path = archive / "data" / "aflw.sqlite"
    for content in (b"SQLite format 3\0 and no more" * 9, b"not a database" * 9, b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"aflw.sqlite: not an SQLite file with the tables of this data set \("):
            read("aflw", archive)
    path.unlink()
    with pytest.raises(UserError, match=r"aflw.sqlite: missing"):
        read("aflw", archive)
    (archive / "AFLWinfo_release.mat").write_bytes(b"MATLAB 7.3 MAT-file" * 20)
    with pytest.raises(UserError, match=r"AFLWinfo_release.mat: not a MATLAB file"):
        read("aflw", archive)
    (archive / "AFLWinfo_release.mat").unlink()
    with pytest.raises(UserError, match=r"AFLWinfo_release.mat: missing"):
        read("aflw", archive)


def test_the_database_is_left_as_it_is(archive):
    before = (archive / "data" / "aflw.sqlite").read_bytes()
    read("aflw", archive)
    assert [path.name for path in (archive / "data").iterdir()] == ["aflw.sqlite"]
    assert (archive / "data" / "aflw.sqlite").read_bytes() == before


def test_a_photo_that_leaves_the_folder_is_refused(archive):
    names = np.array(["../../../secret.jpg", *NAMES[1:]], object)[:, None]
    savemat(archive / "AFLWinfo_release.mat", info(nameList=names))
    for name in NAMES[1:]:
        draw(archive / "data" / "flickr" / name, 600, 600)
    (archive.parent / "aflw").symlink_to(archive)
    with pytest.raises(UserError, match="leaves the data set's folder"):
        inspection.check("aflw", archive.parent)


def test_the_real_archive():
    splits = real("aflw")
    assert {name: len(found) for name, found in splits.items()} == loading.get("aflw").counts
    assert splits["test"].attributes["frontal"].sum() in (1165, 1314)
    yaw = np.concatenate([found.attributes["yaw"] for found in splits.values()])
    assert np.isfinite(yaw).mean() > 0.95 and 60 < np.nanmax(np.abs(yaw)) <= 180
