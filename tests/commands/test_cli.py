"""The command line: a mistake is one line on stderr and status 2, and nothing is written or lost by it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from landmarklib import tables
from landmarklib.__main__ import main
from landmarklib.commands.arguments import RUN_PARAMETERS, items
from landmarklib.pages import notebooks
from landmarklib.records import record
from landmarklib.training import autotune, compute

ROOT = Path(__file__).parents[2]
ROW = "Seq-MT (L)"
KNOWN = f"known: {', '.join(tables.names())}"
COMMANDS = {
    "list": ["--json"],
    "run": ["table", "name=value", *RUN_PARAMETERS],
    "notebook": ["name", "name=value"],
    "store": ["name"],
    "table": ["table", "--budget", "--csv"],
    "claims": ["table", "--budget", "--csv"],
    "book": ["--live"],
    "overlap": ["name", "--data", "--results"],
    "bundle": ["table", "--budget", "--data", "--out"],
    "data": ["list", "check", "fetch", "show"],
    "results": ["import"],
    "golden": ["--store", "results/golden.json"],
    "status": ["--help"],
}


@pytest.fixture(autouse=True)
def results(monkeypatch, tmp_path) -> Path:
    """The folder of the records, which does not exist yet; commands run beside it."""
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


@pytest.fixture
def computed(monkeypatch) -> list:
    """The experiments that were computed, each answered by a record made by hand; no network is measured."""
    done = []

    def one(experiment) -> record.Record:
        done.append(experiment)
        metrics = {"error_px": {"mean": 8.0 + experiment.seed, "low": 0.0, "high": 9.0, "n": 64}}
        return record.Record(experiment, "done", metrics=metrics, data={"tier": "paper"}, best_step=8)

    def answer(pack, **_):
        return [one(experiment) for experiment in pack]

    monkeypatch.setattr(compute, "run", answer)
    monkeypatch.setattr(autotune, "rate", lambda *_: 1000.0)
    return done


def refused(capsys, *words: str) -> str:
    """The one line with which a command is refused."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("landmarklib: ") and err.endswith("\n")
    (line,) = err.splitlines()
    return line


