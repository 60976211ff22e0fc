"""A table on photos, end to end on archives of stand-ins.

Jittered training, several test sets, readings, tiers, and what is asked in vain.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarklib import loading, methods, tables
from landmarklib.core import coords, metrics, normalizers, warps
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.experiment import flat
from landmarklib.core.types import MARGIN, Annotations, Crop, Listing, Recipe
from landmarklib.datasets import afw, mtfl, w300
from landmarklib.engine import ensure
from landmarklib.formats import archive
from landmarklib.loading import cutting
from landmarklib.nets import forms
from landmarklib.records import query, record
from landmarklib.report import aggregate
from landmarklib.training import compute, evaluate_test, prediction, state
from landmarklib.training.prediction import Predictions

pytestmark = pytest.mark.usefixtures("tables_read")
COUNTS = {"train": 54, "val": 6, "test": 20}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """MTFL and AFW in their publishers' layout, with few faces."""
    root = tmp_path_factory.mktemp("data")
    (root / "mtfl").mkdir()
    (root / "w300").mkdir()
    mtfl.write_standin(root / "mtfl", COUNTS)
    afw.write_standin(root / "w300", {"test": 10})
    return root


@pytest.fixture
def archives(root, monkeypatch):
    """The data root with those, for sets that have no more faces."""
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=COUNTS, ids={}))
    monkeypatch.setattr(afw, "DATASET", replace(afw.DATASET, counts={"test": 10}))
    monkeypatch.setattr(archive, "BESIDE", root / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(root))
    loading.forget()
    yield root
    loading.forget()


def experiment(row: str = "RCN+ (L)", fraction: float = 0.5, **changes):
    (e,) = tables.get("mtfl").experiments([fraction], [0], [row], "smoke")
    return replace(flat(e), **changes).experiment


def test_a_whole_table_runs_on_the_archive_of_its_publisher(archives, tmp_path):
    runs = ensure.ensure("mtfl", [0.5, 1.0], [0], budget="smoke", workers=1, results=tmp_path).runs
    assert len(runs) == 2 * 2 + 4 and (runs.status == "done").all() and (runs.tier == "paper").all()
    values = runs.set_index(["row", "fraction"])
    assert values["nme_percent"].between(1, 200).all() and values["nme_percent on afw"].between(1, 200).all()
    assert values["nme_percent of points less 1 px"].notna().all()
    read_both_ways = values["nme_percent read by soft-argmax"].notna()
    assert read_both_ways[read_both_ways].index.tolist() == [("RCN (L)", 1.0)]
    assert values.accuracy_percent.notna().sum() == 3  # L+A at both fractions, L+ELT+A at one
    # without the archives the records are still there to be read
    before = {path: path.read_bytes() for path in tmp_path.glob("mtfl/*.json")}
    again = ensure.ensure("mtfl", [0.5, 1.0], [0], budget="smoke", data="paper", workers=1, results=tmp_path).runs
    assert again.equals(runs) and {path: path.read_bytes() for path in before} == before


def test_records_are_read_where_the_data_are_not(archives, tmp_path, monkeypatch):
    rows = ["RCN+ (L)"]
    ensure.ensure("mtfl", [0.5], [0], rows, "smoke", workers=1, results=tmp_path)
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path / "empty"))
    loading.forget()
    assert query.resolve_tier(tables.get("mtfl"), results=tmp_path).dataset == "mtfl"
    assert len(ensure.ensure("mtfl", [0.5], [0], rows, "smoke", results=tmp_path).runs) == 1
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        ensure.ensure("mtfl", [0.5], [1], rows, "smoke", workers=1, results=tmp_path)
    assert query.resolve_tier(tables.get("mtfl"), "stand-in", tmp_path).dataset == "stand-in-mtfl"
    assert query.resolve_tier(tables.get("mtfl"), "stand-in", tmp_path).tests == ("stand-in-afw",)
    assert query.resolve_tier(tables.get("mtfl"), results=tmp_path / "none").dataset == "stand-in-mtfl"


def test_training_sees_more_of_the_photo_than_the_network_does(archives):
    e = experiment()
    wide, narrow = (loading.split("mtfl", "train", crop) for crop in (loading.crops_of(e)["train"], Crop(e.size)))
    assert wide.images.shape[-1] == 2 * e.size and wide.ids == narrow.ids
    frame = MARGIN * coords.to_norm(torch.from_numpy(wide.points), (2 * e.size,) * 2)
    assert torch.allclose(frame, coords.to_norm(torch.from_numpy(narrow.points), (e.size,) * 2), atol=1e-4)
    data = state.annotated(wide, None, torch.from_numpy(np.array(wide.images)), ["pose"], MARGIN)
    assert torch.allclose(data.points, frame.float(), atol=1e-5)
    # seen without a jitter, the wide crop is the narrow one but for resampling
    still = torch.eye(2, 3).expand(len(wide), 2, 3)
    seen = warps.warp_images(state.pixels(data.images), still, e.size, MARGIN)
    inner = np.s_[:, :, 2:-2, 2:-2]
    assert np.abs(seen.numpy() - narrow.images / 255)[inner].mean() < 0.03


