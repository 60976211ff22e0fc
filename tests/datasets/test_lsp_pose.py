"""LSPET for training beside LSP's halves: two archives, one in the other."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real
from scipy.io import savemat

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.datasets import lsp, lsp_pose, lspet
from landmarklib.formats import archive
from landmarklib.loading import inspection, tiers

FEW = {"train": 5, "val": 2, "test": 3}


def save(folder, n_training: int = 10_000, n_others: int = 2000) -> None:
    """Joint k of image i is at (k + 1, i + 1) in LSP, at (k + 101, i + 1) in LSPET, counted from 1.

    The left wrist of the third image is missing in LSPET, occluded in LSP.
    """
    (folder / "lspet").mkdir(parents=True)
    training, others = np.ones((14, 3, n_training)), np.zeros((3, 14, n_others))
    training[:, 0] = np.arange(101, 115)[:, None]
    training[:, 1] = np.arange(1, n_training + 1)
    training[11, :, 2] = -3.5, 0, 0
    others[0] = np.arange(1, 15)[:, None]
    others[1] = np.arange(1, n_others + 1)
    others[2, 11, 2] = 1
    savemat(folder / "lspet" / "joints.mat", {"joints": training})
    savemat(folder / "joints.mat", {"joints": others})


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A data root, the only one, with a stand-in's archive of both; returns it and what was written."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    root = tmp_path / "root"
    return root, lsp_pose.write_standin(root / "lsp", FEW, 0)


def test_splits_files_and_ids(tmp_path):
    save(tmp_path)
    splits, d = read("lsp_pose", tmp_path), loading.get("lsp_pose")
    assert {name: len(found) for name, found in splits.items()} == {"train": 10_000, "val": 1000, "test": 1000}
    assert list(splits) == list(d.counts) and d.counts == {name: len(found) for name, found in splits.items()}
    ends = {name: (found.files[0], found.files[-1], found.ids[0], found.ids[-1]) for name, found in splits.items()}
    assert ends == {
        "train": ("lspet/images/im00001.jpg", "lspet/images/im10000.jpg", "im00001", "im10000"),
        "val": ("images/im0001.jpg", "images/im1000.jpg", "im0001", "im1000"),
        "test": ("images/im1001.jpg", "images/im2000.jpg", "im1001", "im2000"),
    }
    assert len({i for found in splits.values() for i in found.ids}) == 12_000
    assert {name: subsets.ids_hash(list(found.ids)) for name, found in splits.items()} == d.ids


def test_points_and_flags(tmp_path):
    save(tmp_path)
    splits = read("lsp_pose", tmp_path)
    train, val, test = (splits[name] for name in ("train", "val", "test"))
    assert train.points[9, 13].tolist() == [113, 9]
    assert val.points[2, 11].tolist() == [11, 2]
    assert test.points[0, 13].tolist() == [13, 1000]
    assert np.argwhere(~train.visible).tolist() == [[2, 11]] and np.isnan(train.points[2, 11]).all()
    assert val.visible.all() and test.visible.all()


def test_joints_and_measure_are_those_of_lsp_and_images_are_in_colour():
    d = loading.get("lsp_pose")
    assert (d.landmarks, d.mirror, d.skeleton) == (lspet.JOINTS, lspet.MIRROR, lspet.SKELETON)
    assert (d.unit, d.normalizer, d.correct_within) == (lspet.UNIT, lsp.DATASET.normalizer, 0.1)
    assert (d.size, d.recipe.margin, d.recipe.grey, d.channels, d.tier) == (256, 1.5, False, 3, "paper")


def test_without_lspet_one_line_says_how_to_get_it(alone):
    root, _ = alone
    place = root / "lsp" / "lspet"
    place.rename(root / "elsewhere")
    line = r"^lsp/lspet: not on this machine \(looked for .*/lsp/lspet{}\)\. Download .*lspet_dataset\.zip .*$"
    for prepare, more in (
        (lambda: None, ""),
        (place.mkdir, ""),
        (lambda: (place.rmdir(), place.symlink_to(root / "gone")), ", a link that leads nowhere"),
    ):
        prepare()
        with pytest.raises(DataMissing, match=line.format(more)):
            inspection.check("lsp_pose", root)
        assert tiers.choose(loading.get("lsp_pose"), None, "auto", root).name == "stand-in-lsp_pose"
    with pytest.raises(DataMissing, match=r"lsp_pose: not on this machine. Download .*lspet_dataset\.zip"):
        tiers.choose(loading.get("lsp_pose"), None, "paper", root)


@pytest.mark.parametrize("name", ["joints.mat", "lspet/joints.mat"])
def test_missing_lists_are_named(tmp_path, name):
    save(tmp_path, 5, 4)
    (tmp_path / "lspet" / "image.jpg").touch()
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"/{name}: missing"):
        read("lsp_pose", tmp_path)


def test_lspet_may_be_a_link(alone):
    root, written = alone
    place = root / "lsp" / "lspet"
    place.rename(root / "lspet")
    for target in (root / "lspet", "../lspet"):
        place.symlink_to(target)
        assert read("lsp_pose", root / "lsp")["train"].files == written["train"].files
        line = inspection.check("lsp_pose", root)
        assert "train 5 of 10,000, val 2 of 1,000, test 3 of 1,000 images; all decode" in line
        place.unlink()


def test_the_stand_in_is_read_back_and_no_image_is_in_two_splits(alone):
    root, written = alone
    found = read("lsp_pose", root / "lsp")
    assert {name: len(listing) for name, listing in found.items()} == FEW and list(found) == list(written)
    for name, listing in found.items():
        assert (listing.files, listing.ids) == (written[name].files, written[name].ids)
        assert np.array_equal(listing.visible, written[name].visible)
        assert np.allclose(listing.points, written[name].points, atol=1e-3, equal_nan=True)
    pictures = [(root / "lsp" / file).read_bytes() for listing in found.values() for file in listing.files]
    assert len(set(pictures)) == sum(FEW.values())


def test_the_real_archive():
    splits, d = real("lsp_pose"), loading.get("lsp_pose")
    assert {name: len(found) for name, found in splits.items()} == d.counts
    assert (~splits["train"].visible).sum() == 16_787
    assert all(splits[name].visible.all() for name in ("val", "test"))
