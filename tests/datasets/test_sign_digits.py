"""The reader of Sign Language Digits, on a small copy in its layout and, where it is there, on the real one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.datasets import sign_digits
from landmarklib.formats import archive as files
from landmarklib.loading import inspection

PEOPLE = 10
NAMES = [f"{digit}_IMG_{1000 + 10 * person + digit}.jpg" for digit in range(10) for person in range(PEOPLE)]
LABELS = "file,label\n" + "".join(f"{name},{name[0]}\n" for name in NAMES)


@pytest.fixture
def archive(tmp_path):
    """Ten people who show ten digits one after the other; listed by digit, as the publisher's folders are."""
    (tmp_path / "labels.csv").write_text(LABELS)
    for name in NAMES:
        draw(tmp_path / "images" / name, 100, 100)
    return tmp_path


def test_gestures_people_and_files(archive):
    splits = read("sign_digits", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 70, "val": 10, "test": 20}
    for listing in splits.values():
        n = len(listing)
        assert listing.points.shape == (n, 0, 2) and listing.visible.shape == (n, 0)
        assert listing.files == tuple(f"images/{name}" for name in listing.ids)
        assert listing.attributes["gesture"].tolist() == [int(name[0]) for name in listing.ids]
        assert listing.attributes["person"].tolist() == [f"IMG_{name[6:9]}0" for name in listing.ids]
        assert listing.boxes.tolist() == [[0, 0, 100, 100]] * n
    assert sorted(i for listing in splits.values() for i in listing.ids) == sorted(NAMES)
    people = [set(listing.attributes["person"]) for listing in splits.values()]
    assert [len(found) for found in people] == [7, 1, 2] and len(set.union(*people)) == PEOPLE


@pytest.mark.parametrize(
    ("shown", "people"),
    [
        ([[0, 1, 2, 3], [0, 1, 2, 3]], 2),
        ([[0, 1, 2, 2, 3], [0, 1, 2, 3]], 2),  # a digit twice
        ([[0, 1, 3], [2]], 1),  # a digit that was forgotten
        ([[5], [0, 1, 2]], 1),
        ([[0, 1, 2, 3], [2], [0, 1, 3]], 2),  # the one who is before the others in the camera
        ([[0, 1, 2, 3], [2, 3, 4, 5, 6, 7]], 1),  # half of one side may be there again
        ([[0, 1, 2, 3, 4], [2, 3, 4, 5, 6, 7]], 2),
    ],
)
def test_people_are_told_by_the_order_of_the_digits(shown, people):
    gestures = [digit for run in shown for digit in run]
    numbers = np.arange(len(gestures)) + 7
    found = sign_digits.people(numbers.tolist(), gestures)
    assert found[0] == "IMG_0007" and len(set(found)) == people
    shuffled = np.random.default_rng(0).permutation(len(gestures))
    again = sign_digits.people(numbers[shuffled].tolist(), np.array(gestures)[shuffled].tolist())
    assert again.tolist() == found[shuffled].tolist()


def test_the_check_decodes_every_image(archive, monkeypatch):
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("sign_digits").startswith(
        "sign_digits: a part: train 70 of 1,452, val 10 of 209, test 20 of 401"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("file,label", "name,label", "line 1: no column file; expected file, label"),
        ("0_IMG_1010.jpg,0", "0_IMG_1010.jpg", "line 3: 1 cells; expected 2"),
        (
            "0_IMG_1010.jpg,0",
            "0_IMG_1010.jpg,1",
            "line 3: '0_IMG_1010.jpg' with label '1'; expected LABEL_IMG_0000.jpg",
        ),
        ("0_IMG_1010.jpg,0", "0_IMG_1010.jpg,", "line 3: '0_IMG_1010.jpg' with label ''"),
        ("0_IMG_1010.jpg,0", "10_IMG_1010.jpg,10", "line 3: '10_IMG_1010.jpg' with label '10'"),
        ("0_IMG_1010.jpg,0", "../0_IMG_1010.jpg,0", r"line 3: '\.\./0_IMG_1010.jpg' with label '0'"),
        ("0_IMG_1010.jpg", "0_IMG_1000.jpg", "0_IMG_1000.jpg is listed twice"),
        (LABELS, "", "empty"),
    ],
)
def test_a_bad_list_is_named(archive, old, new, message):
    assert old in LABELS
    (archive / "labels.csv").write_text(LABELS.replace(old, new, 1))
    with pytest.raises(UserError, match=rf"labels\.csv(, |: ){message}"):
        read("sign_digits", archive)


def test_a_missing_list_is_named(archive):
    (archive / "labels.csv").unlink()
    with pytest.raises(UserError, match=r"labels.csv: missing"):
        read("sign_digits", archive)


def test_the_real_archive():
    splits = real("sign_digits")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 1452, "val": 209, "test": 401}
    gestures = np.concatenate([listing.attributes["gesture"] for listing in splits.values()])
    assert np.bincount(gestures).tolist() == [205, 206, 206, 206, 207, 207, 207, 206, 208, 204]
    people = Counter(person for listing in splits.values() for person in listing.attributes["person"].tolist())
    assert Counter(people.values()) == {10: 199, 11: 3, 9: 3, 6: 2}
    assert sum(len(set(listing.attributes["person"])) for listing in splits.values()) == len(people) == 207
    assert subsets.ids_hash(list(splits["test"].ids)) == "95ca6c59b32a"
    assert subsets.ids_hash(list(splits["val"].ids)) == "16acaa0ddb28"
