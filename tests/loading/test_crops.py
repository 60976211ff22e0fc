"""Crops: points and pixels move together, and the file of crops is whole, current or not there."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landmarklib import loading
from landmarklib.core import normalizers, subsets
from landmarklib.core.errors import UserError
from landmarklib.core.types import NO_CLASS, Crop, Listing, Recipe
from landmarklib.datasets import helen_parsing
from landmarklib.formats import archive
from landmarklib.loading import crops, cutting

SIZE = 20
PLACES = [
    [30.0, 22.0],
    [45.0, 28.0],
    [3.0, 2.0],
    [76.0, 57.0],
]  # of a bright dot in each photo of 80 x 60; the last two near a corner


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A data set of four grey photos, a dot at their one landmark; a second one, 16 px right of it, does not count."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    folder = tmp_path / "faces"
    folder.mkdir()
    y, x = np.mgrid[:60, :80]
    for i, (px, py) in enumerate(PLACES):
        dot = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)
        Image.fromarray(dot.astype(np.uint8)).save(folder / f"{i}.png")
    points = np.array(PLACES)[:, None] + [[0, 0], [16, 0]]
    boxes = np.concatenate([np.array(PLACES) - 14.5, np.array(PLACES) + 15.5], 1)
    visible = np.tile([True, False], (4, 1))

    def read(folder):
        listing = Listing(
            tuple(f"{i}.png" for i in range(4)), points, visible, tuple("abcd"), {"x": np.arange(4)}, boxes
        )
        return {"train": listing[np.array([1, 0])], "test": listing[np.array([2, 3])]}

    return replace(
        loading.get("mtfl"), name="faces", folder="faces", read=read, recipe=Recipe("box", 1.2), normalizer=None
    )


def centroid(image: np.ndarray) -> np.ndarray:
    mass = image.astype(float)
    y, x = np.mgrid[: len(mass), : len(mass)]
    return np.array([(mass * x).sum(), (mass * y).sum()]) / mass.sum()


def files(tmp_path) -> list[str]:
    return sorted(p.suffix for p in (tmp_path / "prepared").glob("*"))


@pytest.mark.parametrize("size", [20, 36, 55])
def test_a_dot_stays_under_its_point(faces, size):
    for split, ids in (("train", ("b", "a")), ("test", ("c", "d"))):
        a = crops.load(faces, split, Crop(size))
        assert a.images.shape == (2, 1, size, size) and a.ids == ids
        assert a.attributes["x"].tolist() == ["abcd".index(i) for i in ids]
        for image, point in zip(a.images[:, 0], a.points[:, 0], strict=True):
            if split == "train":  # a dot near a corner of its photo is not whole
                assert np.linalg.norm(centroid(image) - point) < 0.1
            assert abs(point - (size - 1) / 2).max() < 1e-3  # the box is centred on it


def test_the_normalizer_shrinks_with_the_crop(faces):
    assert crops.load(faces, "train", Crop(SIZE)).normalizer is None
    eyes = replace(faces, normalizer=normalizers.between(0, 1))
    np.testing.assert_allclose(
        crops.load(eyes, "train", Crop(SIZE)).normalizer, 16 * SIZE / 36
    )  # 16 px of a square of 1.2 x 30
    a = crops.load(eyes, "train", Crop(2 * SIZE))
    np.testing.assert_allclose(a.normalizer, np.linalg.norm(a.points[:, 0] - a.points[:, 1], axis=-1), rtol=1e-5)


def test_normalizers_by_hand():
    points = np.array([[[0, 0], [4, 0], [2, 3], [2, 9.0]]])
    listing = Listing(
        ("a",),
        points,
        np.array([[True, True, True, False]]),
        ("a",),
        {"size": np.array([7])},
        np.array([[1, 1, 5, 10.0]]),
    )
    assert normalizers.between(0, 3)(listing) == pytest.approx(np.hypot(2, 9))
    assert normalizers.between((0, 1), (2, 3))(listing) == pytest.approx(6)
    assert normalizers.box_root(listing) == pytest.approx(6)
    assert normalizers.box_side(listing) == pytest.approx(9)
    assert normalizers.points_side(listing) == pytest.approx(4)
    assert np.isnan(normalizers.points_side(replace(listing, visible=np.zeros((1, 4), bool)))).all()
    assert normalizers.given("size")(listing) == 7


def test_beyond_the_photo_is_black_and_a_point_outside_of_its_crop_does_not_count(faces):
    a = crops.load(faces, "test", Crop(SIZE))
    assert (a.images[0, 0, :8] == 0).all() and (a.images[1, 0, -8:] == 0).all()
    assert a.visible.tolist() == [[True, False]] * 2
    near = replace(
        faces,
        recipe=Recipe("box", 0.4),
        read=lambda folder: {"train": replace(faces.read(folder)["train"], visible=np.ones((2, 2), bool))},
    )
    assert crops.load(near, "train", Crop(SIZE)).visible.tolist() == [[True, False]] * 2


def test_a_square_around_the_points_that_count():
    listing = Listing(
        ("a", "b"),
        np.array([[[9.5, 19.5], [29.5, 24.5], [0, 0]]] * 2),
        np.array([[True, True, False], [False] * 3]),
        ("a", "b"),
    )
    (left, top, side), nothing = cutting.squares(listing, Recipe("points", 1.5))
    assert (left, top, side) == (20 - 15, 22.5 - 15, 30) and np.isfinite(nothing).all()
    with pytest.raises(UserError, match="no box to cut around"):
        cutting.squares(listing, Recipe("box"))
    with pytest.raises(UserError, match="no points to cut around"):
        cutting.squares(replace(listing, points=np.zeros((2, 0, 2)), visible=np.zeros((2, 0), bool)), Recipe())


def test_crops_are_made_once(faces, tmp_path, monkeypatch):
    first = crops.load(faces, "train", Crop(SIZE))
    assert files(tmp_path) == [".lock", ".npy"] and not first.images.flags.writeable
    monkeypatch.setattr(archive, "image", None)
    assert np.array_equal(crops.load(faces, "train", Crop(SIZE)).images, first.images)


@pytest.mark.parametrize("left", [0, 100, -1])
def test_crops_that_are_not_whole_are_made_again(faces, tmp_path, left):
    first = crops.load(faces, "train", Crop(SIZE)).images.copy()
    (path,) = (tmp_path / "prepared").glob("*.npy")
    path.write_bytes(path.read_bytes()[:left])
    assert np.array_equal(crops.load(faces, "train", Crop(SIZE)).images, first)
    assert files(tmp_path) == [".lock", ".npy"]


def test_a_full_disk_is_one_line_and_crops_are_not_written_into_a_map(faces, tmp_path, monkeypatch):
    """A map on a full disk would end the process without a word."""
    opened, full = np.lib.format.open_memmap, OSError(28, "No space left on device")

    def for_reading(path, mode, **more):
        assert mode == "r"
        return opened(path, mode=mode, **more)

    def sync(_):
        raise full

    monkeypatch.setattr(np.lib.format, "open_memmap", for_reading)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        with pytest.raises(
            UserError, match=r"cannot write .*\.npy: No space left on device; choose another folder with"
        ):
            crops.load(faces, "train", Crop(SIZE))
    assert files(tmp_path) == [".lock"]
    assert len(crops.load(faces, "train", Crop(SIZE))) == 2


def test_crops_of_another_user_are_not_made_again(faces, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    crops.load(faces, "train", Crop(SIZE))
    monkeypatch.setattr(np.lib.format, "open_memmap", fail)
    with pytest.raises(UserError, match="belongs to another user; ask for the right to read it"):
        crops.load(faces, "train", Crop(SIZE))


def touch(faces, folder):
    os.utime(folder / "0.png", ns=(1, 1))
    return faces


@pytest.mark.parametrize(
    "change",
    [
        touch,
        lambda faces, folder: replace(faces, recipe=Recipe("box", 1.3)),
        lambda faces, folder: replace(faces, recipe=Recipe("box", 1.2, grey=False)),
        lambda faces, folder: replace(faces, recipe=Recipe("box", 1.2, moved=True)),
        lambda faces, folder: replace(faces, read=lambda f: {"train": faces.read(f)["train"][np.array([0])]}),
    ],
)
def test_a_changed_source_or_recipe_makes_them_anew(faces, tmp_path, change):
    crops.load(faces, "train", Crop(SIZE))
    crops.load(change(faces, tmp_path / "faces"), "train", Crop(SIZE))
    assert files(tmp_path).count(".npy") == 2


def test_what_is_interrupted_leaves_nothing(faces, tmp_path, monkeypatch):
    calls = []

    def stop(image, square, size, white):
        calls.append(size)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return np.zeros((1, size, size), np.uint8)

    monkeypatch.setattr(cutting, "cut", stop)
    with pytest.raises(KeyboardInterrupt):
        crops.load(faces, "train", Crop(SIZE))
    assert files(tmp_path) == [".lock"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "2.png: not an image that can be decoded"),
        (lambda path: path.unlink(), "2.png: missing"),
    ],
)
def test_a_photo_that_is_wrong_is_named_and_nothing_is_left(faces, tmp_path, damage, message):
    damage(tmp_path / "faces" / "2.png")
    with pytest.raises(UserError, match=message):
        crops.load(faces, "test", Crop(SIZE))
    assert ".npy" not in (files(tmp_path) if (tmp_path / "prepared").exists() else [])
    assert len(crops.load(faces, "train", Crop(SIZE))) == 2  # which that photo is not of


@pytest.mark.parametrize(
    ("split", "crop", "fingerprint"),
    [
        ("train", Crop(20), "4ff16562f9658477"),
        ("train", Crop(40, 1.6), "35fe72d38634ad08"),
        ("test", Crop(20), "0a35cd4203c71dc6"),
        ("test", Crop(40, 1.6), "7d138de45859a519"),
    ],
)
def test_pixels_and_points_are_those_of_the_records(faces, tmp_path, split, crop, fingerprint):
    """Fingerprints of crops of noise, from when the committed records were made."""
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (60, 80), np.uint8)).save(tmp_path / "faces" / f"{i}.png")
    assert subsets.fingerprint(crops.load(faces, split, crop)) == fingerprint


def test_only_what_is_read_is_cut(faces, tmp_path):
    for split, crop in (("train", Crop(40, 1.6)), ("test", Crop(20))):
        crops.load(faces, split, crop)
    made = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "prepared").glob("*.npy"))
    assert made == ["faces-test-20", "faces-train-40"]


def test_a_margin_widens_the_square_around_its_middle(faces):
    listing = faces.read(None)["train"]
    narrow, wide = (cutting.squares(listing, faces.recipe, margin) for margin in (1.0, 1.6))
    assert narrow[:, 2] == pytest.approx(36) and wide[:, 2] == pytest.approx(1.6 * 36)
    assert wide[:, :2] + wide[:, 2:] / 2 == pytest.approx(narrow[:, :2] + narrow[:, 2:] / 2)
    assert len({crops.load(faces, "train", Crop(SIZE, m)).images.tobytes() for m in (1.0, 1.6)}) == 2


@pytest.mark.parametrize("far", [1e5, -1e7, 1e8, 1e300])
def test_a_square_far_out_of_its_photo_is_refused_before_black_is_put_around_it(faces, tmp_path, far):
    def read(folder):
        listing = faces.read(folder)["train"]
        return {"train": replace(listing, boxes=listing.boxes + far * (np.arange(4) == 2 + (far < 0)) * [[1], [0]])}

    with pytest.raises(UserError, match=r"/1\.png: what is cut, [^\n]*, lies far out of its 80 x 60 pixels"):
        crops.load(replace(faces, read=read), "train", Crop(SIZE))
    assert files(tmp_path) == [".lock"]


def test_an_unknown_split_and_a_folder_that_cannot_be_written(faces, tmp_path):
    with pytest.raises(UserError, match="faces: no split 'dev' here; there are train, test"):
        crops.load(faces, "dev", Crop(SIZE))
    (tmp_path / "prepared").write_text("a file")
    with pytest.raises(UserError, match=r"cannot lock .*prepared/.*: .*; choose another folder with --data"):
        crops.load(faces, "train", Crop(SIZE))


def test_images_of_one_file_are_cut_too(faces):
    pixels = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8)
    listing = Listing((), np.zeros((2, 0, 2)), np.zeros((2, 0), bool), ("a", "b"), {}, np.array([[0.0, 0, 8, 8]] * 2))
    packed = replace(
        faces, read=lambda f: {"train": listing}, images=lambda f, s: pixels, recipe=Recipe("box", 1.0, grey=False)
    )
    assert np.array_equal(crops.load(packed, "train", Crop(8)).images, pixels)
    with pytest.raises(UserError, match="its images have colours, and its recipe is grey"):
        crops.load(replace(packed, recipe=Recipe("box", 1.0)), "train", Crop(8))


def test_a_changed_file_of_many_images_makes_them_anew(faces, tmp_path):
    source = tmp_path / "faces" / "all.npy"
    np.save(source, np.zeros((2, 1, 8, 8), np.uint8))
    boxes = np.array([[0.0, 0, 8, 8]] * 2)
    listing = Listing((), np.zeros((2, 0, 2)), np.zeros((2, 0), bool), ("a", "b"), {}, boxes)
    packed = replace(
        faces, read=lambda f: {"train": listing}, images=lambda f, s: np.load(source), recipe=Recipe("box", 1.0)
    )
    assert crops.load(packed, "train", Crop(8)).images.max() == 0
    np.save(source, np.full((2, 1, 8, 8), 7, np.uint8))
    os.utime(source, ns=(1, 1))
    assert crops.load(packed, "train", Crop(8)).images.min() == 7


def test_classes_are_cut_as_photos_are():
    """By hand: four classes in quarters; a crop that reaches half out of them; borders go to what fills more."""
    classes = np.array([[0, 1], [2, 3]], np.uint8).repeat(8, 0).repeat(8, 1)
    assert cutting.cut_classes(classes, 4, np.array([0.0, 0, 16]), 2).tolist() == [[0, 1], [2, 3]]
    found = cutting.cut_classes(classes, 4, np.array([-8.0, 0, 16]), 4)
    assert found.tolist() == [[NO_CLASS] * 2 + [k] * 2 for k in (0, 0, 2, 2)]
    assert cutting.cut_classes(classes, 4, np.array([2.0, 2, 12]), 3)[::2, ::2].tolist() == [[0, 1], [2, 3]]
    most = np.where(np.arange(8) < 5, 1, 0)[None].repeat(8, 0).astype(np.uint8)
    assert cutting.cut_classes(most, 2, np.array([0.0, 0, 8]), 1).tolist() == [[1]]


def test_whole_photos_keep_their_classes_and_have_none_beyond(tmp_path, monkeypatch):
    """HELEN's stand-in, 128 pixels: as it is, and within a crop that reaches beyond it."""
    dataset = helen_parsing.DATASET
    folder = tmp_path / dataset.folder
    folder.mkdir()
    dataset.write_standin(folder, {"train": 2, "val": 1, "test": 1})
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    a, wide = (crops.load(dataset, "train", crop) for crop in (Crop(128), Crop(160, 1.25)))
    for name, plain, within in zip(a.ids, a.pixel_classes, wide.pixel_classes, strict=True):
        assert np.array_equal(plain, helen_parsing.labels(folder, name))
        assert np.array_equal(within[16:-16, 16:-16], plain) and (within[:15] == NO_CLASS).all()
    first = subsets.fingerprint(a)
    assert first != subsets.fingerprint(replace(a, pixel_classes=(a.pixel_classes + 1) % 11))
    mask = next((folder / "labels" / a.ids[0]).glob("*_lbl00.png"))
    Image.new("L", (128, 128), 255).save(mask)
    again = crops.load(dataset, "train", Crop(128)).pixel_classes
    assert not np.array_equal(again[0], a.pixel_classes[0]) and np.array_equal(again[1], a.pixel_classes[1])
