"""Data sets: one file each, the folder is the registry. numpy only, never a method.

To add one: a new file with `load(root, split, size) -> Annotations` (raise `DataMissing` with instructions where the
data is not here) and a constant `DATASET`. It is then found by its file name and tested by tests/test_contracts.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from landmarklib.types import Annotations, UserError

HELPERS = {"labels", "raster"}  # files of this folder that are not data sets


@dataclass(frozen=True)
class Dataset:
    """What is true of a data set whoever uses it. A fact about a data set stands in its file and nowhere else."""

    name: str
    title: str
    landmarks: tuple[str, ...]
    mirror: tuple[int, ...]  # index of each landmark after a left-right flip
    skeleton: tuple[tuple[int, int], ...]
    counts: Mapping[str, int]  # images per split
    size: int  # side of the images in pixels, unless an experiment asks for another
    n_classes: int
    unit: str  # of the reported error
    tier: str  # paper, open or stand-in
    licence: str
    obtain: str
    citation: str
    assumptions: tuple[str, ...]  # what the paper leaves open and is decided here
    load: Callable[[object, str, int], Annotations]


def names() -> list[str]:
    """All data sets of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in HELPERS)


def get(name: str) -> Dataset:
    """The data set of that name. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown data set {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}").DATASET


@lru_cache(maxsize=8)
def split(name: str, which: str, size: int) -> Annotations:
    """One split of a data set, kept in memory for the next run or figure of this process."""
    return get(name).load(None, which, size)
