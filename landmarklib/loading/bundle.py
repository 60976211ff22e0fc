"""A bundle: crops of a data set in one file, with points and attributes, for machines without its archive and Pillow.

`write` makes it where the archive is. Below a data root, as bundles/NAME.npz, it is taken where there is no archive,
and only with the versions that made it. Nothing in it is pickled. Pixels are kept as differences to their neighbours,
exactly, since those compress to two thirds of what the pixels do.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from landmarklib.core import progress
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Annotations, Crop
from landmarklib.formats import archive

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset

SCHEMA = 2
FOLDER = "bundles"  # below a data root
AGAIN = "make it again with `landmarklib bundle TABLE`"
NOT_ONE = "not a bundle that can be read"
BROKEN = (
    *(ValueError, TypeError, KeyError, EOFError, AttributeError, RuntimeError, MemoryError, OverflowError),
    *(zipfile.BadZipFile, zlib.error),
)
PLAIN = "points", "visible", "normalizer", "pixel"
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
    if any((place / folder).is_dir() for place in roots):
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
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as file:
                for name, array in progress.bar(arrays.items(), desc=path.name, unit="array"):
                    with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                        kept = differences(np.asarray(array)) if name.endswith("/images") else array
                        np.lib.format.write_array(member, kept, allow_pickle=False)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; choose another folder") from None
    return path


def about(path: Path) -> dict[str, Any]:
    """What a bundle says of its data set: name, title, versions that made it, counts of its splits, crops.

    Raises UserError that names the file and what is wrong.
    """
    with _open(path) as file:
        found = json.loads(str(file["about"][()]))
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
    with _open(path) as file:
        plain = {field: file[f"{part}/{field}"] for field in PLAIN if f"{part}/{field}" in file}
        named = {
            field: {n.removeprefix(f"{part}/{field}/"): file[n] for n in file if n.startswith(f"{part}/{field}/")}
            for field in NAMED
        }
        images, ids = file[f"{part}/images"], tuple(file[f"{part}/ids"].tolist())
        n, shapes = len(ids), {"points": (len(dataset.landmarks), 2), "visible": (len(dataset.landmarks),)}
        size, channels = part.crop.size, 1 if dataset.recipe.grey else 3
        expected = {"images": (n, channels, size, size)}
        expected |= {field: (n, *shapes.get(field, ())) for field in plain}
        expected |= {name: (n,) for group in named.values() for name in group}
        for name, array in {"images": images, **plain, **named["attributes"], **named["normalizers"]}.items():
            if array.shape != expected[name]:
                raise ValueError(f"{name} of {part} are {array.shape}, expected {expected[name]}")
        if images.dtype != np.uint8 or not dataset.attributes.keys() <= named["attributes"].keys():
            raise ValueError(f"{part} are not those of {dataset.name}")
        return Annotations(images=sums(images), ids=ids, **plain, **named)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    with archive.reading(path, NOT_ONE, *BROKEN), open(path, "rb") as file, np.load(file, allow_pickle=False) as found:
        yield found


def differences(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """Each pixel less its neighbours above and to the left, in whole numbers modulo 256.

    Of a smooth image most are small.
    """
    rows = np.diff(images, axis=2, prepend=np.uint8(0))
    return np.diff(rows, axis=3, prepend=np.uint8(0))


def sums(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """The inverse of `differences`."""
    return np.add.accumulate(np.add.accumulate(images, axis=3, dtype=np.uint8), axis=2, dtype=np.uint8)
