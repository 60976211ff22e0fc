"""How archives are laid out: folders and links, photos beside their labels, copies of a photo, points that count.

A reader makes its listings here, so that what holds for one publisher's flags and names holds for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive

COPY = "_mirror"  # ends the stem of a photo's mirrored copy, as in iBUG's archives


def listing(
    files: Sequence[str],
    ids: Sequence[str],
    points: Float[np.ndarray, "N K 2"] | None = None,
    flags: Bool[np.ndarray, "N K"] | None = None,
    attributes: Mapping[str, np.ndarray] | None = None,
    boxes: Float[np.ndarray, "N 4"] | None = None,
) -> Listing:
    """A split as its publisher lists it, where no flag is trusted without a look at the points.

    An image all of whose points coincide has none: lists without labels have one place for all, often 0, 0, and flags
    that say they are there. Such points become NaN and do not count.

    files, ids, attributes, boxes: as in `Listing`.
    points: as in `Listing`; None where there are no landmarks.
    flags: the points that count, for all that the publisher says; None where all do.
    """
    n = len(ids)
    points = np.zeros((n, 0, 2)) if points is None else points
    visible = np.ones(points.shape[:2], bool) if flags is None else flags
    if n and points.shape[1]:
        first = points[np.arange(n), visible.argmax(1)][:, None]
        same = ((points == first).all(-1) | ~visible).all(1) & (visible.sum(1) > 1)
        points, visible = np.where(same[:, None, None], np.nan, points), visible & ~same[:, None]
    return Listing(tuple(files), points, visible, tuple(ids), attributes or {}, boxes)


def present(folder: Path, names: Sequence[str]) -> list[str]:
    """Those of the folders that are there, as such or as links. Raises UserError for a link that leads nowhere."""
    for path in (folder / name for name in names):
        if not path.is_dir() and (link := archive.dead_link(path)):
            raise UserError(f"{link}: a link to {os.readlink(link)}, which is not there")
    return [name for name in names if (folder / name).is_dir()]


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder at and below that place, with the files in it, both in the order of their names.

    Links are followed, and no folder is seen twice, so a link to a folder above it does no harm.
    """
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        state = os.stat(place)
        if (key := (state.st_dev, state.st_ino)) in seen:
            folders.clear()
            continue
        seen.add(key)
        folders.sort()
        yield Path(place), sorted(files)


def names(folder: Path, *endings: str) -> list[str]:
    """The files of a folder with one of these endings, in small letters or capitals, in the order of their names.

    Hidden ones are left out. Raises UserError where the folder cannot be listed.
    """
    with archive.reading(folder, "cannot be listed"):
        found = os.listdir(folder)
    return sorted(name for name in found if name[0] != "." and name.lower().endswith(endings))


def stems(folder: Path, *endings: str) -> dict[str, list[str]]:
    """The same files by their names without the ending, in the same order."""
    found: dict[str, list[str]] = {}
    for name in names(folder, *endings):
        ending = next(ending for ending in endings if name.lower().endswith(ending))
        found.setdefault(name[: -len(ending)], []).append(name)
    return found


def pairs(labels: Path, ending: str, images: Path, endings: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Stem -> the label and its image, of every label in the order of their names.

    An image that is not there has the name that it should have. Endings compare in small letters.

    Raises UserError where there is no label, or where several labels or images of one stem leave open which is meant.

    labels, ending: their folder, and how their names end.
    images, endings: the folder of the images, and how their names may end, the usual way first.
    """
    photos, found = stems(images, *endings), {}
    for stem, lists in stems(labels, ending).items():
        files = photos.get(stem, [stem + endings[0]])
        for folder, several in ((labels, lists), (images, files)):
            if len(several) > 1:
                raise UserError(f"{folder}: {' and '.join(several)}; expected one file of a name")
        found[stem] = lists[0], files[0]
    if not found:
        raise UserError(f"{labels}: no {ending} file; the archive is half unpacked")
    return found


def original(stem: str) -> str:
    """The stem of the photo that this one is a mirrored copy of; else the stem itself."""
    return stem.removesuffix(COPY)
