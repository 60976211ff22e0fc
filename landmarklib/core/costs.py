"""How many images go through a network, forward and backward: in a step, in a stage, in a run.

This is what a run costs, in a unit that every machine can time. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Method
from landmarklib.core.stages import Stage


def takes_unlabelled(method: Method, terms: Sequence[str], options: Mapping[str, Any]) -> bool:
    """Whether a step with these terms takes unlabelled images along."""
    return any(method.terms[term].takes(options) != "labelled" for term in terms)


def of_step(method: Method, terms: Sequence[str], options: Mapping[str, Any], labelled: int, unlabelled: int) -> int:
    """Images that go through in a step with these terms.

    labelled, unlabelled: images that the step takes.
    """
    counts = {"labelled": labelled, "unlabelled": unlabelled, "all": labelled + unlabelled}
    again: dict[str, int] = {}
    for name in terms:
        term = method.terms[name]
        which = term.shared or name
        again[which] = max(again.get(which, 0), term.passes * counts[term.takes(options)])
    return labelled + unlabelled + sum(again.values())


def active_terms(stage: Stage, step: int) -> tuple[str, ...]:
    """The loss terms of that step: those with a weight that have joined."""
    return tuple(t for t, w in stage.weights.items() if w and step >= stage.onset.get(t, 0) * stage.steps)


def unlabelled_from(stage: Stage, method: Method, options: Mapping[str, Any]) -> int:
    """The first step that takes unlabelled images; the number of steps if none does."""
    for start in sorted({0, *(math.ceil(share * stage.steps) for share in stage.onset.values())}):
        if start < stage.steps and takes_unlabelled(method, active_terms(stage, start), options):
            return start
    return stage.steps


def of_stage(experiment: Experiment, stage: Stage, method: Method, options: Mapping[str, Any], done: int) -> int:
    """Images that go through in the steps of a stage that are left.

    Terms join at a few steps, so the stage is a few stretches of equal steps.

    done: steps of the stage.
    """
    joins = {min(stage.steps, math.ceil(share * stage.steps)) for share in stage.onset.values()}
    edges = sorted({done, stage.steps, *(step for step in joins if step > done)})
    unlabelled_exist = experiment.fraction < 1 or stage.refill or bool(stage.dataset)
    start, total = unlabelled_from(stage, method, options), 0
    for a, b in pairwise(edges):
        extra = stage.batch_unlabelled if unlabelled_exist and a >= start else 0
        total += (b - a) * of_step(method, active_terms(stage, a), options, stage.batch, extra)
    return total


def spans(experiment: Experiment) -> list[tuple[Stage, int, int]]:
    """Each stage, and its first and last step in the whole of training."""
    ends = pairwise(accumulate((stage.steps for stage in experiment.stages), initial=0))
    return [(stage, first, last) for stage, (first, last) in zip(experiment.stages, ends, strict=True)]


def of_run(experiment: Experiment, method: Method, options: Mapping[str, Any], done: int = 0) -> float:
    """About how many images go through in the steps of a run that are left.

    done: steps of the whole training.
    """
    left = ((stage, max(0, done - first)) for stage, first, last in spans(experiment) if done < last)
    return float(sum(of_stage(experiment, stage, method, options, of_it) for stage, of_it in left))
