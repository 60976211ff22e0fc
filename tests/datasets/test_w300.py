"""The reader of 300-W, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.datasets import w300

ROWS = [f"{k + 1}.5 {2 * k + 1}.000" for k in range(68)]
FILES = [
    *(f"afw/{i}_{face}.jpg" for i in range(10, 16) for face in (1, 2, 3)),
    *("helen/trainset/20_1.jpg", "helen/trainset/20_2.JPG", "helen/trainset/21_1.jpg"),
    *("lfpw/trainset/image_0001.png", "lfpw/trainset/image_0002.png"),
    *("helen/testset/30_1.jpg", "lfpw/testset/image_0001.png", "ibug/image_092 _01.jpg", "ibug/image_100_2.jpg"),
]


def write(path, header="version: 1\nn_points:  68\n{\n", rows=tuple(ROWS), end="\n}\n"):
    path.write_bytes((header + "\n".join(rows) + end).encode())


@pytest.fixture
def archive(tmp_path):
    """All parts; the reader opens no image."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        write((tmp_path / name).with_suffix(".pts"))
    return tmp_path


def test_parts_photos_and_splits(archive):
    splits = read("w300", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 21, "val": 2, "test": 4}
    train, val, test = (splits[name] for name in ("train", "val", "test"))
    assert sorted((*train.files, *val.files)) == sorted(FILES[:-4]) and train.ids == train.files
    assert not set(train.attributes["photo"]) & set(val.attributes["photo"])
    assert test.files == tuple(FILES[-4:])
    assert test.attributes["part"].tolist() == [3, 4, 5, 5]
    assert test.attributes["photo"].tolist() == [
        "30",
        "lfpw/testset/image_0001",
        "ibug/image_092",
        "ibug/image_100",
    ]
    photos = dict(zip((*train.files, *val.files), (*train.attributes["photo"], *val.attributes["photo"]), strict=True))
    assert photos["afw/10_3.jpg"] == "10" and photos["helen/trainset/20_2.JPG"] == "20"
    assert photos["lfpw/trainset/image_0001.png"] == "lfpw/trainset/image_0001"
    assert set(train.attributes["part"]) | set(val.attributes["part"]) == {0, 1, 2}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"header": "version: 1.0\r\nn_points: 68\r\n{\r\n", "rows": [row + "\r" for row in ROWS], "end": "\n}"},
        {"header": "", "end": ""},
        {"header": "VERSION:1\nN_Points :68\n{\n"},
        {"header": "version 1\nn_points 68\n"},
        {"header": "version : 1.0\n  n_points\t:\t68  \n{\n"},
    ],
)
def test_points_count_from_1_and_the_header_may_be_missing(archive, form):
    write(archive / "ibug/image_092 _01.pts", **form)
    test = read("w300", archive)["test"]
    assert test.points[2, :3].tolist() == [[0.5, 0], [1.5, 2], [2.5, 4]] and test.points[2, 67].tolist() == [67.5, 134]
    assert test.visible.all() and test.visible.shape == (4, 68)


def test_parts_that_are_not_there_are_left_out(archive):
    (archive / "w300").mkdir()
    (archive / "ibug").rename(archive / "w300" / "ibug")
    splits = read("w300", archive / "w300")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 0, "val": 0, "test": 2}
    with pytest.raises(UserError, match=r"afw: expected at least one of the folders afw, helen/trainset"):
        read("w300", archive / "afw")


@pytest.mark.parametrize(
    ("part", "stems", "photo"),
    [
        ("afw", ("134212_1", "134212_2", "134212_1_mirror"), "134212"),
        ("helen/trainset", ("100032540_1", "100032540_1_mirror", "100032540"), "100032540"),
        ("lfpw/testset", ("image_0001", "image_0001_mirror"), "lfpw/testset/image_0001"),
        ("ibug", ("image_006", "image_006_mirror"), "ibug/image_006"),
        ("ibug", ("image_007",), "ibug/image_007"),
        ("ibug", ("image_003_1", "image_003_2", "image_003_1_mirror"), "ibug/image_003"),
        ("ibug", ("image_092 _01", "image_092 _01_mirror"), "ibug/image_092"),
    ],
)
def test_the_photo_of_a_face_in_every_part(part, stems, photo):
    assert {w300._photo(part, stem) for stem in stems} == {photo}


def test_mirrored_copies_are_in_the_split_of_their_photo(archive):
    for name in FILES[:-4]:
        path = archive / name
        copy = path.with_name(f"{path.stem}_mirror{path.suffix}")
        copy.touch()
        write(copy.with_suffix(".pts"))
    splits = read("w300", archive)
    assert len(splits["val"]) and len(splits["train"]) + len(splits["val"]) == 2 * len(FILES[:-4])
    for found in splits.values():
        assert {file for file in found.files if "_mirror" not in file} >= {
            f.replace("_mirror", "") for f in found.files
        }


