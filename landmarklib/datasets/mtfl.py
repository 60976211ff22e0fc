"""MTFL (Zhang et al. 2014): five points, gender, smile, glasses and head pose of faces from LFW, the web and AFLW."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

COLUMNS = "a path, x1 to x5, y1 to y5, gender, smile, glasses, pose"
SHUFFLE = 7345  # RCN's: validation is the last tenth of a shuffle of the training list


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training list in two parts, and its test list, which is AFLW."""
    return _splits(*(faces_of(folder / name) for name in ("training.txt", "testing.txt")))


def _splits(training: Listing, test: Listing) -> dict[str, Listing]:
    order = np.random.RandomState(SHUFFLE).permutation(len(training))  # numpy keeps this generator's numbers for ever
    n = len(training) - len(training) // 10
    return {"train": training[order[:n]], "val": training[order[n:]], "test": test}


def faces_of(path: Path) -> Listing:
    """The faces of one of the publisher's lists, in its order; points as they are given."""
    rows, files = [], []
    for i, line in enumerate(archive.lines(path)):
        words = line.split()
        if len(words) != 15:
            raise UserError(f"{path}, line {i + 1}: {len(words)} words; expected 15: {COLUMNS}")
        files.append(words[0].replace("\\", "/"))
        rows.append(archive.numbers(path, i + 1, words[1:], COLUMNS))
    values = np.array(rows)
    points = np.stack([values[:, :5], values[:, 5:10]], -1)
    attributes = {}
    for (name, n), column in zip(DATASET.attributes.items(), values[:, 10:].T, strict=True):
        bad = np.flatnonzero(~np.isin(column, np.arange(1, n + 1)))
        if len(bad):
            raise UserError(f"{path}: {files[bad[0]]} has {name} {column[bad[0]]:g}; expected 1 to {n}")
        attributes[name] = column.astype(np.int64) - 1
    return layout.listing(files, archive.check_unique(path, files), points, None, attributes)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Which images are for validation follows from the length of the training list.
    """
    from landmarklib.drawing import generator, publish

    training, tests = counts["train"] + counts["val"], counts["test"]
    n_lfw = training * 2 // 5
    names = generator(seed, 0).permutation(training)
    files = [f"lfw_5590/Name_{i:04d}_0001.jpg" if k < n_lfw else f"net_7876/{i}_0.jpg" for k, i in enumerate(names)]
    found = []
    for name, listed, size, slash in (
        ("training.txt", files, 160, "\\"),
        ("testing.txt", [f"AFLW/{i + 1:04d}-image{7919 * i % 100000:05d}.jpg" for i in range(tests)], 150, "/"),
    ):
        listing = _draw(folder, listed, size, seed, training if slash == "/" else 0)
        values = np.concatenate(
            [listing.points[..., 0], listing.points[..., 1], *(v[:, None] + 1 for v in listing.attributes.values())], 1
        )
        rows = [
            " ".join([file.replace("/", slash), *(f"{x:.6f}" for x in row[:10]), *(f"{x:.0f}" for x in row[10:])])
            for file, row in zip(listed, values, strict=True)
        ]
        publish.lines(folder / name, [*rows, ""], "\r\n ", last=False)
        found.append(listing)
    return _splits(*found)


def _draw(folder: Path, files: list[str], size: int, seed: int, first: int) -> Listing:
    """Faces that fill a third of the image, so that all points are in it."""
    from landmarklib.drawing import generator, publish
    from landmarklib.standins import faces

    n, rng = len(files), generator(seed, 1, first)
    given = {"smile": rng.integers(2, size=n), "scale": rng.uniform(0.15, 0.22, n)}
    drawn = publish.photos(folder, files, faces.draw, size, seed, first, **given)
    yes = {name: 1 - drawn.attributes[name] for name in ("smile", "glasses")}  # first is yes
    attributes = {"gender": drawn.attributes["gender"], **yes, "pose": drawn.attributes["pose"]}
    points = faces.five(drawn.points)
    return layout.listing(files, files, points, None, attributes)


DATASET = Dataset(
    name="mtfl",
    title="MTFL",
    landmarks=("left eye", "right eye", "nose", "left mouth corner", "right mouth corner"),
    mirror=(1, 0, 2, 4, 3),
    skeleton=((0, 2), (1, 2), (2, 3), (2, 4), (3, 4)),
    counts={"train": 9000, "val": 1000, "test": 2995},
    ids={"train": "24d3a5199b9e", "val": "021f3efb9dc0", "test": "6c491225aab5"},
    size=80,
    unit="% of the distance of the eyes",
    normalizer=normalizers.between(0, 1),
    tier="paper",
    licence="research; the images are of LFW, the web and AFLW: non-commercial, AFLW's not to be passed on",
    obtain="Download MTFL.zip from the authors' page (mmlab.ie.cuhk.edu.hk, TCDCN) and unpack it into a folder `mtfl` "
    "below the data root.",
    citation="Zhang et al., ECCV 2014",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "A face is cut out as the square around its five points, 2.8 times as wide as they are, black beyond the "
        "photo; about what RCN's two cuts "
        "around eyes and mouth leave. RCN's square is moved and shrunk into the photo instead, which leaves most test "
        "faces off their centre.",
        "Validation images are the last 1,000 of the training list after RCN's shuffle, as honari2018 has 9,000 and "
        "1,000.",
    ),
    folder="mtfl",
    read=read,
    write_standin=write_standin,
    recipe=Recipe(margin=2.8),
    shifted_labels={"test": 1.0},
    attributes={"gender": 2, "smile": 2, "glasses": 2, "pose": 5},
    layout="training.txt, testing.txt, and the images in lfw_5590/, net_7876/ and AFLW/",
    known_issues=(
        "Left and right are the image's. A line holds all five x, then all five y. Paths of the training list have "
        "backslashes.",
        "The test images are 150 x 150 crops of 2,863 photos of AFLW; several show faces of one photo.",
        "honari2018 prints 29,995 test images; there are 2,995.",
        "Most faces look ahead, 74% of the training list and 61% of the test list: a head that always says so is "
        "right as often.",
        "In four test images, profiles, the left eye lies right of the right one.",
    ),
)
