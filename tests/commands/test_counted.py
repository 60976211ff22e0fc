"""Commands on a table that counts labelled images."""

from __future__ import annotations

import counting
import pytest

from landmarklib import tables
from landmarklib.__main__ import main
from landmarklib.commands.arguments import run_parameters
from landmarklib.core.errors import UserError
from landmarklib.records import record
from landmarklib.training import compute


@pytest.fixture
def few(tmp_path, monkeypatch):
    """That table alone in the registry, with runs that are answered by hand."""
    counting.written(tmp_path)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "results"))
    done = []

    def answer(pack, **_):
        done.extend(pack)
        metrics = {"error_px": {"mean": 8.0, "low": 0.0, "high": 9.0, "n": 64}}
        return [record.Record(e, "done", metrics=metrics, data={"tier": "paper"}, best_step=8) for e in pack]

    monkeypatch.setattr(compute, "run", answer)
    return done


def test_numbers_of_labels_are_asked_for_and_printed_as_such(few, capsys):
    asked = ["labels=10,all", "seeds=0", "rows=Supervised", "budget=smoke", "workers=1"]
    assert main(["run", "few", *asked]) == 0
    assert [(e.labels, e.key.split("-seed")[0]) for e in few] == [
        (10, "supervised-10-labels"),
        ("all", "supervised-all-labels"),
    ]
    capsys.readouterr()
    assert main(["table", "few", "--budget", "smoke", "--csv"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("method,labels,n_seeds,mean,") and "Supervised,10,1,8.0," in "\n".join(lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("labels=0", "labels: 0.0 is not a number of images, a whole one from 1 or 'all'; table few counts"),
        ("labels=2.5", "labels: 2.5 is not a number of images"),
        ("fractions=0.05", "labels: 0.05 is not a number of images"),
        ("labels=4000", "labels: 4000 of 320 training images; the most is 'all'"),
        ("labels=many", "labels: 'many' is not a number"),
    ],
)
def test_what_is_no_number_of_labels_is_one_line(few, capsys, words, said):
    assert main(["run", "few", words, "budget=smoke", "rows=Supervised"]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and not few


def test_labels_are_another_word_for_the_fractions_of_such_a_table():
    assert run_parameters(["labels=1,all"]) == run_parameters(["fractions=1,all"]) == {"fractions": [1.0, "all"]}
    with pytest.raises(UserError, match="fractions and labels are both given"):
        run_parameters(["labels=1", "fractions=0.1"])


def test_a_table_of_shares_takes_no_number(capsys):
    assert main(["run", "blocks", "labels=10", "budget=smoke"]) == 2
    assert "fractions: 10 is outside (0, 1]" in capsys.readouterr().err
