"""Hands on a table, labelled with DeepLabCut: a free substitute for HGR1. Sixteen points of single hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

FINGERS = ("thumb", "index", "middle", "ring", "little")
LANDMARKS = ("wrist", *(f"{finger} {joint}" for finger in FINGERS for joint in ("start", "center", "end")))
JOINTS = ("wristCenter", *(f"{finger}{joint}" for finger in FINGERS for joint in ("Start", "Center", "End")))
HANDS = ("leftHand", "rightHand")
COLUMNS = ("file", "split", "video", "hand", "n_visible")
CROP = ("crop_x0", "crop_y0", "crop_side")  # of the frame; not read
VIDEOS = {"train": 4, "val": 1, "test": 1}
OPEN = (8, 9)  # gestures of stand-ins: fingers apart and together


def read(folder: Path) -> dict[str, Listing]:
    """The list in its three splits, of different videos."""
    path = folder / "landmarks.csv"
    table = archive.table(path, [*COLUMNS, *(f"{axis}_{name}" for name in JOINTS for axis in "xy")])
    cells = zip(*(table[f"{axis}_{name}"] for name in JOINTS for axis in "xy"), strict=True)
    points = np.array([_points(path, i + 2, row) for i, row in enumerate(cells)]).reshape(-1, len(JOINTS), 2)
    visible = np.isfinite(points).all(-1)
    for i, (n, hand) in enumerate(zip(table["n_visible"], table["hand"], strict=True)):
        if n != str(visible[i].sum()):
            raise UserError(f"{path}, line {i + 2}: {visible[i].sum()} points; n_visible is {n!r}")
        if hand not in HANDS:
            raise UserError(f"{path}, line {i + 2}: hand {hand!r}; expected {' or '.join(HANDS)}")
    ids = archive.check_unique(path, table["file"])
    hands = np.array([HANDS.index(hand) for hand in table["hand"]], np.int64)
    whole = _listing(ids, points, hands, np.array(table["video"]))
    return {split: whole[rows] for split, rows in archive.check_disjoint(path, table["split"], table["video"]).items()}


def _listing(
    ids: Sequence[str], points: Float[np.ndarray, "N 16 2"], hands: Int[np.ndarray, " N"], videos: np.ndarray
) -> Listing:
    files, attributes = tuple(f"images/{name}" for name in ids), {"hand": hands, "video": videos}
    return layout.listing(files, ids, points, np.isfinite(points).all(-1), attributes)


def _points(path: Path, line: int, cells: tuple[str, ...]) -> list[float]:
    """x and y of all points; NaN for a point both of whose cells are empty."""
    empty = [x == "" == y for x, y in zip(cells[::2], cells[1::2], strict=True) for _ in "xy"]
    given = iter(archive.numbers(path, line, [c for c, none in zip(cells, empty, strict=True) if not none], "x and y"))
    return [np.nan if none else next(given) for none in empty]


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in this layout.

    Backs of open hands reach down into the picture, a left and a right one of every frame.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import hands

    videos = [(split, f"video{split.title()}{k + 1}") for split, n in VIDEOS.items() for k in range(n)]
    sizes = [len(part) for split, n in VIDEOS.items() for part in np.array_split(np.arange(counts[split]), n)]
    person = np.repeat(np.arange(len(videos)), sizes)
    place = np.concatenate([np.arange(n) for n in sizes])
    side, n = place % 2, len(place)
    rows = [(*videos[p], HANDS[h], i // 2) for p, h, i in zip(person, side, place, strict=True)]
    ids = [f"{video}__img{frame:03}__{hand}.jpg" for _, video, hand, frame in rows]
    looks = {"subject": person, "right": side, "gesture": np.where(place % 4 < 2, *OPEN)}
    drawn = publish.photos(
        folder / "images", ids, hands.draw, 160, seed, **looks, back=np.ones(n, int), turn=np.full(n, np.pi)
    )
    points = hands.sixteen(drawn.points).round(3)
    lines = [",".join([*COLUMNS, *CROP, *(f"{axis}_{name}" for name in JOINTS for axis in "xy")])]
    for name, (split, video, hand, _), xy in zip(ids, rows, points, strict=True):
        cells = (name, split, video, hand, str(len(JOINTS)), "0.0", "0.0", "160.0", *map(str, xy.ravel().tolist()))
        lines.append(",".join(cells))
    publish.lines(folder / "landmarks.csv", lines)
    whole = _listing(ids, points, side, np.array([video for _, video, _, _ in rows]))
    of = np.array([split for split, *_ in rows])
    return {split: whole[np.flatnonzero(of == split)] for split in VIDEOS}


DATASET = Dataset(
    name="dlc_hands",
    title="Hands on a table",
    landmarks=LANDMARKS,
    mirror=tuple(range(16)),
    skeleton=tuple((0 if k % 3 == 1 else k - 1, k) for k in range(1, 16)),
    counts={"train": 160, "val": 40, "test": 40},
    ids={"train": "532c5d085564", "val": "5d17a1039548", "test": "3940b0a3d596"},
    size=64,
    unit="% of the distance of wrist and middle finger's start",
    normalizer=normalizers.between(0, LANDMARKS.index("middle start")),
    tier="open",
    licence="none stated now; an earlier README of the source says MIT",
    obtain=(
        "Cut single hands of 160 x 160 pixels from the labelled frames of github.com/Bearbrice/maDLC_MM_hands2, list "
        "them in landmarks.csv "
        "with their points in pixels of the crop, and put both into a folder `hands/dlc_hands` below the data root."
    ),
    citation="Bearbrice, maDLC_MM_hands2, GitHub",
    assumptions=(
        "Points are taken as they are given, from pixel 0.",
        "A flip keeps every landmark's place in the list, and makes a right hand of a left one.",
        "Each of the six videos is taken for another person, as it looks; four are for training, one for validation "
        "and one for test.",
    ),
    folder="hands/dlc_hands",
    recipe=Recipe(margin=1.35),
    read=read,
    write_standin=write_standin,
    attributes={"hand": 2},
    layout="landmarks.csv (file, split, video, hand, n_visible, crop_x0, crop_y0, crop_side, x_wristCenter, "
    "y_wristCenter, ...), images/",
    known_issues=(
        "Left and right hands are the person's; hands reach into the picture from above, so a left hand's thumb "
        "points left.",
        "Crops are cut around the labelled points: predicting the mean looks too good unless position and scale are "
        "jittered.",
        "Both hands of a frame are there, as two images; frames of a video look alike.",
        "Validation and test are one video each: their errors say little about other people.",
    ),
)
