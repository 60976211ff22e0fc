"""Filling a table: only what is missing is computed, by any number of processes, and nothing is lost if one dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from landmarklib import loading, tables
from landmarklib.core.types import UserError
from landmarklib.engine import attempt, ensure, packing
from landmarklib.nets import forms
from landmarklib.records import query, record, staleness
from landmarklib.training import compute, prediction

ROOT = Path(__file__).parents[2]
ROW = "Seq-MT (L)"
SMALL = {"fractions": [0.1], "seeds": [0], "rows": [ROW], "budget": "smoke", "workers": 1}
ATTEMPT = attempt.attempt


def literal_form(*_) -> tuple:
    """The form as printed in the paper, and a rate that spares the measurement: images per second."""
    return forms.LITERAL, 16.0


def literal_attempt(*arguments, **named) -> list[str]:
    """`run.attempt` with that form; worker processes import it from here."""
    compute.measured_form = literal_form
    return ATTEMPT(*arguments, **named)


@pytest.fixture(autouse=True)
def own_results(monkeypatch, tmp_path):
    """No test may write into the repository's results, whatever it forgets."""
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "default"))


@pytest.fixture
def literal(monkeypatch):
    """Runs are computed in the literal form, so that they are the same on every machine and at once."""
    monkeypatch.setattr(compute, "measured_form", literal_form)


@pytest.fixture
def computed(monkeypatch) -> list:
    """The experiments that were computed, in order, each answered by a record made by hand."""
    done = []

    def one(experiment) -> record.Record:
        done.append(experiment)
        metrics = {"error_px": {"mean": float(len(done)), "low": 0.0, "high": 9.0, "n": 64}}
        return record.Record(experiment=experiment, status="done", metrics=metrics, best_step=8)

    def answer(pack, **_):
        return [one(experiment) for experiment in pack]

    monkeypatch.setattr(compute, "run", answer)
    return done


@pytest.fixture
def bars(monkeypatch) -> list:
    """The progress bars that were shown."""
    shown = []

    class Bar(ensure.tqdm):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **{**named, "disable": False})
            shown.append(self)

    monkeypatch.setattr(ensure, "tqdm", Bar)
    return shown


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with one run that was really trained, in the form that is fastest here."""
    folder = tmp_path_factory.mktemp("trained")
    frame = ensure.ensure("blocks", **SMALL, results=folder)
    assert frame.status.tolist() == ["done"]
    return folder


def files(folder: Path) -> dict[str, int]:
    """Every file but the locks, with the time of its last change."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def script(text: str, *words: object) -> list[str]:
    """A command that runs this text with `run`, `compute` and the literal form at hand."""
    head = (
        "import sys\nfrom landmarklib import compute, run\nfrom landmarklib.nets import plain\n"
        "import torch\ntorch.set_num_threads(1)\n"
        "compute.measured_form = lambda *_: (plain.LITERAL, 1000.0)\ntrain = compute.run\n"
    )
    return [sys.executable, "-c", head + text, *map(str, words)]


