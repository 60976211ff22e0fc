"""The one training loop, top to bottom: for every stage, for every step.

It knows tensors and terms; it knows no table, no file and no device setting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from landmarklib.core import costs
from landmarklib.core.method import Method
from landmarklib.core.stages import Stage
from landmarklib.core.types import Annotations
from landmarklib.training import batches, prediction, readout, schedule
from landmarklib.training.health import collapse, health, some_images
from landmarklib.training.pack import Pack
from landmarklib.training.state import KEPT, LABELS, TrainState, frames

KEEP_EVERY = 60.0  # seconds of training


def train(
    runs: list[TrainState],
    method: Method,
    validation: Annotations,
    options: dict,
    progress: Callable[[int], None] = lambda images: None,
    keep: Callable[[list[dict[str, Any]]], None] | None = None,
) -> None:
    """Train a pack of runs at once, each as if alone, and leave each network as it was at its best validation value.

    The runs of a pack differ in seed, labelled images, loss weights and nothing else; those that go on from a state do
    so from the same step.
    progress: is told how many images each step processed. keep: gets the states of all runs every KEEP_EVERY seconds.
    """
    experiment, start = runs[0].experiment, time.perf_counter()
    done, kept, early = resume(runs), start, schedule.early_look(experiment, method, options)
    for stage, first, last in costs.spans(experiment):
        if done > last:
            continue  # the state that the runs go on from is of a later stage
        pack, orders = begin_stage(runs, method, options, stage, resumed=first < done)
        measured = schedule.evaluations(stage) if stage.n_evaluations else set()
        for step in range(max(0, done - first), stage.steps):
            terms = costs.active_terms(stage, step)
            pack.step(terms, *batches.next_images(orders, step), schedule.learning_rate(stage, step))
            for run in runs:
                run.images_processed += 0 if run.failure else pack.images_processed
            progress(len(runs) * pack.images_processed)
            if step + 1 in measured:
                for run, parts in zip(runs, pack.parts(), strict=True):
                    if not run.failure:
                        evaluate_run(run, stage, step + 1, parts, method, validation, options)
                if all(run.failure for run in runs):
                    break
            if step + 1 == early and last == experiment.steps:
                for run in runs:
                    look_early(run, stage, method, options)
            if keep and time.perf_counter() - kept > KEEP_EVERY:
                seconds = (time.perf_counter() - start) / len(runs)
                tensors = zip(runs, pack.states(), strict=True)
                keep([run.snapshot(t, first + step + 1, seconds) for run, t in tensors])
                kept = time.perf_counter()
        end_stage(runs, method, options, stage, final=last == experiment.steps)
        if all(run.failure for run in runs):
            break
    for run in runs:
        run.seconds += (time.perf_counter() - start) / len(runs)
        run.warnings += health(run.predictor, method, some_images(run), options)


def begin_stage(
    runs: list[TrainState], method: Method, options: dict, stage: Stage, resumed: bool
) -> tuple[Pack, list[tuple[torch.Tensor, torch.Tensor]]]:
    """The pack of a stage and each run's order of images; where the runs go on from within it, in that state."""
    for run in runs:
        if resumed:
            run.generator.set_state(torch.from_numpy(run.state["generator"]))
        run.stage_start = run.generator.get_state()
        if stage.afresh and not resumed:
            run.load_weights(run.first_weights)
        if not resumed:
            run.best, run.best_step, run.best_weights = float("inf"), 0, run.weights()
        if stage.ema and not run.averaged and not resumed:
            run.teacher.load_state_dict(run.module.state_dict())  # it follows from where the student is now
        run.averaged = bool(stage.ema)
        set_modes(run, method, stage)
    pack = Pack(runs, method, options, stage)
    first_unlabelled = costs.unlabelled_from(stage, method, options)
    orders = [batches.image_order(run, stage, first_unlabelled) for run in runs]
    if resumed:
        pack.load([{n: torch.from_numpy(v) for n, v in run.state.items() if isinstance(v, np.ndarray)} for run in runs])
    return pack, orders


def end_stage(runs: list[TrainState], method: Method, options: dict, stage: Stage, final: bool) -> None:
    """Leave each network with its best weights, or its last ones without a measure; pseudo-label between stages."""
    for run in runs:
        if stage.n_evaluations or run.failure:
            run.load_weights(run.best_weights)
        elif not run.is_finite():
            run.failure = f"weights are not finite at the end of stage {stage.name}"
        for model in filter(None, run.models):
            model.eval()
        if method.relabel and not final and not run.failure:
            relabel(run, method, options)


def set_modes(run: TrainState, method: Method, stage: Stage) -> None:
    """Training mode for what the stage trains; the teacher and frozen parts keep their statistics."""
    run.module.train()
    if stage.trains:
        run.module.eval()
        run.module.get_submodule(method.groups[stage.trains]).train()
    if run.teacher is not None:
        run.teacher.eval()


@torch.no_grad()
def relabel(run: TrainState, method: Method, options: dict, batch: int = 128) -> None:
    """Give the images without true landmarks those that the network finds now, which are pseudo-labels.

    An image with one visible point counts as labelled.
    """
    points, visible = run.data.points.clone(), run.data.visible.clone()
    for index in (~run.given).nonzero()[:, 0].split(batch):
        found, seen = method.relabel(run.predictor, frames(run, index), options)
        points[index], visible[index] = found.where(seen[..., None], torch.nan), seen
    run.data = replace(run.data, points=points, visible=visible, labelled=run.given | visible.any(-1))


def evaluate_run(
    run: TrainState,
    stage: Stage,
    step: int,
    parts: dict[str, float],
    method: Method,
    validation: Annotations,
    options: dict,
) -> None:
    """Note a run's loss terms and validation metrics, keep its weights if they are the best, or say that it failed."""
    e = run.experiment
    if not bool(torch.tensor(list(parts.values())).isfinite().all()) or not run.is_finite():
        run.failure = f"loss or weights are not finite at step {step} of {stage.steps}"
        return
    fitted = readout.while_training(run, method, options, validation)
    device = run.data.images.device
    scores = prediction.scores(run.predictor, method, validation, options, device, fitted, run.dataset)
    of_stage = {"stage": stage.name} if len(e.stages) > 1 else {}
    run.curve.append({**of_stage, "step": step, "loss": parts, "validation": scores})
    value = prediction.select(scores, e.evaluation.select)
    if value <= run.best:  # of equals the later one: it has learnt longer
        run.best, run.best_step, run.best_weights = value, step, run.weights()
    set_modes(run, method, stage)


def look_early(run: TrainState, stage: Stage, method: Method, options: dict) -> None:
    """Warn of landmarks that have collapsed by now. It decides nothing: neither random numbers nor weights change."""
    if not run.failure:
        found = collapse(run.predictor, method, some_images(run), options)
        run.warnings += [f"by {schedule.EARLY:,} images: {line}" for line in found]
        set_modes(run, method, stage)


def resume(runs: list[TrainState]) -> int:
    """Take up the runs' states but for the pack's tensors, where there are some.

    Returns how many steps of the whole training are done.
    """
    if not runs[0].state:
        return 0
    for run in runs:
        for name in {*KEPT, "seconds"} & run.state.keys():  # an older state has no warnings
            setattr(run, name, copy(run.state[name]))
        tensors = {n: torch.from_numpy(v) for n, v in run.state.items() if isinstance(v, np.ndarray)}
        run.best_weights = {n.removeprefix("best "): v for n, v in tensors.items() if n.startswith("best ")}
        device = run.data.images.device
        run.data = replace(run.data, **{name: tensors[name].to(device) for name in LABELS})
    return runs[0].state["step"]
