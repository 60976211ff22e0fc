"""Methods: one file each, the folder is the registry. A method is written for ONE run and keeps no global state.

To add one, write a file with:
    OPTIONS: dict           every option with its default; an experiment may set no other
    TERMS: dict             name of each loss term -> True where it needs no landmark labels
    build(dataset, size, options, generator) -> torch module
    loss(module, batch, terms, options, noise) -> {term: a value for each image that the term counts}
    predict(module, images, options) -> Prediction
    GIVEN = "points", only where it predicts from the true points instead of images
It is then found by its file name and tested by tests/test_contracts.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from landmarklib import loading
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from landmarklib.core.dataset import Dataset


class Prediction(NamedTuple):
    """points: B x K x 2 in [-1, 1]; None from a method that is given them. attributes: of each one B x classes, logits, or B x 1, an angle in radians. maps: B x K
    x H x W before the softmax, or None; beta: the softmax's inverse temperature. others: the points as other readings of the same maps have
    them, by name."""

    points: Tensor | None
    attributes: tuple[Tensor, ...] = ()
    maps: Tensor | None = None
    beta: float = 1.0
    others: Mapping[str, Tensor] = MappingProxyType({})


def outputs(dataset: Dataset, options: dict) -> list[int]:
    """Of each attribute that a method is asked to predict, its number of classes, or 1 for an angle. Raises UserError for one that the data set lacks."""
    known = dataset.attributes
    for name in options["attributes"]:
        if name not in known:
            raise UserError(f"attributes: {dataset.name} has no {name!r}; it has {', '.join(known) or 'none'}")
    return [known[name] or 1 for name in options["attributes"]]


def names() -> list[str]:
    """All methods of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> ModuleType:
    """The method of that name. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown method {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def complete_options(experiment: Experiment) -> dict:
    """The method's defaults with the experiment's changes. Raises UserError for an option or term that the method lacks."""
    pass

    method = get(experiment.method)
    for kind, given, known in (
        ("option", experiment.options, method.OPTIONS),
        ("loss term", experiment.weights, method.TERMS),
    ):
        if unknown := set(given) - set(known):
            raise UserError(f"{experiment.method}: unknown {kind} {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    complete = {**method.OPTIONS, **experiment.options}
    for term in {"classes", "angles"} & {term for term, weight in experiment.weights.items() if weight}:
        known = loading.get(experiment.dataset).attributes
        if term not in {"classes" if known.get(name, 1) else "angles" for name in complete["attributes"]}:
            raise UserError(f"{experiment.method}: the loss term {term!r} needs attributes of that kind in the options")
    return complete
