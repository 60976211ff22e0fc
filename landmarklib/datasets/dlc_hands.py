"""Hands on a table, labelled with DeepLabCut: a free substitute for HGR1. Sixteen points of single hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landmarklib.datasets import Dataset, archive
from landmarklib.types import Listing, Recipe, UserError

FINGERS = ("thumb", "index", "middle", "ring", "little")
LANDMARKS = ("wrist", *(f"{finger} {joint}" for finger in FINGERS for joint in ("start", "center", "end")))
HANDS = ("leftHand", "rightHand")
COLUMNS = ("file", "split", "video", "hand", "n_visible")


def read(folder: Path) -> dict[str, Listing]:
    """The list in its three splits, of different videos."""
    path = folder / "landmarks.csv"
    joints = ["wristCenter", *(name.title().replace(" ", "") for name in LANDMARKS[1:])]
    joints = [name[0].lower() + name[1:] for name in joints]
    table = archive.table(path, [*COLUMNS, *(f"{axis}_{name}" for name in joints for axis in "xy")])
    cells = zip(*(table[f"{axis}_{name}"] for name in joints for axis in "xy"), strict=True)
    points = np.array([_points(path, i + 2, row) for i, row in enumerate(cells)]).reshape(-1, len(joints), 2)
    visible = np.isfinite(points).all(-1)
    for i, (n, hand) in enumerate(zip(table["n_visible"], table["hand"], strict=True)):
        if n != str(visible[i].sum()):
            raise UserError(f"{path}, line {i + 2}: {visible[i].sum()} points; n_visible is {n!r}")
        if hand not in HANDS:
            raise UserError(f"{path}, line {i + 2}: hand {hand!r}; expected {' or '.join(HANDS)}")
    ids = archive.different(path, table["file"])
    hands = np.array([HANDS.index(hand) for hand in table["hand"]], np.int64)
    attributes = {"hand": hands, "video": np.array(table["video"])}
    whole = Listing(tuple(f"images/{name}" for name in ids), points, visible, ids, attributes)
    return {split: whole[rows] for split, rows in archive.apart(path, table["split"], table["video"]).items()}


def _points(path: Path, line: int, cells: tuple[str, ...]) -> list[float]:
    """x and y of all points; NaN for a point both of whose cells are empty."""
    empty = [x == "" == y for x, y in zip(cells[::2], cells[1::2], strict=True) for _ in "xy"]
    given = iter(archive.numbers(path, line, [c for c, none in zip(cells, empty, strict=True) if not none], "x and y"))
    return [np.nan if none else next(given) for none in empty]


DATASET = Dataset(
    name="dlc_hands",
    title="Hands on a table",
    landmarks=LANDMARKS,
    mirror=tuple(range(16)),
    skeleton=tuple((0 if k % 3 == 1 else k - 1, k) for k in range(1, 16)),
    counts={"train": 160, "val": 40, "test": 40},
    size=64,
    unit="% of the distance of wrist and middle finger's start",
    tier="open",
    licence="none stated now; an earlier README of the source says MIT",
    obtain=(
        "Cut single hands of 160 x 160 pixels from the labelled frames of github.com/Bearbrice/maDLC_MM_hands2, list them in landmarks.csv "
        "with their points in pixels of the crop, and put both into a folder `hands/dlc_hands` below the data root."
    ),
    citation="Bearbrice, maDLC_MM_hands2, GitHub",
    assumptions=(
        "Points are taken as they are given, from pixel 0.",
        "A flip keeps every landmark's place in the list, and makes a right hand of a left one.",
        "Each of the six videos is taken for another person, as it looks; four are for training, one for validation and one for test.",
    ),
    folder="hands/dlc_hands",
    recipe=Recipe(enlarge=1.35),
    read=read,
    attributes={"hand": 2},
    layout="landmarks.csv (file, split, video, hand, n_visible, crop_x0, crop_y0, crop_side, x_wristCenter, y_wristCenter, ...), images/",
    traps=(
        "Left and right hands are the person's; hands reach into the picture from above, so a left hand's thumb points left.",
        "Crops are cut around the labelled points: predicting the mean looks too good unless position and scale are jittered.",
        "Both hands of a frame are there, as two images; frames of a video look alike.",
        "Validation and test are one video each: their errors say little about other people.",
    ),
)
