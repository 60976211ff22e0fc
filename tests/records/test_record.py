"""A record is one whole JSON file whose name, key and content agree; anything else is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from whole import experiment, made

from landmarklib import tables
from landmarklib.core import files
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment, to_json
from landmarklib.core.stages import Stage
from landmarklib.engine import golden_runs
from landmarklib.records import benchmarks, environment, query, record
from landmarklib.records.record import Record

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results"


@pytest.fixture
def saved(tmp_path) -> Path:
    """The file of a record."""
    return record.save(made(), tmp_path)


def rewrite(path: Path, **changes) -> None:
    """Edit top-level fields of a record's file, as an editor would."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**raw, **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    "written",
    [
        made(),
        made(assignment=None, warnings=(), gallery=(), curve=()),
        Record(experiment=experiment(), status="failed", reason="loss is not finite at step 8 of [ 8,  9 ]"),
    ],
)
def test_what_is_saved_is_what_is_loaded(tmp_path, written):
    path = record.save(written, tmp_path)
    assert path == tmp_path / "blocks" / f"{written.experiment.key}.json"
    assert record.load(path) == written
    assert query.load_all(tmp_path, "blocks") == [written]


def test_numpy_numbers_are_saved_as_numbers(tmp_path):
    path = record.save(made(data={"n_labelled": np.int64(32), "share": np.float64(0.5)}), tmp_path)
    assert record.load(path).data == {"n_labelled": 32, "share": 0.5}


def test_the_file_is_readable_json_with_its_key_first_and_lists_of_numbers_on_one_line(saved):
    lines = saved.read_text(encoding="utf-8").splitlines()
    assert lines[1] == f' "key": "{experiment().key}",'
    assert any(line.startswith(' "quantiles": [0.0, 0.5, 1.0, ') for line in lines) and "    [3.0, 4.25]" in lines


def test_saving_again_replaces_the_file_and_leaves_nothing_else(saved):
    record.save(made(seconds=2.0), saved.parent.parent)
    assert record.load(saved).seconds == 2.0
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_value_that_is_not_json_leaves_the_old_file_and_no_part(saved):
    before = saved.read_bytes()
    with pytest.raises(TypeError, match="set does not belong into a record"):
        record.save(made(data={"tier": {1, 2}}), saved.parent.parent)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("step", ["replace", "write"])
def test_a_disk_that_fails_leaves_the_old_file_and_no_part(saved, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    if step == "replace":
        monkeypatch.setattr(record.os, "replace", full)
    else:
        monkeypatch.setattr(files, "compact", full)
    with pytest.raises(UserError, match=r"^cannot write .*: No space left on device; choose another results folder$"):
        record.save(made(), saved.parent.parent)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("blocked", ["results", "results/blocks"])
def test_a_file_where_the_folder_belongs_is_named_and_kept(tmp_path, blocked):
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("mine")
    with pytest.raises(UserError, match=r"^cannot write .*; choose another results folder$") as caught:
        record.save(made(), tmp_path / "results")
    assert str(tmp_path / blocked) in str(caught.value)
    assert (tmp_path / blocked).read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a readable record"),
        (b'{"schema": 1, "key": "seq', "not a readable record"),
        (b"\xff\xfe\x00", "not a readable record"),
        (b"[1, 2]", "not a record of this library: it has no schema number"),
        (b"3", "no schema number"),
        (b'{"name": "package", "version": "1.0"}', "no schema number"),
        (b'{"schema": "1"}', "no schema number"),
        (b'{"schema": 2}', "schema 2; this library reads records up to schema 1"),
        (b'{"schema": 1}', "experiment: None is not a table of names and values"),
        (b'{"schema": true}', "no schema number"),
        (b'{"schema": 1' + b"0" * 400 + b"}", "schema 10000000000000000000; this library reads records up to schema 1"),
        (b'{"schema": 0}', "schema 0; this library reads records up to schema 1"),
        (b'{"schema": 1, "seconds": ' + b"[" * 100_000, "not a readable record"),
        (b'{"schema": 1, "reason": "\\ud800"}', "not a readable record"),
        (b'{"schema": 1, "seconds": ' + b"9" * 5000 + b"}", "not a readable record"),
    ],
)
def test_a_file_that_is_no_record_is_refused_by_name_and_kept(saved, content, words):
    saved.write_bytes(content)
    for read in (lambda: record.load(saved), lambda: query.load_all(saved.parent.parent, "blocks")):
        with pytest.raises(UserError) as caught:
            read()
        message = str(caught.value)
        assert message.startswith(f"{saved}: ") and words in message and "\n" not in message
    assert saved.read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "seq-mt-l-10pc-seed0-smoke-00000000"}, "and says seq-mt-l-10pc-seed0-smoke-00000000"),
        ({"experiment": to_json(experiment(seed=1))}, "its content has the key seq-mt-l-10pc-seed1-smoke-"),
        ({"experiment": {**to_json(experiment()), "rate": 0.1}}, "its content has the key seq-mt-l-10pc-seed0-smoke-"),
        ({"status": "unknown"}, "record, status: 'unknown' is unknown; valid: 'done' or 'failed'"),
        ({"colour": "blue"}, "record: unknown key 'colour'; known: assignment, "),
        ({"experiment": {"table": "blocks"}}, "experiment: 'row' is missing"),
        ({"experiment": "blocks"}, "experiment: 'blocks'"),
        ({"curve": 3}, "record, curve: 3 is not a list"),
        ({"metrics": {"error_px": {}}}, "record, metrics, error_px: 'mean' is missing"),
        ({"schema": 2}, "schema 2; this library reads records up to schema 1"),
    ],
)
def test_an_edited_record_is_refused_by_name_and_kept(saved, changes, words):
    rewrite(saved, **changes)
    before = saved.read_bytes()
    with pytest.raises(UserError) as caught:
        record.load(saved)
    assert str(caught.value).startswith(f"{saved}: ") and words in str(caught.value)
    assert saved.read_bytes() == before


