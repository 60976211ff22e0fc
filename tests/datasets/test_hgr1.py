"""The reader of HGR1, on a small archive in its layout and, where it is there, on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.datasets import hgr1

STEMS = ("1_P_hgr1_id01_1", "Z_P_hgr1_id08_3", "A_P_hgr1_id12_1", "0_A_hgr1_id10_2", "1_P_hgr1_id09_1")


def xml(i: int, n: int = 25) -> str:
    """Image i has its points at (k + i, 28 - k)."""
    points = "".join(f'<FeaturePoint x="{k + i}" y="{28 - k}" />\n' for k in range(n))
    image = '<IMAGE NAME="x" WIDTH="40" HEIGHT="30" />'
    return f'<?xml version="1.0"?>\n<HAND>\n{image}\n<POINTS>{points}</POINTS>\n</HAND>\n'


@pytest.fixture
def archive(tmp_path):
    """Five images with points, one with another ending; two without."""
    (tmp_path / "feature_points").mkdir()
    for i, stem in enumerate(STEMS):
        draw(tmp_path / "original_images" / f"{stem}.{'JPG' if i == 1 else 'jpg'}")
        (tmp_path / "feature_points" / f"{stem}.xml").write_text(xml(i))
    draw(tmp_path / "original_images" / "5_A_hgr1_id02_1.jpg")
    draw(tmp_path / "original_images" / "5_A_hgr1_id02_2.jpg")
    (tmp_path / "feature_points" / "5_A_hgr1_id02_2.xml").write_text(xml(0, 0))
    return tmp_path


def test_points_gestures_and_people(archive):
    splits = read("hgr1", archive)
    assert {name: listing.ids for name, listing in splits.items()} == {
        "train": ("1_P_hgr1_id01_1", "Z_P_hgr1_id08_3"),
        "val": ("A_P_hgr1_id12_1",),
        "test": ("0_A_hgr1_id10_2", "1_P_hgr1_id09_1"),
    }
    train, test = splits["train"], splits["test"]
    assert train.files == ("original_images/1_P_hgr1_id01_1.jpg", "original_images/Z_P_hgr1_id08_3.JPG")
    assert train.points[1].tolist() == [[k + 1, 28 - k] for k in range(25)] and train.visible.all()
    assert train.attributes["gesture"].tolist() == [2, 26] and test.attributes["gesture"].tolist() == [0, 2]
    assert test.attributes["subject"].tolist() == ["id10", "id09"] and test.attributes["gesture"].dtype == np.int64


def test_a_part_may_lack_a_split(archive):
    (archive / "feature_points" / f"{STEMS[2]}.xml").unlink()
    listing = read("hgr1", archive)["val"]
    assert len(listing) == 0 and listing.points.shape == (0, 25, 2)


def test_twenty_seven_gestures_in_the_order_of_their_names():
    assert len(hgr1.GESTURES) == 27 == loading.get("hgr1").attributes["gesture"]
    assert list(hgr1.GESTURES) == sorted(hgr1.GESTURES)


ENTITY = '<!DOCTYPE HAND [<!ENTITY a "7">]>'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</HAND>", "", r"not an XML file that can be read \("),
        (xml(0), "", r"not an XML file that can be read \("),
        ("<HAND>", f"{ENTITY}<HAND>", r"not an XML file that can be read \(it declares a document type"),
        ('<?xml version="1.0"?>', '<?xml version="1.0" encoding="none"?>', r"not an XML file that can be read \("),
        ('<FeaturePoint x="0" y="28" />', "", "24 points; expected 25, or none"),
        ("</POINTS>", '<FeaturePoint x="0" y="28" /></POINTS>', "26 points; expected 25, or none"),
        ('x="0"', 'x="nan"', "FeaturePoint with x='nan'; expected a whole number"),
        ('x="0"', 'x="1.5"', "FeaturePoint with x='1.5'; expected a whole number"),
        ('x="0" ', "", "FeaturePoint with x=None; expected a whole number"),
        ('y="28"', 'y="2e8"', "FeaturePoint with y='2e8'; expected a whole number"),
        ("IMAGE", "PICTURE", "0 elements IMAGE; expected one"),
        ('WIDTH="40"', 'WIDTH="30"', "IMAGE is 30 x 30; the image has 40 x 30 pixels"),
        ('WIDTH="40" ', "", "IMAGE with WIDTH=None; expected a whole number"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(archive, old, new, message):
    path = archive / "feature_points" / f"{STEMS[0]}.xml"
    assert old in xml(0)
    path.write_text(xml(0).replace(old, new))
    with pytest.raises(UserError, match=rf"{STEMS[0]}\.xml: {message}"):
        read("hgr1", archive)


@pytest.mark.parametrize("stem", ["6_P_hgr1_id01_1", "1_P_hgr1_id13_1", "1_P_hgr1_id1_1", "1_P_hgr2_id01_1"])
def test_a_name_that_is_not_the_publishers_is_refused(archive, stem):
    (archive / "feature_points" / f"{stem}.xml").write_text(xml(0))
    with pytest.raises(UserError, match=rf"{stem}\.xml: the name is not GESTURE_hgr1_idNN_K"):
        read("hgr1", archive)


def test_missing_images_and_folders_are_named(archive):
    whole = read("hgr1", archive)["train"]
    (archive / "original_images" / f"{STEMS[0]}.jpg").unlink()
    assert read("hgr1", archive)["train"].files == whole.files  # its points are there
    (archive / "feature_points").rename(archive / "points")
    with pytest.raises(UserError, match="feature_points: missing; the archive is not there or half unpacked"):
        read("hgr1", archive)
    (archive / "feature_points").mkdir()
    with pytest.raises(UserError, match=r"feature_points: no \.xml file; the archive is half unpacked"):
        read("hgr1", archive)


def test_the_real_archive():
    splits = real("hgr1")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 573, "val": 163, "test": 162}
    assert len(set.union(*(set(listing.attributes["gesture"].tolist()) for listing in splits.values()))) == 27