def printed(capsys, *words: str) -> str:
    """What a command that succeeds prints."""
    assert main(list(words)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "block"], ["unknown table 'block'", KNOWN]),
        (["table", "block"], ["unknown table 'block'", KNOWN]),
        (["claims", "block"], ["unknown table 'block'", KNOWN]),
        (["run", "blocks", "epochs=3"], ["unknown parameter 'epochs=3'", *RUN_PARAMETERS]),
        (["run", "blocks", "--epochs", "3"], ["unknown parameter '--epochs=3'", *RUN_PARAMETERS]),
        (["run", "blocks", "smoke"], ["unknown parameter 'smoke'", "name=value", *RUN_PARAMETERS]),
        (["run", "blocks", "rows=Seq-MT"], ["unknown row 'Seq-MT'", "known: Seq-MT (L), Seq-MT (L+A), "]),
        (["run", "blocks", "rows='Seq-MT (L)"], ["a quotation mark is missing"]),
        (["run", "blocks", "methods=Seq-MT"], ["unknown row 'Seq-MT'", "known: Seq-MT (L), Seq-MT (L+A), "]),
        (["run", "blocks", "--methods"], ["--methods: a value is missing"]),
        (["run", "blocks", "methods="], ["methods: a value is missing"]),
        (["run", "blocks", "rows=A", "methods=A"], ["rows is given twice; methods is an older name of it"]),
        (["notebook", "w300", "methods=A", "--rows", "A"], ["rows is given twice; methods is an older name of it"]),
        (["notebook", "aflw", "methods=A"], ["unknown parameter 'methods=A'", "fractions, seeds, budget"]),
        (["run", "blocks", "fractions=0"], ["fractions: 0 is outside (0, 1]"]),
        (["run", "blocks", "fractions=0.1,1.5"], ["fractions: 1.5 is outside (0, 1]"]),
        (["run", "blocks", "fractions=abc"], ["fractions: 'abc' is not a number"]),
        (["run", "blocks", "fractions=nan"], ["fractions: 'nan' is not a number"]),
        (["run", "blocks", "fractions=0.000001"], ["fractions: 1e-06 labels none of ", "the least is "]),
        (["run", "blocks", "fractions=[]"], ["fractions: [] is not a list with at least one value", "[0.05, 0.2]"]),
        (["run", "shapes", "fractions=0.1"], ["table shapes: fractions do not apply"]),
        (["run", "blocks", "seeds=1.5"], ["seeds: '1.5' is not a whole number"]),
        (["run", "blocks", "seeds=-1"], ["seeds: -1 is outside [0, 2**63)"]),
        (["run", "blocks", "budget=huge"], ["unknown budget 'huge'", "known: smoke, cpu, converged, paper"]),
        (["table", "blocks", "--budget", "huge"], ["unknown budget 'huge'", "known: smoke, cpu, converged, paper"]),
        (["run", "blocks", "device=tpu"], ["device: 'tpu' is not here", "valid: cpu"]),
        (["run", "blocks", "workers=-1"], ["workers: -1 is not a whole number >= 0"]),
        (["run", "blocks", "workers=two"], ["workers: 'two' is not a whole number"]),
        (["run", "blocks", "deadline=abc"], ["deadline: 'abc' is not a number"]),
        (["run", "blocks", "deadline=-1"], ["deadline: -1.0 is not a number >= 0"]),
        (["run", "blocks", "refresh=maybe"], ["refresh: 'maybe' is neither true nor false"]),
        (["run", "blocks", "seeds=0", "--seeds", "1"], ["seeds is given twice"]),
        (["run", "blocks", "--seeds"], ["--seeds: a value is missing"]),
        (["run", "blocks", "results="], ["results: a value is missing"]),
        (["run"], ["required: table", "see landmarklib run --help"]),
        (["table", "blocks", "seeds=0"], ["unrecognized arguments: seeds=0", "--help"]),
        (["train", "blocks"], ["invalid choice: 'train'", "'list'", "'run'", "'status'"]),
        ([], ["COMMAND", "--help"]),
        (["notebook", "block"], ["unknown notebook 'block'", f"known: {', '.join(notebooks.names())}"]),
        (["notebook", "blocks", "epochs=3"], ["unknown parameter 'epochs=3'", "fractions, seeds, rows, budget"]),
        (["notebook", "blocks", "seeds=0", "seeds=1"], ["seeds is given twice"]),
        (["notebook", "blocks", "workers=two"], ["workers: 'two' is not a whole number"]),
        (["notebook", "blocks", "refresh=1"], ["refresh: '1' is neither true nor false"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_with_what_is_wrong_and_what_is_valid(capsys, tmp_path, words, said):
    line = refused(capsys, *words)
    assert [part for part in said if part not in line] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0.05,0.2", ["0.05", "0.2"]),
        ("[0.05, 0.2]", ["0.05", "0.2"]),
        ("Seq-MT (L), Seq-MT (L+ELT)", ["Seq-MT (L)", "Seq-MT (L+ELT)"]),
        ('["Heatmap-MT (L+A), soft-argmax", "RCN (L)"]', ["Heatmap-MT (L+A), soft-argmax", "RCN (L)"]),
        ("'Heatmap-MT (L+A), soft-argmax',RCN (L)", ["Heatmap-MT (L+A), soft-argmax", "RCN (L)"]),
        ("'Seq-MT (L),Seq-MT (L+ELT)'", ["Seq-MT (L)", "Seq-MT (L+ELT)"]),
        ("a\\b,#2", ["a\\b", "#2"]),
        ("[]", []),
    ],
)
def test_a_comma_between_quotes_belongs_to_its_word(text, expected):
    assert items(text) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_here_is_refused(capsys, tmp_path, device):
    assert f"device: {device!r} is not here; valid: cpu" in refused(capsys, "run", "blocks", f"device={device}")
    assert list(tmp_path.iterdir()) == []


