"""An experiment is a value: its key names the number, whoever computes it and wherever."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest

from landmarklib.core.experiment import Experiment, canonical

FIXED = Experiment(
    table="blocks",
    row="Seq-MT (L+ELT)",
    dataset="blocks",
    method="seq_mt",
    options={"kernel": 5},
    weights={"landmarks": 900.0, "elt": 270.0},
    starts={"elt": 0.25},
    fraction=0.05,
    seed=3,
    budget="smoke",
    images=64,
    batch=8,
    batch_unlabelled=4,
    rate=0.001,
    head_rate=1.0,
    warmup=2,
    hold=0.4,
    size=32,
    train_images=320,
    n_evaluations=2,
    evaluation_images=32,
    test_images=64,
    select="error_px",
)
KEY = "seq-mt-l-elt-5pc-seed3-smoke-ca3f4876"
CHANGES = {
    "table": "shapes",
    "row": "Seq-MT (L)",
    "dataset": "shapes",
    "method": "comm_mt",
    "options": {"kernel": 7},
    "jitter": {"scale": 0.1},
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


@pytest.mark.parametrize(
    ("hash_seed", "written"),
    [("1", {}), ("2", {"head_rate": 1, "images": 64.0, "weights": {"elt": 270, "landmarks": 900}})],
)
def test_key_is_the_same_in_every_process_and_for_equal_numbers(hash_seed, written):
    arguments = {f.name: getattr(FIXED, f.name) for f in fields(FIXED)} | written
    script = f"from landmarklib.experiment import Experiment; print(Experiment(**{arguments!r}).key)"
    other = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", script], env=other, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == FIXED.key == KEY


@pytest.mark.parametrize("name", [f.name for f in fields(Experiment)])
def test_key_changes_with_every_field(name):
    changed = replace(FIXED, **{name: CHANGES[name]})
    assert changed.key != FIXED.key
    assert changed.key[-8:] != FIXED.key[-8:]


def test_equal_numbers_in_options_give_the_same_key():
    assert replace(FIXED, options={"kernel": 5.0}).key == KEY
    assert replace(FIXED, options={"hidden": [40]}).key == replace(FIXED, options={"hidden": (40.0,)}).key


def test_order_of_names_does_not_enter_the_key():
    assert replace(FIXED, weights={"elt": 270.0, "landmarks": 900.0}).key == KEY


def test_a_truth_value_is_not_a_number():
    assert replace(FIXED, options={"kernel": True}).key != replace(FIXED, options={"kernel": 1}).key


@pytest.mark.parametrize(
    ("fraction", "share"),
    [(0.01, "-1pc"), (0.025, "-2.5pc"), (0.1, "-10pc"), (1.0, "-100pc"), (0.0001, "-0.01pc"), (0.0, "")],
)
def test_slug_says_row_share_seed_and_budget(fraction, share):
    assert replace(FIXED, fraction=fraction).key[:-8] == f"seq-mt-l-elt{share}-seed3-smoke-"


@dataclass(frozen=True)
class Later(Experiment):
    """What the class may look like after two fields were added, each with what was meant all along as its default."""

    momentum: float = 0.9
    augmentation: Mapping[str, float] = field(default_factory=dict)


def test_a_field_added_with_its_default_renames_no_record():
    values = {f.name: getattr(FIXED, f.name) for f in fields(FIXED)}
    assert Later(**values).key == KEY
    assert Later(**values, momentum=0.8).key != KEY
    assert Later(**values, augmentation={"noise": 0.1}).key != KEY


def test_canonical_form_is_sorted_json_without_spaces():
    text = canonical(FIXED)
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
    assert replace(FIXED, **changes).steps == steps


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        # 8 steps of 8 labelled images
        ({"weights": {"landmarks": 900.0}}, 64),
        # for 3/4 of the 8 steps also 4 unlabelled images, each of them warped as well: 64 + 0.75 * 8 * (4 + 4)
        ({}, 112),
        # classes from the start take the unlabelled images along, only ELT warps: 64 + 8 * 4 + 0.75 * 8 * 4
        ({"weights": {"landmarks": 900.0, "elt": 270.0, "classes": 10.0}}, 120),
        # classes alone, from half of training: 64 + 0.5 * 8 * 4
        ({"weights": {"landmarks": 900.0, "classes": 10.0}, "starts": {"classes": 0.5}}, 80),
        # no unlabelled image is left, a term of weight 0 costs nothing
        ({"fraction": 1.0}, 64),
        ({"weights": {"landmarks": 900.0, "elt": 0.0}}, 64),
        # 4 steps of 16 unlabelled images, nothing else
        ({"fraction": 0.0, "batch": 0, "batch_unlabelled": 16, "weights": {"classes": 1.0}, "starts": {}}, 64),
    ],
)
def test_passes_count_images_forward_and_backward(changes, passes):
    assert replace(FIXED, **changes).passes == pytest.approx(passes)


def test_passes_that_are_left_follow_the_terms_that_have_started():
    """32 steps of 8 and 4 images; ELT, which counts its images twice and draws them, joins after 8 steps."""
    e = replace(
        FIXED, images=256, batch=8, batch_unlabelled=4, weights={"landmarks": 1.0, "elt": 1.0}, starts={"elt": 0.25}
    )
    assert e.passes == e.passes_after(0) == 32 * 8 + 24 * 2 * 4
    assert e.passes_after(4) == 28 * 8 + 24 * 2 * 4
    assert e.passes_after(16) == 16 * 8 + 16 * 2 * 4
    assert e.passes_after(32) == 0
