"""An experiment is a value: its key names the number, whoever computes it and wherever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest
from experiments import SEQ_MT, changed

from landmarklib.core import experiment
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import (
    Evaluation,
    Experiment,
    Flat,
    Optimizer,
    Schedule,
    Stage,
    canonical,
    from_json,
    to_json,
)
from landmarklib.core.stages import Regressor

ROOT = Path(__file__).parents[2]
JITTER = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}
KEY = "seq-mt-l-elt-5pc-seed3-smoke-ca3f4876"
CHANGES = {
    "dtype": "bfloat16",
    "refill": True,
    "balanced_by": "gesture",
    "labels": 10,
    "table": "shapes",
    "row": "Seq-MT (L)",
    "dataset": "shapes",
    "method": "comm_mt",
    "options": {"kernel": 7},
    "jitter": JITTER,
    "tests": ["afw"],
    "weights": {"landmarks": 900.0, "elt": 271.0},
    "starts": {"elt": 0.3},
    "fraction": 0.1,
    "seed": 4,
    "budget": "cpu",
    "images": 72,
    "batch": 16,
    "batch_unlabelled": 8,
    "rate": 0.002,
    "head_rate": 10.0,
    "warmup": 3,
    "hold": 0.5,
    "size": 30,
    "train_images": 0,
    "n_evaluations": 3,
    "evaluation_images": 64,
    "test_images": 0,
    "select": "accuracy_percent",
    "clip": 100.0,
    "beta2": 0.98,
}


def stage(name: str, **values) -> Stage:
    """A stage of a few images with every field set; values: those that differ."""
    given = {
        "images": 64,
        "batch": 8,
        "batch_unlabelled": 4,
        "weights": {"landmarks": 900.0, "elt": 270.0},
        "optimizer": Optimizer(0.001, {"head": 10.0}, 100.0, 0.98, 0.0001),
        "schedule": Schedule(2, 0.4, "cosine", 0.1),
        "n_evaluations": 2,
        "onset": {"elt": 0.25},
        "trains": "head",
        "ema": 0.99,
        "jitter": JITTER,
    }
    return Stage(name=name, **{**given, **values})


TWO = Experiment(
    table="blocks",
    row="Seq-MT (L+ELT)",
    dataset="blocks",
    method="seq_mt",
    options={"kernel": 5},
    fraction=0.05,
    seed=3,
    budget="smoke",
    size=32,
    train_images=320,
    stages=(stage("first"), stage("second", images=128, trains="")),
    evaluation=Evaluation("error_px", 32, 64, ["afw"], "regressed"),
)
KEY_OF_TWO = "seq-mt-l-elt-5pc-seed3-smoke-2ddd1016"
OF_STAGE = {
    "images": 72,
    "batch": 16,
    "batch_unlabelled": 8,
    "weights": {"landmarks": 901.0},
    "n_evaluations": 3,
    "onset": {"elt": 0.3},
    "name": "another",
    "trains": "localizer",
    "ema": 0.9,
    "pairs": True,
    "afresh": True,
    "unlabelled": 0.5,
    "jitter": {},
    "refill": True,
    "dataset": "shapes",
    "evaluated_from": 0.0,
}
OF_OPTIMIZER = {"rate": 0.002, "rates": {"head": 9.0}, "clip": 0.0, "beta2": 0.999, "weight_decay": 0.0}
OF_SCHEDULE = {"warmup": 3, "plateau": 0.5, "kind": "linear", "floor": 0.02}
OF_REGRESSOR = {"origin": "corner", "ridge": 0.1, "views": 4, "few": (1, 10), "draws": 5, "split": "val"}
OF_EVALUATION = {"select": "accuracy_percent", "images": 16, "test_images": 0, "tests": [], "readout": "matched"}


def of_stages(which: int, **values) -> Experiment:
    """The experiment of two stages with other values in one of them."""
    stages = list(TWO.stages)
    stages[which] = replace(stages[which], **values)
    return replace(TWO, stages=tuple(stages))


def changed_stages() -> dict[str, Experiment]:
    """The experiment of two stages with one field of one stage or of the evaluation changed, by its place."""
    found = {}
    for i, one in enumerate(TWO.stages):
        found |= {f"{i} {name}": of_stages(i, **{name: value}) for name, value in OF_STAGE.items()}
        for part, values in (("optimizer", OF_OPTIMIZER), ("schedule", OF_SCHEDULE)):
            inner = {name: replace(getattr(one, part), **{name: value}) for name, value in values.items()}
            found |= {f"{i} {part} {name}": of_stages(i, **{part: value}) for name, value in inner.items()}
    for name, value in OF_REGRESSOR.items():
        regressor = replace(TWO.evaluation.regressor, **{name: value})
        found[f"regressor {name}"] = replace(TWO, evaluation=replace(TWO.evaluation, regressor=regressor))
    for name, value in OF_EVALUATION.items():
        found[f"evaluation {name}"] = replace(TWO, evaluation=replace(TWO.evaluation, **{name: value}))
    return found


@pytest.mark.parametrize(
    ("hash_seed", "written"), [("1", {}), ("2", {"head_rate": 1, "weights": {"elt": 270, "landmarks": 900}})]
)
def test_key_is_the_same_in_every_process_and_for_equal_numbers(hash_seed, written):
    script = (
        f"from landmarklib.core.experiment import Flat; print(Flat(**{to_json(SEQ_MT) | written!r}).experiment.key)"
    )
    other = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", script], env=other, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SEQ_MT.key == KEY


@pytest.mark.parametrize("name", [f.name for f in fields(Flat)])
def test_key_changes_with_every_field(name):
    other = changed(SEQ_MT, **{name: CHANGES[name]})
    assert other.key != SEQ_MT.key
    assert other.key[-8:] != SEQ_MT.key[-8:]


def test_an_experiment_of_two_stages_has_a_key_of_its_own():
    assert TWO.key == KEY_OF_TWO
    assert (
        len({SEQ_MT.key, TWO.key, replace(TWO, stages=TWO.stages[:1]).key, replace(TWO, stages=TWO.stages[::-1]).key})
        == 4
    )


def test_key_changes_with_every_field_of_every_stage_and_of_the_evaluation():
    others = changed_stages()
    names = [
        f.name
        for kind in (Stage, Stage, Optimizer, Optimizer, Schedule, Schedule, Evaluation, Regressor)
        for f in fields(kind)
    ]
    assert len(others) == len(names) - 5  # two optimizers and schedules and the regressor are changed field by field
    keys = {place: other.key[-8:] for place, other in others.items()}
    assert len({TWO.key[-8:], *keys.values()}) == 1 + len(others), keys


@pytest.mark.parametrize("e", [SEQ_MT, changed(SEQ_MT, head_rate=10.0, jitter=JITTER, tests=["afw"], fraction=0.0)])
def test_an_experiment_of_one_stage_is_written_with_all_fields_side_by_side(e):
    written = json.loads(json.dumps(to_json(e)))
    assert list(written) == [f.name for f in fields(Flat)]
    assert from_json(written, "here") == e


@pytest.mark.parametrize(
    "e",
    [
        TWO,
        replace(TWO, stages=TWO.stages[:1]),
        replace(SEQ_MT, evaluation=replace(SEQ_MT.evaluation, readout="regressed")),
        replace(SEQ_MT, stages=(replace(SEQ_MT.stages[0], ema=0.9),)),
        replace(SEQ_MT, stages=(replace(SEQ_MT.stages[0], name="only"),)),
        replace(SEQ_MT, stages=(replace(SEQ_MT.stages[0], unlabelled=0.5),)),
    ],
    ids=["two stages", "every field", "a readout", "a teacher", "a name", "fewer images"],
)
def test_what_would_be_lost_side_by_side_is_written_with_its_stages(e):
    written = json.loads(json.dumps(to_json(e)))
    assert list(written) == [f.name for f in fields(Experiment)]
    assert from_json(written, "here") == e and from_json(written, "here").key == e.key


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw | {"colour": "blue"}, "unknown key 'colour'; known: balanced_by, budget, dataset, "),
        (lambda raw: raw | {"seed": [0]}, "seed: [0] is not a whole number"),
        (lambda raw: {**raw, "stages": []}, "stages: [] is empty; at least one value is needed"),
        (lambda raw: {**raw, "stages": [raw["stages"][0] | {"rate": 1.0}]}, "stage first: unknown key 'rate'"),
        (lambda raw: {**raw, "stages": [raw["stages"][0] | {"ema": 1.0}]}, "stage first, ema: 1.0 is too large"),
        (lambda raw: raw | {"evaluation": raw["evaluation"] | {"readout": "best"}}, "evaluation, readout: 'best'"),
        (lambda raw: {name: value for name, value in raw.items() if name != "evaluation"}, "'evaluation' is missing"),
    ],
)
def test_what_is_no_experiment_is_refused_with_its_place_and_field(change, words):
    with pytest.raises(UserError) as caught:
        from_json(change(json.loads(json.dumps(to_json(TWO)))), "file.json: experiment")
    message = str(caught.value)
    assert message.startswith("file.json: experiment") and words in message and "\n" not in message


def test_the_jitter_of_an_experiment_is_that_of_a_stage_which_has_one():
    still = replace(TWO, stages=tuple(replace(one, jitter={}) for one in TWO.stages))
    assert TWO.jitter == JITTER and still.jitter == {}
    assert replace(TWO, stages=(still.stages[0], TWO.stages[1])).jitter == JITTER


def test_steps_and_terms_are_those_of_all_stages():
    assert TWO.steps == 8 + 16 and TWO.terms == ["landmarks", "elt"]
    assert of_stages(0, weights={"elt": 0.0, "classes": 1.0}).terms == ["classes", "landmarks", "elt"]


def test_equal_numbers_in_options_give_the_same_key():
    assert changed(SEQ_MT, options={"kernel": 5.0}).key == KEY
    assert changed(SEQ_MT, options={"hidden": [40]}).key == changed(SEQ_MT, options={"hidden": (40.0,)}).key


def test_order_of_names_does_not_enter_the_key():
    assert changed(SEQ_MT, weights={"elt": 270.0, "landmarks": 900.0}).key == KEY


def test_a_truth_value_is_not_a_number():
    assert changed(SEQ_MT, options={"kernel": True}).key != changed(SEQ_MT, options={"kernel": 1}).key


@pytest.mark.parametrize(
    ("fraction", "share"),
    [(0.01, "-1pc"), (0.025, "-2.5pc"), (0.1, "-10pc"), (1.0, "-100pc"), (0.0001, "-0.01pc"), (0.0, "")],
)
def test_slug_says_row_share_seed_and_budget(fraction, share):
    assert changed(SEQ_MT, fraction=fraction).key[:-8] == f"seq-mt-l-elt{share}-seed3-smoke-"


@dataclass(frozen=True)
class LaterFlat(Flat):
    """What the class may look like after two fields were added, each with what was meant all along as its default."""

    momentum: float = 0.9
    augmentation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LaterStage(Stage):
    """The same of a stage."""

    momentum: float = 0.9
    augmentation: Mapping[str, float] = field(default_factory=dict)


def test_a_field_added_with_its_default_renames_no_record():
    values, plain = to_json(SEQ_MT), experiment._plain(Flat(**to_json(SEQ_MT)))
    assert experiment._plain(LaterFlat(**values)) == plain
    assert experiment._plain(LaterFlat(**values, momentum=0.8)) == {**plain, "momentum": 0.8}
    assert experiment._plain(LaterFlat(**values, augmentation={"noise": 0.1})) != plain


def test_a_field_added_to_a_stage_with_its_default_renames_no_record():
    def later(**more) -> Experiment:
        first, second = TWO.stages
        values = {f.name: getattr(second, f.name) for f in fields(second)}
        return replace(TWO, stages=(first, LaterStage(**values, **more)))

    assert later().key == TWO.key
    assert later(momentum=0.8).key != TWO.key != later(augmentation={"noise": 0.1}).key


def test_a_default_that_is_written_out_leaves_the_key_alone():
    (one,) = SEQ_MT.stages
    defaults = {"name": "train", "trains": "", "ema": 0.0, "jitter": {}, "refill": False}
    written = replace(
        one,
        optimizer=Optimizer(0.001, {}, 0.0, 0.999, 0.0),
        schedule=Schedule(2, 0.4, "linear", 0.02),
        **defaults,
    )
    assert replace(SEQ_MT, stages=(written,)).key == KEY
    shorter = {f.name: getattr(TWO.stages[1], f.name) for f in fields(Stage) if f.name not in defaults}
    assert of_stages(1, **defaults).key == replace(TWO, stages=(TWO.stages[0], Stage(**shorter))).key


@pytest.mark.parametrize(
    "folder", sorted({path.parent.name for path in (ROOT / "results").glob("*/*.json")} - {"benchmarks", "overlap"})
)
def test_the_keys_of_committed_records_are_what_they_were(folder):
    for path in (ROOT / "results" / folder).glob("*.json"):
        raw = json.loads(path.read_text(encoding="utf-8"))
        e = from_json(raw["experiment"], path.name)
        assert e.key == raw["key"] == path.stem
        assert holds(json.loads(json.dumps(to_json(e))), raw["experiment"])


def holds(written: object, recorded: object) -> bool:
    """Whether all that was recorded is written today; old records lack fields that have a default."""
    if isinstance(recorded, dict):
        return all(name in written and holds(written[name], value) for name, value in recorded.items())
    if isinstance(recorded, list):
        return len(written) == len(recorded) and all(map(holds, written, recorded))
    return written == recorded


def test_canonical_form_is_sorted_json_without_spaces():
    text = canonical(SEQ_MT)
    assert text.startswith('{"batch":8.0,"batch_unlabelled":4.0,"budget":"smoke","dataset":"blocks",')
    assert text.endswith('"warmup":2.0,"weights":{"elt":270.0,"landmarks":900.0}}')


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"images": 64, "batch": 8}, 8),
        ({"images": 71, "batch": 8}, 8),
        ({"images": 5, "batch": 8}, 1),
        ({"images": 64, "batch": 0, "batch_unlabelled": 16}, 4),
    ],
)
def test_steps_count_labelled_images_or_else_unlabelled_ones(changes, steps):
    assert changed(SEQ_MT, **changes).steps == steps
