"""The few types that everything shares, and the letters used in every shape.

B images in a batch, N images in a set, K points, C channels, H rows, W columns; a point is (x, y).
Imports no torch, so that the reading side (experiment, record, report) may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

if TYPE_CHECKING:
    import torch

STAND_IN, PART = "stand-in-", "part-of-"  # before a data set's name: generated in its place; what is here of it
NO_CLASS = 255  # of a pixel that is unknown, or from beyond the photo; it does not count
MARGIN = 1.6  # of the crops that jittered images are taken from (`Crop.margin`); beyond the photo is black


def whole(dataset: str) -> str:
    """The name of the data set that a stand-in stands in for, or that a part is of; else the name as it is."""
    return dataset.removeprefix(STAND_IN).removeprefix(PART)


class Crop(NamedTuple):
    """How large the square images of a split are, in pixels and in the photo.

    size: side of the image in pixels.
    margin: side of the square in the photo, as a multiple of the side of the data set's own square (`Recipe`).
    """

    size: int
    margin: float = 1.0


@dataclass(frozen=True)
class Annotations:
    """One split of a data set, in memory.

    images: uint8, N x C x H x W.
    points: N x K x 2, xy in pixels of that image, pixel centres at integers; NaN where unknown.
    visible: N x K, the points that count.
    ids: N different strings.
    attributes: name -> N values.
    normalizer: the length that an image's errors are divided by, in pixels of that image; None where errors are in
        pixels.
    pixel: the side of a pixel of the photo that the image was cut from, in pixels of the image; None where it was not
        cut from one.
    normalizers: other such lengths in use, by name.
    pixel_classes: the class of each pixel (`Dataset.pixel_names`), NO_CLASS where it has none; None in a data set
        without such.
    """

    images: UInt8[np.ndarray, "N C H W"]
    points: Float[np.ndarray, "N K 2"]
    visible: Bool[np.ndarray, "N K"]
    ids: tuple[str, ...]
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    normalizer: Float[np.ndarray, " N"] | None = None
    pixel: Float[np.ndarray, " N"] | None = None
    normalizers: Mapping[str, Float[np.ndarray, " N"]] = field(default_factory=dict)
    pixel_classes: UInt8[np.ndarray, "N H W"] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Listing:
    """One split of a data set as its publisher ships it: everything but the pixels.

    files: path of each image below the data set's folder, with "/"; none where one file holds many images
        (`Dataset.images`).
    points: N x K x 2, xy in pixels of that file, pixel centres at integers from 0, wherever the publisher counts from;
        NaN where there is none.
    visible: N x K, the points that count.
    ids: N different strings.
    attributes: name -> N values, classes from 0.
    boxes: N x 4, left, top, right, bottom, where the publisher gives them; in pixels from the image's own edge, so that
        0, 0, width, height is all of it.
    """

    files: tuple[str, ...]
    points: Float[np.ndarray, "N K 2"]
    visible: Bool[np.ndarray, "N K"]
    ids: tuple[str, ...]
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    boxes: Float[np.ndarray, "N 4"] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Int[np.ndarray, " n"]) -> Listing:
        """The images at these places, in this order."""
        index = np.asarray(index)
        attributes = {name: values[index] for name, values in self.attributes.items()}
        boxes = None if self.boxes is None else self.boxes[index]
        files, ids = (tuple(names[i] for i in index) if names else () for names in (self.files, self.ids))
        return Listing(files, self.points[index], self.visible[index], ids, attributes, boxes)


@dataclass(frozen=True)
class Recipe:
    """The square that is cut from a photo.

    around: `points` or `box`, what it is centred on.
    margin: its side, as a multiple of the longer side of those.
    grey: one channel, else three.
    groups: of landmarks, whose centres are the points that count here; none for all points that are visible.
    moved: where it reaches out of its photo it is shifted inside, and made smaller where the photo is; else it stays
        where it is and is black there.
    white: what lies beyond the photo is white, not black.
    """

    around: str = "points"
    margin: float = 1.5
    grey: bool = True
    groups: tuple[tuple[int, ...], ...] = ()
    moved: bool = False
    white: bool = False


@dataclass(frozen=True)
class Batch:
    """What a method sees: B images, the labelled ones first.

    images: float32 in [0, 1], B x C x H x W.
    points: B x K x 2 in [-1, 1] (edges of the image at +-1), NaN for unlabelled images, so that a leak of labels is
        loud.
    visible: B x K, the points that count.
    attributes: B x A float32, a class from 0 or an angle in radians, NaN where it is unknown.
    n_labelled: number of labelled images.
    source: where images are jittered, what they are taken from.
    jitter: where images are jittered, how: B x 2 x 3 (`warps.random_affine`).
    pixel_classes: where the data set has such, the class of each pixel: uint8, B x H x W, NO_CLASS in all of an
        unlabelled image.
    partner: where a stage has pairs, another image of the same thing for each, jittered as it is.
    partner_source: where these are jittered, what they are taken from.
    """

    images: torch.Tensor
    points: torch.Tensor
    visible: torch.Tensor
    attributes: torch.Tensor
    n_labelled: int
    source: torch.Tensor | None = None
    jitter: torch.Tensor | None = None
    pixel_classes: torch.Tensor | None = None
    partner: torch.Tensor | None = None
    partner_source: torch.Tensor | None = None
