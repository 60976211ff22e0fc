"""Stand-ins as data sets, and which data a table runs on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from readers import draw

from landmarklib import data, datasets, run, tables
from landmarklib.datasets import archive, crops, imitation
from landmarklib.types import DataMissing, Listing, UserError

COUNTS = {"train": 3, "test": 2}


def imitate(folder, counts, seed):
    """Writes noise, and notes how often it was asked."""
    imitate.asked += 1
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
    imitate.asked = 0
    dataset = replace(
        datasets.get("mtfl"),
        landmarks=("a", "b"),
        mirror=(1, 0),
        skeleton=(),
        counts=COUNTS,
        read=read,
        imitate=imitate,
    )
    dataset = replace(dataset, folder="little")
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    known = datasets.get

    def get(name):
        if name == "stand-in-mtfl":
            return imitation.of(dataset)
        return dataset if name == "mtfl" else known(name)

    monkeypatch.setattr(datasets, "get", get)
    datasets.split.cache_clear()
    yield dataset
    datasets.split.cache_clear()


def test_a_stand_in_is_a_data_set_like_any_other(little, tmp_path):
    stand_in = datasets.get("stand-in-mtfl")
    assert stand_in.tier == "stand-in"
    assert stand_in.counts == COUNTS
    train = datasets.split("stand-in-mtfl", "train", 16)
    assert train.images.shape == (3, 1, 16, 16)
    assert data.check("stand-in-mtfl").startswith("stand-in-mtfl: train 3, test 2 images; all decode")
    assert len(data.samples("stand-in-mtfl", 2)) == 2
    assert imitate.asked == 1


def test_it_is_written_once_and_whole_or_not_at_all(little, tmp_path, monkeypatch):
    stand_in = imitation.of(little)

    def broken(folder, counts, seed):
        imitate(folder, counts, seed)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imitation.folder(replace(stand_in, imitate=broken))
    assert not [path for path in (tmp_path / "stand-ins").iterdir() if path.suffix != ".lock"]
    assert imitation.folder(stand_in) == imitation.folder(stand_in) == tmp_path / stand_in.folder
    assert imitate.asked == 2


def test_a_large_set_is_drawn_with_fewer_images(little):
    large = replace(little, counts={"train": 150_000, "test": 50_000})
    assert imitation.of(large).counts == {"train": 15_000, "test": 5_000}


def test_other_code_draws_other_pictures(little, monkeypatch):
    first = imitation.of(little).folder
    monkeypatch.setattr(imitation, "_fingerprint", lambda name: "12345678")
    assert imitation.of(little).folder == "stand-ins/mtfl-12345678" != first


def test_auto_takes_the_best_that_is_here(little, tmp_path):
    other = replace(little, name="other", tier="open", folder="other")
    assert imitation.choose(little, other).name == "stand-in-mtfl"
    (tmp_path / "other").mkdir()
    assert imitation.choose(little, other).name == "other"
    (tmp_path / "little").mkdir()
    assert imitation.choose(little, other).name == "mtfl"
    assert imitation.choose(little, other, "stand-in").name == "stand-in-mtfl"
    assert imitation.choose(little, other, "open").name == "other"


def test_nothing_is_taken_silently_for_something_else(little):
    with pytest.raises(DataMissing, match="little: not on this machine"):
        imitation.choose(little, None, "paper")
    with pytest.raises(UserError, match="mtfl has no 'open' tier; it has auto, paper, stand-in"):
        imitation.choose(little, None, "open")
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        imitation.choose(replace(little, imitate=None), None)
    with pytest.raises(UserError, match="data: 'real'; valid: auto, paper, open, stand-in"):
        imitation.choose(little, None, "real")
    with pytest.raises(UserError, match="blocks has no stand-in"):
        datasets.get("stand-in-blocks")


def test_a_generated_table_has_only_its_own_data(tmp_path):
    assert run.on(tables.get("blocks")) == run.on(tables.get("blocks"), "paper") == tables.get("blocks")
    with pytest.raises(UserError, match="blocks has no 'stand-in' tier; it has auto, paper"):
        run.ensure("blocks", data="stand-in", results=tmp_path)


def test_a_table_on_its_stand_in_makes_other_runs(little):
    table = replace(tables.get("blocks"), dataset="mtfl")
    ours, theirs = run.on(table, "stand-in").experiments()[0], table.experiments()[0]
    assert (ours.dataset, theirs.dataset) == ("stand-in-mtfl", "mtfl")
    assert ours.key != theirs.key


def test_crops_of_a_stand_in_are_prepared_below_the_same_root(little, tmp_path):
    crops.load(imitation.of(little), "test", 8)
    assert [path.name.split("-8-")[0] for path in (tmp_path / "prepared").glob("*.npy")] == ["stand-in-mtfl"]
