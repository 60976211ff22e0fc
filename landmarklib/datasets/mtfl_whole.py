"""MTFL as thewlis2017 tests on it: the AFLW faces in the crops that the publisher ships, whole.

Nothing of a test image is cut by its true points. Training faces are cut to the same scale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Listing, Recipe
from landmarklib.datasets import mtfl

SIDE = 150  # of the test images
MOVED, SCALED = 0.1, 0.1  # a validation face's square at most: share of its side, in x and in y; share of its size
MARGIN = 2.8  # of a training face's square: the points fill as much of it as they fill of the test images


def read(folder: Path) -> dict[str, Listing]:
    """MTFL's splits, with squares around training faces and all of the test images."""
    return _with_boxes(mtfl.read(folder))


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """MTFL's stand-in with these squares."""
    return _with_boxes(mtfl.write_standin(folder, counts, seed))


def _with_boxes(splits: Mapping[str, Listing]) -> dict[str, Listing]:
    boxes = {name: squares(listing.points) for name, listing in splits.items()}
    boxes["val"] = displaced(boxes["val"], splits["val"].ids)
    boxes["test"] = np.tile([0.0, 0.0, SIDE, SIDE], (len(splits["test"]), 1))
    return {name: replace(listing, boxes=boxes[name]) for name, listing in splits.items()}


def squares(points: Float[np.ndarray, "N 5 2"]) -> Float[np.ndarray, "N 4"]:
    """The square around a face's points, enlarged. A face without points has one at its photo's corner."""
    low, high = np.nan_to_num(points).min(1) + 0.5, np.nan_to_num(points).max(1) + 0.5  # from the photo's edge
    half = MARGIN / 2 * np.maximum((high - low).max(1, keepdims=True), 1)
    return np.concatenate([(low + high) / 2 - half, (low + high) / 2 + half], 1)


def displaced(boxes: Float[np.ndarray, "N 4"], ids: tuple[str, ...]) -> Float[np.ndarray, "N 4"]:
    """The squares moved and scaled at random, by their ids alone: who has no points centres no face."""
    digests = [hashlib.sha256(name.encode()).digest() for name in ids]
    u = np.array([np.frombuffer(digest[:12], "<u4") for digest in digests]).reshape(-1, 3) / 2**31 - 1
    side = boxes[:, 2:3] - boxes[:, :1]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + MOVED * side * u[:, :2]
    half = side / 2 * (1 + SCALED * u[:, 2:])
    return np.concatenate([centre - half, centre + half], 1)


DATASET = replace(
    mtfl.DATASET,
    name="mtfl_whole",
    title="MTFL, test faces whole",
    assumptions=(
        mtfl.DATASET.assumptions[0],
        "Test images are taken whole, 150 x 150 pixels, as the publisher ships them. A training face is cut out as the "
        "square around its five points, 2.8 times as wide as they are, in which they are as large on average as in the "
        "test images. A validation face's square is moved by up to 10% of its side and scaled by up to 10%, at random: "
        "test faces are not centred either. thewlis2017 trains on CelebA, then on AFLW, and not on these faces.",
        mtfl.DATASET.assumptions[2],
    ),
    read=read,
    write_standin=write_standin,
    recipe=Recipe("box", 1.0),
    known_issues=(
        *mtfl.DATASET.known_issues,
        "Test faces are off the centre of their images, training faces are not.",
    ),
)
