"""CelebA (Liu et al. 2015): aligned faces of celebrities with five points.

MAFL, a part of it, is in mafl.py, which uses the reader here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Annotations, Listing
from landmarklib.datasets import mtfl
from landmarklib.formats import archive, layout

# The publisher's folders, or flat as in many copies.
LANDMARKS = ("Anno/list_landmarks_align_celeba.txt", "list_landmarks_align_celeba.txt")
PARTITION = ("Eval/list_eval_partition.txt", "list_eval_partition.txt")
IMAGES = ("Img/img_align_celeba", "img_align_celeba")
COLUMNS = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
WIDTH, HEIGHT = 178, 218
SPLITS = {"0": "train", "1": "val", "2": "test"}


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's splits; MAFL's test images are not in the training one."""
    return listings(folder, protocol(folder))


def protocol(folder: Path) -> dict[str, list[str]]:
    """Names of the images of each split."""
    part, (_, test) = partition(folder), mafl(folder)
    excluded, names = set(test), {split: [] for split in SPLITS.values()}
    for name, split in part.items():
        if split != "train" or name not in excluded:
            names[split].append(name)
    return names


def partition(folder: Path) -> dict[str, str]:
    """Image -> the publisher's split."""
    path, rows = place(folder, PARTITION), {}
    for i, line in enumerate(archive.lines(path)):
        words = line.split()
        if len(words) != 2 or words[1] not in SPLITS:
            raise UserError(f"{path}, line {i + 1}: {line[:60]!r}; expected an image and 0, 1 or 2")
        if words[0] in rows:
            raise UserError(f"{path}: {words[0]} is listed twice")
        rows[words[0]] = SPLITS[words[1]]
    return rows


def mafl(folder: Path) -> tuple[list[str], list[str]]:
    """Names of MAFL's training and test images."""
    training, test = (archive.lines(folder / "MAFL" / f"{name}.txt") for name in ("training", "testing"))
    archive.check_unique(folder / "MAFL", training + test)
    return training, test


def listings(folder: Path, names: Mapping[str, Sequence[str]]) -> dict[str, Listing]:
    """Points and paths of these images. Raises DataMissing that says which parts of the archive are not there."""
    if missing := [f"{two[0]} (or {two[1]})" for two in (LANDMARKS, IMAGES) if not place(folder, two).exists()]:
        raise DataMissing(f"{folder}: only a part of CelebA is here; there is no {', no '.join(missing)}")
    path = place(folder, LANDMARKS)
    row, points = landmarks(path)
    images, found = place(folder, IMAGES).relative_to(folder).as_posix(), {}
    for split, ids in names.items():
        if unknown := [i for i in ids if i not in row]:
            raise UserError(f"{path}: no points of {unknown[0]}, which is in {split}")
        places, files = np.array([row[i] for i in ids], int), tuple(f"{images}/{i}" for i in ids)
        found[split] = layout.listing(files, ids, points[places])
    return found


def landmarks(path: Path) -> tuple[dict[str, int], np.ndarray]:
    """Image -> its row, and the points of all rows."""
    lines = archive.lines(path)
    if not (lines[0].isdecimal() and len(lines[0]) < 10) or lines[1:2] != [COLUMNS]:
        raise UserError(f"{path}: begins with {lines[0][:60]!r}; expected the number of images, then {COLUMNS}")
    if int(lines[0]) != len(lines) - 2:
        raise UserError(f"{path}: {len(lines) - 2:,} images; line 1 says {int(lines[0]):,}")
    row, points = {}, np.empty((len(lines) - 2, 10))
    for i, line in enumerate(lines[2:]):
        name, *words = line.split()
        if len(words) != 10:
            raise UserError(f"{path}, line {i + 3}: {len(words)} numbers; expected 10: {COLUMNS}")
        if row.setdefault(name, i) != i:
            raise UserError(f"{path}: {name} is listed twice")
        points[i] = archive.numbers(path, i + 3, words, COLUMNS)
    return row, points.reshape(-1, 5, 2)


