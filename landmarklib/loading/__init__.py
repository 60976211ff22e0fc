"""Data sets as arrays: by name, split by split, whether generated, cut from photos or taken from a bundle. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from landmarklib import datasets
from landmarklib.core import subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN, STAND_IN, Annotations, Crop, whole


def crops_of(experiment: Experiment) -> dict[str, Crop]:
    """The crops that a run is trained and judged on, of each split of its data set.

    Jittered images are taken from larger crops, a quarter finer than what the network sees. Raises UserError for jitter
    on a generated set.
    """
    e = experiment
    dataset = get(e.dataset)
    dataset.check_jitter(e.jitter)
    return {name: _training_crop(e) if name == "train" else Crop(e.size) for name in dataset.counts}


def other_crops(experiment: Experiment) -> dict[str, dict[str, Crop]]:
    """Of each other data set that a stage learns from, the crop of its training images: as the run's own."""
    return {name: {"train": _training_crop(experiment)} for name in experiment.others}


def _training_crop(experiment: Experiment) -> Crop:
    return Crop(2 * experiment.size, MARGIN) if experiment.jitter else Crop(experiment.size)


def fingerprint(name: str, crops: Mapping[str, Crop]) -> str:
    """One fingerprint of a data set, over the images, points and ids of these crops.

    name: of the data set.
    crops: split -> its crop.
    """
    return subsets.ids_hash([_fingerprint(name, which, crop) for which, crop in crops.items()])


@cache
def _fingerprint(name: str, which: str, crop: Crop) -> str:
    return subsets.fingerprint(split(name, which, crop))


def described(experiment: Experiment) -> dict[str, Any]:
    """What a record keeps of its data: `fingerprint`, over the crops of the run.

    Where one of them has a margin, also `crops`, split -> [size, margin]. Where stages learn from other data sets, also
    `others`, name -> `tier`, `fingerprint` and `crops`, which are of training images alone.
    """
    crops, others = crops_of(experiment), other_crops(experiment)
    found: dict[str, Any] = {"fingerprint": fingerprint(experiment.dataset, crops)}
    if any(crop.margin != 1 for crop in crops.values()):
        found["crops"] = _written(crops)
    if others:
        found["others"] = {name: _other(name, crops, experiment.size) for name, crops in others.items()}
    return found


def _other(name: str, crops: Mapping[str, Crop], size: int) -> dict[str, Any]:
    return {"tier": tier(get(name), size), "fingerprint": fingerprint(name, crops), "crops": _written(crops)}


def _written(crops: Mapping[str, Crop]) -> dict[str, list]:
    return {name: list(crop) for name, crop in crops.items()}


def covered(record_data: Mapping[str, Any], dataset: str, size: int) -> dict[str, Crop]:
    """The crops that a record's fingerprint covers.

    record_data: what the record keeps of its data, or of one of the others (`described`). Without `crops`, its
        fingerprint covers every split at the size of the run.
    dataset: its name.
    size: side of the images that the run's network sees, in pixels.
    """
    if "crops" not in record_data:
        return dict.fromkeys(get(dataset).counts, Crop(size))
    return {name: Crop(*crop) for name, crop in record_data["crops"].items()}


def tier(dataset: Dataset, size: int) -> str:
    """The data set's; a generated one at another image side than the paper's is a stand-in."""
    return "stand-in" if dataset.load and size != dataset.size else dataset.tier


def generated(name: str) -> bool:
    """Whether a data set's images are drawn by this library, whatever their tier. Asks for no data.

    name: of the data set. Raises UserError that lists the known ones.
    """
    return name.startswith(STAND_IN) or datasets.get(whole(name)).load is not None


def first(annotations: Annotations, n: int) -> Annotations:
    """The first n images; 0 keeps all."""
    if not n:
        return annotations
    a = annotations
    parts: dict[str, Any] = {"images": a.images[:n], "points": a.points[:n], "visible": a.visible[:n], "ids": a.ids[:n]}
    attributes, normalizers = ({name: v[:n] for name, v in named.items()} for named in (a.attributes, a.normalizers))
    for name in ("normalizer", "pixel", "pixel_classes"):
        parts[name] = None if (values := getattr(a, name)) is None else values[:n]
    return replace(a, **parts, attributes=attributes, normalizers=normalizers)


def get(name: str) -> Dataset:
    """The data set of that name, its stand-in (`stand-in-NAME`) or the part of it that is here (`part-of-NAME`).

    Raises UserError that lists the known ones, and for a stand-in or part of what is one itself.
    """
    from landmarklib.loading import tiers

    for prefix, made in ((tiers.STAND_IN, tiers.stand_in), (tiers.PART, tiers.part)):
        if name.startswith(prefix):
            if (of := name.removeprefix(prefix)).startswith((tiers.STAND_IN, tiers.PART)):
                raise UserError(f"{name}: {of} is no publisher's data set; valid: {prefix}{whole(of)}")
            return made(get(of))
    return datasets.get(name)


@lru_cache(maxsize=8)
def split(name: str, which: str, crop: Crop) -> Annotations:
    """One split of a data set, kept in memory for the next run or figure of this process.

    Crops of photos stay on the disk unless they come from a bundle.

    name: of the data set.
    which: the split.
    crop: size of the images, and of what is cut from a photo. A generated set has no photos, so its margin is 1; else
        raises UserError.
    """
    from landmarklib.loading import crops

    dataset = get(name)
    if not dataset.load:
        return crops.load(dataset, which, crop)
    if crop.margin != 1:
        raise UserError(f"{name} is generated; its images have no margin")
    return dataset.load(None, which, crop.size)


def forget() -> None:
    """Drop the splits and fingerprints that are kept in memory, as before another data root is read."""
    split.cache_clear()
    _fingerprint.cache_clear()
