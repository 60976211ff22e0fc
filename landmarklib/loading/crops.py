"""Square crops of a data set's photos, cut once: a file of pixels for each split and crop, opened as a memory map.

The file is named by data set, split, size and a fingerprint over the recipe, the squares, and name, size and time of
every photo, so a changed source or recipe makes a new one. It is written aside and put in place when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from jaxtyping import Float, UInt8

from landmarklib.core import progress, versions
from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations, Crop, Listing, Recipe
from landmarklib.formats import archive
from landmarklib.loading import bundle, tiers

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset

FOLDER = "prepared"  # below the first data root


def load(dataset: Dataset, split: str, crop: Crop, root: str | Path | None = None) -> Annotations:
    """One split as crops, points in pixels of the crop. They are cut where that has not been done yet.

    Points that fall outside of their crop do not count. Where there is a bundle instead of the archive they are those.
    Raises DataMissing, and UserError that names the first photo that is wrong.

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
    listing = splits[split]
    cut_out = squares(listing, dataset.recipe, crop.margin)
    points = to_crop(listing.points, cut_out, crop.size)
    scale = crop.size / cut_out[:, 2]
    inside = ((points >= -0.5) & (points <= crop.size - 0.5)).all(-1)
    return Annotations(
        prepare(dataset, folder, split, listing, crop, archive.roots(root)[0] / FOLDER),
        points.astype(np.float32),
        listing.visible & inside,
        listing.ids,
        listing.attributes,
        None if dataset.normalizer is None else dataset.normalizer(listing) * scale,
        scale,
        {name: normalizer(listing) * scale for name, normalizer in dataset.normalizers.items()},
    )


def squares(listing: Listing, recipe: Recipe, margin: float = 1.0) -> Float[np.ndarray, "N 3"]:
    """Left, top and side of what is cut from each photo, in its pixels, from the edge of its first one.

    margin: of a crop, by which the recipe's is multiplied.
    """
    if recipe.around == "box":
        if listing.boxes is None:
            raise UserError("recipe: there is no box to cut around")
        low, high = listing.boxes[:, :2], listing.boxes[:, 2:]
    elif not listing.points.shape[1]:
        raise UserError("recipe: there are no points to cut around")
    elif recipe.groups:
        points = np.stack([listing.points[:, group].mean(1) for group in recipe.groups], 1) + 0.5
        low, high = points.min(1), points.max(1)
    else:
        points = np.where(listing.visible[..., None], listing.points, np.nan) + 0.5
        none = ~listing.visible.any(1)
        points[none] = 0  # an image without a point is cut at its corner, and counts nowhere
        low, high = np.nanmin(points, 1), np.nanmax(points, 1)
    side = (margin * recipe.margin) * np.maximum((high - low).max(-1), 1)
    return np.concatenate([(low + high) / 2 - side[:, None] / 2, side[:, None]], 1)


def to_crop(
    points: Float[np.ndarray, "N K 2"], square: Float[np.ndarray, "N 3"], size: int
) -> Float[np.ndarray, "N K 2"]:
    """Points of photos in pixels of their crops; pixel centres are at integers in both."""
    scale = size / square[:, None, 2:]
    return (points + 0.5 - square[:, None, :2]) * scale - 0.5


def cut(image: UInt8[np.ndarray, "C H W"], square: Float[np.ndarray, " 3"], size: int) -> UInt8[np.ndarray, "C S S"]:
    """The square, resized with antialiasing; black where it reaches out of the photo."""
    from PIL import Image

    left, top, side = square
    box = np.array([left, top, left + side, top + side])
    height, width = image.shape[1:]
    before = np.ceil(np.maximum(0, -box[:2])).astype(int)
    after = np.ceil(np.maximum(0, box[2:] - [width, height])).astype(int)
    if before.any() or after.any():
        image = np.pad(image, ((0, 0), (before[1], after[1]), (before[0], after[0])))
    box += np.tile(before, 2)
    photo = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    small = np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC, tuple(box), reducing_gap=3.0))
    return small[None] if small.ndim == 2 else np.ascontiguousarray(small.transpose(2, 0, 1))


def prepare(
    dataset: Dataset, folder: Path, split: str, listing: Listing, crop: Crop, cache: Path
) -> UInt8[np.ndarray, "N C S S"]:
    """The crops of a split as a memory map. They are cut in parallel if they are not there yet.

    folder: of the data set's photos.
    listing: of the split.
    cache: the folder of the files of crops.
    """
    path = cache / f"{dataset.name}-{split}-{crop.size}-{_fingerprint(dataset, folder, split, listing, crop)}.npy"
    if not path.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():  # else another process has just made it
                    _make(dataset, folder, split, listing, crop, path)
        except OSError as error:
            raise UserError(
                f"cannot write {cache}: {error.strerror}; choose another folder with --data or LANDMARKLIB_DATA"
            ) from None
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _make(dataset: Dataset, folder: Path, split: str, listing: Listing, crop: Crop, path: Path) -> None:
    recipe, size, part = dataset.recipe, crop.size, path.with_suffix(".part")
    packed = dataset.images(folder, split) if dataset.images else None

    def one(job: tuple[int, np.ndarray]) -> np.ndarray:
        i, square = job
        if packed is None:
            return cut(archive.image(archive.safe_join(folder, listing.files[i]), recipe.grey), square, size)
        image = packed[i]
        if recipe.grey and len(image) == 3:
            raise UserError(f"{dataset.name}: its images have colours, and its recipe is grey")
        return cut(image if recipe.grey or len(image) == 3 else np.repeat(image, 3, 0), square, size)

    jobs = enumerate(squares(listing, recipe, crop.margin))
    label = f"{dataset.name}: {split} in crops of {size} px"
    try:
        pixels = np.lib.format.open_memmap(part, "w+", np.uint8, (len(listing), 1 if recipe.grey else 3, size, size))
        with ThreadPoolExecutor() as pool:
            cuts = progress.bar(pool.map(one, jobs), total=len(listing), desc=label, unit="image", delay=1)
            for i, image in enumerate(cuts):
                pixels[i] = image
        pixels.flush()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fingerprint(dataset: Dataset, folder: Path, split: str, listing: Listing, crop: Crop) -> str:
    """16 hex digits over the recipe, the squares, and name, size and time of every photo.

    Where a file holds many images, over the names, sizes and times of all files.
    """
    recipe = dataset.recipe
    digest = hashlib.sha256(json.dumps([versions.of("crops"), *crop, asdict(recipe)]).encode())
    digest.update(f"{split} {len(listing)}".encode())
    digest.update(np.ascontiguousarray(squares(listing, recipe, crop.margin).round(3)).tobytes())
    whole = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    for file in whole if dataset.images else listing.files:
        try:
            state = os.stat(folder / file)
        except OSError:
            raise UserError(f"{folder / file}: missing; the archive is not there or half unpacked") from None
        digest.update(f"{file} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