def place(folder: Path, either: tuple[str, str]) -> Path:
    """The first of the two that is there, else the first."""
    return next((folder / name for name in either if (folder / name).exists()), folder / either[0])


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    MAFL's test images, which are in all splits, are added to those for training.
    """
    from landmarklib.drawing import expect, generator

    extra = 1 + counts["train"] // 200
    codes = np.repeat([0, 1, 2], [counts["train"] + extra, counts["val"], counts["test"]])
    expect(len(codes))
    order, n = generator(seed, 4).permutation(len(codes)), len(codes) // 10
    tests = np.concatenate([order[codes[order] == 0][:extra], order[codes[order] > 0][:extra]])
    rest = order[~np.isin(order, tests)][: max(1, n)]
    return publish(folder, codes, rest, tests, seed, protocol)


def publish(
    folder: Path,
    codes: Int[np.ndarray, " N"],
    training: Int[np.ndarray, " n"],
    testing: Int[np.ndarray, " m"],
    seed: int,
    protocol: Callable[[Path], Mapping[str, Sequence[str]]],
) -> dict[str, Listing]:
    """Write stand-ins for N images, whose codes in the partition are given, and MAFL's lists of them.

    Returns the splits of a protocol.
    """
    from landmarklib.drawing import generator
    from landmarklib.drawing import publish as write
    from landmarklib.standins import faces

    n, rng = len(codes), generator(seed, 5)
    names, draw = [f"{i + 1:06d}.jpg" for i in range(n)], _aligned(faces.draw)
    given = {"person": 10000 * codes + rng.integers(1 + n // 20, size=n), "roll": rng.normal(0, 0.03, n)}
    given |= {"scale": rng.uniform(0.205, 0.222, n), "x": rng.uniform(0.49, 0.51, n), "y": rng.uniform(0.53, 0.55, n)}
    files = [f"{IMAGES[0]}/{name}" for name in names]
    points = np.rint(faces.five(write.photos(folder, files, draw, HEIGHT, seed, **given).points))
    rows = [" ".join(f"{value:4.0f}" for value in row) for row in points.reshape(n, 10)]
    rows = [f"{name} {row.strip()}" for name, row in zip(names, rows, strict=True)]
    write.lines(folder / LANDMARKS[0], [str(n), COLUMNS, *rows])
    write.lines(folder / PARTITION[0], [f"{name} {code}" for name, code in zip(names, codes, strict=True)], "\r\n")
    for name, images in (("training", training), ("testing", testing)):
        write.lines(folder / "MAFL" / f"{name}.txt", [names[i] for i in images], last=False)
    found = {}
    for split, ids in protocol(folder).items():
        places = np.array([int(i[:6]) - 1 for i in ids], int)
        listed = tuple(files[i] for i in places)
        found[split] = layout.listing(listed, ids, points[places])
    return found


def _aligned(draw: Callable[..., Annotations]) -> Callable[..., Annotations]:
    """Faces with the sides of their square cut off."""

    def drawn(*where: int, **given: np.ndarray) -> Annotations:
        square, cut = draw(*where, **given), (HEIGHT - WIDTH) // 2
        return replace(square, images=square.images[..., cut : cut + WIDTH], points=square.points - [cut, 0])

    return drawn


DATASET = Dataset(
    name="celeba",
    title="CelebA",
    landmarks=mtfl.DATASET.landmarks,  # the same five of a face
    mirror=mtfl.DATASET.mirror,
    skeleton=mtfl.DATASET.skeleton,
    counts={"train": 161962, "val": 19867, "test": 19962},
    ids={"train": "d782e598c4f4", "val": "6aef4696b3f8", "test": "ef5746525fa4"},
    size=80,
    unit="% of the distance of the eyes",
    normalizer=normalizers.between(0, 1),
    tier="paper",
    licence="non-commercial research; not to be passed on",
    obtain=(
        "Download the aligned images, the landmarks and the partition of CelebA "
        "(mmlab.ie.cuhk.edu.hk/projects/CelebA.html) and the lists of MAFL "
        "(of TCDCN's authors), and unpack them into a folder `celeba` below the data root: Img/, Anno/, Eval/, MAFL/."
    ),
    citation="Liu et al., ICCV 2015",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "The 808 images of MAFL's test set are left out of the training split, as thewlis2017 does; its 96 and 96 "
        "stay in val and test.",
    ),
    folder="celeba",
    read=read,
    write_standin=write_standin,
    layout="Anno/list_landmarks_align_celeba.txt, Eval/list_eval_partition.txt, Img/img_align_celeba/*.jpg, "
    "MAFL/training.txt, MAFL/testing.txt; Anno, Eval and Img may be left out",
    known_issues=(
        "Left and right are the image's.",
        "The list of landmarks begins with the number of rows and with names of ten columns for eleven; a copy with "
        "commas is another file.",
        "MAFL is drawn at random from all splits: most of its training images are trained on here as well.",
        "The other protocols leave out other images: also MAFL's training images, or test images alone but of all "
        "splits.",
    ),
)
