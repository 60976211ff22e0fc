"""Tiger-Pose (Ultralytics 2023): twelve points of one walking tiger, 263 frames of one video."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

ENDINGS = (".jpg", ".jpeg", ".png")
COLUMNS = "a class, the box as x, y of its centre, width, height, and x, y of 12 points, all from 0 to 1"


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training frames, and its validation frames, of which every second one is for testing."""
    return {"train": _split(folder, "train"), **_divide(_split(folder, "val"))}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the publisher's layout: frames of one tiger, those for validation spread between the others.

    counts: as many for testing as for validation, or one more, since the reader takes them in turns.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import quadrupeds

    n, n_val, found = sum(counts.values()), counts["val"] + counts["test"], {"train": [], "val": []}
    val = set((np.arange(n_val) * n // n_val).tolist())
    for frame in range(n):
        split = "val" if frame in val else "train"
        drawn = quadrupeds.draw(1, 128, seed, clip=[0], frame=[frame])
        pixels, points = publish.crop(drawn.images[0], drawn.points[0], 8)
        points, size = quadrupeds.twelve(points[None])[0], np.array(pixels.shape[:0:-1])
        box = np.array([points.min(0) - 2, points.max(0) + 3])
        rows = np.concatenate([[box.mean(0), box[1] - box[0]], points + 0.5]) / size
        name = f"Frame_{frame}"
        publish.photo(folder / split / "images" / f"{name}.jpg", pixels)
        words = " ".join(map(repr, rows.ravel().tolist()))
        publish.lines(folder / split / "labels" / f"{name}.txt", [f"0 {words}"], last=False)
        found[split].append((name, points, box.ravel()))
    publish.lines(
        folder / "tiger-pose.yaml", ["path: ../datasets/tiger-pose", "train: train", "val: val", "kpt_shape: [12, 2]"]
    )
    whole = {split: _sorted(split, rows) for split, rows in found.items()}
    return {"train": whole["train"], **_divide(whole["val"])}


def _divide(found: Listing) -> dict[str, Listing]:
    """In turns by the number of the frame: the first is for testing, the second for validation."""
    places = sorted(range(len(found)), key=lambda i: ([*map(int, re.findall(r"\d+", found.ids[i]))], found.ids[i]))
    chosen = {"val": places[1::2], "test": places[::2]}
    return {split: found[np.array(sorted(index), int)] for split, index in chosen.items()}


def _sorted(split: str, rows: list[tuple[str, np.ndarray, np.ndarray]]) -> Listing:
    """In the order of the names, in which Frame_10 comes before Frame_2."""
    ids, points, boxes = zip(*sorted(rows, key=lambda row: row[0]), strict=True)
    files = tuple(f"{split}/images/{name}.jpg" for name in ids)
    return layout.listing(files, ids, np.array(points), boxes=np.array(boxes))


def _split(folder: Path, split: str) -> Listing:
    labels, images = folder / split / "labels", folder / split / "images"
    found = layout.pairs(labels, ".txt", images, ENDINGS)
    if alone := sorted(layout.stems(images, *ENDINGS).keys() - found.keys()):
        raise UserError(f"{folder / split}: {alone[0]} has no label; expected images/NAME.jpg and labels/NAME.txt")
    names = sorted(found)
    sizes = np.array([archive.known_size(images / found[name][1]) for name in names], float).reshape(-1, 1, 2)
    rows = np.array([_label(labels / found[name][0]) for name in names]).reshape(len(names), 14, 2)
    centre, extent, points = rows[:, :1], rows[:, 1:2], rows[:, 2:]
    boxes = np.concatenate([centre - extent / 2, centre + extent / 2], 1)  # as shares of the photo
    archive.check_boxes(labels, boxes.reshape(-1, 4), names)
    boxes = boxes * sizes
    files = [f"{split}/images/{found[name][1]}" for name in names]
    points = points * sizes - 0.5
    return layout.listing(files, names, points, np.isfinite(points).all(-1), boxes=boxes.reshape(-1, 4))


def _label(path: Path) -> list[float]:
    lines = archive.lines(path)
    if len(lines) != 1:
        raise UserError(f"{path}: {len(lines)} lines; expected one tiger")
    words = lines[0].split()
    if len(words) != 29:
        raise UserError(f"{path}, line 1: {len(words)} words; expected 29: {COLUMNS}")
    values = archive.numbers(path, 1, words, COLUMNS)
    if values[0] != 0 or not 0 <= min(values) <= max(values) <= 1:
        raise UserError(f"{path}, line 1: {lines[0][:60]!r}; expected class 0 and {COLUMNS}")
    return values[1:]


DATASET = Dataset(
    name="tiger_pose",
    title="Tiger-Pose",
    landmarks=(
        "muzzle",
        "ear",
        "withers",
        "croup",
        "one hind knee",
        "one hind paw",
        "other hind paw",
        "other hind knee",
        "one front elbow",
        "one front paw",
        "other front elbow",
        "other front paw",
    ),
    mirror=tuple(range(12)),
    skeleton=((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (3, 7), (7, 6), (2, 8), (8, 9), (2, 10), (10, 11)),
    counts={"train": 210, "val": 26, "test": 27},
    ids={"train": "aa69de641b89", "val": "31631a942be7", "test": "a4b055d8b6a1"},
    size=128,
    unit="% of the longer side of the tiger's box",
    normalizer=normalizers.box_side,
    correct_within=0.1,
    tier="open",
    licence="AGPL-3.0; frames of one video of YouTube",
    obtain="Download tiger-pose.zip of Ultralytics (docs.ultralytics.com, Tiger-Pose) and unpack it into a folder "
    "`tiger_pose` below the data root.",
    citation="Ultralytics, Tiger-Pose, 2023",
    assumptions=(
        "0 and 1 are the outer edges of the image, so that a point is the same part of the image at any size of the "
        "file: x = width * value - 0.5.",
        "Images are squares around the tiger's box, 1.25 times as wide.",
        "The publisher does not name the points; the names were given after looking at some frames.",
        "The publisher has no test frames. Of its 53 for validation, in the order of their numbers, every second one, "
        "beginning with the first, is for testing here; the others are for validation.",
    ),
    folder="tiger_pose",
    recipe=Recipe("box", 1.25, grey=False),
    read=read,
    write_standin=write_standin,
    layout="train/images/, train/labels/, val/images/, val/labels/; one .txt for each image",
    known_issues=(
        "All frames, those for testing as well, are of one video, and 50 of the 53 that are for validation or testing "
        "have a neighbour that is for training: a low error says little about other tigers.",
        "There is no visibility: a hidden point is guessed by the annotator and counts.",
        "The publisher's flip_idx leaves every point as it is: the points of a pair are not left and right, and front "
        "paws change places between frames (Frame_1, Frame_74).",
        "In 35 frames a point lies outside of the tiger's box.",
    ),
)
