"""No number moves unnoticed: golden runs, what they tell of a change, and when new ones may be stored."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filling import environment

from landmarklib import datasets, loading, methods
from landmarklib.core import metrics, versions, warps
from landmarklib.core.errors import UserError
from landmarklib.engine import golden, golden_runs
from landmarklib.loading import cutting
from landmarklib.losses import supervised
from landmarklib.records import query, record, staleness
from landmarklib.records.record import Record

COMMITTED = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def stored() -> list[Record]:
    """The committed golden runs."""
    return [record.load(record.path_of(COMMITTED, e)) for e in golden_runs.experiments()]


@pytest.fixture(scope="module")
def readings() -> dict[str, dict]:
    """The committed readings."""
    return golden._stored(COMMITTED)


def test_no_number_moved():
    """The one test that tells what to do when the library computes something else than before: by the command, in a
    process of its own, where no shape is checked.
    """
    command = [sys.executable, "-m", "landmarklib", "golden"]
    where = {**environment(), "LANDMARKLIB_RESULTS": str(COMMITTED)}
    done = subprocess.run(command, capture_output=True, text=True, env=where)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(golden_runs.experiments())} golden runs")


def one(row: str) -> Record:
    """A golden run, computed now."""
    (e,) = (e for e in golden_runs.experiments() if e.row == row)
    return golden_runs.compute_runs([e])[0]


def doubled(module, name: str, factor: float = 1.1):
    """The function of that name with its result a tenth larger."""
    function = getattr(module, name)
    return module, name, lambda *given, **named: factor * function(*given, **named)


def jitter_further():
    ranges = {**golden_runs.JITTER, "shift": 0.25}
    draw = warps.random_affine
    return warps, "random_affine", lambda n, noise, **given: draw(n, noise, **{**given, **ranges})


@pytest.mark.parametrize(
    ("row", "change", "part"),
    [
        ("seq_mt blocks", lambda: doubled(supervised, "landmark_distance"), "methods.seq_mt"),
        ("seq_mt mtfl", jitter_further, "methods.seq_mt"),
        ("seq_mt blocks", lambda: doubled(metrics, "point_error"), "metrics.error_px"),
    ],
    ids=["a loss", "the jitter", "a metric"],
)
def test_a_changed_constant_is_seen_and_its_part_named(monkeypatch, row, change, part):
    """A method alone is blamed where only its runs are looked at; with all of them it is the engine."""
    monkeypatch.setattr(*change())
    parts, lines, same = golden.moved([one(row)], {}, COMMITTED)
    assert part in parts and "engine" not in parts and lines and same == 0


def test_a_changed_crop_is_seen_and_its_data_set_named(monkeypatch):
    monkeypatch.setattr(*doubled(cutting, "squares", 1.05))
    parts, _, _ = golden.moved([], {"mtfl": golden_runs.reading("mtfl")}, COMMITTED)
    assert parts == ["datasets.mtfl"]


def test_a_changed_crop_of_every_data_set_is_laid_to_the_cutting(readings):
    photos = [name for name in readings if loading.get(name).read]
    darker = {
        name: {split: {n: v * 0.9 for n, v in facts.items()} for split, facts in splits.items()}
        for name, splits in readings.items()
        if name in photos
    }
    assert golden.moved([], darker, COMMITTED)[0] == ["crops"]


def test_what_stands_agrees_to_the_last_bit(stored, readings):
    assert golden.moved(stored, readings, COMMITTED) == ([], [], len(stored))


def shifted(run: Record, factor: float) -> Record:
    """A run whose losses are that many times as large."""
    points = ({**p, "loss": {term: factor * v for term, v in p["loss"].items()}} for p in run.curve)
    return replace(run, curve=tuple(points))


def test_rounding_is_no_change(stored):
    runs = [shifted(run, 1 + golden.TOLERANCE / 2) for run in stored]
    assert golden.moved(runs, {}, COMMITTED) == ([], [], 0)


def test_what_moves_in_most_methods_is_laid_to_the_engine(stored):
    assert golden.moved([shifted(run, 1.1) for run in stored], {}, COMMITTED)[0] == ["engine"]


def test_runs_that_are_not_stored_and_stored_ones_that_are_gone_are_named(stored):
    new = replace(stored[0], experiment=replace(stored[0].experiment, seed=9))
    assert golden.moved([new], {}, COMMITTED) == ([], [], 0)
    assert golden.other_runs([new, *stored[1:]], COMMITTED) == [
        f"{new.key} is not stored yet",
        f"{stored[0].key} is stored, and nothing computes it",
    ]


@pytest.fixture
def moving(monkeypatch, stored, readings, tmp_path) -> Path:
    """A results folder with the stored numbers, while the library computes other losses of RCN."""
    shutil.copytree(COMMITTED / golden_runs.TABLE, tmp_path / golden_runs.TABLE)
    shutil.copy(COMMITTED / golden.READINGS, tmp_path)
    runs = [shifted(run, 1.5 if run.experiment.method == "rcn" else 1.0) for run in stored]
    monkeypatch.setattr(golden_runs, "compute_all", lambda: (runs, readings))
    return tmp_path


def raise_version(monkeypatch, why: str) -> None:
    """As if versions.toml said so."""
    raised = {**versions.raised(), "methods.rcn": (2, why)}
    monkeypatch.setattr(versions, "raised", lambda: raised)


def test_checking_says_what_moved_and_what_to_do(moving):
    with pytest.raises(UserError) as said:
        golden.check(moving)
    text = str(said.value)
    assert text.startswith("numbers moved: rcn ") and "raise methods.rcn in landmarklib/core/versions.toml" in text
    assert "changelog" in text and "landmarklib golden --store" in text and "\n" not in text


def test_a_folder_without_golden_runs_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(golden_runs, "compute_all", lambda: pytest.fail("computes first"))
    with pytest.raises(UserError, match=f"^{re.escape(str(tmp_path))}: no golden runs are stored here"):
        golden.check(tmp_path)


def test_storing_waits_for_the_version_and_the_changelog(moving, monkeypatch, tmp_path):
    before = {path.name: path.read_bytes() for path in (moving / golden_runs.TABLE).iterdir()}
    with pytest.raises(UserError, match=r"raise methods\.rcn in"):
        golden.store(moving)
    raise_version(monkeypatch, "RCN's losses are half as large again")
    with pytest.raises(UserError, match=r'"Numbers that changed" lacks the reason of methods\.rcn'):
        golden.store(moving)
    assert before == {path.name: path.read_bytes() for path in (moving / golden_runs.TABLE).iterdir()}
    changelog = tmp_path / "CHANGELOG.md"
    reasons = [why for version, why in versions.raised().values() if version > versions.FIRST]
    wrapped = "\n".join(f"- {why}." for why in reasons).replace("half as", "half\n  as")
    changelog.write_text(f"### Numbers that changed\n\n{wrapped}\n")
    monkeypatch.setattr(golden, "CHANGELOG", changelog)
    assert golden.store(moving).startswith(f"{len(golden_runs.experiments())} golden runs")
    assert golden.check(moving).startswith(f"{len(golden_runs.experiments())} golden runs")
    with pytest.raises(UserError, match=r"raise engine in"):  # once stored, a further change needs a further version
        monkeypatch.setattr(golden, "TOLERANCE", -1.0)
        golden.store(moving)


def test_golden_runs_are_of_every_method_on_generated_images_and_on_photos():
    seen = {(e.method, bool(loading.get(e.dataset).read)) for e in golden_runs.experiments()}
    pixelwise = {method for method in methods.names() if methods.get(method).pixelwise}
    assert seen == {(m, photos) for m in methods.names() for photos in (False, True) if photos or m not in pixelwise}
    terms = {term for name in methods.names() for term in methods.get(name).terms}
    assert {term for e in golden_runs.experiments() for term in e.terms} == terms


def test_every_part_has_a_version_and_a_reason_and_there_is_no_other():
    parts = {"engine", "crops"}
    for kind, names in (
        ("methods", methods.names()),
        ("datasets", datasets.names()),
        ("metrics", metrics.LOWER_IS_BETTER),
    ):
        parts |= {f"{kind}.{name}" for name in names}
    assert set(versions.raised()) == parts
    assert all(version >= versions.FIRST and why for version, why in versions.raised().values())
    assert golden.undocumented() == []


def test_the_stored_numbers_are_those_of_todays_versions():
    assert golden._kept(COMMITTED) == {part: version for part, (version, _) in versions.raised().items()}


def test_a_record_depends_on_its_method_its_data_and_its_metrics(stored):
    (run,) = (run for run in stored if run.experiment.row == "seq_mt mtfl")
    parts = set(staleness.of(run.experiment, run.metrics))
    assert {"engine", "crops", "methods.seq_mt", "datasets.mtfl", "datasets.afw", "metrics.nme_percent"} <= parts
    assert not parts & {"methods.rcn", "datasets.blocks", "metrics.matched_percent"}
    (run,) = (run for run in stored if run.experiment.row == "seq_mt shapes")
    parts = set(staleness.of(run.experiment, run.metrics))
    assert {"datasets.shapes", "metrics.matched_percent"} <= parts and "crops" not in parts


def test_a_record_is_stale_once_a_part_of_it_is_raised_and_says_which(stored, monkeypatch):
    runs = {run.experiment.method: run for run in stored}
    first = {name: v for name, v in runs["rcn"].metrics.items() if name != "auc_percent"}
    old = replace(runs["rcn"], provenance={}, metrics=first)  # from before versions were kept
    assert staleness.outdated(runs["rcn"]) == staleness.outdated(old) == []
    raise_version(monkeypatch, "RCN's losses are half as large again")
    assert staleness.outdated(old) == ["methods.rcn 1, now 2: RCN's losses are half as large again"]
    assert [staleness.staleness(runs[m]) for m in ("rcn", "seq_mt")] == ["stale", "current"]
    assert staleness.standings([old, runs["seq_mt"], runs["tcdcn"]]) == "2 current, 1 stale"
    assert staleness.standings([]) == "none"


@pytest.mark.parametrize("name", [path.name for path in sorted(COMMITTED.iterdir()) if path.is_dir()])
def test_every_committed_record_is_current(name):
    if name not in ("benchmarks", record.OVERLAP):
        assert {r.key: staleness.outdated(r) for r in query.load_all(COMMITTED, name) if staleness.outdated(r)} == {}