def environment() -> dict[str, str]:
    """The environment of a subprocess."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("name", [name for name in tables.names() if loading.get(tables.get(name).dataset).load])
def test_every_row_of_every_table_runs(name, tmp_path, literal):
    """Of generated data; tests/test_photos.py runs the others."""
    table = tables.get(name)
    fractions = [0.1] if table.uses_labels else None
    frame = ensure.ensure(name, fractions, [0], budget="smoke", workers=1, results=tmp_path)
    assert frame.row.tolist() == [row.name for row in table.rows]
    assert set(frame.status) == {"done"} and frame[table.metrics[0]].notna().all()


def test_a_run_that_is_there_is_not_computed_again(trained, monkeypatch):
    monkeypatch.setattr(compute, "run", None)
    before = files(trained)
    frame = ensure.ensure("blocks", **SMALL, results=trained)
    assert files(trained) == before and len(before) == 1
    assert frame.error_px.notna().all() and frame.seed.tolist() == [0]


def test_another_fraction_computes_its_own_cell_only(tmp_path, computed):
    ensure.ensure("blocks", **SMALL, results=tmp_path)
    before = files(tmp_path)
    frame = ensure.ensure("blocks", **{**SMALL, "fractions": [0.1, 0.03]}, results=tmp_path)
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
    frame = ensure.ensure("blocks", **{**SMALL, "seeds": [1, 0]}, results=tmp_path)
    assert seeds == [0, 1] and frame.seed.tolist() == [1, 0]


def test_another_budget_is_another_run(tmp_path, computed):
    ensure.ensure("quickstart", [0.05], [0], [ROW], "smoke", workers=1, results=tmp_path)
    ensure.ensure("quickstart", [0.05], [0], [ROW], "live", workers=1, results=tmp_path)
    assert [e.budget for e in computed] == ["smoke", "live"] and len(files(tmp_path)) == 2


def test_refresh_computes_everything_anew(tmp_path, computed):
    wanted = {**SMALL, "seeds": [0, 1]}
    assert ensure.ensure("blocks", **wanted, results=tmp_path).error_px.tolist() == [1.0, 2.0]
    assert ensure.ensure("blocks", **wanted, results=tmp_path, refresh=True).error_px.tolist() == [3.0, 4.0]
    assert len(files(tmp_path)) == 2


def test_a_run_that_fails_is_recorded_and_not_tried_again(tmp_path, monkeypatch):
    lost = record.Record(tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")[0], "failed", "not finite")
    monkeypatch.setattr(compute, "run", lambda *_, **__: [lost])
    assert ensure.ensure("blocks", **SMALL, results=tmp_path).reason.tolist() == ["not finite"]
    monkeypatch.setattr(compute, "run", None)
    assert ensure.ensure("blocks", **SMALL, results=tmp_path).status.tolist() == ["failed"]


def test_a_run_that_could_not_choose_a_checkpoint_has_failed_and_shows_no_number(tmp_path, monkeypatch, literal):
    monkeypatch.setattr(prediction, "select", lambda scores, name: float("nan"))
    frame = ensure.ensure("blocks", **SMALL, results=tmp_path)
    assert frame.status.tolist() == ["failed"] and "error_px" not in frame
    assert frame.reason.tolist() == ["no validation value was finite"]
    assert query.load_all(tmp_path, "blocks")[0].quantiles == ()


def test_the_environment_names_the_folder_unless_one_is_given(tmp_path, computed):
    ensure.ensure("blocks", **SMALL)
    assert len(files(tmp_path / "default")) == 1


def test_a_deadline_too_short_for_any_missing_run_is_refused_and_leaves_what_is_there(tmp_path, computed, literal):
    ensure.ensure("blocks", **SMALL, results=tmp_path)
    before = files(tmp_path)
    # estimated at 8 s, and 1.3 times that is kept
    words = r"deadline: 10 s is too short for any of the 2 runs to compute; the shortest needs about 11 s on cpu"
    with pytest.raises(UserError, match=words):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1, 2]}, results=tmp_path, deadline=10.0)
    assert len(computed) == 1 and files(tmp_path) == before
    assert len(ensure.ensure("blocks", **SMALL, results=tmp_path, deadline=0.0)) == 1  # nothing is missing


def test_time_that_a_run_takes_is_estimated_from_its_passes(tmp_path, literal):
    e = tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")[0]
    # 64 images forward and backward; a third of that for each of 2 * 32 in evaluations and 2 * 64 in tests; 16 a second
    assert attempt.estimate_seconds(e, tmp_path, "cpu") == pytest.approx((64 + (2 * 32 + 2 * 64) / 3) / 16)


@pytest.mark.parametrize(("deadline", "rows"), [(14.0, [ROW]), (100.0, [ROW, "Seq-MT (L+ELT)"])])
def test_no_run_starts_that_would_not_end_in_time(tmp_path, computed, literal, deadline, rows):
    # estimated at 8 s and 13 s, and 1.3 times that is kept
    wanted = {**SMALL, "rows": [ROW, "Seq-MT (L+ELT)"]}
    assert len(ensure.ensure("blocks", **wanted, results=tmp_path, deadline=deadline)) == len(rows)
    assert [e.row for e in computed] == rows


def test_a_processor_trains_each_run_alone_and_a_gpu_as_many_of_a_kind_as_it_likes(tmp_path, monkeypatch):
    table = tables.get("blocks")
    missing = table.experiments([0.1, 0.2, 1.0], [0, 1, 2], ["Seq-MT (L)", "Seq-MT (L+A)"], "paper")
    assert packing.packed(missing, tmp_path, "cpu") == [[e] for e in missing]
    monkeypatch.setattr(compute, "pack_size", lambda *_: 4)
    packs = packing.packed(missing, tmp_path, "cuda")
    assert sorted(len(pack) for pack in packs) == [
        3,
        3,
        3,
        3,
        3,
        3,
    ]  # 9 of L; of L+A 6, and 3 without unlabelled images
    assert sorted(e.key for pack in packs for e in pack) == sorted(e.key for e in missing)
    assert all(len({compute.pack_key(e) for e in pack}) == 1 for pack in packs)


def test_of_a_pack_only_the_runs_that_would_end_in_time_are_computed(tmp_path, computed, literal):
    pack = tables.get("blocks").experiments([0.1], [0, 1, 2], [ROW], "smoke")
    stop = time.time() + 25.0  # each is estimated at 8 s, and 1.3 times that is kept
    states = attempt.attempt(pack, tmp_path, "cpu", stop, False, 0)
    assert states == [attempt.DONE, attempt.DONE, attempt.DEFERRED] and [e.seed for e in computed] == [0, 1]


def test_runs_of_one_pack_differ_in_row_seed_fraction_and_weight_alone():
    table = tables.get("blocks")
    (e,) = table.experiments([0.1], [0], ["Seq-MT (L+ELT)"], "cpu")
    (other,) = table.experiments([0.5], [3], ["Seq-MT (L+ELT)"], "cpu")
    assert (
        compute.pack_key(e)
        == compute.pack_key(other)
        == compute.pack_key(replace(e, weights={**e.weights, "elt": 9.0}))
    )
    for change in (
        {"rate": 0.1},
        {"images": 8},
        {"starts": {}},
        {"weights": {"landmarks": 900.0}},
        {"options": {"beta": 1.0}},
    ):
        assert compute.pack_key(replace(e, **change)) != compute.pack_key(e)


def hold(folder: Path, seed: int) -> FileLock:
    """The lock of a run, as another process would hold it."""
    e = tables.get("blocks").experiments([0.1], [seed], [ROW], "smoke")[0]
    lock = folder / ".locks" / "blocks" / f"{e.key}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(lock)


def test_a_run_that_another_process_holds_is_left_to_it(tmp_path, computed, literal):
    with hold(tmp_path, seed=0):
        e = tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")[0]
        assert attempt.attempt([e], tmp_path, "cpu", float("inf"), False, 0) == [attempt.BUSY]
    assert computed == []


def test_a_run_whose_process_died_is_taken_over_after_the_others(tmp_path, computed, monkeypatch):
    lock = hold(tmp_path, seed=0)
    answer = compute.run

    def let_go(pack, **how):
        lock.release()
        return answer(pack, **how)

    monkeypatch.setattr(compute, "run", let_go)
    with lock:
        frame = ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)
    assert [e.seed for e in computed] == [1, 0] and frame.seed.tolist() == [0, 1]


def test_progress_reaches_its_total(tmp_path, literal, bars):
    ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)
    # two runs of 64 images each
    assert [(bar.n, bar.total) for bar in bars] == [(128, 128)]
    ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1]}, results=tmp_path)
    assert len(bars) == 1


@pytest.mark.parametrize("dtype, exact", [(torch.bfloat16, forms.Form((1, 2))), (torch.float32, forms.Form((2, 2)))])
def test_test_images_are_predicted_in_the_form_that_is_fastest_in_float32(monkeypatch, dtype, exact):
    asked, seen, predict = [], [], prediction.predict

    def measured(*network, exact):
        asked.append(exact)
        return forms.Form((1, 2)), 16.0

    def noted(module, method, images, *rest):
        seen.append((len(images), module.localizer.stack.form))
        return predict(module, method, images, *rest)

    monkeypatch.setattr(compute, "measured_form", measured)
    monkeypatch.setattr(prediction, "predict", noted)
    (e,) = tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")
    compute.run(
        [replace(e, images=8, n_evaluations=1, evaluation_images=4, test_images=7)], form=forms.Form((2, 2), dtype)
    )
    assert {form for n, form in seen if n != 7} == {forms.Form((2, 2), dtype)}
    assert [form for n, form in seen if n == 7] == [exact]
    assert asked == [True] * (dtype == torch.bfloat16)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    e = tables.get("blocks").experiments([0.1], [3], ["Seq-MT (L+ELT+A)"], "smoke")[0]
    (first,), (again,) = (compute.run([e], form=forms.LITERAL) for _ in range(2))
    assert replace(again, seconds=first.seconds) == first
    (other,) = compute.run([replace(e, seed=4)], form=forms.LITERAL)
    assert other.metrics["error_px"]["mean"] != first.metrics["error_px"]["mean"]
    assert other.data["labelled"] != first.data["labelled"]
    assert other.data["fingerprint"] == first.data["fingerprint"]


def test_two_workers_compute_what_one_computes(tmp_path, literal, bars, monkeypatch):
    wanted = {**SMALL, "seeds": [0, 1]}
    alone = ensure.ensure("blocks", **wanted, results=tmp_path / "one")
    monkeypatch.setattr(attempt, "attempt", literal_attempt)
    shared = ensure.ensure("blocks", **{**wanted, "workers": 2}, results=tmp_path / "two")
    assert [(bar.n, bar.total) for bar in bars] == [(128, 128)] * 2
    assert shared.key.tolist() == alone.key.tolist() and alone.error_px[0] != alone.error_px[1]
    assert shared.error_px.tolist() == pytest.approx(alone.error_px.tolist(), rel=1e-4)
    for one, two in zip(*(query.load_all(tmp_path / name, "blocks") for name in ("one", "two")), strict=True):
        assert (two.data, two.passes, two.best_step) == (one.data, one.passes, one.best_step)


def test_two_processes_share_one_table(tmp_path):
    wanted = {**SMALL, "seeds": [0, 1, 2]}
    text = (
        "computed = []\n"
        "def count(pack, **how):\n    computed.extend(e.seed for e in pack)\n    return train(pack, **how)\n"
        "compute.run = count\n"
        f"frame = run.ensure('blocks', **{wanted!r}, results=sys.argv[1])\n"
        "print(*computed, ';', *frame.seed)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    both = [subprocess.Popen(script(text, tmp_path), **pipes) for _ in range(2)]
    answers = [(process.communicate()[0], process.returncode) for process in both]
    assert [status for _, status in answers] == [0, 0]
    computed = [seed for answer, _ in answers for seed in answer.partition(";")[0].split()]
    assert sorted(computed) == ["0", "1", "2"]
    assert [answer.partition(";")[2].split() for answer, _ in answers] == [["0", "1", "2"]] * 2
    assert [r.experiment.seed for r in query.load_all(tmp_path, "blocks")] == [0, 1, 2]


def test_a_process_killed_in_the_middle_of_a_run_leaves_whole_records_and_the_next_goes_on(tmp_path, literal):
    wanted = {**SMALL, "seeds": [0, 1, 2]}
    text = (
        "def stop_in_the_second(pack, **how):\n"
        "    if pack[0].seed == 0:\n        return train(pack, **how)\n"
        "    def halt(passes):\n        print('training', flush=True)\n        sys.stdin.read()\n"
        "    return train(pack, **{**how, 'progress': halt})\n"
        "compute.run = stop_in_the_second\n"
        f"run.ensure('blocks', **{wanted!r}, results=sys.argv[1])"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(script(text, tmp_path), **pipes, env=environment()) as process:
        assert process.stdout.readline() == "training\n"
        process.kill()
    assert process.returncode == -9
    assert [r.experiment.seed for r in query.load_all(tmp_path, "blocks")] == [0]
    before = files(tmp_path)
    frame = ensure.ensure("blocks", **wanted, results=tmp_path)
    assert frame.seed.tolist() == [0, 1, 2] and set(frame.status) == {"done"}
    assert files(tmp_path).items() >= before.items() and len(files(tmp_path)) == 3


def failing_attempt(*_, **__) -> list[str]:
    """What a worker meets on a full disk."""
    raise UserError("cannot write the record")


def test_a_workers_mistake_is_told_as_it_is(tmp_path, monkeypatch, literal):
    monkeypatch.setattr(attempt, "attempt", failing_attempt)
    with pytest.raises(UserError, match=r"^cannot write the record$"):
        ensure.ensure("blocks", **{**SMALL, "seeds": [0, 1], "workers": 2}, results=tmp_path)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    text = (
        "context = multiprocessing.get_context('spawn')\n"
        "pool = ProcessPoolExecutor(1, context, run._start_worker, (context.Value('q', 0),))\n"
        "pool.submit(int).result()\n"
        "print('started', flush=True)\n"
        "pool.submit(time.sleep, 1000).result()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "env": environment()}
    head = "import multiprocessing, time\nfrom concurrent.futures import ProcessPoolExecutor\n"
    with subprocess.Popen(script(head + text, tmp_path), **pipes) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
        assert process.communicate(timeout=60) == (
            "",
            None,
        )  # the pipe ends when the worker, which holds it too, has ended


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
        ({"budget": "huge"}, "unknown budget 'huge'; known: smoke, cpu, paper"),
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
        "from landmarklib import run, types\nimport sys\n"
        f"for wrong in {WRONG_KINDS!r}:\n"
        "    try:\n"
        f"        run.ensure('blocks', **{{**{SMALL!r}, **wrong}}, results=sys.argv[1])\n"
        "    except types.UserError as error:\n        print(error)\n"
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


def test_the_record_of_a_run_says_how_it_was_made(trained):
    (r,) = query.load_all(trained, "blocks")
    assert (r.passes, r.data["tier"], r.data["n_labelled"]) == (64, "stand-in", 32)
    assert len(r.quantiles) == 21 and list(r.quantiles) == sorted(r.quantiles)
    assert r.metrics["error_px"]["n"] == 64 and len(r.curve) == 2
    assert [g["kind"] for g in r.gallery] == ["fixed"] * 4 + ["best", "median"] + ["worst"] * 3
    assert staleness.staleness(r) == "current"
    assert json.loads((trained / "blocks" / f"{r.key}.json").read_text())["key"] == r.key