def two_stages() -> Experiment:
    """The run of Blocks in two stages."""
    (stage,) = experiment().stages
    return replace(experiment(), stages=(replace(stage, name="first"), replace(stage, name="second", ema=0.9)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "blue"}, "experiment: unknown key 'colour'; known: balanced_by, batch, "),
        ({"rates": 0.1}, "experiment: unknown key 'rates'; did you mean 'rate'? known: balanced_by, batch, "),
        ({"row": 5}, "experiment, row: 5 is not a string"),
        ({"fraction": "ten"}, "experiment, fraction: 'ten' is not a number"),
        ({"seed": [0]}, "experiment, seed: [0] is not a whole number"),
        ({"weights": {"landmarks": -1}}, "experiment, weights, landmarks: -1 is too small; it must be at least 0"),
        ({"hold": None}, "experiment, hold: None is not a number"),
    ],
)
def test_a_wrong_field_of_an_experiment_is_one_line_that_names_file_and_field(saved, changes, words):
    rewrite(saved, experiment={**to_json(experiment()), **changes})
    with pytest.raises(UserError) as caught:
        record.load(saved)
    message = str(caught.value)
    assert message.startswith(f"{saved}: {words}") and "\n" not in message


def test_a_wrong_field_of_a_stage_is_named_with_its_stage(tmp_path):
    path = record.save(made(experiment=two_stages()), tmp_path)
    raw = json.loads(path.read_text(encoding="utf-8"))["experiment"]
    raw["stages"][1]["schedule"]["plateau"] = 2
    rewrite(path, experiment=raw)
    with pytest.raises(UserError) as caught:
        record.load(path)
    assert (
        str(caught.value)
        == f"{path}: experiment, stage second, schedule, plateau: 2 is too large; it must be at most 1"
    )


def test_a_record_of_two_stages_keeps_each_of_them(tmp_path):
    one = made(experiment=two_stages())
    path = record.save(one, tmp_path)
    assert record.load(path) == one and path.stem != experiment().key
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert [stage["name"] for stage in raw["experiment"]["stages"]] == ["first", "second"]
    assert set(raw["experiment"]["stages"][1]) == {f.name for f in fields(Stage)}


def test_a_record_of_one_stage_has_the_fields_of_its_experiment_side_by_side(saved):
    raw = json.loads(saved.read_text(encoding="utf-8"))["experiment"]
    assert raw == to_json(experiment()) and {"starts", "hold", "rate", "head_rate"} <= set(raw)


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"error_px": 8.5}, "record, metrics, error_px: 8.5 is not a table of names and values"),
        ({"error_px": {}}, "record, metrics, error_px: 'mean' is missing"),
        (None, "record, metrics: None is not a table of names and values"),
    ],
)
def test_metrics_of_a_wrong_kind_are_one_line_that_names_the_file(saved, metrics, words):
    rewrite(saved, metrics=metrics)
    with pytest.raises(UserError) as caught:
        record.load(saved)
    assert str(caught.value).startswith(f"{saved}: {words}") and "\n" not in str(caught.value)


