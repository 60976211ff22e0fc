"""Square crops of a data set's photos, cut once: a file of pixels for each split and crop, opened as a memory map.

The file is named by data set, split, size and a fingerprint over the recipe, the squares, and name, size and time of
every photo, so a changed source or recipe makes a new one. It is written aside and put in place when it is whole.
Where photos turn out not to be readable, a file of their names stands in its place (`photos.remember`), and the others
make one of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from jaxtyping import Float, UInt8

from landmarklib.core import files, progress, versions
from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations, Crop, Recipe, whole
from landmarklib.formats import archive
from landmarklib.loading import bundle, cutting, photos, tiers

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset

FOLDER = "prepared"  # below the first data root
LATER = ("moved", "white")  # fields of a recipe that the first files were made without


def load(dataset: Dataset, split: str, crop: Crop, root: str | Path | None = None) -> Annotations:
    """One split as crops, points in pixels of the crop. They are cut where that has not been done yet.

    Points that fall outside of their crop do not count. Images whose photos cannot be had are left out (`photos`).
    Where there is a bundle instead of the archive they are those. Raises DataMissing, and UserError that names the
    first photos that are wrong where those are too many.

    dataset: one with photos.
    split: its name.
    crop: size x size pixels, and how far around the data set's own square.
    root: the data root that was given, or None for the usual ones.
    """
    if path := tiers.bundled(dataset, root):
        return bundle.load(path, dataset, bundle.Part(split, crop), tiers.reading_of(dataset.name))
    folder = tiers.folder(dataset, root)
    splits = dataset.read(folder)
    if split not in splits:
        raise UserError(f"{dataset.name}: no split {split!r} here; there are {', '.join(splits)}")
    cache = archive.roots(root)[0] / FOLDER
    images, part = prepare(dataset, photos.present(folder, split, splits[split]), crop, cache)
    if part.left_out:
        photos.tell(f"{dataset.name}: {part.report}: left out")
    listing = part.listing
    taken = cut_out(dataset, part, crop.margin)
    points = cutting.to_crop(listing.points, taken, crop.size)
    scale = crop.size / taken[:, 2]
    inside = ((points >= -0.5) & (points <= crop.size - 0.5)).all(-1)
    return Annotations(
        images,
        points.astype(np.float32),
        listing.visible & inside,
        listing.ids,
        listing.attributes,
        None if dataset.normalizer is None else dataset.normalizer(listing) * scale,
        scale,
        {name: normalizer(listing) * scale for name, normalizer in dataset.normalizers.items()},
        prepare_classes(dataset, part, crop, cache) if dataset.pixel_labels else None,
    )


def cut_out(dataset: Dataset, part: photos.Split, margin: float = 1.0) -> Float[np.ndarray, "N 3"]:
    """What is cut from each photo of a split: its square, moved into the photo where the recipe has it so.

    Only then are the photos looked at, and of each its header alone. Raises UserError for one that cannot be read.

    margin: of a crop.
    """
    recipe, listing = dataset.recipe, part.listing
    if not recipe.moved:
        return cutting.squares(listing, recipe, margin)
    if dataset.images:
        sizes = [image.shape[:0:-1] for image in dataset.images(part.folder, part.name)]
    else:
        sizes = [archive.size(archive.safe_join(part.folder, file)) for file in listing.files]
    return cutting.moved(cutting.squares(listing, recipe), np.array(sizes, int).reshape(-1, 2), margin)


def _cut(
    image: UInt8[np.ndarray, "C H W"], square: Float[np.ndarray, " 3"], recipe: Recipe, crop: Crop
) -> UInt8[np.ndarray, "C S S"]:
    """A crop. square: without the crop's margin where it is to be moved into the photo, else with it."""
    if recipe.moved:
        (square,) = cutting.moved(square[None], np.array([image.shape[:0:-1]]), crop.margin)
    return cutting.cut(image, square, crop.size, recipe.white)


def prepare(
    dataset: Dataset, split: photos.Split, crop: Crop, cache: Path
) -> tuple[UInt8[np.ndarray, "N C S S"], photos.Split]:
    """The crops of a split as a memory map, and the split without the images whose photos cannot be read.

    They are cut in parallel if they are not there, or not whole. Raises UserError where too many photos cannot be read.

    cache: the folder of the files of crops.
    """
    path = cache / f"{dataset.name}-{split.name}-{crop.size}-{fingerprint(dataset, split, crop)}.npy"
    shape = (len(split.listing), dataset.channels, crop.size, crop.size)
    waiting = f"another process cuts {dataset.name}: {split.name}; waiting for it"
    try:
        return mapped(path, shape, lambda: _make(dataset, split, crop, path), waiting), split
    except photos.Unreadable as found:
        return prepare(dataset, split.without(found.faults), crop, cache)


