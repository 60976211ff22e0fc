"""The one training loop, top to bottom. It knows tensors and terms; it knows no table, no file and no device setting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landmarklib.core import coords, heatmaps, metrics, warps
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import Annotations
from landmarklib.training import prediction
from landmarklib.training.pack import Pack

SATURATED = (
    200.0,
    0.02,
)  # largest |beta * map| and share of the full entropy beyond which a softmax has no gradient left
KEEP_EVERY = 60.0  # seconds of training
PLAIN = ("curve", "best", "best_step", "failure", "passes")  # of a run, beside its tensors


@dataclass(frozen=True)
class Data:
    """One split on the device: uint8 images, points in [-1, 1] (NaN for unlabelled images), visible, labelled, N x A attributes (`Batch`).

    Where images are jittered they are `warps.MARGIN` times as wide as the frame in which the points are.
    """

    images: Tensor
    points: Tensor
    visible: Tensor
    labelled: Tensor
    attributes: Tensor


def pixels(images: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1]."""
    return images.float() / 255


def annotated(
    annotations: Annotations,
    labelled: Tensor | None,
    images: Tensor,
    attributes: Sequence[str] = ("class",),
    margin: float = 1.0,
) -> Data:
    """A split on the device of its images, which are shared. labelled: indices of the images that keep their points; None keeps all."""
    n, (height, width) = len(annotations), images.shape[-2:]
    mask = torch.full((n,), labelled is None)
    if labelled is not None:
        mask[labelled] = True
    points = margin * coords.to_norm(torch.from_numpy(annotations.points).float(), (width, height))
    visible = torch.from_numpy(annotations.visible) & mask[:, None]
    points = points.where(visible[..., None], torch.nan)
    given = [annotations.attributes[name] for name in attributes]
    given = [np.deg2rad(v) if metrics.is_angle(v) else v for v in given]
    values = torch.from_numpy(np.array(given, np.float32).reshape(-1, n).T.copy())
    return Data(images, *(part.to(images.device) for part in (points, visible, mask, values)))


@dataclass
class Run:
    """One run of a pack: what to train on which labels with whose random numbers, and what came of it.

    generator decides everything that is random in training. module is trained in place. state: what `states` gave of the same run, to go on from.
    """

    experiment: Experiment
    module: nn.Module
    data: Data
    generator: torch.Generator
    curve: list[dict] = field(default_factory=list)
    best: float = float("inf")
    best_step: int = 0
    best_state: dict = field(default_factory=dict)
    failure: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    passes: int = 0
    state: dict[str, Any] = field(default_factory=dict)


def train(
    runs: list[Run],
    method: ModuleType,
    validation: Annotations,
    options: dict,
    progress: Callable[[int], None] = lambda passes: None,
    keep: Callable[[list[dict[str, Any]]], None] | None = None,
) -> None:
    """Train a pack of runs at once, each as if alone, and leave each module as it was at its best validation value.

    The runs of a pack differ in seed, labelled images, loss weights and nothing else; those that go on from a state do so from the same step.
    Adam, linear warm-up, a plateau, linear decay. progress is told how many image passes each step made; keep gets the states of
    all runs every KEEP_EVERY seconds.
    """
    experiment, start = runs[0].experiment, time.perf_counter()
    pack, measured = Pack(runs, method, options), evaluations(experiment)
    orders = [image_order(run, unlabelled_from(experiment, method)) for run in runs]
    for run in runs:
        run.best_state = weights_of(run.module)
        run.module.train()
    done = resume(runs, pack)
    kept = start
    for step in range(done, experiment.steps):
        terms = active_terms(experiment, step)
        pack.step(terms, *next_images(orders, step), schedule(step, experiment))
        for run in runs:
            run.passes += 0 if run.failure else pack.passes
        progress(len(runs) * pack.passes)
        if step + 1 in measured:
            for run, parts in zip(runs, pack.parts(), strict=True):
                if not run.failure:
                    evaluate_run(run, step + 1, parts, method, validation, options)
            if all(run.failure for run in runs):
                break
        if keep and time.perf_counter() - kept > KEEP_EVERY:
            keep(states(runs, pack, step + 1, (time.perf_counter() - start) / len(runs)))
            kept = time.perf_counter()
    for run in runs:
        run.module.load_state_dict(run.best_state)
        run.module.eval()
        run.seconds += (time.perf_counter() - start) / len(runs)
        run.warnings = health(run.module, method, some_images(run), options)


def states(runs: list[Run], pack: Pack, step: int, seconds: float) -> list[dict[str, Any]]:
    """Of each run all that its record will need and its next steps depend on: arrays and plain values, by name."""
    found = []
    for run, tensors in zip(runs, pack.states(), strict=True):
        best = {f"best {name}": value.cpu() for name, value in run.best_state.items()}
        arrays = {name: value.numpy() for name, value in (tensors | best).items()}
        plain = {name: copy(getattr(run, name)) for name in PLAIN}
        found.append(arrays | plain | {"step": step, "seconds": run.seconds + seconds})
    return found


def resume(runs: list[Run], pack: Pack) -> int:
    """Take up the runs' states, if they have one; returns how many steps are done."""
    if not runs[0].state:
        return 0
    pack.load([{n: torch.from_numpy(v) for n, v in run.state.items() if isinstance(v, np.ndarray)} for run in runs])
    for run in runs:
        for name in (*PLAIN, "seconds"):
            setattr(run, name, copy(run.state[name]))
        run.best_state = {name: torch.from_numpy(run.state[f"best {name}"]) for name in run.best_state}
    return runs[0].state["step"]


