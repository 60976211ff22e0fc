"""Data sets: one file each, the folder is the registry. numpy only, never a method.

To add one, add a file with a constant `DATASET`. A generated set has `load(root, split, size) -> Annotations`. One that
is read from its publisher's archive has `read(folder) -> {split: Listing}`, written with the functions of `formats`,
which say what is wrong with a file, and of `formats.layout`, which pair photos with their labels and make listings; and
`write_standin(folder, counts, seed)`, which writes a stand-in in the same layout and returns what `read` finds there.
The set is then found by the name of its file and tested by tests/datasets/test_every_dataset.py,
tests/loading/test_data.py and tests/standins/test_standins.py.
"""

from __future__ import annotations

import importlib
import pkgutil

from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError


def names() -> list[str]:
    """All data sets of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> Dataset:
    """The data set of that name, as its file has it. Raises UserError that lists the known ones."""
    if name not in names():
        raise UserError(f"unknown data set {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}").DATASET
