"""The reader of AFLW's five points, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core.errors import UserError

HEADER = "id,image_file,crop_file,set,lx,ly,rx,ry,nx,ny,mlx,mly,mrx,mry"
NUMBERS = "1,2,3.5,4,5,6,7,8,9,10"
TEST = (
    "AFLW/0001-image00500.jpg 1.000000 2 3 4 5 6 7 8 9 10.5 1 2 1 3\r\n"
    " AFLW/0002-image00500.jpg 1 2 3 4 5 6 7 8 9 10 2 1 2 1\r\n "
)


def row(i: int, part: str = "1", numbers: str = NUMBERS, photo: int | None = None) -> str:
    return f"{i},image{i if photo is None else photo:05d}.jpg,cropped/{39000 + i}.jpg,{part},{numbers}"


@pytest.fixture
def archive(tmp_path):
    """Twenty training faces, the first two of one photo, between faces of other sets, one without numbers."""
    rows = [row(0, photo=1), row(100, "0", "NaN" + ",NaN" * 9), row(500, "2"), *(row(i) for i in range(1, 20))]
    (tmp_path / "aflw_cropped").mkdir()
    (tmp_path / "aflw_cropped" / "facedata_cropped.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (tmp_path / "MTFL").mkdir()
    (tmp_path / "MTFL" / "testing.txt").write_bytes(TEST.encode())
    return tmp_path


def test_points_count_from_one_in_two_orders(archive):
    splits = read("aflw5", archive)
    assert {name: len(found) for name, found in splits.items()} == {"train": 18, "val": 2, "test": 2}
    train, test = splits["train"], splits["test"]
    assert train.points[0].tolist() == [[0, 1], [2.5, 3], [4, 5], [6, 7], [8, 9]] and train.visible.all()
    assert test.points[0].tolist() == [[0, 5], [1, 6], [2, 7], [3, 8], [4, 9.5]]
    assert test.files == ("MTFL/AFLW/0001-image00500.jpg", "MTFL/AFLW/0002-image00500.jpg")
    assert all(file == f"aflw_cropped/{i}" for file, i in zip(train.files, train.ids, strict=True))
    assert test.attributes["photo"].tolist() == ["image00500.jpg"] * 2
    assert test.boxes.tolist() == [[0, 0, 150, 150]] * 2


def test_validation_has_its_own_photos(archive):
    splits = read("aflw5", archive)
    photos = {name: set(found.attributes["photo"]) for name, found in splits.items()}
    assert not photos["train"] & photos["val"]
    assert photos["val"] == {"image00004.jpg", "image00008.jpg"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (row(3, numbers=NUMBERS[:-3]), "line 2: 13 cells; expected 14"),
        (row(3, numbers="nan" + NUMBERS[1:]), "line 2: 'nan 2 3.5 .*expected x and y of five points"),
        (row(3, part="one"), "line 2: 'one'; expected the set as a number"),
        (row(3), "facedata_cropped.csv: cropped/39003.jpg is listed twice"),
        (row(500), "image00500.jpg is in set 1 and in MTFL/testing.txt; expected other photos"),
    ],
)
def test_a_bad_row_is_named(archive, line, message):
    path = archive / "aflw_cropped" / "facedata_cropped.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([HEADER, line, *lines[2:]]))
    with pytest.raises(UserError, match=f"facedata_cropped.csv.*{message}|{message}"):
        read("aflw5", archive)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image_file,crop_file,set", "line 1: 3 columns; expected the points in columns 5 to 14"),
        (HEADER.replace("set", "part"), "line 1: no column set; expected image_file, crop_file, set"),
    ],
)
def test_another_header_is_named(archive, header, message):
    path = archive / "aflw_cropped" / "facedata_cropped.csv"
    path.write_text(path.read_text().replace(HEADER, header))
    with pytest.raises(UserError, match=rf"facedata_cropped.csv, {message}"):
        read("aflw5", archive)


def test_missing_and_bad_lists_are_named(archive):
    (archive / "MTFL" / "testing.txt").write_text("AFLW/0001-image00500.jpg 1 2 3")
    with pytest.raises(UserError, match=r"testing.txt, line 1: 4 words; expected 15"):
        read("aflw5", archive)
    (archive / "MTFL" / "testing.txt").unlink()
    with pytest.raises(UserError, match=r"testing.txt: missing"):
        read("aflw5", archive)
    (archive / "aflw_cropped" / "facedata_cropped.csv").unlink()
    with pytest.raises(UserError, match=r"facedata_cropped.csv: missing"):
        read("aflw5", archive)


def test_the_real_archive():
    splits = real("aflw5")
    assert {name: len(found) for name, found in splits.items()} == loading.get("aflw5").counts
    left, right = splits["test"].points[:, 0, 0], splits["test"].points[:, 1, 0]
    assert (left >= right).sum() == 4 and np.ptp(splits["train"].points) < 150
