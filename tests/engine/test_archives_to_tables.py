"""HGR1, Multi-PIE and AFLW from the archive to the claims: whole tables on what a stand-in writes in the publisher's
layout.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from experiments import changed

from landmarklib import loading, tables
from landmarklib.core.errors import DataMissing
from landmarklib.engine import checks
from landmarklib.formats import archive
from landmarklib.loading import bundling
from landmarklib.records import query
from landmarklib.report import claims
from landmarklib.training import compute

pytestmark = pytest.mark.usefixtures("tables_read")
COUNTS = {"train": 64, "val": 12, "test": 20}
METRICS = {
    "hgr1": {"accuracy_percent"},
    "multipie": {"accuracy_percent", "accuracy_percent of camera"},
    "aflw": {"angle_error_degrees", *(f"angle_error_degrees of {angle}" for angle in ("yaw", "pitch", "roll"))},
}
ROWS = {
    "hgr1": ["Seq-MT (L+ELT+A)", "Comm-MT (L+A)", "Heatmap-MT (L+A)", "RCN (L)", "TCDCN (L+A)", "Attributes from true points"],  # noqa: E501
    "multipie": ["Seq-MT (L+A)", "Heatmap-MT (L+A), soft-argmax", "RCN+ (L+A)", "TCDCN-2 (L+A)", "Attributes from true points"],  # noqa: E501
    "aflw": ["RCN+ (L)", "RCN+ (L+A)", "RCN+ (L+ELT+A)", "Pose from true points"],
}  # fmt: skip


@pytest.fixture
def archive_of(tmp_path, monkeypatch):
    """Writes a small archive of a data set as its publisher has it, and makes it all that there is of that set."""

    def write(name: str):
        module = importlib.import_module(f"landmarklib.datasets.{name}")
        root = tmp_path / "data"
        (root / module.DATASET.folder).mkdir(parents=True)
        module.write_standin(root / module.DATASET.folder, COUNTS)
        here = {split: len(listing) for split, listing in module.read(root / module.DATASET.folder).items()}
        monkeypatch.setattr(module, "DATASET", replace(module.DATASET, counts=here, ids={}))
        monkeypatch.setenv("LANDMARKLIB_DATA", str(root))
        return here

    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    loading.forget()
    yield write
    loading.forget()


@pytest.mark.parametrize("name", METRICS)
def test_a_table_runs_on_the_archive_of_its_publisher(archive_of, tmp_path, name):
    here = archive_of(name)
    table = tables.get(name)
    budget = replace(table.budgets["smoke"], images=32, evaluation_images=8, train_images=0, test_images=0)
    small = replace(table, budgets={**table.budgets, "smoke": budget})
    experiments = [e for e in small.experiments([0.2, 1.0], [0], ROWS[name], "smoke")]
    done = {}
    for e in experiments:
        (done[e.row, e.fraction],) = compute.run([e])
    for (row, _), r in done.items():
        assert r.status == "done" and r.data["tier"] == "paper", r.reason
        learnt = {"classes", "angles"} & set(table.row(row).weights)
        assert METRICS[name] & set(r.metrics) == (METRICS[name] if learnt else set())
        points = not table.row(row).select
        assert ("nme_percent" in r.metrics) == bool(r.quantiles) == bool(r.gallery) == points
        assert {metric for metric, v in r.metrics.items() if not np.isfinite(v["mean"])} == set()
        assert {metric: v["n"] for metric, v in r.metrics.items()} == dict.fromkeys(r.metrics, here["test"])


def test_a_table_runs_on_a_bundle_alone_and_measures_the_same(archive_of, tmp_path, monkeypatch):
    archive_of("hgr1")
    table = tables.get("hgr1")
    budget = replace(table.budgets["smoke"], images=32, evaluation_images=8, train_images=0, test_images=0)
    small = replace(table, budgets={**table.budgets, "smoke": budget})
    e = small.experiments([0.2], [0], ["Seq-MT (L+ELT+A)"], "smoke")[0]
    (from_archive,) = compute.run([e])
    (path,) = bundling.write([e], tmp_path / "root")
    assert path == tmp_path / "root" / "bundles" / "hgr1.npz"

    shutil.rmtree(tmp_path / "data")
    loading.forget()
    with pytest.raises(DataMissing):
        compute.run([e])
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path / "root"))
    monkeypatch.setitem(sys.modules, "PIL", None)  # as where it is not installed
    checks.data([e], [from_archive])
    assert query.resolve_tier(table).dataset == "hgr1"
    (from_file,) = compute.run([e])
    for field in ("status", "metrics", "quantiles", "gallery", "curve", "best_step", "data"):
        assert getattr(from_file, field) == getattr(from_archive, field), field


def test_the_mean_of_three_angles_is_the_angle_error(archive_of):
    archive_of("aflw")
    e = tables.get("aflw").experiments([1.0], [0], ["Pose from true points"], "smoke")[0]
    (r,) = compute.run([changed(e, train_images=0, test_images=0, evaluation_images=8)])
    each = [r.metrics[f"angle_error_degrees of {angle}"]["mean"] for angle in ("yaw", "pitch", "roll")]
    assert r.metrics["angle_error_degrees"]["mean"] == pytest.approx(np.mean(each), abs=1e-3)
    assert 0 < r.metrics["angle_error_degrees"]["mean"] < 90


@pytest.mark.parametrize("name", METRICS)
def test_a_stand_in_is_what_a_table_runs_on_where_nothing_else_is(name, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    table = query.resolve_tier(tables.get(name), "auto", tmp_path / "results")
    assert table.dataset == f"stand-in-{name}"
    runs, _ = query.read(table, results=tmp_path / "results")
    assert {v.verdict for v in claims.evaluate(table, runs)} == {claims.INCOMPLETE}
