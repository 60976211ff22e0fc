"""What a run is trained and judged on, and the fingerprint of that in its record."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from landmarklib import loading, tables
from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.experiment import Experiment, flat
from landmarklib.core.types import Crop
from landmarklib.datasets import mtfl, w300
from landmarklib.engine import checks
from landmarklib.formats import archive
from landmarklib.loading import bundling
from landmarklib.records.record import Record

COUNTS = {"train": 18, "val": 2, "test": 3}
SIZE = 16


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with an archive of MTFL of few faces, and nothing else."""
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=COUNTS, ids={}))
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    (tmp_path / "mtfl").mkdir()
    mtfl.write_standin(tmp_path / "mtfl", COUNTS)
    loading.forget()
    yield tmp_path
    loading.forget()


def experiment(jittered: bool, table: str = "mtfl", row: str = "RCN+ (L)") -> Experiment:
    (e,) = tables.get(table).experiments([0.5], [0], [row], "smoke")
    jitter = {"scale": 0.1, "shift": 0.1, "rotation_degrees": 5.0} if jittered else {}
    return replace(flat(e), size=SIZE, tests=[], jitter=jitter).experiment


def by_hand(crops: dict[str, Crop]) -> str:
    """One fingerprint over those of the splits."""
    return subsets.ids_hash([subsets.fingerprint(loading.split("mtfl", s, crop)) for s, crop in crops.items()])


def test_a_jittered_run_is_trained_on_larger_crops_and_judged_on_those_of_its_size():
    plain = {split: Crop(SIZE) for split in COUNTS}
    assert loading.crops_of(experiment(jittered=False)) == plain
    assert loading.crops_of(experiment(jittered=True)) == {**plain, "train": Crop(2 * SIZE, 1.6)}


def test_generated_images_have_no_jitter_and_no_margin():
    with pytest.raises(UserError, match="jitter: blocks is generated and varies enough; jitter is for photos"):
        loading.crops_of(experiment(True, "blocks", "Seq-MT (L)"))
    with pytest.raises(UserError, match="blocks is generated; its images have no margin"):
        loading.split("blocks", "test", Crop(SIZE, 1.6))


def test_a_record_without_a_margin_keeps_one_fingerprint_over_every_split_at_its_size(root):
    found = loading.described(experiment(jittered=False))
    assert found == {"fingerprint": by_hand({split: Crop(SIZE) for split in COUNTS})}


def test_a_record_of_a_jittered_run_keeps_its_crops_and_their_fingerprint(root):
    crops = {"train": Crop(2 * SIZE, 1.6), "val": Crop(SIZE), "test": Crop(SIZE)}
    found = loading.described(experiment(jittered=True))
    assert found["crops"] == {"train": [2 * SIZE, 1.6], "val": [SIZE, 1.0], "test": [SIZE, 1.0]}
    assert found["fingerprint"] == by_hand(crops) != loading.described(experiment(jittered=False))["fingerprint"]
    assert loading.covered(found, "mtfl", SIZE) == crops


def test_a_fingerprint_is_of_the_crops_that_it_is_asked_for(root):
    prints = [loading.fingerprint("mtfl", {"test": crop}) for crop in (Crop(8), Crop(16), Crop(16, 1.6))]
    assert len({*prints, loading.fingerprint("mtfl", {"val": Crop(8)})}) == 4


def test_records_are_compared_over_the_crops_that_they_cover(root):
    """One from before crops were kept covers every split at the size of the run, jittered or not."""
    e = experiment(jittered=True)
    before = {"fingerprint": by_hand({split: Crop(SIZE) for split in COUNTS})}
    for data in (before, loading.described(e)):
        checks.data([e], [Record(experiment=e, status="done", data=data)])
        with pytest.raises(UserError, match=r"was made on other data of mtfl .fingerprint 0123456789ab, here"):
            checks.data([e], [Record(experiment=e, status="done", data={**data, "fingerprint": "0123456789ab"})])


def test_what_is_left_out_makes_other_data(root, monkeypatch):
    """Records of a whole set and of one with a photo less are not mixed."""
    e = experiment(jittered=True)
    whole = loading.described(e)
    monkeypatch.setenv("LANDMARKLIB_MISSING", "0.1")
    loading.forget()
    assert loading.described(e) == whole
    (root / "mtfl" / loading.split("mtfl", "train", Crop(SIZE)).ids[0]).unlink()
    loading.forget()
    less = loading.described(e)
    assert less["fingerprint"] != whole["fingerprint"]
    checks.data([e], [Record(experiment=e, status="done", data=less)])
    with pytest.raises(UserError, match="was made on other data of mtfl"):
        checks.data([e], [Record(experiment=e, status="done", data=whole)])


def test_another_data_root_is_read_once_the_first_is_forgotten(root, monkeypatch):
    first = loading.fingerprint("mtfl", {"test": Crop(SIZE)})
    other = root / "other"
    (other / "mtfl").mkdir(parents=True)
    mtfl.write_standin(other / "mtfl", COUNTS, seed=1)
    monkeypatch.setenv("LANDMARKLIB_DATA", str(other))
    assert loading.fingerprint("mtfl", {"test": Crop(SIZE)}) == first
    loading.forget()
    assert loading.fingerprint("mtfl", {"test": Crop(SIZE)}) != first


def with_other(dataset: str = "mtfl") -> Experiment:
    """300-W with a first stage on another data set's images."""
    e = experiment(jittered=True, table="w300")
    other = replace(e.stages[0], name="other", dataset=dataset, batch=0, batch_unlabelled=4)
    return replace(e, stages=(other, e.stages[0]))


@pytest.fixture
def both(root, monkeypatch):
    """The same, and few faces of 300-W."""
    monkeypatch.setattr(w300, "DATASET", replace(w300.DATASET, counts=COUNTS, ids={}))
    (root / "w300").mkdir()
    w300.write_standin(root / "w300", COUNTS)
    loading.forget()


def test_of_another_data_set_a_stage_takes_training_images_as_wide_as_the_runs_own():
    wide = {"train": Crop(2 * SIZE, 1.6)}
    assert loading.other_crops(with_other()) == {"mtfl": wide}
    assert loading.crops_of(with_other())["train"] == wide["train"] and loading.other_crops(experiment(True)) == {}


def test_records_are_compared_by_the_other_data_set_too(both):
    e = with_other()
    data = loading.described(e)
    assert data["others"]["mtfl"]["fingerprint"] == by_hand({"train": Crop(2 * SIZE, 1.6)}) != data["fingerprint"]
    assert data["others"]["mtfl"]["tier"] == "paper"
    checks.data([e], [Record(experiment=e, status="done", data=data)])
    changed = {**data, "others": {"mtfl": {**data["others"]["mtfl"], "fingerprint": "0123456789ab"}}}
    with pytest.raises(UserError, match=r"was made on other data of mtfl .fingerprint 0123456789ab, here"):
        checks.data([e], [Record(experiment=e, status="done", data=changed)])


def test_the_other_data_set_is_asked_for_and_said_to_be_missing(both, root):
    asked = bundling.asked_for([with_other()])
    assert asked["mtfl"] == [("train", Crop(2 * SIZE, 1.6))] and {part.split for part in asked["w300"]} == {*COUNTS}
    bundling.check([with_other()])
    shutil.rmtree(root / "mtfl")
    loading.forget()
    with pytest.raises(DataMissing, match="mtfl"):
        bundling.check([with_other()])
