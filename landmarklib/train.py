"""The one training loop, top to bottom. It knows tensors and terms; it knows no table, no file and no device setting."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType

import torch
from torch import Tensor, nn

from landmarklib import coords, evaluate, heatmaps, losses
from landmarklib.experiment import Experiment
from landmarklib.types import Annotations, Batch

SATURATED = (
    200.0,
    0.02,
)  # largest |beta * map| and share of the full entropy beyond which a softmax has no gradient left


@dataclass(frozen=True)
class Data:
    """One split on the device: uint8 images, points in [-1, 1] (NaN for unlabelled images), visible, labelled, classes."""

    images: Tensor
    points: Tensor
    visible: Tensor
    labelled: Tensor
    classes: Tensor

    def batch(self, index: Tensor) -> Batch:
        """The images of that index, as float32 in [0, 1]."""
        return Batch(
            self.images[index].float() / 255,
            self.points[index],
            self.visible[index],
            self.labelled[index],
            self.classes[index],
        )


@dataclass
class Outcome:
    """What training leaves: the module at its best validation value, the curve, and what went wrong on the way."""

    module: nn.Module
    curve: list[dict] = field(default_factory=list)
    best_step: int = 0
    failure: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    passes: int = 0


def to_device(annotations: Annotations, labelled: Tensor | None, device: torch.device) -> Data:
    """A split as tensors. labelled: indices of the images that keep their points; None keeps all."""
    n, size = len(annotations), annotations.images.shape[-1]
    mask = torch.ones(n, dtype=torch.bool)
    if labelled is not None:
        mask = torch.zeros(n, dtype=torch.bool)
        mask[labelled] = True
    points = coords.to_norm(torch.from_numpy(annotations.points).float(), (size, annotations.images.shape[-2]))
    visible = torch.from_numpy(annotations.visible) & mask[:, None]
    points = points.where(visible[..., None], torch.nan)
    classes = torch.from_numpy(annotations.attributes["class"])
    parts = (torch.from_numpy(annotations.images), points, visible, mask, classes)
    return Data(*(part.to(device) for part in parts))


def train(
    module: nn.Module,
    method: ModuleType,
    experiment: Experiment,
    data: Data,
    validation: Annotations,
    options: dict,
    generator: torch.Generator,
    progress: Callable[[int], None] = lambda images: None,
) -> Outcome:
    """Train in place and return the module as it was at its best validation value.

    Adam, linear warm-up, a plateau, linear decay. progress is told how many image passes each step made.
    """
    device = data.images.device
    outcome = Outcome(module)
    start = time.perf_counter()
    named = list(module.named_parameters())
    body, head = ([p for n, p in named if n.startswith("head.") == is_head] for is_head in (False, True))
    groups = [
        {"params": body, "base": experiment.rate},
        {"params": head, "base": experiment.rate * experiment.head_rate},
    ]
    optimizer = torch.optim.Adam([g for g in groups if g["params"]], lr=experiment.rate, fused=True)
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    labelled = endless(data.labelled.nonzero()[:, 0].cpu(), experiment.batch, generator)
    unlabelled = endless((~data.labelled).nonzero()[:, 0].cpu(), experiment.batch_unlabelled, generator)
    best, best_state = float("inf"), copy.deepcopy(module.state_dict())
    measured = evaluations(experiment)
    module.train()
    for step in range(experiment.steps):
        terms = {
            t for t, w in experiment.weights.items() if w and step >= experiment.starts.get(t, 0) * experiment.steps
        }
        index = [next(labelled)] + ([next(unlabelled)] if any(method.TERMS[t] for t in terms) else [])
        batch = data.batch(torch.cat(index).to(device))
        values = method.loss(module, batch, terms, options, noise)
        total = sum(experiment.weights[t] * losses.masked_mean(*values[t]) for t in terms)
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * schedule(step, experiment.steps, experiment.warmup, experiment.hold)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        passes = len(batch.images) + (len(values["elt"][0]) if "elt" in values else 0)
        outcome.passes += passes
        progress(passes)
        if step + 1 in measured:
            if not all(bool(t.isfinite().all()) for t in (total, *module.parameters())):
                outcome.failure = f"loss or weights are not finite at step {step + 1} of {experiment.steps}"
                break
            scores = evaluate.scores(module, method, validation, options, device)
            parts = {t: float(losses.masked_mean(*v).detach()) for t, v in values.items()}
            outcome.curve.append({"step": step + 1, "loss": parts, "validation": scores})
            value = evaluate.select(scores, experiment.select)
            if value <= best:  # of equals the later one: it has learnt longer
                best, outcome.best_step, best_state = value, step + 1, copy.deepcopy(module.state_dict())
            module.train()
    module.load_state_dict(best_state)
    module.eval()
    outcome.seconds = time.perf_counter() - start
    outcome.warnings = health(module, method, data, options)
    return outcome


def evaluations(experiment: Experiment) -> set[int]:
    """The steps after which validation is measured: evenly spread over the last 70% of training."""
    n = experiment.n_evaluations
    return {max(1, round(experiment.steps * (0.3 + 0.7 * (i + 1) / n))) for i in range(n)}


def schedule(step: int, steps: int, warmup: int, hold: float) -> float:
    """Factor on the rate: linear from 1/warmup over `warmup` steps, 1 until `hold` of all steps, then linear to 0.02."""
    if step < warmup:
        return (step + 1) / warmup
    left = (steps - step) / (steps - hold * steps) if hold < 1 else 1.0
    return max(0.02, min(1.0, left))


def endless(index: Tensor, n: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches of n indices for ever, each image once per epoch in an order drawn anew; an empty index gives empty batches."""
    pool = index[:0]
    while True:
        while 0 < len(index) and len(pool) < n:
            pool = torch.cat([pool, index[torch.randperm(len(index), generator=generator)]])
        yield pool[:n]
        pool = pool[n:]


@torch.no_grad()
def health(module: nn.Module, method: ModuleType, data: Data, options: dict) -> list[str]:
    """Dead and saturated maps on the first 64 training images, in words; empty for methods without maps.

    Only soft-argmax can saturate: a cross-entropy over pixels wants its maps as peaked as it can get them.
    """
    prediction = method.predict(
        module, data.batch(torch.arange(min(64, len(data.images)), device=data.images.device)).images, options
    )
    if prediction.maps is None:
        return []
    largest, entropy = (v.tolist() for v in heatmaps.peakedness(prediction.maps, prediction.beta))
    dead = [k for k, v in enumerate(largest) if v < 1e-3]
    saturated = [
        k for k, (v, e) in enumerate(zip(largest, entropy, strict=True)) if v > SATURATED[0] and e < SATURATED[1]
    ]
    if options.get("decoder") == "softmax":
        saturated = []
    return [f"map {k} is dead: it is constant" for k in dead] + [
        f"map {k} is saturated: |beta map| {largest[k]:.0f}, entropy {entropy[k]:.3f} of the full" for k in saturated
    ]
