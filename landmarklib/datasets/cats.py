"""Cat heads (Zhang et al. 2008): nine points of the eyes, the mouth and the ears in photos of cats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core import normalizers, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, layout

FOLDERS = tuple(f"CAT_0{k}" for k in range(7))
ASTRAY, MEANT = "00000003_019.jpg", "00000003_015.jpg"  # an annotation without an image, an image without an annotation
EYES_AND_MOUTH = 3  # the first points, which no photo cuts off; ears may
SHARES = {"test": 0.1257, "val": 0.0996}  # of all images: the sizes of rahaman2021, were there 10,000
ORDER = 2008  # seed of the hashed order of the images
EXPECTED = "9 and then x and y of nine points"


def read(folder: Path) -> dict[str, Listing]:
    """All annotated images of the folders that are there.

    In the order of a hash, the first are for test, the next for val.
    """
    if not (here := layout.present(folder, FOLDERS)):
        raise UserError(f"{folder}: expected at least one of the folders {', '.join(FOLDERS)}")
    listed = {path: image for name in here for path, image in _annotations(folder / name).items()}
    files = [f"{path.parent.name}/{image}" for path, image in listed.items()]
    points = np.array([_points(path) for path in listed]).reshape(-1, 9, 2)
    ids = archive.check_unique(folder, list(listed.values()))
    return _divide(layout.listing(files, ids, points))


def _divide(whole: Listing) -> dict[str, Listing]:
    """A photo and its mirrored copy are in one split."""
    names = [Path(i) for i in whole.ids]
    photos = np.array([f"{layout.original(name.stem)}{name.suffix}" for name in names], str)
    rest, splits = np.arange(len(whole)), {}
    for split, share in SHARES.items():
        chosen = subsets.held_out(photos[rest].tolist(), round(share * len(whole)), ORDER)
        splits[split], rest = whole[rest[chosen]], rest[~chosen]
    return {"train": whole[rest], "val": splits["val"], "test": splits["test"]}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    It has seven folders, points in whole pixels, one line without an ending, and the annotation that has gone astray.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import cats

    n = sum(counts.values())
    names = [f"{4 + i // 20:08d}_{i % 20:03d}.jpg" for i in range(n - 1)]  # in the order of their names
    files = [f"{FOLDERS[7 * i // n]}/{name}" for i, name in enumerate(names)]
    place = sum(file.startswith(FOLDERS[0]) for file in files)  # the one astray comes last of the first folder
    files.insert(place, f"{FOLDERS[0]}/{MEANT}")
    drawn = publish.photos(folder, files, cats.draw, 128, seed)
    points = np.round(drawn.points)
    for file, rows in zip(files, points.astype(int), strict=True):
        line = " ".join(map(str, (9, *rows.ravel()))) + " "
        publish.lines(folder / f"{file.replace(MEANT, ASTRAY)}.cat", [line], last=False)
    ids = tuple(Path(file).name for file in files)
    return _divide(layout.listing(files, ids, points))


def _annotations(part: Path) -> dict[Path, str]:
    """Each annotation of a folder and the name of its image."""
    found = {part / label: image for label, image in layout.pairs(part, ".jpg.cat", part, [".jpg"]).values()}
    astray = part / f"{ASTRAY}.cat"
    if astray in found and not (part / found[astray]).exists():
        del found[astray]
        if (part / MEANT).exists() and MEANT not in found.values() and _fits(_points(astray), part / MEANT):
            found[astray] = MEANT
    return found


def _fits(points: Float[np.ndarray, "9 2"], photo: Path) -> bool:
    """Whether the eyes and the mouth lie in the photo."""
    face = points[:EYES_AND_MOUTH]
    return bool((face >= 0).all() and (face < archive.known_size(photo)).all())


def _points(path: Path) -> Float[np.ndarray, "9 2"]:
    words = " ".join(archive.lines(path)).split()
    values = archive.numbers(path, 1, words, EXPECTED)
    if len(words) != 19 or values[0] != 9:
        raise UserError(f"{path}, line 1: {len(words)} numbers, the first {words[0]}; expected {EXPECTED}")
    return np.array(values[1:]).reshape(9, 2)


DATASET = Dataset(
    name="cats",
    title="Cat heads",
    landmarks=(
        "left eye",
        "right eye",
        "mouth",
        *("left ear outer", "left ear tip", "left ear inner"),
        *("right ear inner", "right ear tip", "right ear outer"),
    ),
    mirror=(1, 0, 2, 8, 7, 6, 5, 4, 3),
    skeleton=((0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)),
    counts={"train": 7747, "val": 996, "test": 1257},
    size=80,
    unit="% of the distance of the eyes",
    normalizer=normalizers.between(0, 1),
    tier="paper",
    licence="none stated; photos of Flickr: research",
    obtain="Download CAT_DATASET_01.zip and CAT_DATASET_02.zip (archive.org, CAT_DATASET) and unpack the folders "
    "CAT_00 to CAT_06 into a folder "
    f"`cats` below the data root. Put {MEANT}.cat, which is beside the archives, into CAT_00.",
    citation="Zhang et al., ECCV 2008",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "rahaman2021 trains on 7,747 images; 1,257 for test are from its sources. Their lists are of an archive of "
        "small heads that is not this one, so "
        "images are drawn in the order of a hash of their names, in the same proportion; the rest, 996 of 10,000, is "
        "for validation.",
        "About 10,000 images are counted as 10,000, whatever the archive has; a part of it is divided in the same "
        "proportion.",
        "Every image counts as its own photo, but copies called `_mirror` are of their photo and in its split; no "
        "image is left out, though lists of some hundred drawings and hidden faces circulate.",
        f"The publisher's own {MEANT}.cat, a file apart, is the one that is meant for {MEANT}. Without it that of "
        f"{ASTRAY}, which has no image, is read in its place, as others do, but only if eyes and mouth lie in the "
        "photo; else the photo is left out.",
    ),
    folder="cats",
    read=read,
    write_standin=write_standin,
    layout="CAT_00/ to CAT_06/, each with *.jpg and a .jpg.cat beside every image",
    known_issues=(
        "Papers drop the tips of the ears, points 5 and 8 of nine (counted from 1), and report seven.",
        "Left and right are the image's. The ears go from left to right: outer, tip, inner, then inner, tip, outer, "
        "so that 4 and 9 are a pair, not 4 and 7.",
        f"In the two archives {ASTRAY}.cat has no image and {MEANT} no annotation: the publisher says to take his file "
        "apart and to drop the former.",
        "Ears may lie outside of the photo, with negative values; by more than 7% of its longer side in some photos.",
        "The papers' images are 100 x 100 heads that others have cut from these photos; how is not known.",
        "An annotation is one line with a blank at its end and no line ending.",
    ),
)
