"""MTFL with the squares of the public RCN code, which moves into the photo what reaches out of it.

The rest is that of mtfl.py, so that runs on both tell what the crops are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Listing, Recipe
from landmarklib.datasets import mtfl

CORNERS = [0, 1, 3, 4]  # the eyes and the corners of the mouth
RATIO = 3.8 / 4.0  # of RCN's second cut
DIGITS = 6  # of a point in the publisher's lists; more would fall on the other side of a whole pixel


def read(folder: Path) -> dict[str, Listing]:
    """MTFL's splits with RCN's squares."""
    return _with_boxes(mtfl.read(folder))


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """MTFL's stand-in with RCN's squares."""
    return _with_boxes(mtfl.write_standin(folder, counts, seed))


def _with_boxes(splits: Mapping[str, Listing]) -> dict[str, Listing]:
    return {name: replace(listing, boxes=boxes(listing.points)) for name, listing in splits.items()}


def boxes(points: Float[np.ndarray, "N 5 2"]) -> Float[np.ndarray, "N 4"]:
    """RCN's square in whole pixels, wherever the photo ends.

    It is the square around eyes and corners of the mouth, wider on every side by a share of the larger of two
    distances: of the eyes, and of their middle from the mouth's. A face without points has one at its photo's corner.
    """
    points = np.nan_to_num(points).round(DIGITS)
    eyes, mouth, corners = points[:, :2], points[:, 3:], points[:, CORNERS]
    apart = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1)
    down = np.linalg.norm(eyes.mean(1) - mouth.mean(1), axis=-1)
    more = np.trunc(RATIO * np.maximum(apart, down))[:, None]
    low, high = np.trunc(corners.min(1)), np.trunc(corners.max(1))
    side = (high - low).max(1, keepdims=True)
    low = low - np.ceil((side - (high - low)) / 2) - more
    return np.concatenate([low, low + side + 2 * more], 1)


DATASET = replace(
    mtfl.DATASET,
    name="mtfl_moved",
    title="MTFL, squares moved into the photo",
    assumptions=(
        mtfl.DATASET.assumptions[0],
        "Taken from the public RCN code: a face is cut out as the square around its eyes and the corners of its mouth, "
        "wider on every side by 0.95 of the larger of two distances, of the eyes, and of their middle from the "
        "mouth's, in whole pixels of the photo. A square that reaches out of the photo is shifted inside, and made "
        "smaller where the photo is: nothing is black.",
        "RCN cuts twice, first with 1.25 in place of 0.95 to 160 x 160 pixels, then from those. Here is one cut, from "
        "the photo. The squares differ by a pixel or two, and by more for a few training faces at the edge of photos "
        "that are not square.",
        "What the jitter of training images shows beyond a square is the photo as far as that goes, then black. RCN's "
        "jitter shows black beyond its first cut.",
        "Open: honari2018 does not say how RCN+ cuts faces out. That it does as RCN's code is our reading.",
        mtfl.DATASET.assumptions[2],
    ),
    read=read,
    write_standin=write_standin,
    recipe=Recipe("box", 1.0, moved=True),
    known_issues=(
        *mtfl.DATASET.known_issues,
        "Most test faces stand off the centre of their crops, and few training faces do.",
    ),
)
