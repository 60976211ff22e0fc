"""Mutual information of attributes and landmarks: by hand, on the real faces, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from readers import real

from landmarklib.__main__ import main
from landmarklib.core.errors import UserError
from landmarklib.pages import overlap
from landmarklib.records import record


def test_levels_are_of_one_width():
    values = np.array([0.0, 0.99, 1.0, 10.0, 19.99, 20.0])
    assert overlap.levels(values).tolist() == [0, 0, 1, 10, 19, 19]
    assert overlap.levels(np.full(3, 7.0)).tolist() == [0, 0, 0]


def test_a_landmark_that_is_decided_by_the_attribute_has_two_and_one_that_is_not_has_none():
    rng = np.random.default_rng(0)
    attribute = np.arange(4000) % LEVELS
    points = np.stack([np.stack([attribute, -attribute], -1), rng.permuted(np.stack([attribute] * 2, -1), axis=0)], 1)
    told, not_told = overlap.with_landmarks(attribute, points.astype(float))
    assert told == pytest.approx(2) and abs(not_told) < 0.01


LEVELS = overlap.LEVELS


def test_unknown_points_and_numbers_are_left_out():
    attribute = np.linspace(0, 1, 400)
    points = np.stack([attribute, attribute], -1)[:, None].copy()
    whole = overlap.with_landmarks(attribute, points)
    attribute, points = np.append(attribute, [np.nan, 0.0]), np.append(points, [[[5, 5]], [[np.nan, 0]]], 0)
    assert overlap.with_landmarks(attribute, points) == pytest.approx(whole)
    assert whole == pytest.approx([2.0])


def test_the_larger_entropy_divides():
    # a coordinate of two levels tells one bit of an attribute of four classes, whose entropy is two bits
    attribute = np.tile(np.arange(4), 5000)
    points = np.stack([attribute // 2, np.zeros(20000)], -1)[:, None].astype(float)
    assert overlap.with_landmarks(attribute, points) == pytest.approx([0.5], abs=1e-3)


def test_the_papers_values_on_the_real_faces():
    real("mtfl")
    found = overlap.measure("mtfl", "paper")
    assert found.n == 9000 and found.values["pose"] == pytest.approx((0.069, 0.222), abs=0.02)
    assert found.values["glasses"][1] < 0.005 and found.values["random"][1] < 0.006


def test_a_measurement_is_kept_and_stands_beside_the_paper(tmp_path):
    kept = overlap.Overlap(
        "stand-in-mtfl", "MTFL (stand-in)", "stand-in", 10, {"pose": (0.1, 0.2), "smile": (0.3, 0.4)}
    )
    overlap.save(kept, tmp_path)
    (back,) = overlap.load_all(tmp_path)
    assert back == kept
    frame = overlap.beside_paper([back]).set_index(["data set", "attribute"])
    assert frame.loc[("MTFL (stand-in)", "pose"), ["mean", "paper: mean", "data tier"]].tolist() == [
        "0.100",
        "0.069",
        "stand-in",
    ]
    assert frame.loc[("MTFL (stand-in)", "smile"), "paper: mean"] == "none"
    assert frame.loc[("MTFL", "glasses"), "mean"] == "not run"
    assert len(frame) == 2 + len(overlap.published()) - 1
    assert "not run" in overlap.page(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a readable measurement"),
        ('{"values": {}}', "not a measurement of this library"),
        ('{"values": {}, "schema": 1}', "measurement: 'dataset' is missing"),
        ("[]", "not a measurement of this library"),
        (None, "schema 9"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, text, words):
    path = overlap.save(overlap.Overlap("mtfl", "MTFL", "paper", 1, {}), tmp_path)
    path.write_text(text or json.dumps({**json.loads(path.read_text()), "schema": 9}))
    with pytest.raises(UserError, match=words) as refusal:
        overlap.load_all(tmp_path)
    assert str(path) in str(refusal.value)


def test_generated_images_are_measured_by_a_command(tmp_path, capsys):
    assert main(["overlap", "blocks", "--results", str(tmp_path)]) == 0
    (found,) = overlap.load_all(tmp_path)
    assert found.dataset == "blocks" and found.tier == "paper" and set(found.values) == {"class", "random"}
    assert 0 < found.values["class"][0] <= found.values["class"][1] < 0.2
    assert "class" in capsys.readouterr().out


def test_a_data_set_without_attributes_is_refused_with_those_that_have_some():
    with pytest.raises(UserError, match="lsp has no attributes with landmarks; try aflw, hgr1, mtfl, multipie"):
        overlap.measure("lsp")


def test_committed_measurements_can_be_read():
    assert {o.dataset for o in overlap.load_all(record.results_folder())} <= {
        "mtfl",
        "stand-in-multipie",
        "stand-in-hgr1",
        "stand-in-aflw",
    }