def prepare_classes(dataset: Dataset, split: photos.Split, crop: Crop, cache: Path) -> UInt8[np.ndarray, "N S S"]:
    """The class of each pixel of a split's crops as a memory map. They are cut in parallel if they are not there.

    Classes lie in files of their own, so the file is named by a fingerprint over all files of the archive. Raises
    UserError that names a file of classes that cannot be read.

    dataset: one with classes of pixels.
    cache: the folder of the files of crops.
    """
    ids, size = split.listing.ids, crop.size
    code, shape = fingerprint(dataset, split, crop, every=True), (len(ids), size, size)
    version = versions.of(f"datasets.{whole(dataset.name)}")  # by its reader, which makes classes of files
    path = cache / f"{dataset.name}-{split.name}-{size}-classes-{version}-{code}.npy"
    what = f"{dataset.name}: classes of pixels of {split.name}"

    def one(job: tuple[str, np.ndarray]) -> np.ndarray:
        name, square = job
        return cutting.cut_classes(dataset.pixel_labels(split.folder, name), len(dataset.pixel_names), square, size)

    def write(file: BinaryIO) -> None:
        jobs = zip(ids, cut_out(dataset, split, crop.margin), strict=True)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with ThreadPoolExecutor() as pool:
            for found in progress.bar(pool.map(one, jobs), total=len(ids), desc=what, unit="image", delay=1):
                file.write(found.tobytes())

    def make() -> None:
        files.write_in_one_step(path, write, files.DATA)

    return mapped(path, shape, make, f"another process cuts {what}; waiting for it")


def mapped(path: Path, shape: tuple[int, ...], make: Callable[[], None], waiting: str) -> UInt8[np.ndarray, "N ..."]:
    """What a file holds as a memory map; the file is made first if it is not there, or not whole.

    waiting: what is said while another process makes it.
    """
    if (found := _mapped(path, shape)) is not None:
        return found
    with files.lock(path.with_suffix(".lock"), files.DATA, waiting=waiting):
        if _mapped(path, shape) is None:  # else another process has just made it
            make()
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _mapped(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "N ..."] | None:
    """Crops that are there, opened as a memory map; None where they are not, or are not whole."""
    try:
        pixels = np.lib.format.open_memmap(path, mode="r")
    except PermissionError:
        raise UserError(f"{path}: belongs to another user; ask for the right to read it, or {files.DATA}") from None
    except (OSError, ValueError, EOFError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _make(dataset: Dataset, split: photos.Split, crop: Crop, path: Path) -> None:
    """Cut the crops of a split into a file. Raises Unreadable, and makes no file, where photos cannot be read."""
    beside = path.with_suffix(".json")
    photos.recall(split, beside)
    recipe, size, listing = dataset.recipe, crop.size, split.listing
    packed = dataset.images(split.folder, split.name) if dataset.images else None
    unreadable: dict[str, str] = {}

    def one(job: tuple[int, np.ndarray]) -> np.ndarray | None:
        i, square = job
        if packed is None:
            file = archive.safe_join(split.folder, listing.files[i])
            try:
                image = archive.image(file, recipe.grey)
            except UserError as error:
                unreadable[listing.files[i]] = photos.fault(file, error)
                return None
            try:
                return _cut(image, square, recipe, crop)
            except UserError as error:
                raise UserError(f"{file}: {error}") from None
        image = packed[i]
        if recipe.grey and len(image) == 3:
            raise UserError(f"{dataset.name}: its images have colours, and its recipe is grey")
        return _cut(image if recipe.grey or len(image) == 3 else np.repeat(image, 3, 0), square, recipe, crop)

    def write(file: BinaryIO) -> None:
        """One image after the other: on a full disk writing is an OSError, where a memory map ends the process."""
        jobs = enumerate(cutting.squares(listing, recipe, 1.0 if recipe.moved else crop.margin))
        shape = (len(listing), 1 if recipe.grey else 3, size, size)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        label = f"{dataset.name}: {split.name} in crops of {size} px"
        with ThreadPoolExecutor() as pool:
            for image in progress.bar(pool.map(one, jobs), total=len(listing), desc=label, unit="image", delay=1):
                if image is not None:
                    file.write(image.tobytes())
        if unreadable:
            photos.remember(split, unreadable, beside)

    files.write_in_one_step(path, write, files.DATA)


def fingerprint(dataset: Dataset, split: photos.Split, crop: Crop, every: bool = False) -> str:
    """16 hex digits over the recipe, the squares, and name, size and time of every photo, or of every file.

    Squares that are moved into their photos are taken as they are before, since the photos tell the rest. Where a file
    holds many images, it is of every file in any case.
    """
    recipe, folder, listing = dataset.recipe, split.folder, split.listing
    told = {
        name: value for name, value in asdict(recipe).items() if name not in LATER or value
    }  # files from before stay
    digest = hashlib.sha256(json.dumps([versions.of("crops"), *crop, told]).encode())
    digest.update(f"{split.name} {len(listing)}".encode())
    digest.update(np.ascontiguousarray(cutting.squares(listing, recipe, crop.margin).round(3)).tobytes())
    whole = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    for file in whole if every or dataset.images else listing.files:
        try:
            state = os.stat(archive.safe_join(folder, file))
        except (OSError, ValueError):
            raise UserError(f"{folder / file}: missing; the archive is not there or half unpacked") from None
        digest.update(f"{file} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
