"""YouTube Faces with 68 points: faces cut from frames of videos, persons apart; a free substitute for 300-W and Multi-PIE."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from landmarklib.datasets import Dataset, archive, w300
from landmarklib.types import Listing, UserError

COLUMNS = tuple(f"{axis}{k}" for k in range(68) for axis in "xy")
NAME = re.compile(r"(.+_\d)\d__(training|test)\.jpg")  # person, digit of the clip, digit of the frame, source's split


def read(folder: Path) -> dict[str, Listing]:
    """The rows of landmarks.csv by their column `split`, in which no person is twice."""
    path = folder / "landmarks.csv"
    table = archive.table(path, ("file", "split", "person", *COLUMNS))
    rows = zip(*(table[name] for name in COLUMNS), strict=True)
    values = [archive.numbers(path, i + 2, row, "x0, y0 to x67, y67") for i, row in enumerate(rows)]
    points = np.array(values).reshape(-1, 68, 2)
    people = table["person"]
    clips = [_clip(path, i + 2, *pair) for i, pair in enumerate(zip(table["file"], people, strict=True))]
    whole = Listing(
        tuple(f"images/{name}" for name in table["file"]),
        points,
        np.ones(points.shape[:2], bool),
        archive.different(path, table["file"]),
        {"person": np.array(people, str), "clip": np.array(clips, str)},
    )
    return {split: whole[rows] for split, rows in archive.apart(path, table["split"], people).items()}


def _clip(path: Path, line: int, file: str, person: str) -> str:
    found = NAME.fullmatch(file)
    if not found or found[1][:-2] != person:
        raise UserError(f"{path}, line {line}: file {file!r} of {person!r}; expected PERSON_CF__training.jpg or _test")
    return found[1]


DATASET = Dataset(
    name="ytf68",
    title="YouTube Faces, 68 points",
    landmarks=w300.LANDMARKS,
    mirror=w300.MIRROR,
    skeleton=w300.SKELETON,
    counts={"train": 1586, "val": 210, "test": 301},
    size=80,
    unit="% of the distance of the eye centres",
    tier="open",
    licence="MIT (the repository); frames of YouTube Faces: research",
    obtain="Nobody publishes these crops. The frames and points are those of udacity/P1_Facial_Keypoints on GitHub; cut every second person's faces "
    "into a folder `ytf68` below the data root, with the columns file, split, person, x0, y0 to x67, y67 in landmarks.csv.",
    citation="Wolf et al., CVPR 2011",
    assumptions=(
        "Points are pixels of the crop from 0, as its maker says; the source's are whole pixels, taken to count from 0.",
        "The splits are those of the column `split`: 131, 18 and 25 persons, nobody in two of them.",
        "The first digit after the person is the clip, the second the frame.",
    ),
    folder="ytf68",
    read=read,
    layout="landmarks.csv and images/",
    traps=(
        "The points were made by a machine, not by a person.",
        "The source's own training and test share all persons: use `split`.",
        "The 2,097 images are of 174 persons in 571 clips: draw few labels by person or clip, not by image.",
        "The same name with __training and with __test is two different frames (384 pairs).",
        "Left and right are the image's.",
        "The crop is centred on the points at one scale, so that the mean of all points is a good guess: shift and scale at random.",
        "The source's frames are called .jpg but are PNG with transparency.",
    ),
)
