"""Records of another machine come home as a whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import changed

from landmarklib import tables
from landmarklib.__main__ import main
from landmarklib.core.errors import UserError
from landmarklib.records import benchmarks, importing, query, record, staleness

ROW = "Seq-MT (L)"


def made(seed: int = 0, engine: int = 0, **changes) -> record.Record:
    """A record by hand, of today's versions unless another one of the engine is given."""
    (e,) = tables.get("blocks").experiments([0.1], [seed], [ROW], "smoke")
    behaviour = staleness.of(e) | ({"engine": engine} if engine else {})
    metrics = {"error_px": {"mean": 8.0, "low": 7.0, "high": 9.0, "n": 64}}
    given = {"metrics": metrics, "best_step": 8, "provenance": {"behaviour": behaviour, "device": "a GPU"}}
    return record.Record(e, "done", **{**given, **changes})


def folder_of(path: Path, *records: record.Record) -> Path:
    for one in records:
        record.save(one, path)
    return path


def devices(folder: Path) -> list[tuple[int, str]]:
    return [(r.experiment.seed, r.provenance["device"]) for r in query.load_all(folder, "blocks")]


def test_records_that_are_not_here_are_taken_home_and_those_that_are_stay(tmp_path):
    own = replace(made(0), provenance={**made(0).provenance, "device": "a CPU"})
    home, source = folder_of(tmp_path / "home", own), folder_of(tmp_path / "gpu", made(0), made(1), made(2))
    assert importing.import_records(source, home) == (2, 1)
    assert devices(home) == [(0, "a CPU"), (1, "a GPU"), (2, "a GPU")]
    assert query.load_all(home, "blocks")[1:] == query.load_all(source, "blocks")[1:]
    assert importing.import_records(source, home) == (0, 3)


def test_what_is_no_record_of_a_table_is_left_where_it_is(tmp_path):
    source = folder_of(tmp_path / "gpu", made(0))
    (source / record.OVERLAP).mkdir()
    (source / record.OVERLAP / "mtfl.json").write_text("{}")
    assert importing.import_records(source, tmp_path / "home") == (1, 0)
    assert [path.parent.name for path in tmp_path.glob("home/*/*.json")] == ["blocks"]


def test_runs_on_a_part_of_the_data_come_home_too(tmp_path):
    table = tables.get("w300").variants()["part"]
    (e,) = table.experiments([0.05], [0], ["RCN+ (L)"], "smoke")
    values = {"nme_percent": {"mean": 8.0, "low": 7.0, "high": 9.0, "n": 64}}
    one = record.Record(e, "done", metrics=values, provenance={"behaviour": staleness.of(e), "device": "a GPU"})
    assert importing.import_records(folder_of(tmp_path / "gpu", one), tmp_path / "home") == (1, 0)


def test_a_stale_record_gives_way(tmp_path):
    home = folder_of(tmp_path / "home", made(0, engine=99))
    assert importing.import_records(folder_of(tmp_path / "gpu", made(0)), home) == (1, 0)
    assert staleness.staleness(query.load_all(home, "blocks")[0]) == "current"


def of_a_newer_schema(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": record.SCHEMA + 1}))


def with_another_rate(path: Path) -> None:
    one = record.load(path)
    path.unlink()
    record.save(replace(one, experiment=changed(one.experiment, rate=0.5)), path.parent.parent)


def of_other_versions(path: Path) -> None:
    record.save(made(1, engine=99), path.parent.parent)


def of_no_table(path: Path) -> None:
    one = record.load(path)
    path.unlink()
    record.save(replace(one, experiment=replace(one.experiment, table="blocs")), path.parent.parent)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("{"), "not a readable record"),
        (lambda path: path.rename(path.with_stem("renamed")), "but it is named renamed"),
        (of_a_newer_schema, f"schema {record.SCHEMA + 1}; this library reads records up to schema {record.SCHEMA}"),
        (with_another_rate, "table blocks makes this run with other settings today"),
        (of_other_versions, r"computed with other versions than this library's \(engine 99, now 1: "),
        (of_no_table, "unknown table 'blocs'; known: .*blocks, "),
    ],
)
def test_one_file_that_will_not_do_stops_all(tmp_path, spoil, words):
    home, source = tmp_path / "home", folder_of(tmp_path / "gpu", made(0), made(1), made(2))
    spoil(record.path_of(source, made(1).experiment))
    with pytest.raises(UserError, match=f"^nothing was imported: [^ ]*json: .*{words}") as refused:
        importing.import_records(source, home)
    assert not home.exists() and "more of" not in str(refused.value)
    record.path_of(source, made(2).experiment).write_text("")
    with pytest.raises(UserError, match=r"\(and 1 more of 3 files\)$"):
        importing.import_records(source, home)


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, Path.touch])
def test_a_folder_without_records_is_refused(tmp_path, make):
    make(tmp_path / "gpu")
    with pytest.raises(UserError, match=r"gpu: no records there; expected a folder with TABLE/KEY.json"):
        importing.import_records(tmp_path / "gpu", tmp_path / "home")


def test_the_command_says_what_came_home(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "home"))
    source = folder_of(tmp_path / "gpu", made(0), made(1))
    assert main(["results", "import", str(source)]) == 0
    assert capsys.readouterr().out == f"2 records imported into {tmp_path / 'home'}; 0 there already\n"
    assert main(["results", "import", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("landmarklib: ") and len(devices(tmp_path / "home")) == 2


def test_benchmarks_come_home_too_and_replace_older_ones(tmp_path):
    def measured(rate: float) -> benchmarks.Benchmark:
        (timing,) = benchmarks.timings("step", {"ours": [rate]})
        return benchmarks.Benchmark("step", "Step", "What.", "images/s", "cuda", (timing,))

    home, source = tmp_path / "home", folder_of(tmp_path / "gpu", made(0))
    benchmarks.save(measured(1.0), home / benchmarks.FOLDER)
    benchmarks.save(measured(2.0), source / benchmarks.FOLDER)
    assert importing.import_records(source, home) == (2, 0)
    assert benchmarks.load_all(home) == [measured(2.0)]
    (source / benchmarks.FOLDER / "step-cuda.json").write_text("{")
    with pytest.raises(UserError, match=r"step-cuda.json: not a readable benchmark"):
        importing.import_records(source, tmp_path / "other")
    assert not (tmp_path / "other").exists()
