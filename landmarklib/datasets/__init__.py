"""Data sets: one file each, the folder is the registry. numpy only, never a method.

To add one: a new file with a constant `DATASET`. A generated set has `load(root, split, size) -> Annotations`; one that is read from its publisher's
archive has `read(folder) -> {split: Listing}`, written with the functions of `archive.py`, which find its folder and say what is wrong with a file. It is
then found by its file name and tested by tests/test_contracts.py and tests/test_data.py.
"""

from __future__ import annotations

import importlib
import pkgutil

from landmarklib.core.dataset import Dataset
from landmarklib.core.types import UserError


def names() -> list[str]:
    """All data sets of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> Dataset:
    """The data set of that name, as its file has it. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown data set {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}").DATASET
