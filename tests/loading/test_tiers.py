"""Stand-ins as data sets, and which data a table runs on."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from readers import draw

from landmarklib import loading, tables
from landmarklib.core import imports
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Crop, Listing
from landmarklib.engine import ensure
from landmarklib.formats import archive
from landmarklib.loading import crops, inspection, tiers
from landmarklib.records import query

COUNTS = {"train": 3, "test": 2}


def write_standin(folder, counts, seed):
    """Writes noise, and notes how often it was asked."""
    write_standin.asked += 1
    for split, n in counts.items():
        for i in range(n):
            draw(folder / split / f"{i}.png", seed=seed + i)
    return read(folder)


def read(folder):
    splits = {}
    for split in COUNTS:
        files = tuple(sorted(path.relative_to(folder).as_posix() for path in (folder / split).glob("*.png")))
        points = np.broadcast_to([[5.0, 5.0], [30.0, 20.0]], (len(files), 2, 2))
        splits[split] = Listing(files, points, np.ones((len(files), 2), bool), files)
    return splits


@pytest.fixture
def little(monkeypatch, tmp_path):
    """A photo data set that is not here and has a stand-in."""
    write_standin.asked = 0
    dataset = replace(
        loading.get("mtfl"),
        landmarks=("a", "b"),
        mirror=(1, 0),
        skeleton=(),
        counts=COUNTS,
        read=read,
        write_standin=write_standin,
    )
    dataset = replace(dataset, folder="little", ids={}, normalizer=None)
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    known = loading.get

    def get(name):
        if name == "stand-in-mtfl":
            return tiers.stand_in(dataset)
        return dataset if name == "mtfl" else known(name)

    monkeypatch.setattr(loading, "get", get)
    loading.forget()
    yield dataset
    loading.forget()


def test_a_stand_in_is_a_data_set_like_any_other(little, tmp_path):
    stand_in = loading.get("stand-in-mtfl")
    assert stand_in.tier == "stand-in"
    assert stand_in.counts == COUNTS
    train = loading.split("stand-in-mtfl", "train", Crop(16))
    assert train.images.shape == (3, 1, 16, 16)
    assert inspection.check("stand-in-mtfl").startswith("stand-in-mtfl: train 3, test 2 images; all decode")
    assert len(inspection.samples("stand-in-mtfl", 2)) == 2
    assert write_standin.asked == 1


def test_it_is_written_once_and_whole_or_not_at_all(little, tmp_path, monkeypatch):
    stand_in = tiers.stand_in(little)

    def broken(folder, counts, seed):
        write_standin(folder, counts, seed)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiers.folder(replace(stand_in, write_standin=broken))
    assert not [path for path in (tmp_path / "stand-ins").iterdir() if path.suffix != ".lock"]
    assert tiers.folder(stand_in) == tiers.folder(stand_in) == tmp_path / stand_in.folder
    assert write_standin.asked == 2


@pytest.mark.parametrize("lost", ["train/0.png", "train", "."])
def test_one_that_has_lost_files_is_drawn_again(little, lost):
    stand_in = tiers.stand_in(little)
    place = tiers.folder(stand_in)
    whole = {path.relative_to(place) for path in place.rglob("*.png")}
    (place / "notes.txt").write_text("more files are no fault")
    assert tiers.folder(stand_in) == place and write_standin.asked == 1
    if lost == "train/0.png":
        (place / "notes.txt").unlink()
        (place / lost).unlink()
    else:
        shutil.rmtree(place / lost)
        (place / lost).mkdir()
    assert {path.relative_to(place) for path in tiers.folder(stand_in).rglob("*.png")} == whole
    assert write_standin.asked == 2


def test_a_large_set_is_drawn_with_fewer_images(little):
    large = replace(little, counts={"train": 150_000, "test": 50_000})
    assert tiers.stand_in(large).counts == {"train": 15_000, "test": 5_000}


def test_other_code_draws_other_pictures(little, monkeypatch):
    first = tiers.stand_in(little).folder
    monkeypatch.setattr(tiers, "_fingerprint", lambda name: "12345678")
    assert tiers.stand_in(little).folder == "stand-ins/mtfl-12345678" != first


@pytest.mark.parametrize("file", ["drawing/paint.py", "standins/faces.py"])
def test_changed_code_of_drawing_makes_another_stand_in(tmp_path, monkeypatch, file):
    copy = tmp_path / "library"
    for wing in ("drawing", "standins"):
        shutil.copytree(tiers.PACKAGE / wing, copy / wing)
    before = tiers._fingerprint("mtfl")
    monkeypatch.setattr(tiers, "PACKAGE", copy)
    tiers._fingerprint.cache_clear()
    assert tiers._fingerprint("mtfl") == before
    (copy / file).write_text("other")
    tiers._fingerprint.cache_clear()
    assert tiers._fingerprint("mtfl") != before
    tiers._fingerprint.cache_clear()


def fill(folder, counts=COUNTS):
    """A real archive of that many images."""
    write_standin(folder, counts, 5)


def test_auto_takes_the_best_that_is_here(little, tmp_path):
    other = replace(little, name="other", tier="open", folder="other")
    assert tiers.choose(little, other).name == "stand-in-mtfl"
    fill(tmp_path / "other")
    assert tiers.choose(little, other).name == "other"
    fill(tmp_path / "little")
    assert tiers.choose(little, other).name == "mtfl"
    assert tiers.choose(little, other, "stand-in").name == "stand-in-mtfl"
    assert tiers.choose(little, other, "open").name == "other"


def test_a_part_of_the_papers_set_is_called_so_and_is_not_the_papers(little, tmp_path):
    fill(tmp_path / "little", {"train": 1, "test": 2})
    found = tiers.choose(little, None)
    assert (found.name, found.tier, found.counts) == ("part-of-mtfl", "open", {"train": 1, "test": 2})
    assert found.title == "MTFL, a part of it (test, train)"
    with pytest.raises(UserError, match="only a part of mtfl is here"):
        tiers.choose(little, None, "paper")


def test_a_table_whose_own_data_are_open_has_no_paper_tier(little, tmp_path):
    mine = replace(little, tier="open")
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        tiers.choose(mine, None, "open")
    fill(tmp_path / "little")
    assert tiers.choose(mine, None).name == tiers.choose(mine, None, "open").name == "mtfl"
    with pytest.raises(UserError, match=r"no paper data for mtfl here; there is open \(mtfl\), stand-in"):
        tiers.choose(mine, None, "paper")
    assert list(tables.get("equivariance-bodies").variants()) == ["open", "part", "stand-in"]
    assert list(tables.get("lsp").variants()) == ["paper", "part", "open", "stand-in"]


def test_a_part_without_enough_of_a_split_is_not_run_on(little, tmp_path):
    fill(tmp_path / "little", {"train": 3, "test": 0})
    assert tiers.choose(little, None).name == "stand-in-mtfl"


def test_lists_without_their_images_are_not_data(little, tmp_path):
    fill(tmp_path / "little")
    listed = read(tmp_path / "little")
    for path in (tmp_path / "little").rglob("*.png"):
        path.unlink()
    lists = replace(little, read=lambda folder: listed)
    assert tiers.choose(lists, None).name == "stand-in-mtfl"
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        tiers.choose(lists, None, "paper")


def test_lists_are_read_once_and_again_when_a_file_has_come_or_gone(little, tmp_path):
    fill(tmp_path / "little", {"train": 1, "test": 2})
    places = []

    def counted(folder):
        places.append(folder)
        return read(folder)

    found = replace(little, read=counted)
    assert tiers.part(found) == tiers.part(found) and places == [tmp_path / "little"]
    draw(tmp_path / "little" / "train" / "1.png")
    assert tiers.part(found).counts == {"train": 2, "test": 2} and len(places) == 2
    (tmp_path / "little" / "test" / "0.png").unlink()
    assert tiers.part(found).counts == {"train": 2, "test": 1} and len(places) == 3


def test_code_that_a_set_borrows_is_part_of_its_stand_in():
    def names(name):
        return [path.stem for path in imports.within(f"landmarklib.datasets.{name}", "landmarklib.datasets")]

    assert {"mafl", "celeba", "mtfl"} <= set(names("mafl"))
    assert "mafl" not in names("celeba")


def test_nothing_is_taken_silently_for_something_else(little):
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        tiers.choose(little, None, "paper")
    with pytest.raises(UserError, match=r"there is no open data for mtfl here; there is stand-in \(stand-in-mtfl\)"):
        tiers.choose(little, None, "open")
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        tiers.choose(replace(little, write_standin=None), None)
    with pytest.raises(UserError, match="data: 'real'; valid: auto, paper, open, stand-in"):
        tiers.choose(little, None, "real")
    for name in ("stand-in-stand-in-mtfl", "stand-in-part-of-mtfl", "part-of-stand-in-mtfl", "part-of-part-of-mtfl"):
        with pytest.raises(UserError, match=f"{name}: .*; valid: (stand-in|part-of)-mtfl"):
            loading.get(name)
    with pytest.raises(UserError, match="blocks has no stand-in"):
        loading.get("stand-in-blocks")
    with pytest.raises(UserError, match="blocks is generated"):
        loading.get("part-of-blocks")


def test_a_generated_table_has_only_its_own_data(tmp_path):
    assert (
        query.resolve_tier(tables.get("blocks"))
        == query.resolve_tier(tables.get("blocks"), "paper")
        == tables.get("blocks")
    )
    with pytest.raises(UserError, match="blocks has no 'stand-in' tier; it has auto, paper"):
        ensure.ensure("blocks", data="stand-in", results=tmp_path)


def test_a_table_on_its_stand_in_makes_other_runs(little):
    table = replace(tables.get("blocks"), dataset="mtfl")
    ours, theirs = query.resolve_tier(table, "stand-in").experiments()[0], table.experiments()[0]
    assert (ours.dataset, theirs.dataset) == ("stand-in-mtfl", "mtfl")
    assert ours.key != theirs.key


def test_crops_of_a_stand_in_are_prepared_below_the_same_root(little, tmp_path):
    crops.load(tiers.stand_in(little), "test", Crop(8))
    assert [path.name.split("-8-")[0] for path in (tmp_path / "prepared").glob("*.npy")] == ["stand-in-mtfl-test"]