def test_generated_images_are_not_jittered():
    (e,) = tables.get("blocks").experiments([0.5], [0], ["Seq-MT (L)"], "smoke")
    with pytest.raises(UserError, match="jitter: blocks is generated"):
        loading.crops_of(replace(flat(e), jitter={"scale": 0.1, "shift": 0.1, "rotation_degrees": 5.0}).experiment)


def test_a_run_on_photos_is_decided_by_its_seed_and_its_jitter(archives):
    def curve(**changes) -> str:
        (made,) = compute.run([experiment(**changes)])
        return json.dumps(made.curve)

    weak = {"rotation_degrees": 1.0, "scale": 0.01, "shift": 0.01}
    assert curve() == curve() != curve(jitter=weak)


def test_elt_may_take_all_images_and_then_needs_no_unlabelled_one(archives):
    options = {**experiment().options, "elt_on_all": True}
    e = experiment("RCN+ (L)", 1.0, weights={"landmarks": 400.0, "elt": 200.0}, options=options)
    (made,) = compute.run([e])
    assert made.status == "done" and made.images_processed == 2 * e.stages[0].images == methods.images_processed(e)
    assert set(made.curve[-1]["loss"]) == {"landmarks", "elt"}


def some_faces() -> Annotations:
    """Two faces of two points, 10 and 20 px apart, in crops whose pixels are half and twice a photo's."""
    points = np.array([[[0, 0], [10, 0]], [[0, 0], [0, 20]]], np.float32)
    images, normalizer = np.zeros((2, 1, 4, 4), np.uint8), np.array([10.0, 20.0])
    attributes = {"pose": np.array([1, 0]), "smile": np.array([0, 0])}
    return Annotations(
        images, points, np.ones((2, 2), bool), ("a", "b"), attributes, normalizer=normalizer, pixel=np.array([2.0, 0.5])
    )


def test_nme_by_hand():
    a = some_faces()
    shifted = a.points + np.array([3, 4])
    found = Predictions(shifted, np.array([[1, 1], [1, 0]]), {"read otherwise": a.points + np.array([0, 1])})
    values = prediction.per_image(found, a, ["pose", "smile"])
    assert values["error_px"].tolist() == [5, 5]
    assert values["nme_percent"].tolist() == [50, 25] and values["failures_percent"].tolist() == [100, 100]
    assert values["nme_percent read otherwise"].tolist() == [10, 5]
    assert values["accuracy_percent"].tolist() == [100, 0]
    assert values["accuracy_percent of smile"].tolist() == [0, 100]
    assert metrics.failures(np.array([9.9, 10.1, np.nan])).tolist()[:2] == [0, 100]


def test_points_a_pixel_of_the_photo_lower_by_hand():
    a = some_faces()
    assert evaluate_test.shifted_labels(a.points, a, 1.0) == pytest.approx(
        [100 * 2 * 2**0.5 / 10, 100 * 0.5 * 2**0.5 / 20]
    )
    assert evaluate_test.shifted_labels(a.points - 2, a, 1.0)[0] == pytest.approx(0)


def test_five_of_68_points_by_hand():
    xy = np.zeros((1, 68, 2))
    xy[0, 36:42, 0], xy[0, 42:48, 1] = range(6), 7
    xy[0, 30], xy[0, 48], xy[0, 54] = (1, 2), (3, 4), (5, 6)
    listing = replace(afw.five(archive_of(xy)), files=("x",))
    assert listing.points.tolist() == [[[2.5, 0], [0, 7], [1, 2], [3, 4], [5, 6]]]


def archive_of(points: np.ndarray):
    n = len(points)
    return Listing(("x",) * n, points, np.ones(points.shape[:2], bool), tuple(map(str, range(n))))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fractions": [0.001]}, "fractions: 0.001 labels none of"),
        ({"rows": ["Seq-MT (L)"]}, "unknown row 'Seq-MT .L.'; known: RCN .L., RCN.*"),
        ({"data": "open"}, "there is no open data for mtfl here; there is paper .mtfl., stand-in .stand-in-mtfl."),
        ({"budget": "huge"}, "unknown budget 'huge'; known: smoke, cpu, full, paper"),
    ],
)
def test_what_is_asked_in_vain_is_refused_with_what_is_possible(archives, tmp_path, given, message):
    with pytest.raises(UserError, match=message):
        ensure.ensure("mtfl", **{"fractions": [0.5], "seeds": [0], "budget": "smoke", "results": tmp_path, **given})
    assert not any(tmp_path.iterdir())