def evaluate_run(
    run: Run, step: int, parts: dict[str, float], method: ModuleType, validation: Annotations, options: dict
) -> None:
    """Note a run's loss terms and validation metrics; keep its weights if they are the best so far; or say that it failed."""
    if not all(bool(t.isfinite().all()) for t in (torch.tensor(list(parts.values())), *run.module.parameters())):
        run.failure = f"loss or weights are not finite at step {step} of {run.experiment.steps}"
        return
    scores = prediction.scores(run.module, method, validation, options, run.data.images.device)
    run.curve.append({"step": step, "loss": parts, "validation": scores})
    value = prediction.select(scores, run.experiment.select)
    if value <= run.best:  # of equals the later one: it has learnt longer
        run.best, run.best_step, run.best_state = value, step, weights_of(run.module)
    run.module.train()


def evaluations(experiment: Experiment) -> set[int]:
    """The steps after which validation is measured: evenly spread over the last 70% of training."""
    n = experiment.n_evaluations
    return {max(1, round(experiment.steps * (0.3 + 0.7 * (i + 1) / n))) for i in range(n)}


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of its weights alone: a pack's modules are views, and copying a view deeply copies the whole pack."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def active_terms(experiment: Experiment, step: int) -> tuple[str, ...]:
    """The loss terms of that step: those with a weight that have started."""
    return tuple(
        t for t, w in experiment.weights.items() if w and step >= experiment.starts.get(t, 0) * experiment.steps
    )


def schedule(step: int, experiment: Experiment) -> float:
    """Factor on the rate: linear from 1/warmup over `warmup` steps, 1 until `hold` of all steps, then linear to 0.02."""
    if step < experiment.warmup:
        return (step + 1) / experiment.warmup
    hold, steps = experiment.hold, experiment.steps
    left = (steps - step) / (steps - hold * steps) if hold < 1 else 1.0
    return max(0.02, min(1.0, left))


def unlabelled_from(experiment: Experiment, method: ModuleType) -> int:
    """The first step that takes unlabelled images; the number of steps if none does."""
    takes = (step for step in range(experiment.steps) if any(method.TERMS[t] for t in active_terms(experiment, step)))
    return next(takes, experiment.steps)


def image_order(run: Run, first_unlabelled: int) -> tuple[Tensor, Tensor]:
    """Indices of a run's labelled (steps x batch) and unlabelled images (the same, from that step on), each image once per epoch.

    Epochs are drawn in the order in which training needs them. A set without images gives no column.
    """
    experiment, steps = run.experiment, run.experiment.steps
    labelled = run.data.labelled.cpu()
    sets = [
        (labelled.nonzero()[:, 0], experiment.batch, 0),
        ((~labelled).nonzero()[:, 0], experiment.batch_unlabelled, first_unlabelled),
    ]
    needed = [
        (start + epoch * len(index) // n, which)
        for which, (index, n, start) in enumerate(sets)
        if len(index) and n
        for epoch in range(-(-(steps - start) * n // len(index)))
    ]
    epochs: tuple[list[Tensor], list[Tensor]] = ([], [])
    for _, which in sorted(needed):
        index = sets[which][0]
        epochs[which].append(index[torch.randperm(len(index), generator=run.generator)])
    return tuple(
        torch.cat(drawn)[: (steps - start) * n].view(steps - start, n) if drawn else index.new_empty(steps - start, 0)
        for drawn, (index, n, start) in zip(epochs, sets, strict=True)
    )


def next_images(orders: list[tuple[Tensor, Tensor]], step: int) -> tuple[Tensor, int]:
    """Indices of that step's images, runs x B with the labelled ones first, and how many are labelled."""
    labelled = torch.stack([order[0][step] for order in orders])
    start = len(orders[0][0]) - len(orders[0][1])
    if step < start:
        return labelled, labelled.shape[1]
    return torch.cat([labelled, torch.stack([order[1][step - start] for order in orders])], 1), labelled.shape[1]


def some_images(run: Run, n: int = 64) -> Tensor:
    """The first n training images, as they are without jitter."""
    images = pixels(run.data.images[:n])
    if not run.experiment.jitter:
        return images
    still = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    return warps.warp_images(images, still, run.experiment.size, warps.MARGIN)


@torch.no_grad()
def health(module: nn.Module, method: ModuleType, images: Tensor, options: dict) -> list[str]:
    """Dead and saturated maps on these images, in words; empty for methods without maps.

    Only soft-argmax can saturate: a cross-entropy over pixels wants its maps as peaked as it can get them.
    """
    if not prediction.sees_images(method):
        return []
    found = method.predict(module, images, options)
    if found.maps is None:
        return []
    largest, entropy = (v.tolist() for v in heatmaps.peakedness(found.maps, found.beta))
    dead = [k for k, v in enumerate(largest) if v < 1e-3]
    saturated = [
        k for k, (v, e) in enumerate(zip(largest, entropy, strict=True)) if v > SATURATED[0] and e < SATURATED[1]
    ]
    if options.get("decoder") == "softmax":
        saturated = []
    return [f"map {k} is dead: it is constant" for k in dead] + [
        f"map {k} is saturated: |beta map| {largest[k]:.0f}, entropy {entropy[k]:.3f} of the full" for k in saturated
    ]
