"""CUB-200-2011 (Wah et al. 2011): fifteen parts, the species and a box of birds on photos."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset, Source
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

PARTS = (
    "back",
    "beak",
    "belly",
    "breast",
    "crown",
    "forehead",
    "left eye",
    "left leg",
    "left wing",
    "nape",
    "right eye",
    "right leg",
    "right wing",
    "tail",
    "throat",
)
SPECIES = {"train": (1, 100), "val": (101, 150), "test": (151, 200)}


def read(folder: Path) -> dict[str, Listing]:
    """The images of images.txt, joined with the other lists by number, and divided by species as in moskvyak2021."""
    names = _names(folder / "images.txt")
    _check_parts(folder / "parts" / "parts.txt")
    numbers = [(i,) for i in names]
    species = _join(folder / "image_class_labels.txt", "an image, a species", numbers)[:, 0]
    boxes = _join(folder / "bounding_boxes.txt", "an image, x, y, width, height", numbers)
    boxes[:, 2:] += boxes[:, :2]
    path, wanted = folder / "parts" / "part_locs.txt", [(i, k + 1) for i in names for k in range(len(PARTS))]
    parts = _join(path, "an image, a part, x, y, visible", wanted).reshape(len(names), len(PARTS), 3)
    _refuse(folder / "image_class_labels.txt", names, ~np.isin(species, np.arange(1, 201)), "a species of 1 to 200")
    archive.check_boxes(folder / "bounding_boxes.txt", boxes, [f"image {i}" for i in names])
    _refuse(path, names, ~np.isin(parts[..., 2], (0, 1)).all(-1), "visible as 0 or 1")
    visible = parts[..., 2] == 1
    found = layout.listing(
        [f"images/{name}" for name in names.values()],
        archive.check_unique(folder / "images.txt", tuple(names.values())),
        np.where(visible[..., None], parts[..., :2], np.nan),
        visible,
        {"species": species.astype(np.int64) - 1},
        boxes,
    )
    return _divide(found)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the publisher's layout: whole pixels, zeros for a hidden part, boxes as x, y, width, height."""
    from landmarklib.drawing import publish
    from landmarklib.standins import birds

    ranges = [(a, b, counts[split]) for split, (a, b) in SPECIES.items()]
    species = np.concatenate([np.sort(a + np.arange(n) % (b - a + 1)) for a, b, n in ranges])
    names = [f"{s:03d}.Bird_{s:03d}/Bird_{s:03d}_{i + 1:04d}.jpg" for i, s in enumerate(species)]
    files = [f"images/{name}" for name in names]
    drawn = publish.photos(folder, files, birds.draw, 128, seed, species=species - 1)
    points, visible = np.round(drawn.points), drawn.visible
    corners = np.round(np.stack([drawn.points.min(1) - 4, drawn.points.max(1) + 5], 1)).clip(0, 128)
    boxes = np.stack([corners[:, 0], corners[:, 1] - corners[:, 0]], 1).reshape(-1, 4)
    shown = np.where(visible[..., None], points, 0)
    lists = {
        "images.txt": names,
        "image_class_labels.txt": species.tolist(),
        "bounding_boxes.txt": [" ".join(map(str, box)) for box in boxes.tolist()],
        "train_test_split.txt": [i % 2 for i in range(len(names))],
        "classes.txt": [f"{s:03d}.Bird_{s:03d}" for s in range(1, 201)],
        "parts/parts.txt": PARTS,
    }
    for name, words in lists.items():
        publish.lines(folder / name, [f"{i + 1} {word}" for i, word in enumerate(words)])
    values = np.concatenate([shown, visible[..., None]], -1)
    rows = [
        f"{i + 1} {k + 1} {values[i, k, 0]} {values[i, k, 1]} {values[i, k, 2]:g}" for i, k in np.ndindex(visible.shape)
    ]
    publish.lines(folder / "parts" / "part_locs.txt", rows)
    points = np.where(visible[..., None], points, np.nan)
    return _divide(layout.listing(files, names, points, visible, {"species": species - 1}, corners.reshape(-1, 4)))


def _divide(found: Listing) -> dict[str, Listing]:
    species = found.attributes["species"] + 1
    return {split: found[np.flatnonzero((a <= species) & (species <= b))] for split, (a, b) in SPECIES.items()}