def test_predictions_of_a_wide_network_are_those_of_its_method(archives):
    e = experiment()
    rcn = methods.get(e.method)
    options = methods.complete(rcn, e.options)
    module = rcn.build(loading.get("mtfl"), e.size, options, torch.Generator().manual_seed(0)).eval()
    test = loading.split("mtfl", "test", Crop(e.size))
    found = prediction.predict(module, rcn, test.images, options, torch.device("cpu"), batch=7)
    expected = rcn.predict(module, torch.from_numpy(np.array(test.images)).float() / 255, options)
    assert np.allclose(found.points, coords.to_pixels(expected.points, (e.size,) * 2).detach(), atol=1e-3)
    assert found.attributes.shape == (20, 1) and found.others == {}


def test_records_that_are_none_are_passed_over(tmp_path):
    (tmp_path / "mtfl").mkdir()
    (tmp_path / "mtfl" / "a.json").write_text("{")
    (tmp_path / "mtfl" / "b.json").write_text('{"experiment": {"row": 1}}')
    assert not list(query.recorded_experiments(tmp_path, "mtfl"))


def test_a_square_around_the_centres_of_groups_by_hand():
    xy = np.zeros((1, 4, 2))
    xy[0] = [[8, 20], [12, 20], [30, 20], [20, 40]]  # the first two are one group, with its centre at 10
    listing = archive_of(xy)
    square = cutting.squares(listing, Recipe(margin=2.0, groups=((0, 1), (2,), (3,))))
    assert square.tolist() == [[20.5 - 20, 30.5 - 20, 40]]  # 20 wide and high, from 10.5 to 30.5 and from 20.5 to 40.5


def test_the_root_of_the_box_of_the_points_by_hand():
    assert normalizers.points_root(archive_of(np.array([[[0.0, 0], [4, 1], [2, 9]]]))).tolist() == [6]


def test_correct_points_by_hand():
    target, visible = np.zeros((2, 3, 2)), np.array([[True, True, True], [True, False, False]])
    predicted = target + np.array([[[0, 1], [0, 0.9], [3, 4]], [[0, 2.1], [0, 0], [0, 0]]])
    found = metrics.correct(predicted, target, visible, np.array([10.0, 20.0]))
    assert found.tolist() == pytest.approx([2 / 3, 0])
    assert np.isnan(metrics.correct(predicted[:1], target[:1], visible[:1] & False, np.ones(1)))


def test_other_normalizers_and_readings_stand_beside_the_main_one():
    a = replace(some_faces(), normalizers={"the box": np.array([20.0, 50.0])})
    values = prediction.per_image(Predictions(a.points + np.array([3, 4]), None), a, [])
    assert values["nme_percent by the box"].tolist() == [25, 10]
    assert values["pck_percent at 0.1 of the box"].tolist() == [0, 100]


def test_300w_runs_on_a_part_of_it_and_says_so(tmp_path, monkeypatch):
    counts = {"train": 60, "val": 8, "test": 30}
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    monkeypatch.setattr(w300, "DATASET", replace(w300.DATASET, counts={**counts, "train": 90}, ids={}))
    (tmp_path / "w300").mkdir()
    w300.write_standin(tmp_path / "w300", counts)
    runs = ensure.ensure("w300", [1.0], [0], budget="smoke", workers=1, results=tmp_path / "r").runs
    assert (runs.status == "done").all() and (runs.tier == "open").all()
    values = runs.set_index("row")
    assert values["nme_percent on Common"].notna().all() and values["nme_percent on IBUG"].notna().all()
    parts = values[["nme_percent on Common", "nme_percent on IBUG"]]
    assert (parts.min(axis=1) <= values.nme_percent).all() and (values.nme_percent <= parts.max(axis=1)).all()
    assert values["nme_percent read by soft-argmax"].dropna().index.tolist() == ["RCN (L)"]
    assert "accuracy_percent" not in runs
    # the two corners of the eyes are further apart than their middles, so their measure is smaller
    assert (values["nme_percent by the outer eye corners"] < values.nme_percent).all()
    # records of a part are read where nothing is
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path / "empty"))
    table = query.resolve_tier(tables.get("w300"), results=tmp_path / "r")
    assert query.recorded(tables.get("w300"), tmp_path / "r") == table
    assert query.recorded(tables.get("w300"), tmp_path / "empty") is None
    assert aggregate.state(table, query.read(table, "smoke", tmp_path / "r")[0])[0] == 7
    assert table.dataset == "part-of-w300" and all(map(table.makes, query.recorded_experiments(tmp_path / "r", "w300")))
    assert query.resolve_tier(tables.get("w300"), "open", tmp_path / "r").dataset == "part-of-w300"
    with pytest.raises(DataMissing, match="w300: not on this machine"):
        query.resolve_tier(tables.get("w300"), "paper", tmp_path / "r")


