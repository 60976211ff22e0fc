"""YouTube Faces with 68 points: faces cut from frames of videos, no person in two splits.

It is a free substitute for 300-W and Multi-PIE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import w300
from landmarklib.formats import archive, layout

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
    ids = archive.check_unique(path, table["file"])
    attributes = {"person": np.array(people, str), "clip": np.array(clips, str)}
    whole = layout.listing([f"images/{name}" for name in ids], ids, points, None, attributes)
    return {split: whole[rows] for split, rows in archive.check_disjoint(path, table["split"], people).items()}


def _clip(path: Path, line: int, file: str, person: str) -> str:
    found = NAME.fullmatch(file)
    if not found or found[1][:-2] != person:
        raise UserError(f"{path}, line {line}: file {file!r} of {person!r}; expected PERSON_CF__training.jpg or _test")
    return found[1]


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the layout.

    A person has sixteen images in four clips of three frames, the last of which is there under two names.
    """
    from landmarklib.drawing import generator, publish
    from landmarklib.standins import faces

    split = np.repeat(list(counts), list(counts.values()))
    person = np.concatenate([1000 * k + np.arange(n) // 16 for k, n in enumerate(counts.values())])
    within = np.concatenate([np.arange(n) % 16 for n in counts.values()])
    clip, source = within // 4, np.where(within % 4 == 3, "test", "training")
    people = np.array([f"Person_{p:04d}" for p in person])
    clips = np.array([f"{name}_{c}" for name, c in zip(people, clip, strict=True)])
    ids = [f"{c}{min(k % 4, 2)}__{s}.jpg" for c, k, s in zip(clips, within, source, strict=True)]
    rng, n = generator(seed, 6), len(ids)
    given = {"person": person, "light": 2 + (7 * person + 5 * clip) % 15, "scale": rng.uniform(0.19, 0.21, n)}
    given |= {"pose": rng.choice([1, 2, 3], n, p=[0.25, 0.5, 0.25])}
    files = tuple(f"images/{name}" for name in ids)
    drawn = publish.photos(folder, files, publish.squares(faces.draw, 96, 64), 176, seed, **given)
    cuts = np.stack([drawn.attributes[name] for name in ("left", "top", "side")], 1)
    values = np.concatenate([cuts, drawn.points.reshape(n, -1)], 1)
    rows = [
        ",".join([*words, "176", "176", *(f"{value:.3f}" for value in row)])
        for *words, row in zip(ids, source, split, people, values, strict=True)
    ]
    head = "file,source_split,split,person,orig_w,orig_h,crop_x0,crop_y0,crop_side"
    publish.lines(folder / "landmarks.csv", [",".join([head, *COLUMNS]), *rows])
    whole = layout.listing(files, ids, drawn.points, None, {"person": people, "clip": clips})
    return {name: whole[np.flatnonzero(split == name)] for name in counts}


DATASET = Dataset(
    name="ytf68",
    title="YouTube Faces, 68 points",
    landmarks=w300.LANDMARKS,
    mirror=w300.MIRROR,
    skeleton=w300.SKELETON,
    counts={"train": 1586, "val": 210, "test": 301},
    ids={"train": "55aeba7c749c", "val": "c08f1fc7c570", "test": "1d55424eaae1"},
    size=80,
    unit="% of the distance of the eye centres",
    normalizer=normalizers.between((36, 39), (42, 45)),
    tier="open",
    licence="MIT (the repository); frames of YouTube Faces: research",
    obtain="Nobody publishes these crops. The frames and points are those of udacity/P1_Facial_Keypoints on GitHub; "
    "cut every second person's faces "
    "into a folder `ytf68` below the data root, with the columns file, split, person, x0, y0 to x67, y67 in "
    "landmarks.csv.",
    citation="Wolf et al., CVPR 2011",
    assumptions=(
        "Points are pixels of the crop from 0, as its maker says; the source's are whole pixels, taken to count from "
        "0.",
        "The splits are those of the column `split`: 131, 18 and 25 persons, nobody in two of them.",
        "The first digit after the person is the clip, the second the frame.",
    ),
    folder="ytf68",
    read=read,
    write_standin=write_standin,
    layout="landmarks.csv and images/",
    known_issues=(
        "The points were made by a machine, not by a person.",
        "The source's own training and test share all persons: use `split`.",
        "The 2,097 images are of 174 persons in 571 clips: draw few labels by person or clip, not by image.",
        "The same name with __training and with __test is two different frames (384 pairs).",
        "Left and right are the image's.",
        "The crop is centred on the points at one scale, so that the mean of all points is a good guess: shift and "
        "scale at random.",
        "The source's frames are called .jpg but are PNG with transparency.",
    ),
)
