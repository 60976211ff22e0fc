"""Data sets as arrays: by name, split by split, whether generated, cut from photos or taken from a bundle. No torch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

from landmarklib import datasets
from landmarklib.core import subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN, Annotations, UserError


def training(experiment: Experiment) -> Annotations:
    """The training split; where its images are jittered, larger ones to cut from, a quarter finer than those that the network sees."""
    e = experiment
    if not e.jitter:
        return split(e.dataset, "train", e.size)
    if get(e.dataset).load:
        raise UserError(f"jitter: {e.dataset} is generated and varies enough; jitter is for photos")
    return split(e.dataset, "train", 2 * e.size, MARGIN)


@cache
def split_fingerprint(dataset: str, size: int) -> str:
    """One fingerprint over all splits."""
    prints = [subsets.fingerprint(split(dataset, s, size)) for s in sorted(get(dataset).counts)]
    return subsets.ids_hash(prints)


def tier(dataset: Dataset, size: int) -> str:
    """The data set's; a generated one at another image side than the paper's is a stand-in."""
    return "stand-in" if dataset.load and size != dataset.size else dataset.tier


def first(annotations: Annotations, n: int) -> Annotations:
    """The first n images; 0 keeps all."""
    if not n:
        return annotations
    attributes = {name: value[:n] for name, value in annotations.attributes.items()}
    a = annotations
    unit, pixel = (None if v is None else v[:n] for v in (a.unit, a.pixel))
    parts = {"images": a.images[:n], "points": a.points[:n], "visible": a.visible[:n], "ids": a.ids[:n]}
    units = {name: value[:n] for name, value in a.units.items()}
    return replace(a, **parts, attributes=attributes, unit=unit, pixel=pixel, units=units)


def get(name: str) -> Dataset:
    """The data set of that name, its stand-in (`stand-in-NAME`) or the part of it that is here (`part-of-NAME`). Raises UserError that lists the known ones."""
    from landmarklib.loading import tiers

    for prefix, made in ((tiers.STAND_IN, tiers.stand_in), (tiers.PART, tiers.part)):
        if name.startswith(prefix):
            return made(get(name.removeprefix(prefix)))
    return datasets.get(name)


@lru_cache(maxsize=8)
def split(name: str, which: str, size: int, margin: float = 1.0) -> Annotations:
    """One split of a data set, kept in memory for the next run or figure of this process; photos as crops, which stay on the disk unless they come from a bundle.

    margin: a photo's crop is so many times as wide as the data set's recipe says.
    """
    from landmarklib.loading import crops

    dataset = get(name)
    if dataset.load:
        return dataset.load(None, which, size)
    recipe = replace(dataset.recipe, enlarge=margin * dataset.recipe.enlarge)
    return crops.load(replace(dataset, recipe=recipe), which, size)


# --- temporary, until part-b arrives
from typing import NamedTuple  # noqa: E402


class Crop(NamedTuple):
    size: int
    margin: float = 1.0


_split = split


def split(name, which, crop, margin=1.0):
    return _split(name, which, *crop) if isinstance(crop, Crop) else _split(name, which, crop, margin)


split.cache_clear = _split.cache_clear


def crops_of(e):
    if e.jitter and get(e.dataset).load:
        raise UserError(f"jitter: {e.dataset} is generated and varies enough; jitter is for photos")
    return {n: Crop(2 * e.size, MARGIN) if e.jitter and n == "train" else Crop(e.size) for n in get(e.dataset).counts}


def described(e):
    return {"fingerprint": split_fingerprint(e.dataset, e.size)}
