"""Experiments for tests: by the flat form, in which every field of a run of one stage has a name of its own."""

from __future__ import annotations

from typing import Any

from landmarklib.core.experiment import Experiment, Flat, to_json


def flat(**values: Any) -> Experiment:
    """A run of one stage from the fields of `Flat`."""
    return Flat(**values).experiment


def changed(experiment: Experiment, **values: Any) -> Experiment:
    """A run of one stage with other values of these fields of `Flat`."""
    return flat(**{**to_json(experiment), **values})


# Seq-MT on Blocks, small, with every field of `Flat` that has no default.
SEQ_MT = flat(
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