WRONG_KINDS = (
    {"experiment": {**to_json(experiment()), "row": 5}},
    {"experiment": {**to_json(experiment()), "fraction": "ten"}},
    {"experiment": {**to_json(experiment()), "options": {}, "seed": [0]}},
    {"metrics": {"error_px": 8.5}},
    {"metrics": None},
)


def test_values_of_a_wrong_kind_are_refused_where_no_types_are_checked(tmp_path):
    paths = []
    for i, changes in enumerate(WRONG_KINDS):
        paths.append(record.save(made(), tmp_path / str(i)))
        rewrite(paths[-1], **changes)
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from landmarklib.core import errors\nfrom landmarklib.records import record\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n        record.load(Path(path))\n"
        "    except errors.UserError as error:\n        print(error)\n"
    )
    words = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(path) for path in paths]


def test_a_renamed_record_is_refused(saved):
    other = saved.rename(saved.with_name("mine.json"))
    with pytest.raises(
        UserError, match=rf"mine\.json: its content has the key {experiment().key}, but it is named mine"
    ):
        record.load(other)


def test_a_record_in_the_folder_of_another_table_is_refused(saved):
    folder = saved.parent.parent / "shapes"
    folder.mkdir()
    moved = saved.rename(folder / saved.name)
    with pytest.raises(UserError, match="belongs to table blocks, not shapes"):
        record.load(moved)


def test_a_missing_folder_holds_no_records(tmp_path):
    assert query.load_all(tmp_path / "nowhere", "blocks") == []


def test_parts_and_locks_of_other_processes_are_not_read(saved):
    (saved.parent / "abc.tmp").write_text('{"schema"')
    (saved.parent / ".probe-1").touch()
    assert len(query.load_all(saved.parent.parent, "blocks")) == 1


def test_frame_of_no_records_has_the_columns_and_no_line():
    frame = record.frame([])
    assert len(frame) == 0
    assert {"row", "fraction", "seed", "budget", "status", "tier", "key"} <= set(frame.columns)


def test_frame_has_a_line_per_run_with_the_mean_of_every_metric():
    failed = Record(experiment=experiment(1), status="failed", reason="loss is not finite", data={"tier": "paper"})
    frame = record.frame([made(), failed])
    assert frame.row.tolist() == ["Seq-MT (L)"] * 2
    assert frame.fraction.tolist() == [0.1, 0.1] and frame.seed.tolist() == [0, 1]
    assert frame.status.tolist() == ["done", "failed"] and frame.reason.tolist() == ["", "loss is not finite"]
    assert frame.error_px[0] == 8.5 and np.isnan(frame.error_px[1])
    assert frame.warnings.tolist() == [2, 0] and frame.tier.tolist() == ["paper", "paper"]
    assert frame.key.tolist() == [experiment(0).key, experiment(1).key]


def test_results_folder_is_the_given_one_then_the_environments_then_the_projects(monkeypatch, tmp_path):
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "environment"))
    assert record.results_folder("given") == Path("given")
    assert record.results_folder() == record.results_folder("") == tmp_path / "environment"
    monkeypatch.delenv("LANDMARKLIB_RESULTS")
    assert record.results_folder() == COMMITTED


@pytest.mark.parametrize("name", tables.names())
def test_every_committed_record_is_valid_and_of_a_run_that_its_table_makes_today(name):
    table = tables.get(name)
    records = query.load_all(COMMITTED, name)
    assert isinstance(records, list)  # of a table that nobody has computed yet it is empty
    for r in records:
        e = r.experiment
        fractions = [e.labels or e.fraction] if table.uses_labels else None
        (on_its_data,) = (v for v in table.variants().values() if v.dataset == e.dataset)
        assert on_its_data.experiments(fractions, [e.seed], [e.row], e.budget) == [e], r.key


def test_every_folder_of_committed_records_belongs_to_a_table():
    assert {path.parent.name for path in COMMITTED.glob("*/*.json")} - {
        benchmarks.FOLDER,
        record.OVERLAP,
        golden_runs.TABLE,
    } <= set(tables.names())


def test_the_environment_says_where_and_when():
    before = datetime.now(UTC).date().isoformat()
    told = environment.describe("CPU of a test")
    assert told.keys() == {"commit", "dirty", "python", "versions", "device", "date"}
    assert told["device"] == "CPU of a test"
    assert told["versions"].keys() >= {"numpy", "pandas", "scipy"}
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert before <= told["date"] <= datetime.now(UTC).date().isoformat()


def test_a_record_of_another_user_is_not_to_be_deleted(tmp_path, monkeypatch):
    path = record.save(made(), tmp_path)

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(UserError, match=r"Permission denied\); ask for the right to read it$"):
        record.load(path)
