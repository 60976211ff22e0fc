"""Which form a run takes is looked up; only what nobody has measured is measured, once on a machine."""

from __future__ import annotations

import json

import pytest
from experiments import changed

from landmarklib import tables
from landmarklib.core.errors import UserError
from landmarklib.records import environment
from landmarklib.training import autotune
from landmarklib.training.autotune import Choice

FOUND = Choice("1x2 float32", "1x2 float32")


@pytest.fixture
def literal():
    """The choice is as it is."""


@pytest.fixture
def unlisted(monkeypatch, tmp_path) -> list:
    """A processor that nobody has listed forms of, with a data folder of its own; gives the networks measured."""
    measured = []

    def measure(network, device):
        measured.append(network)
        return FOUND

    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    monkeypatch.setattr(environment, "processor", lambda device: "CPU of tomorrow")
    monkeypatch.setattr(autotune, "measure", measure)
    monkeypatch.setattr(autotune, "chosen", autotune.chosen.__wrapped__)
    return measured


def run(row: str = "Seq-MT (L)", budget: str = "smoke"):
    """A run of Blocks."""
    return tables.get("blocks").experiments([0.1], [0], [row], budget)[0]


def test_a_network_is_measured_once_on_a_machine_and_then_looked_up(unlisted, tmp_path, capsys):
    assert autotune.choose(run(), "cpu") == FOUND._replace(by="measured")
    assert "measuring, once on this machine" in capsys.readouterr().err
    for row in ("Seq-MT (L)", "Seq-MT (L+A)"):  # of one network
        assert autotune.choose(run(row), "cpu").by == "measured"
    assert len(unlisted) == 1 and capsys.readouterr().err == ""
    autotune.choose(run("Comm-MT (L)"), "cpu")
    kept = json.loads((tmp_path / autotune.KEPT).read_text())
    assert sorted(kept["CPU of tomorrow"]) == sorted(map(str, unlisted)) and len(unlisted) == 2


@pytest.mark.parametrize(
    "content",
    ["", "[1]", '{"CPU of tomorrow": 3}', "[" * 100_000, '{"CPU of tomorrow": {"blocks": ["fast", "1x1 float32", 1]}}'],
)
def test_a_damaged_list_of_this_machine_is_measured_anew(unlisted, tmp_path, content):
    (tmp_path / autotune.KEPT).write_text(content)
    for _ in range(2):
        assert autotune.choose(run(), "cpu") == FOUND._replace(by="measured")
    assert len(unlisted) == 1


def test_what_the_library_lists_is_taken_as_it_is(unlisted, tmp_path, monkeypatch):
    monkeypatch.setattr(autotune, "LIST", tmp_path / "own.json")
    autotune.write(autotune.LIST, "CPU of tomorrow", {autotune.network(run()): FOUND})
    assert autotune.choose(run(), "cpu") == FOUND and unlisted == []


def test_adding_to_a_list_leaves_the_others_in_it(tmp_path):
    path, networks = tmp_path / "list.json", [autotune.network(run(row)) for row in ("Seq-MT (L)", "Comm-MT (L)")]
    for processor in ("one", "another"):
        for network in networks:
            autotune.write(path, processor, {network: FOUND})
    assert autotune.read(path) == {p: {str(n): FOUND for n in networks} for p in ("one", "another")}


def test_networks_differ_in_data_method_size_shape_number_type_and_small_batches_alone():
    e = run()
    same = [run("Seq-MT (L+ELT+A)"), changed(e, images=8), changed(e, batch=64), changed(e, dataset="stand-in-blocks")]
    assert {autotune.network(other) for other in same} == {autotune.network(e)}
    others = [run("Comm-MT (L)"), changed(e, size=30), changed(e, dtype="bfloat16"), changed(e, options={"width": 4})]
    others += [changed(e, batch=2), changed(e, batch=4)]
    assert len({str(autotune.network(other)) for other in (e, *others)}) == 7


def test_a_form_by_hand_is_one_of_the_network_in_the_number_type_of_its_table(unlisted):
    found = autotune.choose(run(), "cpu", "2x1 float32 channels_last")
    assert found == Choice("2x1 float32 channels_last", "2x1 float32 channels_last", 1, "given") and unlisted == []
    assert autotune.choose(run(), "cpu", "1x1 float32").form == "1x1 float32"  # as printed
    for wrong in ("2x1 bfloat16", "fast", "1x1", "3x1 float32", "1x2 float32 product x", "\x00" * 100_000):
        with pytest.raises(UserError, match=r"valid: .*1x2 float32") as refused:
            autotune.choose(run(), "cpu", wrong)
        assert len(str(refused.value)) < 600 and refused.value.args[0].startswith("form: ")


def test_the_number_type_is_the_budgets_and_in_the_key():
    few, many = run(), run(budget="paper")
    assert (few.dtype, many.dtype) == ("float32", "bfloat16")
    assert changed(few, dtype="bfloat16").key != few.key


def test_every_network_of_the_tables_is_listed():
    """Of this kind of processor, where its forms are listed at all; budgets for a GPU are not."""
    for processor, listed in autotune.read(autotune.LIST).items():
        for name in tables.names() if processor.startswith("CPU") else ():
            table = tables.get(name)
            for e in (e for budget in table.budgets if budget != "paper" for e in table.experiments(budget=budget)):
                assert str(autotune.network(e)) in listed, "python benchmarks/choose_forms.py"
