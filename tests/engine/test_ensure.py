"""Filling a table: only what is missing is computed, exactly what was asked for comes back, and nothing is lost if a
process dies.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest
from filling import ROW, SMALL, environment, files, hold, script

from landmarklib import loading, tables
from landmarklib.core.errors import UserError
from landmarklib.engine import ensure
from landmarklib.records import query, record
from landmarklib.training import compute, prediction


@pytest.mark.parametrize("name", [name for name in tables.names() if loading.get(tables.get(name).dataset).load])
def test_every_row_of_every_table_runs(name, tmp_path):
    """Of generated data; tests/loading/test_photos.py runs the others."""
    table = tables.get(name)
    amounts = [20] if table.counts else [0.2] if table.uses_labels else None  # which every row has
    frame = ensure.ensure(name, amounts, [0], budget="smoke", workers=1, results=tmp_path).runs
    assert frame.row.unique().tolist() == [row.name for row in table.rows]
    assert set(frame.status) == {"done"} and frame[table.metrics[0]].notna().all()


def test_a_run_that_is_there_is_not_computed_again(trained, monkeypatch):
    monkeypatch.setattr(compute, "run", None)
    before = files(trained)
    frame = ensure.ensure("blocks", **SMALL, results=trained).runs
    assert files(trained) == before and len(before) == 1
    assert frame.error_px.notna().all() and frame.seed.tolist() == [0]


def test_another_fraction_computes_its_own_cell_only(tmp_path, computed):
    ensure.ensure("blocks", **SMALL, results=tmp_path)
    before = files(tmp_path)
    frame = ensure.ensure("blocks", **{**SMALL, "fractions": [0.1, 0.03]}, results=tmp_path).runs
    assert [e.fraction for e in computed] == [0.1, 0.03]
    assert frame.fraction.tolist() == [0.03, 0.1]
    assert files(tmp_path).items() >= before.items() and len(files(tmp_path)) == 2


def test_each_record_is_read_once(tmp_path, computed, monkeypatch):
    ensure.ensure("blocks", **SMALL, results=tmp_path)
    seeds, load = [], record.load

    def counted(path):
        found = load(path)
        seeds.append(found.experiment.seed)
        return found

    monkeypatch.setattr(record, "load", counted)
    frame = ensure.ensure("blocks", **{**SMALL, "seeds": [1, 0]}, results=tmp_path).runs
    assert seeds == [0, 1] and frame.seed.tolist() == [1, 0]


def test_another_budget_is_another_run(tmp_path, computed):
    ensure.ensure("quickstart", [0.05], [0], [ROW], "smoke", workers=1, results=tmp_path)
    ensure.ensure("quickstart", [0.05], [0], [ROW], "live", workers=1, results=tmp_path)
    assert [e.budget for e in computed] == ["smoke", "live"] and len(files(tmp_path)) == 2


def test_refresh_computes_everything_anew(tmp_path, computed):
    wanted = {**SMALL, "seeds": [0, 1]}
    assert ensure.ensure("blocks", **wanted, results=tmp_path).runs.error_px.tolist() == [1.0, 2.0]
    assert ensure.ensure("blocks", **wanted, results=tmp_path, refresh=True).runs.error_px.tolist() == [3.0, 4.0]
    assert len(files(tmp_path)) == 2


def test_a_run_that_fails_is_recorded_and_not_tried_again(tmp_path, monkeypatch):
    lost = record.Record(tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")[0], "failed", "not finite")
    monkeypatch.setattr(compute, "run", lambda *_, **__: [lost])
    assert ensure.ensure("blocks", **SMALL, results=tmp_path).runs.reason.tolist() == ["not finite"]
    monkeypatch.setattr(compute, "run", None)
    assert ensure.ensure("blocks", **SMALL, results=tmp_path).runs.status.tolist() == ["failed"]


def test_a_run_that_could_not_choose_a_checkpoint_has_failed_and_shows_no_number(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "select", lambda scores, name: float("nan"))
    frame = ensure.ensure("blocks", **SMALL, results=tmp_path).runs
    assert frame.status.tolist() == ["failed"] and "error_px" not in frame
    assert frame.reason.tolist() == ["no validation value was finite"]
    assert query.load_all(tmp_path, "blocks")[0].quantiles == ()


def test_the_environment_names_the_folder_unless_one_is_given(tmp_path, computed):
    ensure.ensure("blocks", **SMALL)
    assert len(files(tmp_path / "default")) == 1


def test_a_deadline_too_short_for_any_missing_run_is_refused_and_leaves_what_is_there(tmp_path, computed):
    ensure.ensure("blocks", **SMALL, results=tmp_path)
    before = files(tmp_path)
    # estimated at 8 s, and 1.3 times that is kept
    words = r"deadline: 10 s is too short for any of the 2 runs to compute; the shortest needs about 11 s on cpu"
    with pytest.raises(UserError, match=words):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1, 2]}, results=tmp_path, deadline=10.0)
    assert len(computed) == 1 and files(tmp_path) == before
    assert len(ensure.ensure("blocks", **SMALL, results=tmp_path, deadline=0.0).runs) == 1  # nothing is missing


@pytest.mark.parametrize(("deadline", "rows"), [(14.0, [ROW]), (100.0, [ROW, "Seq-MT (L+ELT)"])])
def test_no_run_starts_that_would_not_end_in_time(tmp_path, computed, deadline, rows):
    # estimated at 8 s and 13 s, and 1.3 times that is kept
    wanted = {**SMALL, "rows": [ROW, "Seq-MT (L+ELT)"]}
    assert len(ensure.ensure("blocks", **wanted, results=tmp_path, deadline=deadline).runs) == len(rows)
    assert [e.row for e in computed] == rows


def test_a_deadline_follows_no_clock_that_is_set(tmp_path, computed, monkeypatch):
    days = itertools.count(100, -1)
    monkeypatch.setattr(time, "time", lambda: 86400.0 * next(days))
    # estimated at 8 s and 13 s, and 1.3 times that is kept
    wanted = {**SMALL, "rows": [ROW, "Seq-MT (L+ELT)"]}
    assert len(ensure.ensure("blocks", **wanted, results=tmp_path, deadline=14.0).runs) == 1


def test_records_that_vanish_are_not_taken_for_runs_that_did_not_fit(tmp_path, computed, monkeypatch):
    save = record.save

    def lose(made, folder):
        path = save(made, folder)
        if made.experiment.seed == 1:
            path.unlink()

    monkeypatch.setattr(record, "save", lose)
    words = r"results: 1 of 2 records were written and are gone, such as .*-seed1-.*\.json; the same command computes"
    with pytest.raises(UserError, match=words):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)


def test_a_run_whose_process_died_is_taken_over_after_the_others(tmp_path, computed, monkeypatch):
    lock = hold(tmp_path, seed=0)
    answer = compute.run

    def let_go(pack, **how):
        lock.release()
        return answer(pack, **how)

    monkeypatch.setattr(compute, "run", let_go)
    with lock:
        frame = ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path).runs
    assert [e.seed for e in computed] == [1, 0] and frame.seed.tolist() == [0, 1]


def test_progress_reaches_its_total(tmp_path, bars):
    ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)
    # two runs of 64 images each
    assert [(bar.n, bar.total) for bar in bars] == [(128, 128)]
    ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)
    assert len(bars) == 1


def test_exactly_what_was_asked_for_comes_back_in_that_order_whatever_else_is_there(tmp_path, computed):
    rows = ["Seq-MT (L+A)", "Seq-MT (L)", "Comm-MT (L)"]
    ensure.ensure(
        "blocks", **{**SMALL, "fractions": [0.1, 0.2, 0.5], "seeds": [0, 1, 2], "rows": rows}, results=tmp_path
    )
    ensure.ensure("blocks", **{**SMALL, "budget": "cpu"}, results=tmp_path)
    n = len(computed)
    asked = {**SMALL, "fractions": [0.5, 0.1], "seeds": [2, 0], "rows": ["Seq-MT (L)", "Seq-MT (L+A)"]}
    table, runs, records = ensure.ensure("blocks", **asked, results=tmp_path)
    wanted = [(seed, row, fraction) for seed in (2, 0) for row in asked["rows"] for fraction in (0.1, 0.5)]
    assert list(zip(runs.seed, runs.row, runs.fraction, strict=True)) == wanted
    assert set(runs.budget) == {"smoke"} and len(computed) == n == 28
    assert [r.key for r in records] == runs.key.tolist() and table == tables.get("blocks")
    assert [r.experiment for r in records] == table.experiments([0.1, 0.5], [2, 0], asked["rows"], "smoke")


def test_methods_is_an_older_name_of_rows(tmp_path, computed):
    asked = {name: value for name, value in SMALL.items() if name != "rows"}
    older = ensure.ensure("blocks", **asked, methods=[ROW], results=tmp_path).runs
    assert older.row.tolist() == [ROW] and older.equals(ensure.ensure("blocks", **SMALL, results=tmp_path).runs)
    assert len(computed) == 1


def test_two_processes_share_one_table(tmp_path):
    wanted = {**SMALL, "seeds": [0, 1, 2]}
    text = (
        "computed = []\n"
        "def count(pack, **how):\n    computed.extend(e.seed for e in pack)\n    return train(pack, **how)\n"
        "compute.run = count\n"
        f"frame = ensure.ensure('blocks', **{wanted!r}, results=sys.argv[1])\n"
        "print(*computed, ';', *frame.runs.seed)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    both = [subprocess.Popen(script(text, tmp_path), **pipes) for _ in range(2)]
    answers = [(process.communicate()[0], process.returncode) for process in both]
    assert [status for _, status in answers] == [0, 0]
    computed = [seed for answer, _ in answers for seed in answer.partition(";")[0].split()]
    assert sorted(computed) == ["0", "1", "2"]
    assert [answer.partition(";")[2].split() for answer, _ in answers] == [["0", "1", "2"]] * 2
    assert [r.experiment.seed for r in query.load_all(tmp_path, "blocks")] == [0, 1, 2]


def test_a_process_killed_in_the_middle_of_a_run_leaves_whole_records_and_the_next_goes_on(tmp_path):
    wanted = {**SMALL, "seeds": [0, 1, 2]}
    text = (
        "def stop_in_the_second(pack, **how):\n"
        "    if pack[0].seed == 0:\n        return train(pack, **how)\n"
        "    def halt(images):\n        print('training', flush=True)\n        sys.stdin.read()\n"
        "    return train(pack, **{**how, 'progress': halt})\n"
        "compute.run = stop_in_the_second\n"
        f"ensure.ensure('blocks', **{wanted!r}, results=sys.argv[1])"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(script(text, tmp_path), **pipes, env=environment()) as process:
        assert process.stdout.readline() == "training\n"
        process.kill()
    assert process.returncode == -9
    assert [r.experiment.seed for r in query.load_all(tmp_path, "blocks")] == [0]
    before = files(tmp_path)
    frame = ensure.ensure("blocks", **wanted, results=tmp_path).runs
    assert frame.seed.tolist() == [0, 1, 2] and set(frame.status) == {"done"}
    assert files(tmp_path).items() >= before.items() and len(files(tmp_path)) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fractions": [0.001]}, "fractions: 0.001 labels none of 320 training images; the least is 0.0031"),
        (
            {"fractions": [0.999], "rows": ["Seq-MT (L+ELT)"]},
            r"fractions: 0.999 labels all of 320 training images, and Seq-MT \(L\+ELT\) needs unlabelled ones",
        ),
        ({"fractions": [0.1, 1.5]}, r"fractions: 1.5 is outside \(0, 1\]"),
        ({"seeds": [-1]}, r"seeds: -1 is outside \[0, 2\*\*63\)"),
        ({"methods": [ROW]}, "rows and methods are both given; methods is an older name of rows, give rows alone"),
        ({"rows": None, "methods": ["Seq-MT"]}, "unknown row 'Seq-MT'; known: Seq-MT "),
        ({"rows": ["Seq-MT"]}, "unknown row 'Seq-MT'; known: Seq-MT "),
        ({"budget": "huge"}, "unknown budget 'huge'; known: smoke, cpu, converged, paper"),
        ({"device": "tpu"}, "device: 'tpu' is not here; valid: cpu"),
        ({"workers": -1}, "workers: -1 is not a whole number >= 0"),
        ({"deadline": -0.5}, "deadline: -0.5 is not a number >= 0"),
        ({"deadline": float("nan")}, "deadline: nan is not a number >= 0"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(tmp_path, computed, changes, words):
    with pytest.raises(UserError, match=words):
        ensure.ensure("blocks", **{**SMALL, **changes}, results=tmp_path / "new")
    assert computed == [] and list(tmp_path.iterdir()) == []


def test_an_unknown_table_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=f"unknown table 'block'; known: {', '.join(tables.names())}"):
        ensure.ensure("block", results=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


WRONG_KINDS = (
    {"fractions": "0.1"},
    {"fractions": ["0.1"]},
    {"seeds": "0"},
    {"seeds": [0.5]},
    {"seeds": 3},
    {"rows": ROW},
    {"rows": [1]},
    {"workers": "2"},
    {"workers": 1.5},
    {"workers": True},
    {"deadline": "soon"},
    {"deadline": False},
)


def test_values_of_a_wrong_kind_are_refused_where_no_types_are_checked(tmp_path):
    text = (
        "import sys\nfrom landmarklib.core import errors\nfrom landmarklib.engine import ensure\n"
        f"for wrong in {WRONG_KINDS!r}:\n"
        "    try:\n"
        f"        ensure.ensure('blocks', **{{**{SMALL!r}, **wrong}}, results=sys.argv[1])\n"
        "    except errors.UserError as error:\n        print(error)\n"
    )
    words = [sys.executable, "-c", text, str(tmp_path / "new")]
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [name for wrong in WRONG_KINDS for name in wrong]
    assert all(" is not " in line for line in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("blocked", ["results", "results/blocks"])
def test_results_that_cannot_be_written_are_refused_before_anything_is_computed(tmp_path, computed, blocked):
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("mine")
    with pytest.raises(UserError, match=r"results: cannot write to .*; choose another folder") as caught:
        ensure.ensure("blocks", **SMALL, results=tmp_path / "results")
    assert str(tmp_path / blocked) in str(caught.value)
    assert computed == [] and (tmp_path / blocked).read_text() == "mine"


def test_a_corrupt_record_is_named_and_kept(trained, tmp_path, computed):
    (source,) = (trained / "blocks").glob("*.json")
    corrupt = tmp_path / "blocks" / source.name
    corrupt.parent.mkdir()
    corrupt.write_bytes(source.read_bytes()[:100])
    with pytest.raises(UserError, match="not a readable record") as caught:
        ensure.ensure("blocks", **SMALL, results=tmp_path)
    assert str(caught.value).startswith(str(corrupt))
    assert corrupt.read_bytes() == source.read_bytes()[:100] and computed == []
