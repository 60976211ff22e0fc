"""When what happens in training: the learning rate, evaluations, a first look. No torch."""

from __future__ import annotations

import math
from bisect import bisect_left

from landmarklib.core import costs
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Method
from landmarklib.core.stages import Stage

EARLY = 20_000  # images after which landmarks that nobody labels should move with the image (`training.health`)


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
    total = costs.of_stage(experiment, stage, method, options, 0)
    step = bisect_left(
        range(stage.steps), EARLY, key=lambda done: total - costs.of_stage(experiment, stage, method, options, done)
    )
    return step if step < stage.steps else 0
