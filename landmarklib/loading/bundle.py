"""A bundle: crops of a data set in one file, with points and attributes, for machines without its archive and Pillow.

`write` makes it where the archive is. Below a data root, as bundles/NAME.npz, it is taken where there is no archive,
and only with the versions that made it. Nothing in it is pickled. Pixels are kept as differences to their neighbours,
exactly, since those compress to two thirds of what the pixels do.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import UInt8

from landmarklib import datasets
from landmarklib.core import files, progress
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import NO_CLASS, Annotations, Crop, whole
from landmarklib.formats import archive, npz

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset

SCHEMA = 2
FOLDER = "bundles"  # below a data root
AGAIN = "make it again with `landmarklib bundle TABLE`"
NOT_ONE = "not a bundle that can be read"
MOST_ABOUT = 1 << 20  # bytes of what a bundle says of itself
MOST_BESIDE = 1 << 14  # bytes of an image's points, id and attributes
PLAIN = "points", "visible", "normalizer", "pixel", "pixel_classes"
NAMED = "attributes", "normalizers"


class Part(NamedTuple):
    """One split in one kind of crop."""

    split: str
    crop: Crop

    def __str__(self) -> str:
        return f"{self.split} {self.crop.size} {self.crop.margin:g}"


def find(name: str, folder: str, root: str | Path | None = None) -> Path | None:
    """The bundle of a data set below one of the data roots; None without one, or where its archive is.

    name: of the data set.
    folder: of its archive, below a data root.
    root: the data root that was given, or None for the usual ones.
    """
    roots = archive.roots(root)
    if any(archive.is_there(place / folder) for place in roots):
        return None
    return next((path for place in roots if (path := place / FOLDER / f"{name}.npz").is_file()), None)


def write(dataset: Dataset, parts: Mapping[Part, Annotations], folder: Path, versions: str) -> Path:
    """Write the data set's bundle into the folder, in one step, in place of one that is there.

    Raises UserError where that cannot be written.

    parts: what it holds.
    versions: of the reading that made the crops (`tiers.reading_of`).
    """
    counts = {part.split: len(a) for part, a in parts.items()}
    about = {"schema": SCHEMA, "name": dataset.name, "title": dataset.title, "versions": versions, "counts": counts}
    arrays = {"about": np.array(json.dumps({**about, "crops": sorted(map(str, parts))}))}
    for part, a in parts.items():
        arrays |= {f"{part}/images": a.images, f"{part}/ids": np.array(a.ids, str)}
        arrays |= {f"{part}/{field}": v for field in PLAIN if (v := getattr(a, field)) is not None}
        arrays |= {f"{part}/{field}/{name}": v for field in NAMED for name, v in getattr(a, field).items()}
    path = folder / f"{dataset.name}.npz"

    def put(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, array in progress.bar(arrays.items(), desc=path.name, unit="array"):
                with zipped.open(f"{name}.npy", "w", force_zip64=True) as member:
                    kept = differences(np.asarray(array)) if name.endswith("/images") else array
                    np.lib.format.write_array(member, kept, allow_pickle=False)

    files.write_in_one_step(path, put, "choose another folder")
    return path


def about(path: Path) -> dict[str, Any]:
    """What a bundle says of its data set: name, title, versions that made it, counts of its splits, crops.

    Raises UserError that names the file and what is wrong.
    """
    with npz.opened(path, NOT_ONE, MOST_ABOUT) as file:
        found = json.loads(str(file.load("about", ())))
        if found["schema"] == SCHEMA:
            if found["name"] != path.stem:
                raise ValueError(f"it holds {found['name']}")
            counts = {str(split): int(n) for split, n in found["counts"].items()}
            texts = {name: str(found[name]) for name in ("name", "title", "versions")}
            return {**texts, "counts": counts, "crops": [*map(str, found["crops"])]}
    raise UserError(f"{path}: schema {found['schema']}; this library reads {SCHEMA}; {AGAIN}")


def check(path: Path, wanted: Sequence[Part], versions: str) -> None:
    """Raises UserError for a bundle of other versions, and DataMissing for one that lacks any of these parts."""
    there = about(path)
    if there["versions"] != versions:
        raise UserError(
            f"{path}: made with other versions ({there['versions']}) than this library's ({versions}); {AGAIN}"
        )
    if lacking := [str(part) for part in wanted if str(part) not in there["crops"]]:
        raise DataMissing(
            f"{path}: it holds other crops (split, pixels, margin: {', '.join(there['crops'])}), "
            f"not {', '.join(lacking)}; {AGAIN} and the budget that is run."
        )


def load(path: Path, dataset: Dataset, part: Part, versions: str) -> Annotations:
    """One split, in memory.

    Raises what `check` does, and UserError for a file that is damaged or does not fit the data set.
    """
    check(path, [part], versions)
    n_points, size, channels = len(dataset.landmarks), part.crop.size, dataset.channels
    # A part's own counts stand in the file: the whole data set's bound it.
    most = datasets.get(whole(dataset.name)).counts.get(part.split, 0)
    with npz.opened(path, NOT_ONE, most * ((channels + bool(dataset.pixel_names)) * size**2 + MOST_BESIDE)) as file:
        n = prod(file.header(f"{part}/ids").shape)
        if n > most:
            raise ValueError(f"{n:,} images of {part}; expected at most {most:,}")
        shapes = {"images": (n, channels, size, size), "points": (n, n_points, 2), "visible": (n, n_points)}
        shapes["pixel_classes"] = n, size, size
        found = {name.removeprefix(f"{part}/"): name for name in file if name.startswith(f"{part}/")}
        found = {field: file.load(name, shapes.get(field, (n,))) for field, name in found.items()}
        named = {
            group: {field.removeprefix(f"{group}/"): v for field, v in found.items() if field.startswith(f"{group}/")}
            for group in NAMED
        }
        plain = {field: found[field] for field in PLAIN if field in found}
        if (
            not _are_classes(found.get("pixel_classes"), len(dataset.pixel_names))
            or found["images"].dtype != np.uint8
            or not dataset.attributes.keys() <= named["attributes"].keys()
        ):
            raise ValueError(f"{part} are not those of {dataset.name}")
        return Annotations(images=sums(found["images"]), ids=tuple(found["ids"].tolist()), **plain, **named)


def _are_classes(found: np.ndarray | None, n: int) -> bool:
    """Whether these are indices of n classes of pixels, or NO_CLASS; of no classes there are none."""
    if found is None or not n:
        return found is None and not n
    return found.dtype == np.uint8 and bool(((found < n) | (found == NO_CLASS)).all())


def differences(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """Each pixel less its neighbours above and to the left, in whole numbers modulo 256.

    Of a smooth image most are small.
    """
    rows = np.diff(images, axis=2, prepend=np.uint8(0))
    return np.diff(rows, axis=3, prepend=np.uint8(0))


def sums(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """The inverse of `differences`."""
    return np.add.accumulate(np.add.accumulate(images, axis=3, dtype=np.uint8), axis=2, dtype=np.uint8)
