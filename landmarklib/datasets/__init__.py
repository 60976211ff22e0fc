"""Data sets: one file each, the folder is the registry. numpy only, never a method.

To add one: a new file with `load(root, split, size) -> Annotations` (raise `DataMissing` with instructions where the
data is not here) and a constant `DATASET`. It is then found by its file name and tested by tests/test_contracts.py.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from landmarklib.types import Annotations, UserError

HELPERS = {"raster"}  # files of this folder that are not data sets


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


def label_order(ids: tuple[str, ...], classes: Int[np.ndarray, " N"] | None, seed: int) -> Int[np.ndarray, " N"]:
    """All images in the order in which they get their landmarks: prefixes are the labelled subsets, so they nest.

    The order hashes (seed, id): it does not depend on the process, the machine or the order of the files. With classes, every
    round takes one image of each class, so any prefix is balanced as far as its length and the class counts allow.
    """
    digest = np.array([hashlib.sha256(f"{seed}:{i}".encode()).hexdigest() for i in ids])
    order = np.argsort(digest)
    if classes is None:
        return order
    seen: dict[int, int] = {}
    rounds = np.empty(len(ids), np.int64)
    for i in order:
        rounds[i] = seen[classes[i]] = seen.get(classes[i], -1) + 1
    return order[np.argsort(rounds[order], kind="stable")]


def label_subset(
    ids: tuple[str, ...], fraction: float, seed: int, classes: Int[np.ndarray, " N"] | None = None
) -> Int[np.ndarray, " n"]:
    """Indices of the labelled images, sorted: round(fraction * N) of them, the first of `label_order`."""
    return np.sort(label_order(ids, classes, seed)[: round(fraction * len(ids))])


def ids_hash(ids: list[str]) -> str:
    """12 hex digits over a list of names, whatever its order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12]


def fingerprint(annotations: Annotations) -> str:
    """16 hex digits over images, points and ids: two runs with the same print saw the same data."""
    points: Float[np.ndarray, "N K 2"] = np.round(annotations.points.astype(np.float64), 3)
    digest = hashlib.sha256(annotations.images.tobytes() + points.tobytes() + "\n".join(annotations.ids).encode())
    return digest.hexdigest()[:16]
