"""Adam over stacked parameters, with rates by group; clipping run by run; the moving average that is a teacher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from landmarklib.core.method import Method
from landmarklib.core.stages import Stage


def group_of(name: str, method: Method) -> str:
    """The method's group of a parameter of the network; empty for one that is in none."""
    return next((g for g, path in method.groups.items() if name.startswith(f"{path}.")), "")


def adam(parameters: Mapping[str, Tensor], method: Method, stage: Stage, device: torch.device) -> torch.optim.Adam:
    """Adam of the parameters that the stage trains, with rates as tensors, which a captured step reads.

    parameters: by their names in the network.
    """
    o = stage.optimizer
    by_group: dict[str, list[Tensor]] = {}
    for name, parameter in parameters.items():
        by_group.setdefault(group_of(name, method), []).append(parameter)
    groups = [
        {"params": members, "base": o.rate * o.rates.get(group, 1.0), "lr": torch.tensor(0.0, device=device)}
        for group, members in sorted(by_group.items())
    ]
    return torch.optim.Adam(
        groups, betas=(0.9, o.beta2), weight_decay=o.weight_decay, fused=True, capturable=device.type == "cuda"
    )


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to its own times the schedule's factor."""
    for group in optimizer.param_groups:
        group["lr"].fill_(group["base"] * factor)


def clip_gradients(parameters: Iterable[Tensor], largest: float) -> None:
    """Shorten each run's gradient, over all its parameters, to the largest norm; 0 leaves it. parameters: runs x ..."""
    gradients = [p.grad for p in parameters if p.grad is not None] if largest else []
    if not gradients:
        return
    norm = torch.stack([torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients]).norm(dim=0)
    factor = (largest / norm).clamp(max=1.0)
    for g in gradients:
        g *= factor.view(-1, *[1] * (g.dim() - 1))


@torch.no_grad()
def average(teacher: Mapping[str, Tensor], student: Mapping[str, Tensor], decay: float) -> None:
    """teacher = decay * teacher + (1 - decay) * student, in place; counters, which are whole numbers, are copied."""
    for name, value in teacher.items():
        if value.is_floating_point():
            value.lerp_(student[name].to(value.dtype), 1 - decay)
        else:
            value.copy_(student[name])