def test_results_that_are_a_file_are_refused_and_kept(capsys, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    line = refused(capsys, "run", "blocks", f"results={mine}")
    assert f"cannot write to {mine}" in line and "choose another folder" in line
    assert mine.read_text() == "mine" and list(tmp_path.iterdir()) == [mine]


@pytest.mark.parametrize("words", [["table", "blocks"], ["claims", "blocks"], ["list"], ["list", "--json"], ["status"]])
@pytest.mark.parametrize("content", ['{"schema": 1, "key"', '{"schema": 2}', '{"name": "package"}'])
def test_a_record_that_cannot_be_read_is_named_and_kept(capsys, results, words, content):
    path = results / "blocks" / "mine.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert str(path) in refused(capsys, *words)
    assert path.read_text() == content


def test_a_renamed_record_is_named_and_kept(capsys, results, computed):
    printed(capsys, "run", "blocks", "fractions=0.1", "seeds=0", f"rows={ROW}", "workers=1")
    (path,) = (results / "blocks").glob("*.json")
    mine = path.rename(path.with_name("mine.json"))
    assert f"{mine}: its content has the key {path.stem}" in refused(capsys, "table", "blocks")
    assert mine.exists()


def test_list_has_a_line_per_table(capsys):
    lines = printed(capsys, "list").splitlines()
    assert [line.split()[0] for line in lines] == tables.names()
    assert "0 of 46 cells, 0 runs" in lines[tables.names().index("blocks")]


def test_list_for_programs_is_json(capsys):
    found = json.loads(printed(capsys, "list", "--json"))
    blocks = next(line for line in found if line["table"] == "blocks")
    assert (blocks["table"], blocks["cells"], blocks["of"], blocks["runs"]) == ("blocks", 0, 46, 0)
    assert blocks["budgets"] == ["smoke", "cpu", "converged", "paper"] and blocks["rows"][0] == ROW


def test_status_has_a_line_per_table_and_budget(capsys):
    lines = printed(capsys, "status").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [name, budget] for name in tables.names() for budget in tables.get(name).budgets
    ]
    assert all("never" in line for line in lines[1:])


def test_table_as_csv_has_ours_and_the_papers(capsys, computed):
    printed(capsys, "run", "blocks", "fractions=0.01", "seeds=0,1", f"rows={ROW}", "workers=1")
    lines = list(csv.DictReader(io.StringIO(printed(capsys, "table", "blocks", "--csv"))))
    assert lines[0].keys() >= {"method", "fraction", "n_seeds", "mean", "sd", "unit", "paper", "tier", "budget"}
    assert len(lines) == 46
    first = {**lines[0], "sd": round(float(lines[0]["sd"]), 4)}
    assert (first["method"], first["fraction"], first["n_seeds"], first["mean"]) == (ROW, "0.01", "2", "8.5")
    assert (first["sd"], first["unit"], first["paper"], first["budget"]) == (0.7071, "px", "8.33", "cpu")
    assert (lines[1]["n_seeds"], lines[1]["mean"], lines[1]["paper"]) == ("0", "", "3.95")


def test_a_budget_is_shown_by_itself(capsys, computed):
    printed(capsys, "run", "blocks", "fractions=0.01", "seeds=0", f"rows={ROW}", "workers=1", "budget=smoke")
    smoke, own = (
        list(csv.DictReader(io.StringIO(printed(capsys, "table", "blocks", "--csv", *words))))
        for words in (["--budget", "smoke"], [])
    )
    assert (smoke[0]["n_seeds"], smoke[0]["budget"]) == ("1", "smoke")
    assert (own[0]["n_seeds"], own[0]["budget"]) == ("0", "cpu")


