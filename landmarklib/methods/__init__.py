"""Methods: one file each, the folder is the registry. A method is written for ONE run and keeps no global state.

To add one, write a file with:
    OPTIONS: dict           every option with its default; an experiment may set no other
    TERMS: dict             name of each loss term -> True where it needs no landmark labels
    build(dataset, size, options, generator) -> torch module
    loss(module, batch, terms, options, noise) -> {term: a value for each image that the term counts}
    predict(module, images, options) -> Prediction
It is then found by its file name and tested by tests/test_contracts.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from landmarklib.types import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from landmarklib.datasets import Dataset


class Prediction(NamedTuple):
    """points: B x K x 2 in [-1, 1]. logits: B x classes of each attribute, or None without a class head. maps: B x K x H x W before the
    softmax, or None; beta: the softmax's inverse temperature. others: the points as other readings of the same maps have them, by name."""

    points: Tensor
    logits: tuple[Tensor, ...] | None = None
    maps: Tensor | None = None
    beta: float = 1.0
    others: Mapping[str, Tensor] = MappingProxyType({})


def classes_of(dataset: Dataset, options: dict) -> list[int]:
    """Number of classes of each attribute that a method is asked to predict. Raises UserError for one that the data set lacks."""
    known = {name: n for name, n in dataset.attributes.items() if n}
    for name in options["attributes"]:
        if name not in known:
            raise UserError(f"attributes: {dataset.name} has no classes {name!r}; it has {', '.join(known) or 'none'}")
    return [known[name] for name in options["attributes"]]


def names() -> list[str]:
    """All methods of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> ModuleType:
    """The method of that name. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown method {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
