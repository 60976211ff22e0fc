"""Photos that are missing or cannot be read: their images are left out of a split, and too many are refused. No torch.

Lists say which images a split has, so what is left out moves no other image. A run's data fingerprint is over the
images that are left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from landmarklib.core import files, progress
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive

MOST, VARIABLE = 0.01, "LANDMARKLIB_MISSING"  # share of a split's images that may be left out, and what sets another
NAMED = 5  # photos or faults that a message names; the rest are counted


@dataclass(frozen=True)
class Split:
    """One split of an archive: the images that are listed, and those whose photos can be had.

    folder: of the data set.
    name: of the split.
    listed: every image of the split.
    faults: file -> what is wrong with it; files of other splits may be among them.
    most: share of its images that may be left out.
    """

    folder: Path
    name: str
    listed: Listing
    faults: Mapping[str, str] = field(default_factory=dict)
    most: float = MOST

    @cached_property
    def listing(self) -> Listing:
        """The images that are not left out."""
        return self.listed[np.flatnonzero(~self._gone)] if self.left_out else self.listed

    @property
    def left_out(self) -> int:
        """How many images are left out."""
        return int(self._gone.sum())

    @property
    def refused(self) -> bool:
        """Whether that is too many."""
        return not enough(len(self.listed) - self.left_out, len(self.listed), self.most)

    @property
    def report(self) -> str:
        """How many are left out of how many, and which photos are at fault."""
        names = [f"{file}: {self.faults[file]}" for file in dict.fromkeys(self.listed.files) if file in self.faults]
        n = self.left_out
        return (
            f"{self.name}: {n:,} of {len(self.listed):,} images {'has' if n == 1 else 'have'} no photo that can be "
            f"read ({named(names)})"
        )

    def without(self, faults: Mapping[str, str]) -> Split:
        """The split without the images of these photos, too. Raises UserError if too many are left out."""
        found = replace(self, faults={**self.faults, **faults})
        if found.refused:
            raise UserError(f"{self.folder}: {found.report}; {rule(self.most)}")
        return found

    @cached_property
    def _gone(self) -> Bool[np.ndarray, " N"]:
        return np.array([file in self.faults for file in self.listed.files], bool)


def present(folder: Path, name: str, listed: Listing) -> Split:
    """A split without the images whose photos are missing. Raises UserError if those are too many."""
    return Split(folder, name, listed, most=share()).without(missing(folder, listed.files))


def share(given: float | None = None) -> float:
    """The share of a split's images that may be left out: the given one, else LANDMARKLIB_MISSING, else 1%.

    Raises UserError for what is no share.
    """
    told = os.environ.get(VARIABLE) or MOST if given is None else given
    try:
        value = float(told)
    except ValueError:
        value = np.nan
    if not 0 <= value < 1:
        raise UserError(f"{VARIABLE} or --missing: {told!r}; expected a share from 0 to below 1, such as 0.05")
    return value


def enough(n: int, of: int, most: float) -> bool:
    """Whether n images are a whole split of so many, if a share of them may be left out."""
    return of - n <= most * of + 1e-9


def rule(most: float) -> str:
    """What is said where more than that share would be left out."""
    return f"at most {100 * most:g}% of a split may be left out; {VARIABLE}=SHARE sets another share"


def missing(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The files that are not there, each with what is wrong. Raises UserError for a name that leaves the folder."""
    places = {file: archive.safe_join(folder, file) for file in names}
    return {file: _missing(place) for file, place in places.items() if not os.path.isfile(place)}


def _missing(path: Path) -> str:
    link = archive.dead_link(path)
    return f"missing; {link} is a link to {os.readlink(link)}, which is not there" if link else "missing"


def unreadable(folder: Path, file: str) -> str:
    """What is wrong with a photo; nothing where it can be decoded.

    Raises UserError for a name that leaves the folder.
    """
    path = archive.safe_join(folder, file)
    try:
        archive.image(path)
    except UserError as error:
        return fault(path, error)
    return ""


class Unreadable(Exception):
    """Photos that turned out not to be readable.

    faults: file -> what is wrong with it.
    """

    def __init__(self, faults: Mapping[str, str]):
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


def remember(split: Split, faults: Mapping[str, str], path: Path) -> None:
    """Keep the names of photos that cannot be read, so that the others need not be read again to find them.

    Always raises: Unreadable, and UserError where they are too many, which are not kept.
    """
    split.without(faults)
    files.write_in_one_step(path, lambda file: file.write(json.dumps([*faults]).encode()), files.DATA)
    raise Unreadable(faults)


def recall(split: Split, path: Path) -> None:
    """Raises Unreadable for the photos whose names were kept, unless one of them can be read by now."""
    if not path.is_file():
        return
    try:
        kept = {str(file) for file in json.loads(path.read_bytes())}
    except (OSError, ValueError, TypeError, RecursionError):
        return  # they are found again
    faults = {file: unreadable(split.folder, file) for file in sorted(kept.intersection(split.listing.files))}
    if faults and all(faults.values()):
        raise Unreadable(faults)


def fault(path: Path, error: UserError) -> str:
    """What an error says of a file, without its path."""
    return str(error).removeprefix(f"{path}: ")


@cache
def tell(line: str) -> None:
    """Tell the user a line, once in a process."""
    progress.say(line)


def named(faults: list[str]) -> str:
    """The first of them, and how many more there are."""
    rest = f"; and {len(faults) - NAMED:,} more" if len(faults) > NAMED else ""
    return f"{'; '.join(faults[:NAMED])}{rest}"
