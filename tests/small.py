"""Small runs for the tests of training: Seq-MT on 16-pixel Blocks, and a method whose network is a single number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from experiments import flat

from landmarklib import loading
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Method, Prediction, Term
from landmarklib.core.types import Annotations
from landmarklib.datasets import blocks
from landmarklib.methods import seq_mt
from landmarklib.training import train
from landmarklib.training.state import Data, TrainState, annotated

SIZE = 16
CPU = torch.device("cpu")
OPTIONS = {**seq_mt.METHOD.options, "kernel": 5, "depth": 2, "hidden": [16], "dropout": 0.0}
EVERYTHING = {"landmarks": 900.0, "elt": 270.0, "classes": 10.0}


def experiment(**changes: Any) -> Experiment:
    """30 steps of Seq-MT with landmarks alone. changes: fields of `Flat`."""
    values = {
        "table": "blocks",
        "row": "Seq-MT (L)",
        "dataset": "blocks",
        "method": "seq_mt",
        "options": {},
        "weights": {"landmarks": 900.0},
        "starts": {},
        "fraction": 0.5,
        "seed": 0,
        "budget": "smoke",
        "images": 240,
        "batch": 8,
        "batch_unlabelled": 4,
        "rate": 0.003,
        "head_rate": 1.0,
        "warmup": 2,
        "hold": 0.4,
        "size": SIZE,
        "train_images": 0,
        "n_evaluations": 4,
        "evaluation_images": 32,
        "test_images": 0,
        "select": "error_px",
    }
    return flat(**{**values, **changes})


def annotations(n: int, seed: int) -> Annotations:
    """Images of Blocks."""
    return blocks.generate(n, seed, SIZE)


def data_of(a: Annotations, labelled: torch.Tensor | None = None) -> Data:
    """The same on the CPU, with the labels of these images or of all."""
    return annotated(a, labelled, torch.from_numpy(a.images))


def blocks_run(e: Experiment, n_labelled: int = 64) -> TrainState:
    """A run of Seq-MT on 128 images, not trained yet."""
    generator = torch.Generator().manual_seed(e.seed)
    module = seq_mt.build(loading.get("blocks"), SIZE, OPTIONS, generator)
    return TrainState(e, module, data_of(annotations(128, 0), torch.arange(n_labelled)), generator)


def train_blocks(e: Experiment, method: Method = seq_mt.METHOD, **more: Any) -> TrainState:
    """The same, trained."""
    run = blocks_run(e)
    train.train([run], method, annotations(32, 1), OPTIONS, **more)
    return run


class Walker(torch.nn.Module):
    """A single number, which the method below moves up by one rate a step and reads as x of every point."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.tensor(-1.0))


def uncalled(*given: Any) -> Any:
    """The part of a method that a test has no use for."""
    raise AssertionError(f"called with {given}")


def fake(loss: Callable = uncalled, predict: Callable = uncalled, **parts: Any) -> Method:
    """A method of one term, `landmarks`. parts: others of `Method`."""
    values = {"options": {}, "terms": {"landmarks": Term("labelled")}, "build": Walker, "costly": ""}
    return Method(name="fake", loss=loss, predict=predict, **{**values, **parts})


def walking(factor: Callable[[int], float] = lambda step: 1.0) -> Method:
    """What moves a `Walker`. factor: of the loss, by step."""
    steps = iter(range(1000))

    def loss(models, batch, terms, options, noise):
        step = next(steps) if torch.is_grad_enabled() else 0  # a pack first looks at what is drawn, without gradient
        return {"landmarks": -models.student.x * factor(step) * torch.ones(batch.n_labelled)}

    def predict(module, images, options):
        return Prediction(torch.stack([module.x, torch.zeros(())]).expand(len(images), 5, 2))

    return fake(loss, predict)


def walk(method: Method, target: float = 0.0, **changes: Any) -> TrainState:
    """100 steps of about 0.02 from x = -1; the validation points lie at `target`."""
    e = experiment(**{"images": 800, "rate": 0.02, "warmup": 1, "hold": 1.0, "n_evaluations": 7, **changes})
    val = annotations(32, 1)
    points = np.full_like(val.points, (SIZE - 1) / 2)
    points[..., 0] += target * SIZE / 2
    val = Annotations(val.images, points, val.visible, val.ids, val.attributes)
    run = TrainState(e, Walker(), data_of(annotations(64, 0)), torch.Generator().manual_seed(0))
    train.train([run], method, val, {})
    return run
