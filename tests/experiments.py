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