def test_a_budget_sets_what_a_method_can_afford():
    table = tables.get("w300")
    small, full = (table.experiments([0.05], [0], ["Seq-MT (L)"], budget)[0] for budget in ("cpu", "paper"))
    assert (small.size, small.options["width"], full.size, full.options["width"]) == (32, 16, 64, 32)
    (other,) = table.experiments([0.05], [0], ["RCN (L)"], "cpu")
    assert [e.stages[0].optimizer.rate for e in (small, other)] == [0.001, 0.003]


def test_a_second_test_set_that_is_missing_is_said_before_anything_is_trained(archives, tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "run", None)
    root = tmp_path / "data"
    shutil.copytree(archives / "mtfl", root / "mtfl")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(root))
    asked = {"fractions": [0.5], "seeds": [0], "budget": "smoke", "results": tmp_path / "r", "data": "paper"}
    with pytest.raises(DataMissing, match=r"w300: not on this machine.*Download AFW.*data=stand-in"):
        ensure.ensure("mtfl", **asked)
    shutil.copytree(archives / "w300" / "afw", root / "w300" / "other")
    with pytest.raises(UserError, match="afw: missing; expected the faces of AFW"):
        ensure.ensure("mtfl", **asked)
    assert not (tmp_path / "r").exists()


def test_runs_on_other_data_of_the_same_name_are_not_mixed(archives, tmp_path, monkeypatch):
    asked = {"fractions": [0.5], "rows": ["RCN+ (L)"], "budget": "smoke", "workers": 1, "results": tmp_path}
    ensure.ensure("mtfl", seeds=[0], **asked)
    (path,) = tmp_path.glob("mtfl/*.json")
    text = path.read_text()
    known = json.loads(text)["data"]["fingerprint"]
    path.write_text(text.replace(known, "0123456789ab"))
    with pytest.raises(UserError, match=f"made on other data of mtfl .fingerprint 0123456789ab, here {known}."):
        ensure.ensure("mtfl", seeds=[0, 1], **asked)
    path.write_text(text)
    assert len(ensure.ensure("mtfl", seeds=[0, 1], **asked).runs) == 2


def test_records_at_the_budget_that_is_read_decide_on_which_data(archives, tmp_path):
    smoke = ensure.ensure("mtfl", [0.5], [0], ["RCN+ (L)"], "smoke", workers=1, results=tmp_path).runs
    (made,) = query.load_all(tmp_path, "mtfl")
    stand_in = tables.get("mtfl").variants()["stand-in"]
    (e,) = stand_in.experiments([0.05], [0], ["RCN+ (L)"], "cpu")
    record.save(replace(made, experiment=e), tmp_path)
    assert query.recorded(tables.get("mtfl"), tmp_path) == stand_in
    assert query.recorded(tables.get("mtfl"), tmp_path, "smoke") == tables.get("mtfl") and len(smoke) == 1


def test_packed_runs_on_photos_equal_each_alone(archives):
    """Jitter, ELT's second look at the photo and every term."""
    options = {**experiment().options, "dropout": 0.0}
    weights = {"landmarks": 400.0, "elt": 200.0, "classes": 1.0}
    changes = {"options": options, "weights": weights, "starts": {}, "images": 48, "rate": 0.0001}
    for more in ({}, {"options": {**options, "elt_on_all": True}}):
        pack = [experiment(seed=seed, **{**changes, **more}) for seed in (0, 1)]
        together = compute.run(pack, form=forms.LITERAL)
        for e, packed in zip(pack, together, strict=True):
            (alone,) = compute.run([e], form=forms.LITERAL)
            assert packed.curve[-1]["loss"] == pytest.approx(alone.curve[-1]["loss"], rel=1e-3)
            assert packed.images_processed == alone.images_processed


@pytest.mark.parametrize(
    ("options", "weights", "words"),
    [
        ({"cells": 7}, {}, "cells: 7 is no level's side; there are 20, 10, 5"),
        ({"attributes": []}, {"classes": 1.0}, "the loss term 'classes' needs an attribute with classes"),
        ({"attributes": ["mood"]}, {}, "mtfl has no 'mood'; it has gender, smile, glasses, pose"),
    ],
)
def test_options_that_fit_nothing_are_refused(archives, options, weights, words):
    e = flat(experiment())
    changed = replace(e, options={**e.options, **options}, weights={**e.weights, **weights})
    with pytest.raises(UserError, match=words):
        compute.run([changed.experiment])
