"""When what happens in training: active loss terms, the learning rate, evaluations, and what a run costs. No torch."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate, pairwise

from landmarklib import methods
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Method
from landmarklib.core.stages import Stage

EARLY = 20_000  # images after which landmarks that nobody labels should move with the image (`training.health`)


def active_terms(stage: Stage, step: int) -> tuple[str, ...]:
    """The loss terms of that step: those with a weight that have joined."""
    return tuple(t for t, w in stage.weights.items() if w and step >= stage.onset.get(t, 0) * stage.steps)


def learning_rate(stage: Stage, step: int) -> float:
    """Factor on the rate: linear from 1/warmup over `warmup` steps, 1 on the plateau, then down to the floor."""
    s = stage.schedule
    if step < s.warmup:
        return (step + 1) / s.warmup
    left = (stage.steps - step) / (stage.steps - s.plateau * stage.steps) if s.plateau < 1 else 1.0
    left = min(1.0, left)
    if s.kind == "cosine":
        left = s.floor + (1 - s.floor) * (1 - math.cos(math.pi * left)) / 2
    return max(s.floor, left)


def evaluations(stage: Stage) -> set[int]:
    """The steps after which validation is measured: evenly spread over the rest of the stage (`evaluated_from`)."""
    n, start = stage.n_evaluations, stage.evaluated_from
    return {max(1, round(stage.steps * (start + (1 - start) * (i + 1) / n))) for i in range(n)}


def early_look(experiment: Experiment, method: Method, options: dict) -> int:
    """The first step of the last stage by which about EARLY images went through the network; 0 where none is left then.

    Images are counted in that stage alone: what an earlier one trains may have no landmarks yet.
    """
    stage = experiment.stages[-1]
    total = _of_stage(experiment, stage, method, options, 0)
    step = bisect_left(
        range(stage.steps), EARLY, key=lambda done: total - _of_stage(experiment, stage, method, options, done)
    )
    return step if step < stage.steps else 0


def unlabelled_from(stage: Stage, method: Method, options: dict) -> int:
    """The first step that takes unlabelled images; the number of steps if none does."""
    for start in sorted({0, *(math.ceil(share * stage.steps) for share in stage.onset.values())}):
        if start < stage.steps and methods.takes_unlabelled(method, active_terms(stage, start), options):
            return start
    return stage.steps


def spans(experiment: Experiment) -> list[tuple[Stage, int, int]]:
    """Each stage, and its first and last step in the whole of training."""
    ends = pairwise(accumulate((stage.steps for stage in experiment.stages), initial=0))
    return [(stage, first, last) for stage, (first, last) in zip(experiment.stages, ends, strict=True)]


def images_processed(experiment: Experiment, done: int = 0) -> float:
    """About how many images go forward and backward in the steps that are left.

    This is what a run costs, in a unit that every machine can time.

    done: steps of the whole training.
    """
    method = methods.get(experiment.method)
    options = methods.complete(method, experiment.options)
    total = 0
    for stage, first, last in spans(experiment):
        if done < last:
            total += _of_stage(experiment, stage, method, options, max(0, done - first))
    return float(total)


def _of_stage(experiment: Experiment, stage: Stage, method: Method, options: dict, done: int) -> int:
    """The same of one stage. Terms join at a few steps, so the stage is a few stretches of equal steps."""
    joins = {min(stage.steps, math.ceil(share * stage.steps)) for share in stage.onset.values()}
    edges = sorted({done, stage.steps, *(step for step in joins if step > done)})
    unlabelled_exist = experiment.fraction < 1 or stage.refill or bool(stage.dataset)
    start, total = unlabelled_from(stage, method, options), 0
    for a, b in pairwise(edges):
        extra = stage.batch_unlabelled if unlabelled_exist and a >= start else 0
        total += (b - a) * methods.images_processed(method, active_terms(stage, a), options, stage.batch, extra)
    return total