def test_validation_takes_whole_photos_whatever_the_order_of_the_faces():
    photos = [f"{i}" for i in range(60) for _ in range(1 + i % 4)]
    val = subsets.held_out(photos, len(photos) // 10, w300.PHOTO_ORDER)
    assert val.sum() == len(photos) // 10
    chosen = {photo for photo, taken in zip(photos, val, strict=True) if taken}
    assert val.tolist() == [photo in chosen for photo in photos]
    assert subsets.held_out(photos[::-1], len(photos) // 10, w300.PHOTO_ORDER).tolist() == val[::-1].tolist()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"rows": ROWS[:67]}, "67 points; expected 68"),
        ({"rows": [*ROWS, "1 2"]}, "69 points; expected 68"),
        ({"rows": [*ROWS[:5], "1.5", *ROWS[6:]]}, "line 9: 1 words; expected x and y"),
        ({"rows": [*ROWS[:5], "1 2 3", *ROWS[6:]]}, "line 9: 3 words; expected x and y"),
        ({"rows": [*ROWS[:5], "nan 2", *ROWS[6:]]}, "line 9: 'nan 2'; expected x and y"),
        ({"rows": [*ROWS[:5], "1 inf", *ROWS[6:]]}, "line 9: '1 inf'; expected x and y"),
        ({"rows": [*ROWS[:5], "left 1", *ROWS[6:]]}, "line 9: 'left 1'; expected x and y"),
        ({"header": "", "rows": [], "end": ""}, "empty"),
        ({"header": "version:1\nN_POINTS:29\n{\n"}, "line 2: 'N_POINTS:29'; expected n_points: 68"),
    ],
)
def test_a_bad_file_of_points_is_named(archive, form, message):
    write(archive / "afw/11_2.pts", **form)
    with pytest.raises(UserError, match=rf"afw/11_2\.pts[:,] {message}"):
        read("w300", archive)


def test_every_face_is_listed_and_a_part_without_points_is_named(archive):
    (archive / "afw/11_2.jpg").rename(archive / "afw/11_2.JPG")
    (archive / "afw/12_1.jpg").unlink()  # the check will miss it
    splits = read("w300", archive)
    assert {"afw/11_2.JPG", "afw/12_1.jpg"} < {file for found in splits.values() for file in found.files}
    for path in (archive / "afw").glob("*.pts"):
        path.unlink()
    with pytest.raises(UserError, match=r"afw: no \.pts file; the archive is half unpacked"):
        read("w300", archive)


def test_the_mirror_is_the_published_one():
    d = loading.get("w300")
    pairs = [(0, 16), (8, 8), (17, 26), (27, 27), (31, 35), (36, 45), (37, 44), (40, 47), (41, 46), (48, 54), (51, 51)]
    pairs += [(55, 59), (57, 57), (60, 64), (65, 67), (66, 66)]
    assert all(d.mirror[a] == b and d.mirror[b] == a for a, b in pairs)
    assert sum(a < b for a, b in enumerate(d.mirror)) == 29


def test_the_real_archive():
    splits = real("w300")
    n = {name: len(listing) for name, listing in splits.items()}
    if sum(n.values()) == 3837:
        assert n == loading.get("w300").counts
        return
    assert n == {"train": 1087, "val": 120, "test": 330}
    training = [splits["train"], splits["val"]]
    parts = np.concatenate([listing.attributes["part"] for listing in training])
    assert np.bincount(parts).tolist() == [337, 870]
    photos = {name: set(listing.attributes["photo"]) for name, listing in splits.items()}
    assert len(photos["train"] | photos["val"]) == 185 + 783 and len(photos["test"]) == 298
    assert not photos["train"] & photos["val"] and not (photos["train"] | photos["val"]) & photos["test"]
    assert subsets.ids_hash(list(splits["val"].ids)) == "bd50c1469858"
    # The crops of this part: the box of the points is centred and 112 px long, counted from 0 after the shift.
    box = np.concatenate([listing.points for listing in splits.values()])
    assert np.allclose((box.max(1) - box.min(1)).max(-1), 112, atol=2e-3)
    assert np.allclose((box.max(1) + box.min(1)) / 2, 111.5, atol=2e-3)
    # Faces look at the camera, so a mirrored mean face must fall on itself.
    mean = box.mean(0) - 111.5
    assert np.abs(mean[list(loading.get("w300").mirror)] * [-1, 1] - mean).max() < 4
