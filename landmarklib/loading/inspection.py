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
from landmarklib.loading import bundle, tiers

NAMED = 5  # offending files that a message names; the rest are counted


class Sample(NamedTuple):
    """One image, C x H x W, with its points, K x 2 in its pixels."""

    image: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    id: str


def overview(root: str | Path | None = None) -> pd.DataFrame:
    """A line per data set: name, tier, where it is, licence, how to get it."""
    lines = []
    for name in datasets.names():
        d = loading.get(name)
        bundled = tiers.bundled(d, root) or bundle.find(PART + name, d.folder, root)
        try:
            here = str(bundled or archive.find(d.folder, root, d.obtain)) if d.folder else "generated"
        except DataMissing:
            here = "missing"
        lines.append(
            {"name": name, "title": d.title, "tier": d.tier, "here": here, "licence": d.licence, "obtain": d.obtain}
        )
    return pd.DataFrame(lines)


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
    listing = splits[split]
    if not len(listing):
        raise UserError(f"{folder}: no image of the split {split} is here")
    return pictures(d, folder, split, listing, np.unique(np.linspace(0, len(listing) - 1, n).astype(int)))


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


def check(name: str, root: str | Path | None = None) -> str:
    """Read the whole archive: lists, counts, every image, every point. Returns what is there, in one line.

    Raises UserError that names the first offending files and counts the rest. An archive with fewer images than the
    publisher's is not wrong; the line says how many of how many there are.
    """
    d = loading.get(name)
    if d.read is None:
        return f"{name}: generated, nothing to check"
    folder, splits = listings(name, root)
    files = [file for listing in splits.values() for file in listing.files]
    if files and not archive.any_here(folder, files):
        listed = ", ".join(f"{split} {len(listing):,}" for split, listing in splits.items())
        raise UserError(f"{folder}: its lists name {listed} images, and none of them is here; {d.obtain}")
    sizes, wrong = _decode(folder, files, name)
    for split, listing in splits.items() if d.images else ():
        if len(images := d.images(folder, split)) != len(listing):
            wrong.append(f"{split}: {len(images):,} images for {len(listing):,} entries")
    wrong += [f"{file}: {text}" for listing in splits.values() for file, text in _points(d, listing, sizes)]
    ids = Counter(i for listing in splits.values() for i in listing.ids)
    wrong += [f"{i}: in two splits" for i, n in sorted(ids.items()) if n > 1]
    more = {s: len(listing) for s, listing in splits.items() if len(listing) > d.counts.get(s, 0)}
    wrong += [f"{split}: {n:,} images, expected {d.counts.get(split, 0):,}" for split, n in more.items()]
    wrong += _moved(d, splits)
    if wrong:
        rest = f"; and {len(wrong) - NAMED:,} more" if len(wrong) > NAMED else ""
        raise UserError(f"{folder}: {len(wrong):,} faults: {'; '.join(wrong[:NAMED])}{rest}")
    counts = ", ".join(
        f"{split} {len(splits.get(split, ())):,}" + (f" of {n:,}" if len(splits.get(split, ())) < n else "")
        for split, n in d.counts.items()
    )
    part = "" if sum(map(len, splits.values())) == sum(d.counts.values()) else "a part: "
    return f"{name}: {part}{counts} images; all decode, and every point that counts is where it may be ({folder})"


def _moved(d: Dataset, splits: Mapping[str, Listing]) -> list[str]:
    """Splits that are whole and hold other images than the ones that were written down."""
    found = {s: subsets.ids_hash(list(x.ids)) for s, x in splits.items() if s in d.ids and len(x) == d.counts[s]}
    return [
        f"{split}: its {d.counts[split]:,} images are not the ones that were written down "
        f"(hash {text}, expected {d.ids[split]})"
        for split, text in found.items()
        if text != d.ids[split]
    ]


def _decode(folder: Path, files: list[str], name: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """(width, height) of every image, and what is wrong with those that cannot be decoded."""
    sizes, wrong = {}, []

    def size(file: str) -> tuple[int, int] | str:
        try:
            _, height, width = archive.image(archive.safe_join(folder, file)).shape
            return width, height
        except UserError as error:
            return str(error).removeprefix(f"{folder}/")

    different = list(dict.fromkeys(files))
    with ThreadPoolExecutor() as pool:
        found = progress.bar(
            pool.map(size, different), total=len(different), desc=name, unit="image", disable=len(different) < 500
        )
        for file, outcome in zip(different, found, strict=True):
            if isinstance(outcome, str):
                wrong.append(outcome)
            else:
                sizes[file] = outcome
    return sizes, wrong


def _points(d: Dataset, listing: Listing, sizes: dict[str, tuple[int, int]]) -> list[tuple[str, str]]:
    """Files whose counted points are not finite, or further outside of the image than the data set's may be."""
    if not len(listing):
        return []
    names = listing.files or listing.ids
    # An image that was not decoded bounds nothing.
    size = np.array([sizes.get(file, (1e9, 1e9)) for file in names], float)
    margin = d.beyond * size.max(-1)[:, None, None] + 0.5
    low, high = listing.points < -margin, listing.points > size[:, None] - 1 + margin
    finite = np.isfinite(listing.points).all(-1)
    outside = ((low | high).any(-1) & listing.visible & finite).any(-1)
    broken = (listing.visible & ~finite).any(-1)
    return [(names[i], "a point is not a number") for i in np.flatnonzero(broken)] + [
        (names[i], "a point lies outside of the image") for i in np.flatnonzero(outside)
    ]
