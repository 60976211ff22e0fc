"""How a network is computed fastest on this device: the form of its convolutions, and how many runs at once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from operator import attrgetter
from typing import Any

from landmarklib import loading, methods
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment

PACKS = (1, 4, 16, 64)  # numbers of runs at once that are tried on a GPU


def pack_key(experiment: Experiment) -> tuple:
    """What the runs of a pack agree in: everything but row, seed, fraction and how much a loss term weighs.

    Steps of a run that has no unlabelled image are smaller, so it is of another kind where steps take such images.
    """
    e, method = experiment, methods.get(experiment.method)
    n = e.train_images or loading.get(e.dataset).counts["train"]
    options = methods.complete(method, e.options)
    takes_unlabelled = methods.takes_unlabelled(method, e.terms, options)
    stages = [replace(s, weights={t: float(bool(w)) for t, w in s.weights.items()}) for s in e.stages]
    values = asdict(replace(e, row="any", seed=0, fraction=0.0, stages=tuple(stages)))
    return json.dumps(values, sort_keys=True), takes_unlabelled and round(e.fraction * n) == n


def network(experiment: Experiment) -> tuple:
    """What decides how fast a network is: data set, method, image side, and the options that set its shape."""
    method = methods.get(experiment.method)
    options = methods.complete(method, experiment.options)
    shape = tuple((n, tuple(v) if isinstance(v := options[n], (list, tuple)) else v) for n in method.shape)
    return experiment.dataset, experiment.method, experiment.size, shape


@cache
def measured_form(
    dataset: str, method: str, size: int, shape: tuple, device: str, runs: int = 1, inference: bool = False
) -> tuple[Any, float]:
    """The fastest form of a pack of this network on this device and its images per second, forward and backward.

    inference: in float32, forward alone.
    """
    import torch

    from landmarklib.nets import forms

    generator, spec = torch.Generator().manual_seed(0), methods.get(method)
    module = spec.build(loading.get(dataset), size, {**spec.options, **dict(shape)}, generator).to(device).eval()
    seen = (1, size, size) if spec.input == "images" else (len(loading.get(dataset).landmarks), 2)
    images = torch.rand(16, *seen, generator=generator).to(device)
    return forms.fastest_form(attrgetter(spec.costly)(module), images, runs, inference=inference)


@cache
def pack_size(dataset: str, method: str, size: int, shape: tuple, device: str) -> int:
    """How many runs to train at once: on a GPU the least number that is nearly as fast as any that fits; else one.

    A processor gains nothing from a pack: there, each core trains a run of its own.
    """
    import torch

    if not device.startswith("cuda") or not methods.get(method).packable:
        return 1
    rates: dict[int, float] = {}
    for runs in PACKS:
        try:
            rates[runs] = measured_form(dataset, method, size, shape, device, runs)[1]
        except torch.OutOfMemoryError:
            break
        finally:
            torch.cuda.empty_cache()
    if not rates:
        free, total = (n / 2**30 for n in torch.cuda.mem_get_info(device))
        raise UserError(f"device: {device} has {free:.1f} of {total:.1f} GiB free, too little for one run of {method}")
    return next(runs for runs, rate in rates.items() if rate > 0.9 * max(rates.values()))