def test_claims_as_csv_have_verdict_effect_and_interval(capsys):
    lines = list(csv.DictReader(io.StringIO(printed(capsys, "claims", "blocks", "--csv"))))
    assert list(lines[0])[:6] == ["id", "verdict", "effect", "low", "high", "paper_holds"]
    assert [line["id"] for line in lines] == ["H1", "H2", "H3", "H4", "H4-pooling", "H5", "H6", "H7", "Ours-blocks"]
    assert {(line["verdict"], line["effect"]) for line in lines} == {("incomplete", "")}
    without_numbers = {line["id"] for line in lines if line["paper_holds"] != "True"}
    assert without_numbers == {"H4-pooling", "Ours-blocks"}


def test_table_and_claims_are_readable_without_csv(capsys):
    assert "8.330" in printed(capsys, "table", "blocks")
    assert "Attributes help Seq-MT, at every fraction." in printed(capsys, "claims", "blocks")


@pytest.mark.parametrize("spelling", [["deadline=14", "seeds=0"], ["--deadline", "14", "--seeds=0"]])
def test_run_says_what_did_not_fit_before_the_deadline(capsys, monkeypatch, results, computed, spelling):
    monkeypatch.setattr(autotune, "rate", lambda *_: 16.0)
    words = ["fractions=0.1", f"rows='{ROW},Seq-MT (L+ELT)'", "budget=smoke", "workers=1", *spelling]
    text = printed(capsys, "run", "blocks", *words)  # estimated at 8 and 13 s, and 1.3 times that is kept
    assert "blocks: 1 of 2 runs are there (0 failed); 1 of the paper's 46 cells" in text
    assert "1 run did not fit before the deadline; the same command goes on from here" in text
    assert [e.row for e in computed] == [ROW] and len(list(results.glob("*/*.json"))) == 1


def test_run_computes_what_is_missing_and_says_what_is_there(capsys, results, computed):
    words = ["run", "blocks", "fractions=0.1,0.02", "seeds=0", f"rows={ROW}", "workers=1"]
    for _ in range(2):
        assert "2 of 2 runs are there (0 failed); 1 of the paper's 46 cells" in printed(capsys, *words)
    assert [e.fraction for e in computed] == [0.02, 0.1] and len(list(results.glob("blocks/*.json"))) == 2
    printed(capsys, *words, "refresh=true")
    assert len(computed) == 4


def test_methods_is_an_older_name_of_rows_for_runs_and_notebooks(capsys, computed, monkeypatch):
    words = ["run", "blocks", "fractions=0.1", "seeds=0", f"methods={ROW}", "workers=1"]
    assert "1 of 1 runs are there" in printed(capsys, *words) and [e.row for e in computed] == [ROW]
    monkeypatch.setattr(notebooks, "execute", lambda name, given: (name, given))
    asked = str(("w300", {"rows": ["RCN (L)", "RCN+ (L)"]}))
    assert printed(capsys, "notebook", "w300", "methods=RCN (L),RCN+ (L)").strip() == asked


def test_a_table_may_be_named_by_its_file(capsys, results, computed):
    words = ["honari2018/blocks", "fractions=0.1", "seeds=0", f"rows={ROW}", "workers=1"]
    assert printed(capsys, "run", *words).startswith("blocks: 1 of 1 runs are there")
    assert len(list(results.glob("blocks/*.json"))) == 1 and not (results / "honari2018").exists()


