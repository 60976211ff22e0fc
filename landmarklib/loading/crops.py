"""Square crops of a data set's photos, made once: one file of pixels for each (data set, size, recipe), opened as a memory map from then on.

The file is named by a fingerprint over the recipe and over name, size and time of every photo, so a changed source or recipe makes a new one. It is written aside
and put in place when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from jaxtyping import Float, UInt8
from tqdm import tqdm

from landmarklib.core.types import Annotations, Listing, Recipe, UserError
from landmarklib.core.versions import raised
from landmarklib.formats import archive
from landmarklib.loading import bundle, tiers

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset

FOLDER = "prepared"  # below the first data root


def load(dataset: Dataset, split: str, size: int, root: str | Path | None = None) -> Annotations:
    """One split as crops of size x size pixels; points in pixels of the crop. Prepares all splits where that has not been done yet.

    Points that fall outside of their crop do not count. Where there is a bundle instead of the archive they are those. Raises DataMissing, and UserError
    that names the first photo that is wrong.
    """
    if path := tiers.bundled(dataset, root):
        return bundle.load(
            path, dataset, bundle.Crops(split, size, dataset.recipe.enlarge), tiers.reading_of(dataset.name)
        )
    folder = tiers.folder(dataset, root)
    splits = dataset.read(folder)
    if split not in splits:
        raise UserError(f"{dataset.name}: no split {split!r} here; there are {', '.join(splits)}")
    cuts = {name: squares(listing, dataset.recipe) for name, listing in splits.items()}
    pixels = prepare(dataset, folder, splits, cuts, size, archive.roots(root)[0] / FOLDER)
    start = sum(len(splits[s]) for s in list(splits)[: list(splits).index(split)])
    listing = splits[split]
    points = to_crop(listing.points, cuts[split], size)
    scale = size / cuts[split][:, 2]
    inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
    return Annotations(
        pixels[start : start + len(listing)],
        points.astype(np.float32),
        listing.visible & inside,
        listing.ids,
        listing.attributes,
        None if dataset.length is None else dataset.length(listing) * scale,
        scale,
        {name: length(listing) * scale for name, length in dataset.lengths.items()},
    )


def squares(listing: Listing, recipe: Recipe) -> Float[np.ndarray, "N 3"]:
    """Left, top and side of what is cut from each photo, in its pixels measured from the edge of the first one."""
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
    side = recipe.enlarge * np.maximum((high - low).max(-1), 1)
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
    dataset: Dataset,
    folder: Path,
    splits: Mapping[str, Listing],
    cuts: Mapping[str, Float[np.ndarray, "_ 3"]],
    size: int,
    cache: Path,
) -> UInt8[np.ndarray, "N C S S"]:
    """The crops of all splits, one after the other, as a memory map; made in parallel if they are not there yet. cuts: the `squares` of each split."""
    path = cache / f"{dataset.name}-{size}-{_fingerprint(dataset, folder, splits, cuts, size)}.npy"
    if not path.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():  # else another process has just made it
                    _make(dataset, folder, splits, cuts, size, path)
        except OSError as error:
            raise UserError(
                f"cannot write {cache}: {error.strerror}; choose another folder with --data or LANDMARKLIB_DATA"
            ) from None
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _make(dataset: Dataset, folder: Path, splits: Mapping, cuts: Mapping, size: int, path: Path) -> None:
    recipe, part = dataset.recipe, path.with_suffix(".part")
    jobs = [
        (split, i, listing.files[i] if listing.files else "", square)
        for split, listing in splits.items()
        for i, square in enumerate(cuts[split])
    ]
    packed = {split: dataset.images(folder, split) for split in splits} if dataset.images else {}

    def crop(job: tuple[str, int, str, np.ndarray]) -> np.ndarray:
        split, i, file, square = job
        if not packed:
            return cut(archive.image(archive.safe_join(folder, file), recipe.grey), square, size)
        image = packed[split][i]
        if recipe.grey and len(image) == 3:
            raise UserError(f"{dataset.name}: its images have colours, and its recipe is grey")
        return cut(image if recipe.grey or len(image) == 3 else np.repeat(image, 3, 0), square, size)

    channels = 1 if recipe.grey else 3
    try:
        pixels = np.lib.format.open_memmap(part, "w+", np.uint8, (len(jobs), channels, size, size))
        with ThreadPoolExecutor() as pool:
            label = f"{dataset.name}: crops of {size} px"
            for i, image in enumerate(tqdm(pool.map(crop, jobs), total=len(jobs), desc=label, unit="image", delay=1)):
                pixels[i] = image
        pixels.flush()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fingerprint(dataset: Dataset, folder: Path, splits: Mapping, cuts: Mapping, size: int) -> str:
    """16 hex digits over recipe, squares and name, size and time of every photo, or of every file where some hold many images."""
    digest = hashlib.sha256(json.dumps([raised()["crops"][0], size, asdict(dataset.recipe)]).encode())
    for split, listing in splits.items():
        digest.update(f"{split} {len(listing)}".encode())
        digest.update(np.ascontiguousarray(cuts[split].round(3)).tobytes())
        whole = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
        for file in whole if dataset.images else listing.files:
            try:
                state = os.stat(folder / file)
            except OSError:
                raise UserError(f"{folder / file}: missing; the archive is not there or half unpacked") from None
            digest.update(f"{file} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