def _names(path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for i, line in enumerate(archive.lines(path)):
        number, _, name = line.partition(" ")
        if not number.isdecimal() or len(number) > 9 or not name:
            raise UserError(f"{path}, line {i + 1}: {line[:60]!r}; expected an image's number and its path")
        if int(number) in names:
            raise UserError(f"{path}, line {i + 1}: image {number} is listed twice")
        names[int(number)] = name.strip()
    return names


def _check_parts(path: Path) -> None:
    expected = [f"{k + 1} {name}" for k, name in enumerate(PARTS)]
    for i, (line, wanted) in enumerate(zip_longest(archive.lines(path), expected)):
        if line != wanted:
            raise UserError(f"{path}, line {i + 1}: {line or 'missing'}; expected {wanted or 'no more'}")


def _join(path: Path, columns: str, wanted: list[tuple[int, ...]]) -> Float[np.ndarray, "n m"]:
    """The rows of a list with these first columns, in this order, without them. The list may have others."""
    n_keys, n_words = len(wanted[0]), columns.count(",") + 1
    rows: dict[tuple[float, ...], list[float]] = {}
    for i, line in enumerate(archive.lines(path)):
        words = line.split()
        if len(words) != n_words:
            raise UserError(f"{path}, line {i + 1}: {len(words)} words; expected {n_words}: {columns}")
        values = archive.numbers(path, i + 1, words, columns)
        if (key := tuple(values[:n_keys])) in rows:
            raise UserError(f"{path}, line {i + 1}: {' '.join(words[:n_keys])} is listed twice")
        rows[key] = values[n_keys:]
    for key in wanted:
        if key not in rows:
            raise UserError(f"{path}: no line of {_say(key)}, which images.txt lists")
    return np.array([rows[key] for key in wanted])


def _say(key: tuple[int, ...]) -> str:
    return f"image {key[0]}" + "".join(f", part {k}" for k in key[1:])


def _refuse(path: Path, names: dict[int, str], wrong: Bool[np.ndarray, " n"], expected: str) -> None:
    for i in np.flatnonzero(wrong)[:1]:
        raise UserError(f"{path}: image {list(names)[i]}; expected {expected}")


DATASET = Dataset(
    name="cub",
    title="CUB-200-2011",
    landmarks=PARTS,
    mirror=(0, 1, 2, 3, 4, 5, 10, 11, 12, 9, 6, 7, 8, 13, 14),
    skeleton=((1, 5), (5, 4), (4, 9), (9, 0), (0, 13), (1, 14), (14, 3), (3, 2), (2, 7), (2, 11), (0, 8), (0, 12)),
    counts={"train": 5864, "val": 2958, "test": 2966},
    size=256,
    unit="% of the longer side of the bird's box",
    normalizer=normalizers.box_side,
    correct_within=0.1,
    tier="paper",
    licence="none stated; photos of Flickr: non-commercial research",
    obtain="`landmarklib data fetch cub` (1.1 GB); or download CUB_200_2011.tgz of Caltech-UCSD Birds 200-2011 "
    "(Caltech Vision) and unpack it into a folder `cub` below the data root.",
    citation="Wah et al., Caltech technical report CNS-TR-2011-001, 2011",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "Images are squares around the bird's box, 1.25 times as wide; the paper does not say.",
        "Species 1 to 100 are for training, 101 to 150 for validation and 151 to 200 for testing, as in moskvyak2021.",
    ),
    folder="cub/CUB_200_2011",
    recipe=Recipe("box", 1.25, grey=False),
    sources=(
        Source(
            "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
            1_150_585_339,
            "cub/CUB_200_2011",
        ),
    ),
    read=read,
    write_standin=write_standin,
    attributes={"species": 200},
    layout="images.txt, image_class_labels.txt, bounding_boxes.txt, parts/parts.txt, parts/part_locs.txt, and "
    "images/SPECIES/*.jpg",
    known_issues=(
        "A part that cannot be seen is 0.0 0.0 0 in the list, not a point in the corner.",
        "Left and right are the bird's. Both eyes can be seen in 483 images only, one of them in 10,970.",
        "train_test_split.txt divides each species and is not what moskvyak2021 uses; no species is in two splits "
        "here.",
        "Lists are joined by the image's number: copies in which images.txt has fewer lines than the others circulate.",
        "Boxes are x, y, width, height; a few reach beyond their image.",
    ),
)
