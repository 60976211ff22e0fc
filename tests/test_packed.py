"""Prepared files: exact, complete, and refused in one line when they are not what they say."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from landmarklib import __main__, datasets, packing, tables
from landmarklib.datasets import archive, packed, tiers
from landmarklib.datasets.packed import Crops
from landmarklib.types import Annotations, DataMissing, UserError

CROPS = Crops("train", 6, 1.5)


def annotations(n: int = 3) -> Annotations:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 5, (n, 25, 2)).astype(np.float32)
    points[0, 0] = np.nan
    return Annotations(
        rng.integers(0, 256, (n, 1, 6, 6), np.uint8),
        points,
        rng.random((n, 25)) > 0.3,
        tuple(f"hand {i} \u00e9" for i in range(n)),
        {"gesture": np.arange(n), "angle": np.array([0.5, np.nan, -0.25])[:n]},
        np.linspace(1, 2, n),
        np.linspace(3, 4, n),
        {"box": np.linspace(5, 6, n)},
    )


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root that is all there is."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    datasets.split.cache_clear()
    yield tmp_path
    datasets.split.cache_clear()


@pytest.fixture
def path(root):
    return packed.write(datasets.get("hgr1"), {CROPS: annotations()}, root / packed.FOLDER)


def rewritten(path, **changes) -> None:
    """The file with other arrays in it; None leaves one out."""
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def same(a: Annotations, b: Annotations) -> bool:
    found = (*packed.PLAIN, "images")
    return (
        a.ids == b.ids
        and all(np.array_equal(getattr(a, f), getattr(b, f), equal_nan=f == "points") for f in found)
        and all(getattr(a, f).dtype == getattr(b, f).dtype for f in found)
        and all(list(getattr(a, f)) == list(getattr(b, f)) for f in packed.NAMED)
        and all(
            np.array_equal(v, getattr(b, f)[n], equal_nan=True) for f in packed.NAMED for n, v in getattr(a, f).items()
        )
    )


def test_differences_by_hand():
    image = np.array([[[[10, 12], [9, 255]]]], np.uint8)
    assert packed.differences(image).tolist() == [[[[10, 2], [255, 244]]]]


def test_sums_invert_differences_whatever_the_pixels():
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 5, 7), np.uint8)
    assert np.array_equal(packed.sums(packed.differences(images)), images)


def test_what_is_read_is_what_was_written(path):
    assert same(packed.load(path, CROPS), annotations())
    assert packed.load(path, CROPS).images.dtype == np.uint8


def test_a_split_is_taken_from_the_file_in_the_archives_stead(path):
    assert same(datasets.split("hgr1", "train", 6, 1.5 / datasets.get("hgr1").recipe.enlarge), annotations())
    assert tiers.choose(datasets.get("hgr1"), None).name == "hgr1"


def test_a_part_of_an_archive_stays_a_part(root):
    whole = datasets.get("w300")
    part = replace(
        whole,
        name="part-of-w300",
        title="300-W, a part of it (afw)",
        tier="open",
        counts={"train": 2000, "val": 314, "test": 600},
    )
    packed.write(part, {CROPS: annotations()}, root / packed.FOLDER)
    found = tiers.choose(whole, None)
    assert (found.name, found.title, found.tier, found.counts) == (part.name, part.title, "open", part.counts)


def test_nothing_is_left_of_a_file_that_could_not_be_written(root):
    broken = replace(annotations(), attributes={"gesture": np.array([object()] * 3)})
    with pytest.raises(ValueError, match="Object arrays"):
        packed.write(datasets.get("hgr1"), {CROPS: broken}, root / packed.FOLDER)
    assert list((root / packed.FOLDER).iterdir()) == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"about": None}, "not a prepared data set"),
        ({"about": np.array("{")}, "not a prepared data set"),
        ({"about": np.array(json.dumps({"schema": 2}))}, "schema 2; this library reads 1"),
        ({"about": np.array(json.dumps({"schema": 1, "name": "mtfl"}))}, "it holds mtfl"),
        ({"about": np.array(json.dumps({"schema": 1, "name": "hgr1", "counts": {"train": "many"}}))}, "not a prepared"),
        ({f"{CROPS}/ids": None}, "not a prepared data set"),
        ({f"{CROPS}/ids": np.array(["a", "b"])}, "not of one length"),
        ({f"{CROPS}/points": np.zeros((2, 25, 2))}, "not of one length"),
        ({f"{CROPS}/attributes/gesture": np.array([None] * 3)}, "not a prepared data set"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_in_one_line(path, changes, words):
    rewritten(path, **changes)
    with pytest.raises(UserError, match=words) as caught:
        packed.load(path, CROPS)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_a_file_that_is_cut_short_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"hgr1\.npz: not a prepared data set"):
        packed.about(path)


def test_a_damaged_array_is_noticed(path):
    with zipfile.ZipFile(path) as file:
        start = file.getinfo(f"{CROPS}/images.npy").header_offset
    content = bytearray(path.read_bytes())
    content[start + 120] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="not a prepared data set"):
        packed.load(path, CROPS)


def test_crops_of_another_size_are_missing_and_those_that_are_there_are_named(path):
    with pytest.raises(DataMissing, match=r"it holds other crops .*train 6 1\.5\), not train 12 1\.5"):
        packed.load(path, CROPS._replace(size=12))


def test_what_runs_ask_for():
    spec = replace(tables.get("mtfl"), dataset="mtfl")
    found = packing.asked_for(spec.experiments([1.0], [0], ["RCN+ (L)"], "cpu"))
    enlarge = datasets.get("mtfl").recipe.enlarge
    assert found["mtfl"] == [
        *(Crops(split, 40, enlarge) for split in datasets.get("mtfl").counts),
        Crops("train", 80, pytest.approx(1.6 * enlarge)),
    ]
    assert found["afw"] == [Crops("test", 40, datasets.get("afw").recipe.enlarge)]


def test_a_table_of_generated_images_has_nothing_to_prepare(capsys, tmp_path):
    assert __main__.main(["pack", "blocks", "--out", str(tmp_path)]) == 2
    assert "generated where they are needed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_budget_is_refused(capsys, tmp_path):
    assert __main__.main(["pack", "mtfl", "--budget", "huge", "--data", "stand-in", "--out", str(tmp_path)]) == 2
    assert "unknown budget 'huge'" in capsys.readouterr().err
