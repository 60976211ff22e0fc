"""Blocks for every method: with an angle beside the class, and packs at the paper's image side, trained for 16 steps,
the same on the CPU and on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from experiments import changed

from landmarklib import loading, methods, tables
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN, Annotations
from landmarklib.datasets import blocks
from landmarklib.nets import forms
from landmarklib.training import pack, train
from landmarklib.training.state import TrainState, annotated

SIZE, N = 60, 48
DATASET = replace(loading.get("blocks"), attributes={"class": 15, "angle": 0})
ATTRIBUTES = ["class", "angle"]
SMALL = {  # five levels of 64 maps would take minutes
    "rcn": {"widths": [4, 4]},
    "fse": {"widths": [4, 6, 8, 8, 12]},
    "imm": {"width": 4},
    "hrnet": {"stem": [4, 2, 2], "width": 4, "modules": [1, 1, 1], "depth": 2, "bottlenecks": [1, 4], "painter": 4},
    "two_step": {"widths": [4, 6], "features": 8, "maps_width": 4, "points": 12},
}
OF_POINTS = [name for name in methods.names() if not methods.get(name).pixelwise]  # others need other labels
JITTER = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.1}
BASE = tables.get("blocks").experiments(budget="smoke")[0]
WEIGHTS = {"landmarks": 10.0, "classes": 1.0, "angles": 1.0, "elt": 5.0}


@cache  # drawn once; nothing writes to it
def with_angle(n: int, seed: int, size: int) -> Annotations:
    """Images of Blocks whose second attribute is the direction from the second point to the first, in degrees."""
    a = blocks.generate(n, seed, size)
    right, down = (a.points[:, 0] - a.points[:, 1]).T
    angle = np.rad2deg(np.arctan2(down, right)).astype(np.float64)
    return replace(a, attributes={**a.attributes, "angle": angle})


def select_of(name: str) -> str:
    """What a method's checkpoint is chosen by: one that is given the points has no error of them, and of points without
    a name there is none before they are read.
    """
    method = methods.get(name)
    if not method.named:
        return "equivariance_ratio"
    return "error_px" if method.input == "images" else "angle_error_degrees"


def options_of(name: str, dropout: float) -> dict:
    """A method's defaults, with small networks where they would take minutes, and with an angle beside the class."""
    known = methods.get(name).options
    given = {"attributes": ATTRIBUTES, "dropout": dropout}
    return {**known, **SMALL.get(name, {}), **{key: value for key, value in given.items() if key in known}}


def experiment(name: str, seed: int, onset: dict[str, float], jitter: dict[str, float]) -> Experiment:
    """Of any method, whether Blocks has a row of it or not; each seed weighs the landmarks otherwise. onset: of its
    terms.
    """
    e = changed(
        BASE,
        method=name,
        seed=seed,
        size=SIZE,
        weights={term: WEIGHTS.get(term, 1.0) + seed * (term == "landmarks") for term in onset},
        starts=onset,
        jitter=jitter,
        images=128,
        batch=8,
        batch_unlabelled=4,
        rate=0.0001,
        warmup=2,
        n_evaluations=2,
        select=select_of(name),
    )
    stages = tuple(replace(stage, ema=0.9 if taught(name, onset) else 0.0) for stage in e.stages)
    readout = methods.default_readout(methods.get(name), e.fraction)
    return replace(e, stages=stages, evaluation=replace(e.evaluation, readout=readout))


def taught(name: str, terms: Iterable[str]) -> bool:
    """Whether one of the terms asks a teacher."""
    return any(methods.get(name).terms[term].teacher for term in terms)


def runs_of(
    name: str,
    device: str,
    seeds: list[int],
    form: forms.Form,
    onset: dict[str, float],
    dropout: float,
    jitter: dict[str, float] | None = None,
    changes: dict | None = None,
) -> tuple[list[TrainState], dict]:
    """A run for each seed, not trained yet, and the method's options.

    onset: of the terms.
    jitter: of images that are larger than what the network sees.
    changes: to the options.
    """
    method, options, runs = methods.get(name), options_of(name, dropout) | (changes or {}), []
    a, margin = with_angle(N, 0, 2 * SIZE if jitter else SIZE), MARGIN if jitter else 1.0
    images = torch.from_numpy(a.images).to(device)
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        module = method.build(DATASET, SIZE, options, generator).to(device)
        forms.set_form(module, form)
        labelled = torch.randperm(N, generator=torch.Generator().manual_seed(seed))[:16]
        data = annotated(a, labelled, images, ATTRIBUTES, margin)
        teacher = deepcopy(module) if taught(name, onset) else None
        runs.append(TrainState(experiment(name, seed, onset, jitter or {}), module, data, generator, teacher))
    return runs, options


def losses_of(name: str, *given, **named) -> list[list[dict[str, float]]]:
    """Terms of 16 steps of a pack, run by run; the arguments are those of `runs_of`."""
    runs, options = runs_of(name, *given, **named)
    noted, step = [], pack.Pack.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack.Pack, "step", lambda self, *given: (step(self, *given), noted.append(self.parts())))
        train.train(runs, methods.get(name), with_angle(8, 1, SIZE), options)
    return noted


def about(parts: dict[str, float]):
    """Of 10^6 ReLUs a step some are tipped over by rounding, and training blows that up."""
    return pytest.approx(parts, rel=0.02)
