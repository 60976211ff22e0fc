"""Seeds in stages: more of them for undecided claims alone, said before each stage, and what came out at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from landmarklib import tables
from landmarklib.__main__ import main
from landmarklib.commands import deciding
from landmarklib.commands.arguments import RUN_PARAMETERS
from landmarklib.engine import ensure
from landmarklib.records import record
from landmarklib.report import effects
from landmarklib.tables import Claim, Inequality
from landmarklib.training import autotune, compute

BLOCKS = tables.get("blocks")
# Errors of even and of odd seeds at 10% labelled, so that the effects of the claims below are known
ERRORS = {
    "Seq-MT (L+A)": (1.00, 1.00),
    "Seq-MT (L)": (1.50, 1.52),  # larger with every seed
    "Seq-MT (L+ELT)": (1.20, 1.02),  # larger, as 10 seeds tell and 5 do not
    "Comm-MT (L+A)": (1.00, 1.00),
    "Comm-MT (L)": (1.25, 0.80),  # larger or smaller
}
LOST = "Heatmap-MT (L)"  # its runs fail
PAIRS = {
    "sure": ("Seq-MT (L+A)", "Seq-MT (L)"),
    "at ten": ("Seq-MT (L+A)", "Seq-MT (L+ELT)"),
    "never": ("Comm-MT (L+A)", "Comm-MT (L)"),
    "lost": ("Seq-MT (L)", LOST),
}
WORDS = ["run", "blocks", "until=decided", "fractions=0.1", "budget=smoke", "workers=1"]
SOON = ["look 1 of 3, seeds 0 to 4: 10 runs for sure", "sure, 5 seeds: holds everywhere", "nothing is left to decide"]


def claim(name: str) -> Claim:
    """A claim of one inequality at 10% labelled."""
    return Claim(name, name, (Inequality(*PAIRS[name], 0.1, 0.1, BLOCKS.metrics[0]),))


@pytest.fixture
def computed(monkeypatch, tmp_path) -> Counter:
    """How many runs were computed by row, each answered by a record made by hand with the error of its seed."""
    done = Counter()

    def one(e) -> record.Record:
        done[e.row] += 1
        if e.row == LOST:
            return record.Record(e, "failed", "not finite")
        mean = ERRORS[e.row][e.seed % 2]
        metrics = {"error_px": {"mean": mean, "low": 0.0, "high": 9.0, "n": 64}}
        return record.Record(e, "done", metrics=metrics, data={"tier": "paper"}, best_step=8)

    monkeypatch.setenv("LANDMARKLIB_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(compute, "run", lambda pack, **_: [one(e) for e in pack])
    return done


@pytest.fixture
def claiming(monkeypatch):
    """Lets Blocks make these claims instead of its own."""

    def make(*names: str) -> None:
        table = replace(BLOCKS, claims=tuple(map(claim, names)))
        monkeypatch.setattr(tables, "get", lambda name: table)

    return make


def printed(capsys, *more: str) -> list[str]:
    """The lines of the command."""
    assert main([*WORDS, *more]) == 0
    return capsys.readouterr().out.splitlines()


def test_only_cells_of_undecided_claims_get_the_seeds_of_the_next_stage(capsys, computed, claiming):
    claiming("sure", "at ten", "never", "lost")
    assert printed(capsys) == [
        "look 1 of 3, seeds 0 to 4: 30 runs for sure, at ten, never, lost",
        "look 2 of 3, seeds 5 to 9: 20 runs for at ten, never",
        "look 3 of 3, seeds 10 to 19: 20 runs for never",
        "sure, 5 seeds: holds everywhere",
        "at ten, 10 seeds: holds everywhere",
        "never, 20 seeds: undecided: about 1,738 seeds would decide its mean",
        "lost: incomplete",
        "1 void or incomplete, to which more seeds are not given: lost",
        "1 still undecided after the last look: never",
    ]
    seeds = {"Seq-MT (L+A)": 10, "Seq-MT (L)": 5, "Seq-MT (L+ELT)": 10, "Comm-MT (L+A)": 20, "Comm-MT (L)": 20, LOST: 5}
    assert computed == seeds


def test_it_stops_when_nothing_is_undecided_and_computes_nothing_twice(capsys, computed, claiming):
    claiming("sure")
    assert printed(capsys) == SOON
    again = ["look 1 of 3, seeds 0 to 4: no run is missing for sure", *SOON[1:]]
    assert printed(capsys) == again and computed.total() == 10


@pytest.mark.parametrize(("most", "n_looks"), [(5, 1), (10, 2), (20, 3)])
def test_seeds_is_how_many_at_most(capsys, computed, claiming, most, n_looks):
    claiming("never")
    lines = printed(capsys, f"seeds={most}")
    looks = [line.partition(",")[0] for line in lines if line.startswith("look")]
    assert looks == [f"look {i + 1} of {n_looks}" for i in range(n_looks)]
    assert computed == {"Comm-MT (L+A)": most, "Comm-MT (L)": most}


def test_a_look_takes_the_seeds_below_its_stage_whatever_is_recorded(capsys, computed, claiming):
    claiming("at ten")
    ensure.ensure("blocks", [0.1], range(12), list(PAIRS["at ten"]), "smoke", workers=1)
    assert printed(capsys)[:3] == [
        "look 1 of 3, seeds 0 to 4: no run is missing for at ten",
        "look 2 of 3, seeds 5 to 9: no run is missing for at ten",
        "at ten, 10 seeds: holds everywhere",
    ]
    assert computed.total() == 24


def test_claims_with_cells_that_are_not_asked_for_are_left_out(capsys, computed, claiming):
    claiming("sure", "never")
    lines = printed(capsys, f"rows={','.join(PAIRS['sure'])}")
    assert lines == [*SOON[:2], "not looked at, since they need other rows or fractions: never", SOON[2]]
    assert computed == dict.fromkeys(PAIRS["sure"], 5)


def test_what_does_not_fit_before_the_deadline_is_said_and_the_same_command_goes_on(
    capsys, computed, claiming, monkeypatch
):
    claiming("sure", "never")
    monkeypatch.setattr(autotune, "rate", lambda *_: 16.0)  # each run is estimated at 8 s, and 1.3 times that is kept
    lines = printed(capsys, "seeds=5", "deadline=14")
    assert lines[0] == "look 1 of 1, seeds 0 to 4: 20 runs for sure, never" and len(lines) == 2
    n = int(lines[1].split()[0])
    assert 0 < n == 20 - computed.total() < 20
    assert lines[1] == f"{n} runs did not fit before the deadline; the same command goes on from here"
    lines = printed(capsys, "seeds=5")
    assert lines[0] == f"look 1 of 1, seeds 0 to 4: {n} runs for sure, never" and computed.total() == 20


def test_a_deadline_may_end_between_two_looks(capsys, computed, claiming, monkeypatch):
    claiming("sure", "never")
    printed(capsys, "seeds=5")
    monkeypatch.setattr(ensure, "fill", lambda *_: None)
    assert printed(capsys, "deadline=1000") == [
        "look 1 of 3, seeds 0 to 4: no run is missing for sure, never",
        "look 2 of 3, seeds 5 to 9: 10 runs for never",
        "sure, 5 seeds: holds everywhere",
        "never, 5 seeds: undecided: about 317 seeds would decide its mean",
        "10 runs did not fit before the deadline; the same command goes on from here",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["blocks", "until=done"], ["until: 'done' is unknown; valid: decided"]),
        (["shapes", "until=decided"], ["table shapes makes no claims, so there is nothing to decide"]),
        (["quickstart", "until=decided"], ["table quickstart makes no claims"]),
        (["blocks", "until=decided", "seeds=3"], ["seeds: 3 is not how many seeds", "valid: 5, 10, 20"]),
        (["blocks", "until=decided", "seeds=12"], ["seeds: 12 is not how many seeds", "valid: 5, 10, 20"]),
        (["blocks", "until=decided", "seeds=0,1,2"], ["seeds: [0, 1, 2] is not how many seeds"]),
        (["blocks", "until=decided", "seeds=[]"], ["seeds: [] is not how many seeds"]),
        (["blocks", "until=decided", "refresh=true"], ["refresh: true does not go with until=decided"]),
        (
            ["blocks", "until=decided", "rows=Seq-MT (L)"],
            ["until: no claim", "Ours-blocks needs 2 more", "Ours at 0.01"],
        ),
        (["blocks", "until=decided", "fractions=0.3"], ["until: no claim has all of its cells"]),
        (["blocks", "until=decided", "fractions=2"], ["fractions: 2 is outside (0, 1]"]),
        (["blocks", "until=decided", "budget=huge"], ["unknown budget 'huge'"]),
        (["blocks", "until=decided", "device=tpu"], ["device: 'tpu' is not here"]),
        (["blocks", "until=decided", "workers=-1"], ["workers: -1 is not a whole number >= 0"]),
        (["blocks", "until=decided", "deadline=-1"], ["deadline: -1.0 is not a number >= 0"]),
        (["blocks", "until=decided", "deadline=0"], ["deadline: 0 s is too short for any of the 255 runs"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_mistake_is_one_line_and_nothing_is_computed(capsys, computed, tmp_path, words, said):
    assert main(["run", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("landmarklib: ") and len(err.splitlines()) == 1
    assert [part for part in said if part not in err] == []
    assert computed.total() == 0 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", tables.names())
def test_all_cells_of_a_table_are_those_of_all_its_claims(name):
    """Published lines need no runs."""
    table = tables.get(name)
    cells = [(row, amount) for row in table.rows for amount in table.amounts if table.has(row, amount)]
    assert not table.claims or deciding._within(table, cells) == table.claims


def test_the_help_names_the_stages():
    stages = "{}, {} or {}".format(*effects.STAGES)
    assert stages in RUN_PARAMETERS["seeds"]
