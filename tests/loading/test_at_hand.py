"""What is said of images that are not here, and that nothing is drawn to find out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from landmarklib import loading
from landmarklib.datasets import aflw, mtfl
from landmarklib.formats import archive
from landmarklib.loading import at_hand, tiers

COUNTS = {"train": 18, "val": 2, "test": 4}
pytestmark = pytest.mark.usefixtures("tables_read")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root, for an MTFL of few faces."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=COUNTS, ids={}))
    loading.forget()
    yield tmp_path
    loading.forget()


@pytest.mark.parametrize("name", ["blocks", "stand-in-mtfl"])
def test_what_is_generated_or_quickly_drawn_lacks_nothing(root, name):
    assert at_hand.lacking(name) == "" and list(root.iterdir()) == []


def test_a_large_stand_in_lacks_its_pictures_until_they_are_drawn(root, monkeypatch):
    monkeypatch.setattr(at_hand, "QUICK", 23)
    assert at_hand.lacking("stand-in-mtfl") == (
        "The 24 pictures of MTFL (stand-in) are not drawn on this machine, which takes minutes. "
        "`landmarklib data show stand-in-mtfl` draws them once."
    )
    assert list(root.iterdir()) == []
    tiers.folder(loading.get("stand-in-mtfl"))
    assert at_hand.lacking("stand-in-mtfl") == ""


def test_the_stand_in_of_aflw_is_a_large_one(root, monkeypatch):
    def refuse(*_):
        raise AssertionError("it is drawn")

    monkeypatch.setattr(aflw, "DATASET", replace(aflw.DATASET, write_standin=refuse))
    assert at_hand.lacking("stand-in-aflw").startswith("The 19,999 pictures of AFLW")


@pytest.mark.parametrize("name", ["mtfl", "part-of-mtfl"])
def test_photos_that_are_not_here_are_to_be_had_as_the_data_set_says(root, name):
    assert at_hand.lacking(name) == f"The photos of MTFL are not on this machine. {mtfl.DATASET.obtain}"


def test_photos_that_are_here_lack_nothing_and_a_part_is_not_the_whole(root, monkeypatch):
    (root / "mtfl").mkdir()
    mtfl.write_standin(root / "mtfl", COUNTS)
    assert at_hand.lacking("mtfl") == at_hand.lacking("part-of-mtfl") == ""
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts={**COUNTS, "train": 36}))
    assert at_hand.lacking("part-of-mtfl") == ""
    found = at_hand.lacking("mtfl")
    assert found == "The photos of MTFL are not all here: `landmarklib data check mtfl` says more."
