"""Sign Language Digits (Mavi 2020): hands that show the digits 0 to 9, without landmarks.

The attribute is of HGR1's kind, on images that are free to use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from landmarklib.core import subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

NAME = re.compile(r"(\d)_IMG_(\d{4})\.jpg", re.ASCII)
SIDE, SEED = 100, 0
SIGNS = (0, 1, 3, 5, 7, 8, 23, 25, 4, 10)  # gestures of stand-ins that show 0 to 9
FIRST, STEP = 1118, 20  # number of a stand-in's first photo, and of those that one person may take
SHARES = {"test": 0.2, "val": 0.1}  # of the people


def read(folder: Path) -> dict[str, Listing]:
    """All images in three parts, of different people. There are no points."""
    path = folder / "labels.csv"
    table = archive.table(path, ("file", "label"))
    ids = archive.check_unique(path, table["file"])
    names = [NAME.fullmatch(name) for name in ids]
    for i, (name, label) in enumerate(zip(names, table["label"], strict=True)):
        if name is None or name[1] != label:
            raise UserError(
                f"{path}, line {i + 2}: {ids[i]!r} with label {label!r}; expected LABEL_IMG_0000.jpg, LABEL"
            )
    return _listings(ids)


def _listings(ids: Sequence[str]) -> dict[str, Listing]:
    """The three parts of images whose names are as the publisher's, in that order."""
    gestures = np.array([name[0] for name in ids]).astype(np.int64)
    person, n = people([int(name[6:10]) for name in ids], gestures.tolist()), len(ids)
    whole = layout.listing(
        [f"images/{name}" for name in ids],
        ids,
        attributes={"gesture": gestures, "person": person},
        boxes=np.tile([0.0, 0.0, SIDE, SIDE], (n, 1)),
    )
    return {split: whole[np.flatnonzero(np.isin(person, who))] for split, who in _splits(person).items()}


def people(numbers: Sequence[int], gestures: Sequence[int]) -> np.ndarray:
    """A name for the person of each image: the camera's number of its first photo.

    Everyone shows 0 to 9 in this order, so a smaller digit than the last begins another person; unless it fills a gap:
    then at most half of one side is also on the other.
    """
    runs: list[list[int]] = []
    order = sorted(range(len(numbers)), key=lambda i: numbers[i])
    for before, i in zip([None, *order], order, strict=False):
        if before is None or gestures[i] < gestures[before]:
            runs.append([])
        runs[-1].append(i)
    joined: list[list[int]] = []
    for run in runs:
        shown, last = ({gestures[i] for i in part} for part in (run, joined[-1] if joined else []))
        if joined and 2 * len(shown & last) <= min(len(shown), len(last)):
            joined[-1] += run
        else:
            joined.append(run)
    found = np.empty(len(numbers), "U8")
    for run in joined:
        found[run] = f"IMG_{numbers[run[0]]:04d}"
    return found


def _splits(person: np.ndarray) -> dict[str, list[str]]:
    """The people of each split, drawn by hashing their names."""
    everyone = np.unique(person)
    order = [str(everyone[i]) for i in subsets.label_order(tuple(everyone.tolist()), None, SEED)]
    n_test, n_val = (round(SHARES[split] * len(order)) for split in ("test", "val"))
    return {"train": order[n_test + n_val :], "val": order[n_test : n_test + n_val], "test": order[:n_test]}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in this layout: one person after the other shows about ten signs.

    The parts are those of the reader's rule.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import hands

    names = [f"IMG_{FIRST + STEP * k:04}" for k in range(max(1, sum(counts.values()) // 10))]
    splits = _splits(np.array(names))
    rest = sum(counts[split] for split, who in splits.items() if not who)  # too few people for one of this split
    shown = []
    for split, who in splits.items():
        sizes = np.array_split(np.arange(counts[split] + (rest if split == "train" else 0)), len(who)) if who else []
        for name, photos in zip(who, sizes, strict=True):
            digits = np.sort(np.arange(len(photos)) % 10)
            shown += [(digit, int(name[4:]) + i) for i, digit in enumerate(digits)]
    digits, numbers = np.array(sorted(shown)).T  # listed digit by digit
    ids = [f"{digit}_IMG_{number:04}.jpg" for digit, number in zip(digits, numbers, strict=True)]
    looks = {"gesture": np.array(SIGNS)[digits], "subject": (numbers - FIRST) // STEP}
    publish.photos(folder / "images", ids, hands.draw, SIDE, seed, **looks)
    publish.lines(folder / "labels.csv", ["file,label", *(f"{name},{name[0]}" for name in ids)])
    return _listings(ids)


DATASET = Dataset(
    name="sign_digits",
    title="Sign Language Digits",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": 1452, "val": 209, "test": 401},
    ids={"train": "94d7699fcab4", "val": "16acaa0ddb28", "test": "95ca6c59b32a"},
    size=64,
    unit="none: there are no landmarks",
    tier="open",
    licence="Apache-2.0",
    obtain=(
        "Take the 100 x 100 images of github.com/ardamavi/Sign-Language-Digits-Dataset, put their digit before their "
        "names (0_IMG_1118.jpg), list them in "
        "labels.csv (file, label), and put it and images/ into a folder `hands/sign_digits` below the data root."
    ),
    citation="Mavi, Sign Language Digits Dataset, 2020",
    assumptions=(
        "The publisher names no people. They are told by the camera's running numbers: everyone shows 0 to 9 in this "
        "order, which gives 207 people, 199 of them with ten images.",
        "A fifth of the people are for test and a tenth for validation, drawn by hashing their first photos' names.",
        "The whole image is the hand's box.",
    ),
    folder="hands/sign_digits",
    recipe=Recipe(around="box", margin=1.0),
    read=read,
    write_standin=write_standin,
    attributes={"gesture": 10},
    layout="labels.csv (file, label), images/ with the digit before each name",
    known_issues=(
        "There are no landmarks.",
        "Neighbours in the camera's numbering are one person before one background; a split by image leaks.",
        "Some labels are wrong: 3_IMG_5108 shows a 7 and 2_IMG_5176 a 3.",
    ),
)
