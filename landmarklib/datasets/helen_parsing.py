"""HELEN for face parsing (Smith et al. 2013): every pixel of a face photo belongs to one of eleven classes.

There are no landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

FACES = 4_000_000  # number of the first stand-in, so that other sets of faces have none of them
LISTS = {"train": "exemplars.txt", "val": "tuning.txt", "test": "testing.txt"}
CLASSES = (
    *("background", "skin", "left brow", "right brow", "left eye", "right eye"),
    *("nose", "upper lip", "inner mouth", "lower lip", "hair"),
)


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's three lists. A face's classes are read by `labels`, by its id."""
    found = {}
    for split, name in LISTS.items():
        ids = _ids(folder / name)
        found[split] = _listing(ids, [archive.known_size(archive.safe_join(folder, f"images/{i}.jpg")) for i in ids])
    return found


def labels(folder: Path, id: str) -> UInt8[np.ndarray, "H W"]:
    """The class of each pixel of a photo, an index of CLASSES.

    It is the one whose mask is the brightest there, the first of equal ones.
    """
    size, masks = archive.size(archive.safe_join(folder, f"images/{id}.jpg")), []
    for k in range(len(CLASSES)):
        path = archive.safe_join(folder, f"labels/{id}/{id}_lbl{k:02d}.png")
        masks.append(archive.image(path, grey=True)[0])
        if masks[-1].shape[::-1] != size:
            height, width = masks[-1].shape
            raise UserError(f"{path}: {width} x {height} pixels; the photo has {size[0]} x {size[1]}")
    return np.argmax(masks, 0).astype(np.uint8)


def _ids(path: Path) -> tuple[str, ...]:
    ids = []
    for i, line in enumerate(archive.lines(path)):
        number, _, name = (word.strip() for word in line.partition(","))
        if not number.isdecimal() or not name:
            raise UserError(f"{path}, line {i + 1}: {line[:60]!r}; expected a number, a comma and a photo")
        if not archive.safe_join(path.parent, f"labels/{name}").is_dir():
            raise UserError(f"{path}, line {i + 1}: no folder labels/{name}; the archive is half unpacked")
        ids.append(name)
    return archive.check_unique(path, ids)


def _listing(ids: tuple[str, ...], sizes: list[tuple[int | float, int | float]]) -> Listing:
    """Photos of these widths and heights, NaN where a photo cannot be had."""
    n, files = len(ids), tuple(f"images/{name}.jpg" for name in ids)
    boxes = np.array([(0, 0, *size) for size in sizes], float).reshape(n, 4)
    photos = {"photo": np.array([name.rpartition("_")[0] or name for name in ids], str)}
    return layout.listing(files, ids, attributes=photos, boxes=boxes)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Faces with their classes as eleven soft masks each."""
    from landmarklib.drawing import expect, publish
    from landmarklib.standins import faces

    expect(2 * sum(counts.values()))  # a photo and its regions
    found, first, size = {}, 0, 128
    for split, n in counts.items():
        ids = [f"{100032540 + 7 * i}_{1 + i % 2}" for i in range(first, first + n)]
        publish.photos(folder, [f"images/{name}.jpg" for name in ids], faces.draw, size, seed, FACES + first)
        for i, name in enumerate(ids):
            for k, mask in enumerate(_soft(faces.regions(1, size, seed, FACES + first + i)[0])):
                publish.photo(folder / f"labels/{name}/{name}_lbl{k:02d}.png", mask[None])
        publish.lines(folder / LISTS[split], [f"{i + 1} , {name}" for i, name in enumerate(ids)])
        found[split], first = _listing(tuple(ids), [(size, size)] * n), first + n
    return found


def _soft(classes: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "11 H W"]:
    """Masks that fade at the borders of a class, each pixel's own the brightest."""
    height, width = classes.shape
    own = (classes == np.arange(len(CLASSES))[:, None, None]).astype(np.float32)
    wide = np.pad(own, ((0, 0), (1, 1), (1, 1)), "edge")
    near: Float[np.ndarray, "11 H W"] = (
        sum(wide[:, y : y + height, x : x + width] for y in range(3) for x in range(3)) / 9
    )
    return np.rint(255 * (0.6 * own + 0.4 * near)).astype(np.uint8)


DATASET = Dataset(
    name="helen_parsing",
    title="HELEN parsing",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": 2000, "val": 230, "test": 100},
    size=128,
    unit="none: pixels are classified, there are no landmarks",
    tier="paper",
    licence="none stated; photos of Flickr: non-commercial research",
    obtain=(
        "Download SmithCVPR2013_dataset_resized of Exemplar-Based Face Parsing (University of Wisconsin-Madison) and "
        "unpack it below the data root."
    ),
    citation="Smith et al., CVPR 2013; Le et al., ECCV 2012",
    assumptions=(
        "A pixel is of the class whose mask is the brightest there; others take the last one above a half.",
        "Classes are cut as the photo is, each by itself; a pixel of the crop is of the class that most of it is.",
        "All eleven classes are kept: thewlis2017 classifies into ten and does not say which it merges or leaves out.",
        "The whole photo is one square crop, black where it is not square; thewlis2017 does not say how large its "
        "images are.",
    ),
    folder="SmithCVPR2013_dataset_resized",
    read=read,
    write_standin=write_standin,
    pixel_labels=labels,
    pixel_names=CLASSES,
    recipe=Recipe("box", 1.0),
    layout="exemplars.txt, tuning.txt, testing.txt, images/ID.jpg, labels/ID/ID_lbl00.png to ID_lbl10.png",
    known_issues=(
        "There are no landmarks: `labels` of this file gives the class of each pixel.",
        "The masks are soft, one grey image for each class from 00, the background, to 10, the hair.",
        "Left and right are the image's. Ears and neck are not skin.",
        "A line of a list is a running number, a blank, a comma, a blank and the photo's name without its ending.",
        "Several faces of one photo are separate images and may be in different lists.",
    ),
)
