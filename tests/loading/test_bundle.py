"""Bundles: exact, complete, and refused in one line when they are not what they say."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from landmarklib import __main__, loading, tables
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.experiment import flat
from landmarklib.core.types import Annotations, Crop
from landmarklib.datasets import hgr1, mtfl
from landmarklib.engine import checks
from landmarklib.formats import archive
from landmarklib.loading import bundle, bundling, inspection, tiers
from landmarklib.loading.bundle import Part
from landmarklib.records.record import Record

COUNTS = {"train": 18, "val": 2, "test": 3}
HANDS, CODE = loading.get("hgr1"), tiers.reading_of("hgr1")
PART = Part("train", Crop(6))


def annotations(n: int = 3) -> Annotations:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 5, (n, 25, 2)).astype(np.float32)
    points[0, 0] = np.nan
    return Annotations(
        rng.integers(0, 256, (n, 1, 6, 6), np.uint8),
        points,
        rng.random((n, 25)) > 0.3,
        tuple(f"hand {i} \u00e9" for i in range(n)),
        {"gesture": np.arange(n)},
        np.linspace(1, 2, n),
        np.linspace(3, 4, n),
        {"box": np.linspace(5, 6, n)},
    )


def faces(n: int) -> Annotations:
    """Blank, of 68 points."""
    blank = np.zeros((n, 1, 6, 6), np.uint8), np.zeros((n, 68, 2), np.float32), np.ones((n, 68), bool)
    return Annotations(*blank, tuple(map(str, range(n))), {}, np.ones(n), np.ones(n))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root that is all there is."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    loading.forget()
    yield tmp_path
    loading.forget()


@pytest.fixture
def path(root):
    return bundle.write(HANDS, {PART: annotations()}, root / bundle.FOLDER, CODE)


def rewritten(path, **changes) -> None:
    """The file with other arrays in it; None leaves one out."""
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def same(a: Annotations, b: Annotations) -> bool:
    there = [f for f in (*bundle.PLAIN, "images") if getattr(a, f) is not None]
    found = there if all(getattr(b, f) is None for f in {*bundle.PLAIN} - {*there}) else ["one has it alone"]
    return (
        a.ids == b.ids
        and all(np.array_equal(getattr(a, f), getattr(b, f), equal_nan=f == "points") for f in found)
        and all(getattr(a, f).dtype == getattr(b, f).dtype for f in found)
        and all(list(getattr(a, f)) == list(getattr(b, f)) for f in bundle.NAMED)
        and all(
            np.array_equal(v, getattr(b, f)[n], equal_nan=True) for f in bundle.NAMED for n, v in getattr(a, f).items()
        )
    )


def test_differences_by_hand():
    image = np.array([[[[10, 12], [9, 255]]]], np.uint8)
    assert bundle.differences(image).tolist() == [[[[10, 2], [255, 244]]]]


def test_sums_invert_differences_whatever_the_pixels():
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 5, 7), np.uint8)
    assert np.array_equal(bundle.sums(bundle.differences(images)), images)


def test_what_is_read_is_what_was_written(path):
    assert same(bundle.load(path, HANDS, PART, CODE), annotations())
    assert bundle.load(path, HANDS, PART, CODE).images.dtype == np.uint8


def test_classes_of_pixels_are_kept_and_asked_for(root):
    dataset, a = replace(HANDS, pixel_names=("skin", "rest")), annotations()
    whole = replace(a, pixel_classes=np.random.default_rng(1).integers(0, 2, (3, 6, 6), np.uint8))
    path = bundle.write(dataset, {PART: whole}, root / bundle.FOLDER, CODE)
    assert same(bundle.load(path, dataset, PART, CODE), whole)
    third = replace(whole, pixel_classes=whole.pixel_classes + np.uint8(1))
    for of, parts in ((dataset, a), (HANDS, whole), (dataset, third)):
        with pytest.raises(UserError, match="are not those of hgr1"):
            bundle.load(bundle.write(of, {PART: parts}, root / bundle.FOLDER, CODE), of, PART, CODE)


def test_a_split_is_taken_from_the_file_in_the_archives_stead(path):
    assert same(loading.split("hgr1", *PART), annotations())


def test_a_part_of_an_archive_stays_a_part(root):
    whole = loading.get("w300")
    part = replace(whole, name="part-of-w300", title="300-W, a part of it (afw)")
    parts = {Part(split, Crop(6)): faces(n) for split, n in (("train", 300), ("val", 40), ("test", 70))}
    bundle.write(part, parts, root / bundle.FOLDER, tiers.reading_of("part-of-w300"))
    found = tiers.choose(whole, None)
    assert (found.name, found.title, found.tier) == ("part-of-w300", part.title, "open")
    assert found.counts == {"train": 300, "val": 40, "test": 70}
    assert inspection.overview().set_index("name").here["w300"] == str(root / bundle.FOLDER / "part-of-w300.npz")


def test_a_bundle_of_some_splits_is_not_the_whole_data_set(path):
    """As that of a set on which others are only tested."""
    assert tiers.choose(HANDS, None).name == "stand-in-hgr1"


def test_an_archive_is_taken_before_its_bundle_and_an_empty_folder_is_none(path, root):
    assert tiers.bundled(HANDS) == path
    (root / HANDS.folder).mkdir()
    assert tiers.bundled(HANDS) == path
    (root / HANDS.folder / "original_images").mkdir()
    assert tiers.bundled(HANDS) is None


def test_what_other_versions_made_is_refused(path):
    with pytest.raises(
        UserError, match=r"made with other versions \(0123abcd\) than this library's .*`landmarklib bundle TABLE`"
    ):
        bundle.load(bundle.write(HANDS, {PART: annotations()}, path.parent, "0123abcd"), HANDS, PART, CODE)


def test_the_versions_of_a_bundle_are_those_of_its_data_set():
    assert len({tiers.reading_of(name) for name in ("hgr1", "mtfl", "stand-in-hgr1", "stand-in-mtfl")}) == 4
    assert tiers.reading_of("part-of-mtfl") == tiers.reading_of("mtfl")


def test_a_folder_that_cannot_be_written_is_named(root):
    (root / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*hgr1\.npz: .*; choose another folder"):
        bundle.write(HANDS, {PART: annotations()}, root / "file", CODE)


def test_nothing_is_left_of_a_file_that_could_not_be_written(root):
    broken = replace(annotations(), attributes={"gesture": np.array([object()] * 3)})
    with pytest.raises(ValueError, match="Object arrays"):
        bundle.write(HANDS, {PART: broken}, root / bundle.FOLDER, CODE)
    assert list((root / bundle.FOLDER).iterdir()) == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"about": None}, "not a bundle"),
        ({"about": np.array("{")}, "not a bundle"),
        ({"about": np.array(json.dumps({"schema": 1}))}, "schema 1; this library reads 2"),
        ({"about": np.array(json.dumps({"schema": 2, "name": "mtfl"}))}, "it holds mtfl"),
        ({"about": np.array(json.dumps({"schema": 2, "name": "hgr1", "counts": {"train": "many"}}))}, "not a bundle"),
        ({f"{PART}/ids": None}, "not a bundle"),
        ({f"{PART}/ids": np.array(["a", "b"])}, "expected"),
        ({f"{PART}/points": np.zeros((2, 25, 2))}, "expected"),
        ({f"{PART}/points": np.zeros((3, 24, 2))}, "expected"),
        ({f"{PART}/images": np.zeros((3, 1, 8, 8), np.uint8)}, "expected"),
        ({f"{PART}/images": np.zeros((3, 1, 6, 6))}, "not those of hgr1"),
        ({f"{PART}/attributes/gesture": None}, "not those of hgr1"),
        ({f"{PART}/attributes/gesture": np.array([None] * 3)}, "not a bundle"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_in_one_line(path, changes, words):
    rewritten(path, **changes)
    with pytest.raises(UserError, match=words) as caught:
        bundle.load(path, HANDS, PART, CODE)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_more_images_than_the_data_set_has_are_not_unpacked(root, monkeypatch):
    few = replace(HANDS, counts=dict.fromkeys(HANDS.counts, 2))
    monkeypatch.setattr(hgr1, "DATASET", few)
    path = bundle.write(few, {PART: annotations()}, root / bundle.FOLDER, CODE)
    with pytest.raises(UserError, match=r"not a bundle [^\n]*\(3 images of train 6 1; expected at most 2\)$"):
        bundle.load(path, few, PART, CODE)


def test_what_unpacks_to_more_than_the_data_set_takes_is_refused(path):
    """Ids of many MB, and an account of itself that is one."""
    rewritten(path, **{f"{PART}/ids": np.array(["a" * (1 << 20), "b", "c"])})
    with pytest.raises(UserError, match=r"not a bundle [^\n]*\(train 6 1/ids takes 12,582,912 bytes; expected at most"):
        bundle.load(path, HANDS, PART, CODE)
    rewritten(path, about=np.array(" " * (1 << 20)))
    with pytest.raises(UserError, match=r"not a bundle [^\n]*\(about takes 4,194,304 bytes; expected at most"):
        bundle.about(path)


@pytest.mark.parametrize("kept", [0, 2, 200, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content) if kept < 1 else kept)])
    with pytest.raises(UserError, match=r"hgr1\.npz: not a bundle"):
        bundle.about(path)


def test_a_damaged_array_is_noticed(path):
    with zipfile.ZipFile(path) as file:
        start = file.getinfo(f"{PART}/images.npy").header_offset
    content = bytearray(path.read_bytes())
    content[start + 120] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="not a bundle"):
        bundle.load(path, HANDS, PART, CODE)


def test_crops_of_another_size_are_missing_and_those_that_are_there_are_named(path):
    with pytest.raises(DataMissing, match=r"it holds other crops .*train 6 1\), not train 12 1;"):
        bundle.load(path, HANDS, PART._replace(crop=Crop(12)), CODE)


def test_what_runs_ask_for():
    spec = replace(tables.get("mtfl"), dataset="mtfl")
    found = bundling.asked_for(spec.experiments([1.0], [0], ["RCN+ (L)"], "cpu"))
    assert found == {
        "mtfl": [Part("train", Crop(80, 1.6)), Part("val", Crop(40)), Part("test", Crop(40))],
        "afw": [Part("test", Crop(40))],
    }


def test_a_table_of_generated_images_has_nothing_to_bundle(capsys, tmp_path):
    assert __main__.main(["bundle", "blocks", "--out", str(tmp_path)]) == 2
    assert "generated where they are needed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_budget_is_refused(capsys, tmp_path):
    assert __main__.main(["bundle", "mtfl", "--budget", "huge", "--data", "stand-in", "--out", str(tmp_path)]) == 2
    assert "unknown budget 'huge'" in capsys.readouterr().err


def test_the_command_writes_what_its_budget_asks_for(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "split", lambda name, split, crop: faces(4))
    code = __main__.main(["bundle", "w300", "--budget", "smoke", "--data", "stand-in", "--out", str(tmp_path / "out")])
    path = tmp_path / "out" / "bundles" / "stand-in-w300.npz"
    shown = capsys.readouterr().out
    assert code == 0 and f"{path}  0.0 MB" in shown and f"LANDMARKLIB_DATA={tmp_path / 'out'}" in shown
    assert {c.split()[1] for c in bundle.about(path)["crops"]} == {"32", "64", "16"}


def test_a_bundle_of_a_jittered_run_holds_its_larger_training_crops_alone(root, monkeypatch):
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=COUNTS, ids={}))
    (root / "mtfl").mkdir()
    mtfl.write_standin(root / "mtfl", COUNTS)
    (e,) = tables.get("mtfl").experiments([0.5], [0], ["RCN+ (L)"], "smoke")
    e = replace(flat(e), tests=[]).experiment
    (path,) = bundling.write([e], root / "elsewhere")
    assert bundle.about(path)["crops"] == [f"test {e.size} 1", f"train {2 * e.size} 1.6", f"val {e.size} 1"]
    made = sorted(path.name.rpartition("-")[0] for path in (root / "prepared").glob("*.npy"))
    assert made == [f"mtfl-test-{e.size}", f"mtfl-train-{2 * e.size}", f"mtfl-val-{e.size}"]
    described = loading.described(e)
    shutil.rmtree(root / "mtfl")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(root / "elsewhere"))
    loading.forget()
    assert loading.described(e) == described
    checks.data([e], [Record(experiment=e, status="done", data=described)])
    before = {"fingerprint": "0123456789ab"}  # as records had it: over every split at the size of the run
    with pytest.raises(DataMissing, match="was made on crops of mtfl that its bundle lacks; give a results folder of"):
        checks.data([e], [Record(experiment=e, status="done", data=before)])


def test_runs_whose_crops_a_bundle_lacks_are_refused_before_anything_is_computed(path):
    runs = [e for e in tables.get("hgr1").experiments([0.2], [0], ["Seq-MT (L)"], "smoke") if e.dataset == "hgr1"]
    with pytest.raises(DataMissing, match="it holds other crops"):
        checks.data(runs, [])
