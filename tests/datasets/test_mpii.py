"""The reader of MPII, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.datasets import mpii
from landmarklib.formats import matlab


def structs(rows: list[dict]) -> np.ndarray:
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        array[0, i] = tuple(row.values())
    return array


def point(k: int, **changed: object) -> dict:
    return {"x": 10.0 * k + 1, "y": 5.0 * k + 1, "id": k, "is_visible": "1", **changed}


def person(points: list[dict] | None = None, **changed: object) -> dict:
    """Joint k at (10 k, 5 k); a head of 30 x 40; scale 0.5 around (50, 60), counted from 1."""
    points = [point(k) for k in range(16)] if points is None else points
    values = (20.0, 30.0, 50.0, 70.0, {"point": structs(points)}, 0.5, {"x": 51.0, "y": 61.0})
    return {**dict(zip(mpii.PERSON, values, strict=True)), **changed}


def photo(name: str, people: list[dict]) -> dict:
    return {"image": {"name": name}, "annorect": structs(people) if people else np.zeros((0, 0))}


def save(folder, photos: list[dict], training: list[int] | None = None, **changed: object) -> None:
    flags = np.array([[1] * len(photos) if training is None else training], np.uint8)
    savemat(folder / mpii.LIST, {"RELEASE": {"annolist": structs(photos), "img_train": flags, **changed}})


def everyone(splits) -> dict[str, tuple]:
    """Points, visible, box and attributes of each person, whatever the split."""
    return {
        name: (found.points[i], found.visible[i], found.boxes[i], {a: v[i] for a, v in found.attributes.items()})
        for found in splits.values()
        for i, name in enumerate(found.ids)
    }


def many(n: int = 40) -> list[dict]:
    """Photos of which every fourth shows two people."""
    return [photo(f"{i:09d}.jpg", [person()] * (2 if i % 4 == 3 else 1)) for i in range(n)]


def test_points_head_box_and_attributes(tmp_path):
    without = [{name: value for name, value in person().items() if name != "annopoints"}]
    odd = [
        person([point(0, is_visible=np.zeros((0, 0))), point(9, is_visible=0)]),
        person([point(3)]),
        person(annopoints=np.zeros((0, 0))),
        person(scale=np.zeros((0, 0))),
    ]
    photos = [
        *many(),
        photo("odd.jpg", odd),
        photo("without.jpg", without),
        photo("empty.jpg", []),
        photo("t.jpg", odd),
    ]
    save(tmp_path, photos, [1] * 43 + [0])
    found = everyone(read("mpii", tmp_path))
    points, visible, box, values = found["000000000/1"]
    assert points.tolist() == [[10 * k, 5 * k] for k in range(16)] and visible.all()
    assert values == {"head_size": 30, "scale": 0.5, "photo": "000000000.jpg"}
    assert box.tolist() == [0.5, 18, 100.5, 118]  # 100 px around (50, 60 + 7.5), whose first pixel reaches from 0 to 1
    assert np.flatnonzero(found["odd/1"][1]).tolist() == [0, 9] and np.isnan(found["odd/1"][0][1]).all()
    assert np.flatnonzero(found["odd/2"][1]).tolist() == [3]
    assert not {"odd/3", "odd/4", "without/1", "t/1"} & found.keys() and "000000003/2" in found


def test_no_photo_is_in_two_splits_and_a_part_is_divided_in_proportion(tmp_path):
    save(tmp_path, many(80))
    splits = read("mpii", tmp_path)
    assert list(splits) == ["train", "val", "test"]
    n = {name: len(found) for name, found in splits.items()}
    assert n == {"train": 61, "val": 20, "test": 18} or sum(n.values()) in (99, 100)
    names = [set(found.attributes["photo"]) for found in splits.values()]
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    assert subsets.ids_hash(list(splits["test"].ids)) == subsets.ids_hash(list(read("mpii", tmp_path)["test"].ids))


def test_of_a_whole_archive_the_papers_numbers_are_drawn():
    n = 20_000
    photos = np.array([f"{i // 2 if i % 3 == 0 else i}.jpg" for i in range(n)])
    rows = np.ones((n, 39))
    people = mpii._listing([f"images/{name}" for name in photos], tuple(map(str, range(n))), rows)
    assert {name: len(found) for name, found in mpii._divide(people).items()} == loading.get("mpii").counts


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ([person([point(16)])], r"annolist\(1\).annorect\(1\) has a joint 16; expected each of 0 to 15 once"),
        ([person(), person([point(2), point(2)])], r"annorect\(2\) has a joint 2; expected each of 0 to 15 once"),
        ([person([point(2, id=2.5)])], r"has a joint 2.5"),
        ([person([point(2, x=np.nan)])], r"annorect\(1\) has .*nan.*; expected numbers"),
        ([person([point(2, y="left")])], r"annorect\(1\) has .*left.*; expected numbers"),
        ([person([{"x": 1.0, "y": 2.0}])], r"annopoints.point\(1\) has no field id; expected x, y, id"),
        ([person(annopoints=3.0)], r"annorect\(1\) has an objpos or annopoints that is no struct"),
        ([person(objpos={"x": 1.0})], r"annorect\(1\) has .*None.*; expected numbers"),
        ([person(scale=-1.0)], r"annorect\(1\) has a head box or a scale of nothing"),
        ([person(x2=20.0, y2=30.0)], r"annorect\(1\) has a head box or a scale of nothing"),
        ([person(x1="a")], r"annorect\(1\) has .*; expected numbers"),
    ],
)
def test_a_bad_person_is_named(tmp_path, people, message):
    save(tmp_path, [photo("a.jpg", people), photo("b.jpg", [person()])])
    with pytest.raises(UserError, match=message):
        read("mpii", tmp_path)


@pytest.mark.parametrize(
    ("photos", "changed", "message"),
    [
        ([photo("a.jpg", [person()])] * 2, {}, r"a/1 is listed twice"),
        (many(2), {"training": [1]}, r"img_train is no list of 2 numbers 0 or 1"),
        (many(2), {"training": [1, 2]}, r"img_train is no list of 2 numbers 0 or 1"),
        (many(2), {"annolist": 3.0}, r"annolist is no array of structs; expected the fields image, annorect"),
        ([{"image": {"name": "a.jpg"}}] * 2, {}, r"annolist\(1\) has no field annorect"),
        ([{"image": {"name": 3.0}, "annorect": structs([person()])}] * 2, {}, r"annolist\(1\).image has no name"),
        ([{"image": "a.jpg", "annorect": structs([person()])}] * 2, {}, r"annolist\(1\).image has no name"),
        ([{"image": {"name": "a.jpg"}, "annorect": 3.0}] * 2, {}, r"annolist\(1\).annorect is no array of structs"),
    ],
)
def test_a_bad_list_is_named(tmp_path, photos, changed, message):
    save(tmp_path, photos, **changed)
    with pytest.raises(UserError, match=message):
        read("mpii", tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"MATLAB 5.0 MAT-file", b"MATLAB 5.0 MAT-file".ljust(300)])
def test_a_bad_file_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / mpii.LIST).write_bytes(content)
    with pytest.raises(UserError, match=r"\.mat: (missing|not a MATLAB file|RELEASE is no array of structs)"):
        read("mpii", tmp_path)


def test_an_empty_list_of_structs_has_no_entries(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"none": np.zeros((0, 0)), "one": {"a": 1.0}, "two": structs([{"a": 1.0}, {"a": "x"}])})
    found = {name: matlab.entries(path, matlab.struct(path, name), ("a",), name) for name in ("none", "one", "two")}
    assert found == {"none": [], "one": [{"a": 1}], "two": [{"a": 1}, {"a": "x"}]}


def test_the_real_archive():
    splits = real("mpii")
    assert {name: len(found) for name, found in splits.items()} == loading.get("mpii").counts
    assert all(found.visible.any(1).all() for found in splits.values())
