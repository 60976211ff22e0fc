"""300-W (Sagonas et al. 2013): 68 points of faces from AFW, HELEN, LFPW and iBUG, each part in its own folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core import normalizers, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

TRAINING = ("afw", "helen/trainset", "lfpw/trainset")
TEST = ("helen/testset", "lfpw/testset", "ibug")
PARTS = (*TRAINING, *TEST)
# Seed of the hashed order of the photos; RCN's number, not its shuffle, which follows the disc's order.
PHOTO_ORDER = 7345
ENDINGS = (".jpg", ".jpeg", ".png")
HEADER = re.compile(r"(version|n_points)[\s:]*(\S*)", re.IGNORECASE)
PHOTO = re.compile(r"((?:image_)?.+?)\s*(?:_\d+)?", re.ASCII | re.DOTALL)  # and the number of a face


def read(folder: Path) -> dict[str, Listing]:
    """The training parts in two, photo by photo, and the test parts; parts that are not there are left out."""
    if not layout.present(folder, PARTS):
        raise UserError(f"{folder}: expected at least one of the folders {', '.join(PARTS)}")
    return _splits(parts(folder, TRAINING), parts(folder, TEST))


def _splits(training: Listing, test: Listing) -> dict[str, Listing]:
    val = subsets.held_out(training.attributes["photo"].tolist(), len(training) // 10, PHOTO_ORDER)
    return {"train": training[np.flatnonzero(~val)], "val": training[np.flatnonzero(val)], "test": test}


def points(path: Path) -> Float[np.ndarray, "68 2"]:
    """The points of a .pts file, as it counts them: with or without its header and braces."""
    rows = []
    for i, line in enumerate(archive.lines(path)):
        if line in ("{", "}"):
            continue
        if header := HEADER.fullmatch(line):
            if header[1].lower() == "n_points" and header[2] != "68":
                raise UserError(f"{path}, line {i + 1}: {line!r}; expected n_points: 68")
            continue
        if len(words := line.split()) != 2:
            raise UserError(f"{path}, line {i + 1}: {len(words)} words; expected x and y")
        rows.append(archive.numbers(path, i + 1, words, "x and y"))
    if len(rows) != 68:
        raise UserError(f"{path}: {len(rows)} points; expected 68")
    return np.array(rows)


def parts(folder: Path, names: Sequence[str]) -> Listing:
    """The faces of those parts that are there."""
    files, found = [], []
    for part in layout.present(folder, names):
        for label, image in layout.pairs(folder / part, ".pts", folder / part, ENDINGS).values():
            files.append(f"{part}/{image}")
            found.append(points(folder / part / label) - 1)
    return _listing(files, np.array(found).reshape(-1, 68, 2))


def _listing(files: Sequence[str], xy: Float[np.ndarray, "N 68 2"]) -> Listing:
    places = [file.rpartition("/") for file in files]
    parts = np.array([PARTS.index(part) for part, _, _ in places], np.int64)
    photos = np.array([_photo(part, Path(name).stem) for part, _, name in places], str)
    return layout.listing(files, files, xy, None, {"part": parts, "photo": photos})


def _photo(part: str, stem: str) -> str:
    """The photo of a face, or of its mirrored copy: Flickr's number or image_NUMBER, without that of the face."""
    photo = PHOTO.fullmatch(layout.original(stem))[1]
    return photo if part.startswith(("afw", "helen")) else f"{part}/{photo}"


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout, all parts in their proportions.

    Which faces are for validation follows from the photos' names.
    """
    training = publish_parts(folder, TRAINING, counts["train"] + counts["val"], seed)
    return _splits(training, publish_parts(folder, TEST, counts["test"], seed, 1))


def publish_parts(folder: Path, names: Sequence[str], n: int, seed: int, draw: int = 0) -> Listing:
    """n stand-ins, spread over those parts

    draw: a number for different faces.
    """
    from landmarklib.drawing import generator, publish
    from landmarklib.standins import faces

    shares = np.cumsum([0, *(SIZES[part] for part in names)])
    ends = np.rint(shares / shares[-1] * n).astype(int).tolist()
    files = [file for part, a, b in zip(names, ends, ends[1:], strict=False) for file in _names(part, b - a)]
    rng = generator(seed, draw)
    given = {"pose": rng.choice([1, 2, 3], n, p=[0.2, 0.6, 0.2]), "scale": rng.uniform(0.16, 0.21, n)}
    given |= {"y": rng.uniform(0.4, 0.5, n)}
    drawn = publish.photos(folder, files, faces.draw, 144, seed, 100000 * draw, **given)
    for file, xy in zip(files, drawn.points + 1, strict=True):
        rows = ["version: 1", "n_points:  68", "{", *(f"{x:.6f} {y:.6f}" for x, y in xy), "}"]
        publish.lines((folder / file).with_suffix(".pts"), rows)
    return _listing(files, drawn.points)


SIZES = dict(zip(PARTS, (337, 2000, 811, 330, 224, 135), strict=True))


def _names(part: str, n: int) -> list[str]:
    """Files of a part, in the order of their names.

    Every fourth photo of AFW and HELEN has two faces, and one of iBUG's has a blank in its name.
    """
    if part.startswith("lfpw"):
        return [f"{part}/image_{i + 1:04d}.png" for i in range(n)]
    if part == "ibug":
        return sorted(f"{part}/image_{i + 1:03d}{' ' if i == 1 else ''}_01.jpg" for i in range(n))
    start = 10000000 * (1 + PARTS.index(part))
    return [f"{part}/{start + 97 * (i - i // 5)}_{2 if i and i % 5 == 0 else 1}.jpg" for i in range(n)]


def _chain(first: int, last: int, closed: bool = False) -> tuple[tuple[int, int], ...]:
    return (*((k, k + 1) for k in range(first, last)), *([(last, first)] if closed else []))


GROUPS = {
    "jaw": 17,
    "left brow": 5,
    "right brow": 5,
    "nose ridge": 4,
    "nose base": 5,
    "left eye": 6,
    "right eye": 6,
    "outer lip": 12,
    "inner lip": 8,
}
LANDMARKS = tuple(f"{group} {k + 1}" for group, n in GROUPS.items() for k in range(n))
MIRROR = (
    *(*range(16, -1, -1), *range(26, 16, -1)),
    *(*range(27, 31), *range(35, 30, -1)),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65),
)
SKELETON = (
    *(*_chain(0, 16), *_chain(17, 21), *_chain(22, 26), *_chain(27, 30), (30, 33), *_chain(31, 35)),
    *(*_chain(36, 41, True), *_chain(42, 47, True), *_chain(48, 59, True), *_chain(60, 67, True)),
)
DATASET = Dataset(
    name="w300",
    title="300-W",
    landmarks=LANDMARKS,
    mirror=MIRROR,
    skeleton=SKELETON,
    counts={"train": 2834, "val": 314, "test": 689},
    size=80,
    unit="% of the distance of the eye centres",
    normalizer=normalizers.between((36, 39), (42, 45)),
    normalizers={
        "the outer eye corners": normalizers.between(36, 45),
        "the root of the points' box": normalizers.points_root,
        "the longer side of the points' box": normalizers.points_side,
    },
    subsets={"Common": ("part", (3, 4)), "IBUG": ("part", (5,))},
    recipe=Recipe(margin=3.6, groups=(tuple(range(36, 42)), tuple(range(42, 48)), (48,), (54,))),
    tier="paper",
    licence="research only, no commercial products; the photos belong to their sources",
    obtain="Download AFW, HELEN, LFPW and iBUG from iBUG's page (ibug.doc.ic.ac.uk, facial point annotations) and "
    "unpack them as `afw`, `helen`, "
    "`lfpw` and `ibug` into a folder `w300` below the data root.",
    citation="Sagonas et al., ICCV Workshops 2013",
    assumptions=(
        "Validation faces are a tenth of the training faces, 314 of 3,148 as in honari2018, but of whole photos, "
        "taken in the order of a hash of the "
        "photos' names; RCN shuffles the faces in the order in which the disc lists them, which nobody can repeat.",
        "A face is cut out as the square around the middles of its eyes and the corners of its mouth, 3.6 times as "
        "wide as they are, black beyond the photo. RCN adds 1.3 times the larger "
        "of the distances of the eyes and from eyes to mouth on each side of that box, which is about as much, and "
        "moves the square into the photo.",
        "A part of the archive is split by the same rule, so its validation faces are a tenth of the faces that are "
        "there.",
        "Photos are told by the number in the name without the face's number after a _; every image of LFPW counts as "
        "its own photo. Copies called `_mirror`, which other releases have, are of their photo and in its split.",
    ),
    folder="w300",
    read=read,
    write_standin=write_standin,
    attributes={"part": len(PARTS)},
    layout="afw/, helen/trainset/, helen/testset/, lfpw/trainset/, lfpw/testset/ and ibug/, each with *.jpg or *.png "
    "and a .pts beside every image",
    known_issues=(
        "The points of a .pts file count from 1; copies without header and braces circulate.",
        "Left and right are the image's.",
        "Several faces of one photo are separate images of AFW and HELEN: a split by face has one photo on both sides.",
        "iBUG has a file name with a blank, `image_092 _01`, and names with and without the number of a face.",
        "honari2018 divides by the distance of the eye centres, each the mean of two corners; others by that of the "
        "outer corners, which is about 1.4 times it.",
        "The two folders of LFPW use the same names for different photos.",
    ),
)
