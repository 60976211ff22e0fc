"""The reader of CUB-200-2011, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.formats import archive as reading

SPECIES = {1: 1, 2: 100, 3: 101, 4: 150, 5: 151, 6: 200, 7: 7}


@pytest.fixture
def archive(tmp_path):
    """Seven images in all lists but images.txt, which has six, not in the order of the others."""
    (tmp_path / "parts").mkdir()
    parts = loading.get("cub").landmarks
    lists = {
        "images.txt": [f"{i} {SPECIES[i]:03d}.Bird/Bird_{i}.jpg" for i in (2, 1, 3, 4, 5, 6)],
        "image_class_labels.txt": [f"{i} {species}" for i, species in SPECIES.items()],
        "bounding_boxes.txt": [f"{i} 1{i}.0 20.0 30.0 40.0" for i in SPECIES],
        "train_test_split.txt": [f"{i} {i % 2}" for i in SPECIES],
        "parts/parts.txt": [f"{k + 1} {name}" for k, name in enumerate(parts)],
        "parts/part_locs.txt": [
            f"{i} {k} {10 * i}.0 {k}.5 1" if k != i else f"{i} {k} 0.0 0.0 0" for i in SPECIES for k in range(1, 16)
        ],
    }
    for name, lines in lists.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_points_visibility_boxes_species_and_splits(archive):
    splits = read("cub", archive)
    assert {name: found.ids for name, found in splits.items()} == {
        "train": ("100.Bird/Bird_2.jpg", "001.Bird/Bird_1.jpg"),
        "val": ("101.Bird/Bird_3.jpg", "150.Bird/Bird_4.jpg"),
        "test": ("151.Bird/Bird_5.jpg", "200.Bird/Bird_6.jpg"),
    }
    train = splits["train"]
    assert train.files == tuple(f"images/{name}" for name in train.ids)
    assert train.points[0, [0, 14]].tolist() == [[20, 1.5], [20, 15.5]]
    assert np.argwhere(~train.visible).tolist() == [[0, 1], [1, 0]] and np.isnan(train.points[~train.visible]).all()
    assert train.boxes.tolist() == [[12, 20, 42, 60], [11, 20, 41, 60]]
    species = {name: found.attributes["species"] for name, found in splits.items()}
    assert {name: values.tolist() for name, values in species.items()} == {
        "train": [99, 0],
        "val": [100, 149],
        "test": [150, 199],
    }
    assert all(values.dtype == np.int64 for values in species.values())


def test_any_line_ending_will_do(archive):
    before = read("cub", archive)
    for path in archive.rglob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    after = read("cub", archive)
    assert all(np.array_equal(before[s].points, after[s].points, equal_nan=True) for s in before)
    assert all(before[s].files == after[s].files for s in before)


def test_a_split_may_be_empty(archive):
    (archive / "images.txt").write_text("1 001.Bird/Bird_1.jpg\n")
    assert {name: found.points.shape for name, found in read("cub", archive).items()} == {
        "train": (1, 15, 2),
        "val": (0, 15, 2),
        "test": (0, 15, 2),
    }


@pytest.mark.parametrize(
    ("name", "line", "new", "message"),
    [
        ("images.txt", 0, "2", r"images.txt, line 1: '2'; expected an image's number and its path"),
        ("images.txt", 0, "x a.jpg", r"images.txt, line 1: 'x a.jpg'; expected an image's number"),
        ("images.txt", 0, "1 a.jpg", r"images.txt, line 2: image 1 is listed twice"),
        ("images.txt", 0, "2 001.Bird/Bird_1.jpg", r"images.txt: 001.Bird/Bird_1.jpg is listed twice"),
        ("images.txt", 0, "9 a.jpg", r"image_class_labels.txt: no line of image 9, which images.txt lists"),
        ("image_class_labels.txt", 0, "1", r"labels.txt, line 1: 1 words; expected 2: an image, a species"),
        ("image_class_labels.txt", 0, "1 0", r"labels.txt: image 1; expected a species of 1 to 200"),
        ("image_class_labels.txt", 0, "1 201", r"labels.txt: image 1; expected a species of 1 to 200"),
        ("image_class_labels.txt", 0, "1 1.5", r"labels.txt: image 1; expected a species of 1 to 200"),
        ("image_class_labels.txt", 1, "1 1", r"labels.txt, line 2: 1 is listed twice"),
        ("bounding_boxes.txt", 2, "3 1 2 nan 4", r"boxes.txt, line 3: '3 1 2 nan 4'; expected an image, x, y"),
        (
            "bounding_boxes.txt",
            2,
            "3 1 2 0 4",
            r"boxes.txt: the box of image 3 is 1, 2, 1, 6; expected .* with an area",
        ),
        ("parts/parts.txt", 6, "7 right eye", r"parts.txt, line 7: 7 right eye; expected 7 left eye"),
        ("parts/parts.txt", 14, "", r"parts.txt, line 15: missing; expected 15 throat"),
        ("parts/parts.txt", 14, "15 throat\n16 foot", r"parts.txt, line 16: 16 foot; expected no more"),
        ("parts/part_locs.txt", 16, "2 2 0.0 0.0", r"part_locs.txt, line 17: 4 words; expected 5: an image, a part"),
        ("parts/part_locs.txt", 16, "2 2 inf 0.0 1", r"part_locs.txt, line 17: '2 2 inf 0.0 1'"),
        ("parts/part_locs.txt", 16, "2 2 left 0.0 1", r"part_locs.txt, line 17: '2 2 left 0.0 1'"),
        ("parts/part_locs.txt", 16, "2 2 1.0 1.0 2", r"part_locs.txt: image 2; expected visible as 0 or 1"),
        ("parts/part_locs.txt", 16, "2 1 1.0 1.0 1", r"part_locs.txt, line 17: 2 1 is listed twice"),
        ("parts/part_locs.txt", 16, "2 16 1.0 1.0 1", r"part_locs.txt: no line of image 2, part 2, which images.txt"),
    ],
)
def test_a_bad_line_is_named(archive, name, line, new, message):
    lines = (archive / name).read_text().splitlines()
    lines[line] = new
    (archive / name).write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        read("cub", archive)


@pytest.mark.parametrize(
    "name",
    ["images.txt", "image_class_labels.txt", "bounding_boxes.txt", "parts/parts.txt", "parts/part_locs.txt"],
)
def test_a_missing_list_is_named_and_an_empty_one(archive, name):
    (archive / name).write_text("\n")
    with pytest.raises(UserError, match=f"{name}: empty"):
        read("cub", archive)
    (archive / name).unlink()
    with pytest.raises(UserError, match=f"{name}: missing"):
        read("cub", archive)


def test_the_real_archive():
    splits = real("cub")
    d = loading.get("cub")
    found = {name: len(listing) for name, listing in splits.items()}
    assert found in (dict(d.counts), {"train": 110, "val": 0, "test": 0})
    train = splits["train"]
    assert np.bincount(train.attributes["species"])[:2].tolist() == [60, 50]
    first = [i for i, name in enumerate(train.ids) if name.startswith(("001.", "002."))]
    assert len(first) == 110 and train.visible[first].sum() == 1235
    assert train.points[0, 1].tolist() == [312, 182] and not train.visible[0, 0]
    inside = (train.points >= train.boxes[:, None, :2]) & (train.points <= train.boxes[:, None, 2:])
    assert inside.all(-1)[train.visible].all()


def test_the_real_lists_give_the_papers_counts():
    try:
        folder = reading.find("cub/CUB_200_2011", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    species = np.array([int(line.split()[1]) for line in reading.lines(folder / "image_class_labels.txt")])
    bounds = {"train": (1, 100), "val": (101, 150), "test": (151, 200)}
    assert {name: int(((a <= species) & (species <= b)).sum()) for name, (a, b) in bounds.items()} == loading.get(
        "cub"
    ).counts
