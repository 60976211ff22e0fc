"""What is true of a data set, as a value. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations, Listing, Recipe, whole


@dataclass(frozen=True)
class Source:
    """A file that anybody may download.

    url: its address.
    sha256: its hash, in hex digits.
    size: in bytes; no more than that is ever written.
    to: where it goes below the data root: a file's name, or a folder's for an archive that is unpacked.
    """

    url: str
    sha256: str
    size: int
    to: str


@dataclass(frozen=True)
class Dataset:
    """What is true of a data set whoever uses it. A fact about a data set stands in its file and nowhere else."""

    name: str
    title: str
    landmarks: tuple[str, ...]
    mirror: tuple[int, ...]  # index of each landmark after a left-right flip
    skeleton: tuple[tuple[int, int], ...]
    counts: Mapping[str, int]  # images per split
    size: int  # side of the images in pixels, unless an experiment asks for another
    unit: str  # of the reported error, in words
    tier: str  # paper, open or stand-in
    licence: str
    obtain: str
    citation: str
    assumptions: tuple[str, ...]  # what the paper leaves open and is decided here
    attributes: Mapping[str, int] = field(default_factory=dict)  # name -> number of classes, 0 for a real number
    load: Callable[[object, str, int], Annotations] | None = None  # of a generated set
    read: Callable[[Path], Mapping[str, Listing]] | None = None  # of a set in its publisher's layout
    # folder, split -> N x C x H x W, where one file holds many images
    images: Callable[[Path, str], np.ndarray] | None = None
    # folder, id -> H x W, the class of each pixel of a photo, an index of `pixel_names`
    pixel_labels: Callable[[Path, str], np.ndarray] | None = None
    pixel_names: tuple[str, ...] = ()  # of the classes of pixels
    # (folder, counts, seed): writes a stand-in in that layout and gives what `read` must find
    write_standin: Callable[..., Mapping[str, Listing]] | None = None
    # the length that errors are divided by, in pixels of each photo; None where errors are in pixels
    normalizer: Callable[[Listing], np.ndarray] | None = None
    normalizers: Mapping[str, Callable[[Listing], np.ndarray]] = field(default_factory=dict)  # others in use, by name
    # name of a part of the test images -> attribute and its values
    subsets: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    # split -> hash of its ids in the whole archive (`subsets.ids_hash`), so that it cannot move
    ids: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""  # of that layout, below a data root
    recipe: Recipe = field(default_factory=Recipe)  # how its photos are cut
    sources: tuple[Source, ...] = ()  # for `landmarklib data fetch`; none where it may not be had without asking
    # split -> by how many pixels of the photo, in x and y, its points may stand too far right and down: errors are
    # reported against points shifted by that, too
    shifted_labels: Mapping[str, float] = field(default_factory=dict)
    layout: str = ""
    known_issues: tuple[str, ...] = ()  # what a reader of these files gets wrong
    made_points: bool = False  # here, from others than the papers used, so that errors do not compare with theirs
    # how far outside of its photo a counted point may lie, as a share of the longer side; farther is a mistake
    beyond: float = 1.0
    # attribute: photos that agree in it show one thing from one place, so that they differ in the light alone
    aligned: str = ""
    # share of the normalizer within which a point counts as correct (PCK); 0 where that measure is not in use
    correct_within: float = 0.0
    near: float = 0.0  # within which a point counts as found, as a share of the frame's side; 0 where none is in use
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # landmarks whose share found is told, too

    @property
    def channels(self) -> int:
        """Of its images as networks see them."""
        return 1 if self.recipe.grey else 3

    def check_jitter(self, ranges: Mapping[str, float]) -> None:
        """Raise UserError for jitter of generated images. ranges: of the jitter, none without one."""
        if ranges and self.load:
            raise UserError(f"jitter: {self.name} is generated and varies enough; jitter is for photos")

    def check_other(self, other: Dataset, jitter: Mapping[str, float]) -> None:
        """Raise UserError where a run on this data set cannot have a stage on another one's training images.

        jitter: ranges of the run's, none without one.
        """
        if whole(other.name) == whole(self.name):
            raise UserError(f"dataset of a stage: {other.name} is the run's own; leave it out")
        if not other.counts.get("train"):
            raise UserError(f"dataset of a stage: {other.name} has no train images")
        if other.recipe.grey != self.recipe.grey:
            kinds = ["grey" if dataset.recipe.grey else "in colour" for dataset in (other, self)]
            raise UserError(f"dataset of a stage: {other.name} is {kinds[0]}, and {self.name} is {kinds[1]}")
        other.check_jitter(jitter)