def test_results_may_be_named(capsys, results, tmp_path, computed):
    printed(capsys, "run", "blocks", "fractions=0.1", "seeds=0", f"rows={ROW}", "workers=1", "--results", "other")
    assert len(list((tmp_path / "other").glob("blocks/*.json"))) == 1 and not results.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_names_its_parameters(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and err == ""
    assert [name for name in COMMANDS[command] if name not in out] == []


@pytest.mark.parametrize(("changed", "said"), [(["-1.5", "+1.6"], "-1.5\n+1.6\n"), ([], "blocks: nothing changed\n")])
def test_store_prints_what_changed(capsys, monkeypatch, changed, said):
    monkeypatch.setattr(notebooks, "store", lambda name: changed)
    assert printed(capsys, "store", "blocks") == said


@pytest.mark.parametrize("words", [["run", "blocks", "--help"], ["run", "blocks", "seeds=0", "-h"]])
def test_help_after_the_table_names_the_parameters(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and err == ""
    assert [line.split()[0] for line in out.splitlines()] == list(RUN_PARAMETERS)


def test_help_after_a_notebook_names_its_parameters(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["notebook", "blocks", "--help"])
    out, _ = capsys.readouterr()
    assert ended.value.code == 0
    assert {line.split()[0] for line in out.splitlines()} >= {"fractions", "seeds", "budget", "workers", "refresh"}


def test_help_and_version_of_the_program(capsys):
    for word, said in (("--help", list(COMMANDS)), ("--version", ["landmarklib 0."])):
        with pytest.raises(SystemExit) as ended:
            main([word])
        out, _ = capsys.readouterr()
        assert ended.value.code == 0 and [part for part in said if part not in out] == []


def test_stopping_says_how_to_go_on(capsys, computed, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(compute, "run", stop)
    words = ["run", "blocks", "fractions=0.1", "seeds=0", f"rows={ROW}", "workers=1"]
    assert main(words) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("landmarklib: stopped; finished runs are kept")


@pytest.mark.parametrize("words", [["list"], ["table", "blocks", "--csv"]])
def test_a_reader_that_goes_away_gives_no_traceback(words):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "landmarklib", *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env={**environment, "PYTHONPATH": str(ROOT)})
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("output", "said"), [(">/dev/full", "No space left on device"), (">&-", "it is closed; send it to a file or to ")]
)
def test_an_output_that_takes_nothing_is_told_in_one_line(output, said, unbuffered):
    command = ["sh", "-c", f'"$0" -m landmarklib --version {output}', sys.executable]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and done.stderr.startswith(f"landmarklib: cannot write the output: {said}")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_error_output_is_done_without():
    command = ["sh", "-c", '"$0" -m landmarklib run block 2>&-', sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "words",
    [
        [LONG],
        ["run", LONG],
        ["run", "blocks", LONG],
        ["run", "blocks", f"seeds={LONG}"],
        ["run", "blocks", f"rows={LONG}"],
        ["run", "blocks", f"data={LONG}"],
        ["run", "blocks", f"device={LONG}", "fractions=0.1"],
        ["run", "blocks", f"results={LONG}"],
        ["table", "blocks", "--budget", LONG],
        ["table", "blocks", LONG],
        ["notebook", LONG],
        ["data", "check", LONG],
        ["data", "list", "--data", LONG],
        ["results", "import", LONG],
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_a_long_value_is_not_repeated_in_full(capsys, tmp_path, words):
    assert len(refused(capsys, *words)) < 600 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "module", "name"),
    [
        (["overlap", "blocks", "--results", "/dev/null"], "landmarklib.pages.overlap", "measure"),
        (["golden", "--store"], "landmarklib.engine.golden", "store"),
        (["data", "show", "blocks", "--out", "/dev/null/x.png"], "landmarklib.loading.inspection", "samples"),
        (["bundle", "mtfl", "--data", "stand-in", "--out", "/dev/null"], "landmarklib.loading.bundling", "write"),
    ],
)
def test_a_folder_that_cannot_be_written_is_noticed_before_the_work(capsys, monkeypatch, words, module, name):
    monkeypatch.setenv("LANDMARKLIB_RESULTS", "/dev/null")
    monkeypatch.setattr(f"{module}.{name}", None)
    assert "cannot write to /dev/null" in refused(capsys, *words)


def test_what_the_system_refuses_is_one_line_that_names_the_file(capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr(tables, "names", refuse)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "landmarklib: /some/file: Permission denied\n"


def test_a_mistake_ends_the_process_with_status_2_and_no_traceback():
    command = [sys.executable, "-m", "landmarklib", "run", "block"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"landmarklib: unknown table 'block'; {KNOWN}\n"
