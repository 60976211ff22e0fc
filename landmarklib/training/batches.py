"""Which images a step takes: each image once per epoch, in an order that the run's generator decides."""

from __future__ import annotations

import torch
from torch import Tensor

from landmarklib.core.stages import Stage
from landmarklib.training.state import TrainState


def image_order(run: TrainState, stage: Stage, first_unlabelled: int) -> tuple[Tensor, Tensor]:
    """Indices of a run's labelled images, steps x batch, and of its unlabelled ones from their first step on.

    Each image comes once per epoch. Epochs are drawn in the order in which training needs them. A set without images
    gives no column, or all labelled images take the places of unlabelled ones (`Stage.refill`). An image with
    pseudo-labels is in both sets: how many images a step takes depends on the true labels alone. The labelled ones are
    the same, and in the same order, whatever the share of the others that the stage sees.
    """
    # DEVIATION: a step takes a fixed number of labelled and of unlabelled images, as many of each in most tables;
    # honari2018 does not say how its batches mix them.
    steps, labelled = stage.steps, run.data_of(stage).labelled.cpu()
    given = labelled if stage.dataset else run.given.cpu()
    others = given if stage.refill and given.all() else ~given
    sets = [
        (labelled.nonzero()[:, 0], stage.batch, 0),
        (others.nonzero()[:, 0], stage.batch_unlabelled, first_unlabelled),
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
    first, second = (
        torch.cat(drawn)[: (steps - start) * n].view(steps - start, n) if drawn else index.new_empty(steps - start, 0)
        for drawn, (index, n, start) in zip(epochs, sets, strict=True)
    )
    return first, of_fewer(run, stage, sets[1][0], second) if stage.unlabelled < 1 and second.numel() else second


def of_fewer(run: TrainState, stage: Stage, index: Tensor, order: Tensor) -> Tensor:
    """An order like this one of the share of the images that a stage sees (`Stage.unlabelled`).

    The seed alone decides which these are, so shares nest, and the run's generator goes on as with all images.
    """
    generator = torch.Generator().manual_seed(run.experiment.seed)
    kept = index[torch.randperm(len(index), generator=generator)[: stage.n_unlabelled(len(index))]]
    epochs = [kept[torch.randperm(len(kept), generator=generator)] for _ in range(-(-order.numel() // len(kept)))]
    return torch.cat(epochs)[: order.numel()].view_as(order)


def next_images(orders: list[tuple[Tensor, Tensor]], step: int) -> tuple[Tensor, int]:
    """Indices of that step's images, runs x B with the labelled ones first, and how many are labelled."""
    labelled = torch.stack([order[0][step] for order in orders])
    start = len(orders[0][0]) - len(orders[0][1])
    if step < start:
        return labelled, labelled.shape[1]
    return torch.cat([labelled, torch.stack([order[1][step - start] for order in orders])], 1), labelled.shape[1]
