"""The reader of UT Zappos50K, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.datasets import zappos
from landmarklib.loading import cutting

SQUARE = "ut-zap50k-images-square"
NAMES = (
    "Boots/Knee High/Übermut/7001.2.jpg",
    "Sandals/Flat/L'Avenue/88.7.jpg",
    "Shoes/Clogs and Mules/Nord 60%/7002.1.jpg",
    "Shoes/Clogs and Mules/Nord 60%/7002.3.jpg",
    "Slippers/Slipper Flats/b.o.w./7003.44.jpg",
)


@pytest.fixture
def archive(tmp_path):
    """Five images of four products, and what systems leave in folders."""
    for i, name in enumerate(NAMES):
        draw(tmp_path / SQUARE / name, 136, 136, seed=i)
    (tmp_path / SQUARE / "Shoes" / ".DS_Store").write_bytes(b"x")
    (tmp_path / SQUARE / "Shoes" / "._7002.1.jpg").write_bytes(b"x")
    return tmp_path


def test_categories_brands_and_products(archive):
    splits = read("zappos", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 5, "val": 0, "test": 0}
    train = splits["train"]
    assert train.ids == NAMES and train.files == tuple(f"{SQUARE}/{name}" for name in NAMES)
    assert train.attributes["category"].tolist() == [0, 1, 2, 2, 3] and train.attributes["category"].dtype == np.int64
    assert train.attributes["subcategory"].tolist()[:2] == ["Knee High", "Flat"]
    assert train.attributes["brand"].tolist() == ["Übermut", "L'Avenue", "Nord 60%", "Nord 60%", "b.o.w."]
    assert train.attributes["product"].tolist() == ["7001", "88", "7002", "7002", "7003"]
    assert train.points.shape == (5, 0, 2) and train.boxes.tolist() == [[0, 0, 136, 136]] * 5


def test_links_and_endings_in_capitals_are_followed(archive):
    (archive / SQUARE / "Shoes").rename(archive / "disc")
    (archive / SQUARE / "Shoes").symlink_to(archive / "disc")
    path = archive / SQUARE / NAMES[0]
    path.rename(path.with_suffix(".JPG"))
    assert read("zappos", archive)["train"].ids == (NAMES[0].replace("jpg", "JPG"), *NAMES[1:])


def test_one_in_a_hundred_is_for_validation_and_one_for_testing_and_no_product_is_in_two_parts():
    names = [f"Shoes/Oxfords/A/{i // 3}.{i}.jpg" for i in range(3000)] + ["Shoes/Oxfords/A/x.jpg"] * 2
    splits = zappos._listings(names)
    assert all(len(splits[name]) in (27, 28, 29, 30) for name in ("val", "test"))
    assert sum(map(len, splits.values())) == 3002
    products = [set(listing.attributes["product"]) for listing in splits.values()]
    assert sum(map(len, products)) == len(set.union(*products))
    again = zappos._listings(names[::-1])
    assert all(set(again[name].ids) == set(splits[name].ids) for name in splits)


def test_a_shoe_stands_on_white():
    """15 of 94 pixels around it are beyond the image."""
    d = loading.get("zappos")
    (square,) = cutting.squares(zappos._listings([NAMES[0]])["train"], d.recipe)
    found = cutting.cut(np.zeros((3, 136, 136), np.uint8), square, d.size, d.recipe.white)
    assert (found[:, :14] == 255).all() and (found[:, :, -14:] == 255).all() and not found[:, 17:-17, 17:-17].any()


@pytest.mark.parametrize("name", ["Hats/Flat/A/1.2.jpg", "Shoes/Flats/1.2.jpg", "Shoes/Flats/A/B/1.2.jpg", "1.2.jpg"])
def test_an_image_in_another_place_is_refused(archive, name):
    draw(archive / SQUARE / name)
    with pytest.raises(UserError, match=rf"{SQUARE}: '{name}'; expected CATEGORY/SUBCATEGORY/BRAND/PRODUCT"):
        read("zappos", archive)


def test_an_archive_that_is_not_there_is_named(archive):
    (archive / SQUARE).rename(archive / "ut-zap50k-images")
    with pytest.raises(UserError, match=rf"{SQUARE}: missing; the archive is not there"):
        read("zappos", archive)
    (archive / SQUARE).mkdir()
    with pytest.raises(UserError, match=rf"{SQUARE}: no \.jpg file; the archive is half unpacked"):
        read("zappos", archive)


def test_a_name_in_another_encoding_is_refused(archive):
    folder = archive / SQUARE / "Shoes" / "Flats"
    try:
        path = folder / b"B\xf8rn".decode("utf-8", "surrogateescape")
        path.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system has no such names")
    draw(path / "1.2.jpg")
    with pytest.raises(UserError, match=r"is no text; unpack the archive so that names are in UTF-8"):
        read("zappos", archive)


def test_the_real_archive():
    splits = real("zappos")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 49_025, "val": 500, "test": 500}
    assert Counter(np.concatenate([s.attributes["category"] for s in splits.values()]).tolist()).keys() == {0, 1, 2, 3}
