"""The reader of cat heads, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError

LINE = "9 175 160 239 162 199 199 149 121 137 -78 166 93 281 101 312 96 296 133 "


def name(i):
    return f"CAT_0{i % 2}/{i:08}_000.jpg"


@pytest.fixture
def archive(tmp_path):
    """Fifty images in two of the seven folders; the reader opens none."""
    for i in range(50):
        (tmp_path / name(i)).parent.mkdir(exist_ok=True)
        (tmp_path / name(i)).touch()
        (tmp_path / f"{name(i)}.cat").write_text(LINE.replace("175", f"{i}"))
    return tmp_path


def ids(splits):
    return sorted(i for listing in splits.values() for i in listing.ids)


def test_points_and_splits(archive):
    splits = read("cats", archive)
    assert {split: len(listing) for split, listing in splits.items()} == {"train": 39, "val": 5, "test": 6}
    assert ids(splits) == [f"{i:08}_000.jpg" for i in range(50)]
    for listing in splits.values():
        numbers = [int(i[:8]) for i in listing.ids]
        assert listing.files == tuple(map(name, numbers)) and listing.points[:, 0, 0].tolist() == numbers
        assert (listing.points[:, 0, 1] == 160).all() and listing.visible.all()
    assert splits["val"].points[0, 1:].tolist() == [
        *([239, 162], [199, 199]),
        *([149, 121], [137, -78], [166, 93]),
        *([281, 101], [312, 96], [296, 133]),
    ]


def test_the_whole_archive_is_divided_as_the_counts_say(archive, monkeypatch):
    from landmarklib.datasets import cats

    (archive / "CAT_06").mkdir()
    (archive / "CAT_06" / "1.jpg.cat").write_text(LINE)
    points = np.zeros((9, 2))
    monkeypatch.setattr(cats, "_points", lambda path: points)
    monkeypatch.setattr(
        cats,
        "_annotations",
        lambda part: {part / f"{i}": f"{part.name}{i}" for i in range(3333 + (part.name[-1] == "6"))},
    )
    assert {split: len(listing) for split, listing in read("cats", archive).items()} == loading.get("cats").counts


def test_the_annotation_that_went_astray(archive):
    folder = archive / "CAT_00"
    (folder / "00000003_019.jpg.cat").write_text(LINE)
    assert len(ids(read("cats", archive))) == 50  # of no image
    draw(folder / "00000003_015.jpg", 200, 300)  # too small for the eyes
    assert len(ids(read("cats", archive))) == 50
    draw(folder / "00000003_015.jpg", 300, 300)  # the tip of an ear may be above it
    splits = read("cats", archive)
    assert len(ids(splits)) == 51 and "00000003_015.jpg" in ids(splits) and "00000003_019.jpg" not in ids(splits)
    assert "CAT_00/00000003_015.jpg" in [file for listing in splits.values() for file in listing.files]
    (folder / "00000003_015.jpg.cat").write_text(LINE.replace("9 175", "9 1015"))
    splits = read("cats", archive)
    assert len(ids(splits)) == 51 and 1015 in np.concatenate([listing.points[:, 0, 0] for listing in splits.values()])
    (folder / "00000003_019.jpg").touch()
    assert "00000003_019.jpg" in ids(read("cats", archive))


def test_endings_in_capitals_are_pairs_like_any_other(archive):
    before = read("cats", archive)
    for i in (3, 4, 5):
        path = archive / name(i)
        (archive / f"{name(i)}.cat").rename(path.with_suffix([".JPG.cat", ".jpg.cat", ".jpg.CAT"][i - 3]))
        path.rename(path.with_suffix([".JPG", ".JPG", ".jpg"][i - 3]))
    after = read("cats", archive)
    assert [i.lower() for i in ids(after)] == ids(before)
    files = {file for found in after.values() for file in found.files}
    assert {"CAT_01/00000003_000.JPG", "CAT_00/00000004_000.JPG", "CAT_01/00000005_000.jpg"} < files


def test_mirrored_copies_are_in_the_split_of_their_photo(archive):
    for i in range(0, 50, 2):
        path = archive / name(i).replace(".jpg", "_mirror.jpg")
        path.touch()
        path.with_name(f"{path.name}.cat").write_text(LINE)
    after = read("cats", archive)
    assert len(ids(after)) == 75
    for found in after.values():
        assert {i.replace("_mirror", "") for i in found.ids} == {i for i in found.ids if "_mirror" not in i}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE[:-5], r"line 1: 18 numbers, the first 9; expected 9 and then x and y of nine points"),
        (LINE + "1 2", r"line 1: 21 numbers, the first 9"),
        (LINE.replace("9 ", "8 ", 1), r"line 1: 19 numbers, the first 8"),
        (LINE.replace("175", "nan"), r"line 1: '9 nan .*expected 9 and then"),
        (LINE.replace("175", "inf"), r"line 1: '9 inf "),
        (LINE.replace("175", "left"), r"line 1: '9 left "),
        (" ", "empty"),
    ],
)
def test_a_bad_annotation_is_named(archive, text, message):
    (archive / f"{name(3)}.cat").write_text(text)
    with pytest.raises(UserError, match=rf"CAT_01/00000003_000\.jpg\.cat[:,] {message}"):
        read("cats", archive)


def test_an_image_in_two_folders_and_empty_folders_are_named(archive):
    (archive / "CAT_01" / "00000000_000.jpg.cat").write_text(LINE)
    with pytest.raises(UserError, match=r"00000000_000\.jpg is listed twice"):
        read("cats", archive)
    (archive / "CAT_06").mkdir()
    with pytest.raises(UserError, match=r"CAT_06: no \.jpg\.cat file; the archive is half unpacked"):
        read("cats", archive)
    with pytest.raises(UserError, match=r"CAT_06: expected at least one of the folders CAT_00, CAT_01"):
        read("cats", archive / "CAT_06")


def test_the_papers_seven_points_are_nine_without_the_tips():
    d = loading.get("cats")
    kept = [k - 1 for k in (1, 2, 3, 4, 6, 7, 9)]
    assert [name for k, name in enumerate(d.landmarks) if k not in kept] == ["left ear tip", "right ear tip"]
    pairs = [(d.landmarks[a], d.landmarks[b]) for a, b in enumerate(d.mirror) if a < b]
    assert all(b == a.replace("left", "right") for a, b in pairs) and len(pairs) == 4


def test_the_real_archive():
    splits = real("cats")
    n = {split: len(listing) for split, listing in splits.items()}
    if sum(n.values()) != 12:
        assert sum(n.values()) > 9000 and all(n[split] <= count for split, count in loading.get("cats").counts.items())
        return
    assert n == {"train": 9, "val": 1, "test": 2}
    assert splits["val"].ids == ("00000001_017.jpg",) and subsets.ids_hash(list(splits["test"].ids)) == "681665b1428a"
    points = np.concatenate([listing.points for listing in splits.values()])
    assert points.min() == -28 and (points[:, 0, 0] < points[:, 1, 0]).all()
    left, right = points[:, 3:6, 0], points[:, 6:9, 0]
    assert (left.max(1) < right.min(1)).all()
    assert (points[:, 3, 0] < points[:, 5, 0]).all()
    assert (points[:, 6, 0] < points[:, 8, 0]).sum() == 11  # one head is turned
