"""A data set as one file: crops of the sizes that somebody asked for, with points and attributes, for machines that have neither the archive nor Pillow.

`write` makes it where the archive is. Below a data root, as packed/NAME.npz, it is taken in the archive's stead. Nothing in it is pickled. Pixels are kept as
differences to their neighbours, exactly, since those compress to two thirds of what the pixels do.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from landmarklib.datasets import archive
from landmarklib.types import Annotations, DataMissing, UserError

if TYPE_CHECKING:
    from landmarklib.datasets import Dataset

SCHEMA = 1
FOLDER = "packed"  # below a data root
BROKEN = ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error
PLAIN = "points", "visible", "unit", "pixel"
NAMED = "attributes", "units"


class Crops(NamedTuple):
    """One split in crops of size x size pixels, whose side is `enlarge` times as long as what they are around (`Recipe.enlarge`)."""

    split: str
    size: int
    enlarge: float

    def __str__(self) -> str:
        return f"{self.split} {self.size} {self.enlarge:.4g}"


def find(name: str, root: str | Path | None = None) -> Path | None:
    """The file of the data set of that name below one of the data roots, if there is one."""
    places = (place / FOLDER / f"{name}.npz" for place in archive.roots(root))
    return next((path for path in places if path.is_file()), None)


def write(dataset: Dataset, parts: Mapping[Crops, Annotations], folder: Path) -> Path:
    """Write the data set's file into the folder, in one step. Raises UserError where that cannot be written."""
    arrays: dict[str, np.ndarray] = {}
    for crops, a in parts.items():
        arrays[f"{crops}/images"] = differences(np.asarray(a.images))
        arrays[f"{crops}/ids"] = np.array(a.ids, str)
        arrays |= {f"{crops}/{field}": v for field in PLAIN if (v := getattr(a, field)) is not None}
        arrays |= {f"{crops}/{field}/{name}": v for field in NAMED for name, v in getattr(a, field).items()}
    about = {"schema": SCHEMA, "name": dataset.name, "title": dataset.title, "tier": dataset.tier}
    about |= {"counts": dict(dataset.counts), "crops": sorted(map(str, parts))}
    arrays["about"] = np.array(json.dumps(about))
    path = folder / f"{dataset.name}.npz"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
                for name, array in tqdm(arrays.items(), desc=path.name, unit="array"):
                    with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another folder") from None
    return path


def about(path: Path) -> dict[str, Any]:
    """What a file says of its data set: name, title, tier, counts of the splits, and its crops. Raises UserError that names the file and what is wrong."""
    with archive.reading(path, "not a prepared data set", *BROKEN), np.load(path, allow_pickle=False) as file:
        found = json.loads(str(file["about"][()]))
        if found["schema"] == SCHEMA:
            if found["name"] != path.stem:
                raise ValueError(f"it holds {found['name']}")
            return {**found, "counts": {str(k): int(n) for k, n in found["counts"].items()}, "crops": [*found["crops"]]}
    raise UserError(
        f"{path}: schema {found['schema']}; this library reads {SCHEMA}; prepare it again with `landmarklib data pack`"
    )


def check(path: Path, wanted: Sequence[Crops]) -> None:
    """Raises DataMissing if the file lacks any of these crops."""
    there = about(path)["crops"]
    if lacking := [str(crops) for crops in wanted if str(crops) not in there]:
        raise DataMissing(
            f"{path}: it holds other crops (split, pixels, enlarged: {', '.join(there)}), not {', '.join(lacking)}; prepare the table "
            "and budget that you run with `landmarklib data pack`"
        )


def load(path: Path, crops: Crops) -> Annotations:
    """One split. Raises DataMissing if it is not among those that were asked for, and UserError for a file that is damaged."""
    check(path, [crops])
    with archive.reading(path, "not a prepared data set", *BROKEN), np.load(path, allow_pickle=False) as file:
        plain = {field: file[f"{crops}/{field}"] for field in PLAIN if f"{crops}/{field}" in file}
        named = {
            field: {n.removeprefix(f"{crops}/{field}/"): file[n] for n in file if n.startswith(f"{crops}/{field}/")}
            for field in NAMED
        }
        images, ids = sums(file[f"{crops}/images"]), tuple(file[f"{crops}/ids"].tolist())
        values = [*plain.values(), *(v for group in named.values() for v in group.values())]
        if {len(images), *map(len, values)} != {len(ids)}:
            raise ValueError(f"the arrays of {crops} are not of one length")
        return Annotations(images=images, ids=ids, **plain, **named)


def differences(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """Each pixel less its neighbours above and to the left, in whole numbers modulo 256: what a smooth image has few of."""
    rows = np.diff(images, axis=2, prepend=np.uint8(0))
    return np.diff(rows, axis=3, prepend=np.uint8(0))


def sums(images: UInt8[np.ndarray, "N C H W"]) -> UInt8[np.ndarray, "N C H W"]:
    """The inverse of `differences`."""
    return np.add.accumulate(np.add.accumulate(images, axis=3, dtype=np.uint8), axis=2, dtype=np.uint8)
