"""Data sets: one file each, the folder is the registry. numpy only, never a method.

To add one: a new file with a constant `DATASET`. A generated set has `load(root, split, size) -> Annotations`; one that is read from its publisher's
archive has `read(folder) -> {split: Listing}`, written with the functions of `archive.py`, which find its folder and say what is wrong with a file. It is
then found by its file name and tested by tests/test_contracts.py and tests/test_data.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from landmarklib.types import Annotations, Listing, Recipe, UserError

# Files of this folder that are not data sets.
HELPERS = {"archive", "bundle", "crops", "labels", "lengths", "raster", "tiers"}


@dataclass(frozen=True)
class Source:
    """A file that anybody may download. to: where it goes below the data root, a file's name, or a folder's for an archive to be unpacked."""

    url: str
    sha256: str
    to: str


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
    unit: str  # of the reported error, in words
    tier: str  # paper, open or stand-in
    licence: str
    obtain: str
    citation: str
    assumptions: tuple[str, ...]  # what the paper leaves open and is decided here
    attributes: Mapping[str, int] = field(default_factory=dict)  # name -> number of classes, 0 for a real number
    load: Callable[[object, str, int], Annotations] | None = None  # of a generated set
    read: Callable[[Path], Mapping[str, Listing]] | None = None  # of a set in its publisher's layout
    # folder, split -> N x C x H x W, where one file holds many images
    images: Callable[[Path, str], np.ndarray] | None = None
    # (folder, counts, seed): writes stand-ins in that layout and gives what `read` must find
    imitate: Callable[..., Mapping[str, Listing]] | None = None
    length: Callable[[Listing], np.ndarray] | None = None  # that unit in pixels of each photo; none where it is a pixel
    lengths: Mapping[str, Callable[[Listing], np.ndarray]] = field(default_factory=dict)  # others in use, by name
    # name of a part of the test images -> attribute and its values
    subsets: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    # split -> hash of its ids in the whole archive (`labels.ids_hash`), so that it cannot move
    ids: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""  # of that layout, below a data root
    recipe: Recipe = field(default_factory=Recipe)  # how its photos are cut
    sources: tuple[Source, ...] = ()  # for `landmarklib data fetch`; none where it may not be had without asking
    # split -> by how many pixels of the photo, in x and y, its points may stand too far right and down: reported beside the points as given
    displaced: Mapping[str, float] = field(default_factory=dict)
    layout: str = ""
    traps: tuple[str, ...] = ()  # what a reader of these files gets wrong
    beyond: float = 0.0  # how far counted points may lie outside their image, as a share of its longer side


def names() -> list[str]:
    """All data sets of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in HELPERS)


def get(name: str) -> Dataset:
    """The data set of that name, its stand-in (`stand-in-NAME`) or the part of it that is here (`part-of-NAME`). Raises UserError that lists the known ones."""
    from landmarklib.datasets import tiers

    for prefix, made in ((tiers.STAND_IN, tiers.stand_in), (tiers.PART, tiers.part)):
        if name.startswith(prefix):
            return made(get(name.removeprefix(prefix)))
    if name not in names():
        raise UserError(f"unknown data set {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}").DATASET


@lru_cache(maxsize=8)
def split(name: str, which: str, size: int, margin: float = 1.0) -> Annotations:
    """One split of a data set, kept in memory for the next run or figure of this process; photos as crops, which stay on the disk unless they come from a bundle.

    margin: a photo's crop is so many times as wide as the data set's recipe says.
    """
    from landmarklib.datasets import crops

    dataset = get(name)
    if dataset.load:
        return dataset.load(None, which, size)
    recipe = replace(dataset.recipe, enlarge=margin * dataset.recipe.enlarge)
    return crops.load(replace(dataset, recipe=recipe), which, size)
