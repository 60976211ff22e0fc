"""What `landmarklib data` does: which data sets are here, whether an archive is whole, what it looks like. No torch.

Every function takes the data root that was given, or None for the usual ones (`formats.archive.roots`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int

from landmarklib import datasets, loading
from landmarklib.core import progress, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import PART, Listing
from landmarklib.formats import archive
from landmarklib.loading import bundle, photos, tiers

MISSING, LISTS = "missing", "only its lists"  # of a data set that is not here, or without its photos


class Sample(NamedTuple):
    """One image, C x H x W, with its points, K x 2 in its pixels."""

    image: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    id: str


def overview(root: str | Path | None = None) -> pd.DataFrame:
    """A line per data set: name, title, tier, where it is, licence, how to get it.

    Where no photo of its lists is there, it is not here; its lists are read to see that.
    """
    lines = []
    for name in datasets.names():
        d = loading.get(name)
        told = {"here": _place(d, root), "licence": d.licence, "obtain": d.obtain}
        lines.append({"name": name, "title": d.title, "tier": d.tier, **told})
    return pd.DataFrame(lines)


def _place(d: Dataset, root: str | Path | None) -> str:
    """Where a data set is; else `generated`, MISSING, LISTS and where, or what is wrong with its lists."""
    if not d.folder:
        return "generated"
    if bundled := tiers.bundled(d, root) or bundle.find(PART + d.name, d.folder, root):
        return str(bundled)
    try:
        folder = archive.find(d.folder, root, d.obtain)
    except DataMissing:
        return MISSING
    try:
        tiers.part(d, root)
    except DataMissing:
        return f"{LISTS}, in {folder}"
    except UserError as error:
        return f"cannot be read: {error}"
    return str(folder)


def listings(name: str, root: str | Path | None = None) -> tuple[Path, Mapping[str, Listing]]:
    """The folder of a data set and what it lists, split by split.

    Raises DataMissing, and UserError for what is wrong with it.
    """
    d = loading.get(name)
    if d.read is None:
        raise UserError(f"{name} is generated; it has no files")
    folder = tiers.folder(d, root)
    return folder, d.read(folder)


def samples(name: str, n: int, split: str | None = None, root: str | Path | None = None) -> list[Sample]:
    """n images of a split, evenly spread over it; by default of the first split."""
    d = loading.get(name)
    split = split or next(iter(d.counts))
    if split not in d.counts:
        raise UserError(f"{name}: unknown split {split!r}; known: {', '.join(d.counts)}")
    if d.load:
        drawn = d.load(None, split, d.size)
        chosen = np.linspace(0, len(drawn) - 1, n).astype(int)
        return [Sample(drawn.images[i], drawn.points[i], drawn.visible[i], drawn.ids[i]) for i in chosen]
    folder, splits = listings(name, root)
    part = photos.present(folder, split, splits[split])
    while len(listing := part.listing):
        chosen = np.unique(np.linspace(0, len(listing) - 1, n).astype(int))
        files = [listing.files[i] for i in chosen] if listing.files else []
        unreadable = {file: text for file in files if (text := photos.unreadable(folder, file))}
        if not unreadable:
            return pictures(d, folder, split, listing, chosen)
        part = part.without(unreadable)
    raise UserError(f"{folder}: no image of the split {split} is here")


def pictures(d: Dataset, folder: Path, split: str, listing: Listing, chosen: Int[np.ndarray, " n"]) -> list[Sample]:
    """The images at these places of a split."""
    packed = d.images(folder, split) if d.images else None
    return [
        Sample(
            archive.image(archive.safe_join(folder, listing.files[i])) if packed is None else packed[i],
            listing.points[i],
            listing.visible[i],
            listing.ids[i],
        )
        for i in chosen
    ]


def check(name: str, root: str | Path | None = None, missing: float | None = None) -> str:
    """Read the whole archive: lists, counts, every image, every point. Returns what is there, in one line.

    A line follows for each split some of whose photos are missing or cannot be read, and for each with points outside
    of their photos. Raises UserError that names the first faults and counts the rest. An archive with fewer images than
    the publisher's is not wrong; the line says how many of how many there are.

    missing: the share of a split's images whose photos may be missing or unreadable, or None for the usual one
        (`photos.share`).
    """
    d = loading.get(name)
    if d.read is None:
        return f"{name}: generated, nothing to check"
    most = photos.share(missing)
    folder, splits = listings(name, root)
    files = [file for listing in splits.values() for file in listing.files]
    if files and not archive.any_here(folder, files):
        listed = ", ".join(f"{split} {len(listing):,}" for split, listing in splits.items())
        raise UserError(f"{folder}: its lists name {listed} images, and none of them is here; {d.obtain}")
    sizes, faults = _decode(folder, files, name)
    parts = {split: photos.Split(folder, split, listing, faults, most) for split, listing in splits.items()}
    wrong = [part.report for part in parts.values() if part.refused]
    if wrong:
        wrong[-1] += f"; {photos.rule(most)}"
    said = [f"{part.report}: left out" for part in parts.values() if part.left_out]
    for part in parts.values():
        absurd, outside = _points(d, part, sizes)
        wrong, said = wrong + absurd, said + outside
    wrong += _lists(d, folder, splits)
    if wrong:
        raise UserError(f"{folder}: {len(wrong):,} fault{'s' * (len(wrong) > 1)}: {photos.named(wrong)}")
    here = {split: len(part.listed) - part.left_out for split, part in parts.items()}
    counts = ", ".join(
        f"{split} {here.get(split, 0):,}" + f" of {n:,}" * (here.get(split, 0) < n) for split, n in d.counts.items()
    )
    whole = "" if sum(map(len, splits.values())) == sum(d.counts.values()) else "a part: "
    line = f"{name}: {whole}{counts} images; all decode, and every point that counts is where it may be ({folder})"
    return "\n".join([line, *(f"warning: {text}" for text in said)])


def _lists(d: Dataset, folder: Path, splits: Mapping[str, Listing]) -> list[str]:
    """What is wrong with the lists: counts, ids in two splits, other images than the ones that were written down."""
    wrong = []
    for split, listing in splits.items() if d.images else ():
        if len(images := d.images(folder, split)) != len(listing):
            wrong.append(f"{split}: {len(images):,} images for {len(listing):,} entries")
    ids = Counter(i for listing in splits.values() for i in listing.ids)
    wrong += [f"{i}: in two splits" for i, n in sorted(ids.items()) if n > 1]
    more = {s: len(listing) for s, listing in splits.items() if len(listing) > d.counts.get(s, 0)}
    wrong += [f"{split}: {n:,} images, expected {d.counts.get(split, 0):,}" for split, n in more.items()]
    return wrong + _moved(d, splits)


def _moved(d: Dataset, splits: Mapping[str, Listing]) -> list[str]:
    """Splits that are whole and hold other images than the ones that were written down."""
    found = {s: subsets.ids_hash(list(x.ids)) for s, x in splits.items() if s in d.ids and len(x) == d.counts[s]}
    return [
        f"{split}: its {d.counts[split]:,} images are not the ones that were written down "
        f"(hash {text}, expected {d.ids[split]})"
        for split, text in found.items()
        if text != d.ids[split]
    ]


def _decode(folder: Path, files: list[str], name: str) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """(width, height) of every photo, and what is wrong with those that cannot be had, by file.

    Raises UserError for a name that leaves the folder.
    """
    sizes: dict[str, tuple[int, int]] = {}
    faults = photos.missing(folder, files)

    def size(file: str) -> tuple[int, int] | str:
        path = archive.safe_join(folder, file)
        try:
            _, height, width = archive.image(path).shape
            return width, height
        except UserError as error:
            return photos.fault(path, error)

    there = [file for file in dict.fromkeys(files) if file not in faults]
    with ThreadPoolExecutor() as pool:
        found = progress.bar(pool.map(size, there), total=len(there), desc=name, unit="image", disable=len(there) < 500)
        for file, outcome in zip(there, found, strict=True):
            if isinstance(outcome, str):
                faults[file] = outcome
            else:
                sizes[file] = outcome
    return sizes, faults


def _points(d: Dataset, part: photos.Split, sizes: dict[str, tuple[int, int]]) -> tuple[list[str], list[str]]:
    """Counted points that are absurd, and a line on those that only lie outside of their photo.

    Absurd is one that is not finite, or farther outside than `Dataset.beyond`.

    sizes: width and height of each photo; one that was not decoded bounds nothing.
    """
    listing, absurd = part.listing, []
    if not listing.points.size:
        return [], []
    names = listing.files or listing.ids
    size = np.array([sizes.get(file, (np.inf, np.inf)) for file in names])[:, None]
    xy = np.where(listing.visible[..., None], listing.points, 0)
    finite = np.isfinite(xy).all(-1)
    distance = np.where(finite, np.maximum(np.maximum(-0.5 - xy, xy + 0.5 - size), 0).max(-1), 0)  # to the photo's edge
    limit = d.beyond * size.max(-1)
    for i, k in np.argwhere(~finite | (distance > limit)):
        place = f"{names[i]}: {d.landmarks[k]} at ({xy[i, k, 0]:.10g}, {xy[i, k, 1]:.10g})"
        absurd.append(
            f"{place} lies {distance[i, k]:,.10g} px outside of the photo; at most {limit[i, 0]:,.10g} px may be"
            if finite[i, k]
            else f"{place} counts; expected finite numbers"
        )
    outside = (distance > 0) & (distance <= limit)
    if not outside.any():
        return absurd, []
    i, k = np.unravel_index(np.where(outside, distance, 0).argmax(), outside.shape)
    n, n_photos = int(outside.sum()), len({names[j] for j in np.flatnonzero(outside.any(1))})
    return absurd, [
        f"{part.name}: {n:,} point{'s' * (n > 1)} of {n_photos:,} photo{'s' * (n_photos > 1)} outside of the photo; "
        f"farthest {d.landmarks[k]} of {names[i]}, by {distance[i, k]:.3g} px, {distance[i, k] / size[i].max():.1%} of "
        "its longer side"
    ]
