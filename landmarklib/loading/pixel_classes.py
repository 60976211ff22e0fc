"""The classes of pixels, cut as their photos are: a file for each split and crop beside that of the crops.

It is named by a fingerprint over the squares and all files of the archive, since classes lie in files of their own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from jaxtyping import Float, UInt8

from landmarklib.core import files, progress
from landmarklib.core.types import NO_CLASS, Crop
from landmarklib.loading import crops, photos

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset


def prepare(dataset: Dataset, split: photos.Split, crop: Crop, cache: Path) -> UInt8[np.ndarray, "N S S"]:
    """The class of each pixel of a split's crops as a memory map. They are cut in parallel if they are not there.

    Raises UserError that names a file of classes that cannot be read.

    dataset: one with classes of pixels.
    cache: the folder of the files of crops.
    """
    ids, size = split.listing.ids, crop.size
    code = crops.fingerprint(dataset, split, crop, every=True)
    path = cache / f"{dataset.name}-{split.name}-{size}-classes-{code}.npy"
    shape, what = (len(ids), size, size), f"{dataset.name}: classes of pixels of {split.name}"

    def one(job: tuple[str, np.ndarray]) -> UInt8[np.ndarray, "S S"]:
        name, square = job
        return cut(dataset.pixel_labels(split.folder, name), len(dataset.pixel_names), square, size)

    def write(file: BinaryIO) -> None:
        jobs = zip(ids, crops.cut_out(dataset, split, crop.margin), strict=True)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with ThreadPoolExecutor() as pool:
            for found in progress.bar(pool.map(one, jobs), total=len(ids), desc=what, unit="image", delay=1):
                file.write(found.tobytes())

    def make() -> None:
        files.write_in_one_step(path, write, files.DATA)

    return crops.mapped(path, shape, make, f"another process cuts {what}; waiting for it")


def cut(
    classes: UInt8[np.ndarray, "H W"], n: int, square: Float[np.ndarray, " 3"], size: int
) -> UInt8[np.ndarray, "S S"]:
    """The square of a photo's classes. Each class is cut as a photo is; a pixel is of the one of which it has the most.

    Of equal ones it is the first. A pixel of which half or more lies outside the photo has NO_CLASS.

    n: number of classes.
    square, size: as for `crops.cut`.
    """
    every = np.full((1, *classes.shape), 255, np.uint8)
    shares = [crops.cut(every * (classes == k), square, size)[0] for k in range(n)]
    inside = crops.cut(every, square, size)[0] > 127
    return np.where(inside, np.argmax(shares, 0), NO_CLASS).astype(np.uint8)
