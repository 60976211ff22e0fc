"""Extended Yale B, cropped (Georghiades et al. 2001, Lee et al. 2005): faces under many lights, without landmarks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout, npz

HEIGHT, WIDTH = 64, 56
NAME = re.compile(r"(?P<subject>yaleB\d\d)_P00A(?P<azimuth>[+-]\d{3})E(?P<elevation>[+-]\d\d)\.pgm", re.ASCII)
EXPECTED = "the light of the file's name in degrees"


def read(folder: Path) -> dict[str, Listing]:
    """The index in its three splits, of different people. There are no points."""
    path = folder / "index.csv"
    table = archive.table(path, ("file", "subject", "azimuth", "elevation", "split"))
    lights = enumerate(zip(*(table[name] for name in ("file", "subject", "azimuth", "elevation")), strict=True))
    light = np.array([_light(path, i + 2, *row) for i, row in lights]).reshape(-1, 2)
    subjects, ids = np.array(table["subject"]), archive.check_unique(path, table["file"])
    _pixels(folder, len(ids))
    return {split: _listing(rows, ids, light, subjects) for split, rows in _rows(path, table).items()}


def _listing(
    rows: Int[np.ndarray, " n"], ids: Sequence[str], light: Float[np.ndarray, "N 2"], subjects: np.ndarray
) -> Listing:
    n = len(rows)
    attributes = {"azimuth": light[rows, 0], "elevation": light[rows, 1], "subject": subjects[rows]}
    names, whole = tuple(ids[i] for i in rows), np.tile([0.0, 0.0, 56.0, 64.0], (n, 1))
    return layout.listing((), names, attributes=attributes, boxes=whole)


def images(folder: Path, split: str) -> UInt8[np.ndarray, "N 1 H W"]:
    """The pixels of a split, in the order of its listing."""
    path = folder / "index.csv"
    table = archive.table(path, ("subject", "split"))
    return _pixels(folder, len(table["split"]))[_rows(path, table)[split], None]


def _rows(path: Path, table: dict[str, list[str]]) -> dict[str, np.ndarray]:
    return archive.check_disjoint(path, table["split"], table["subject"])


def _light(path: Path, line: int, file: str, subject: str, *angles: str) -> list[float]:
    """Azimuth and elevation of a row, if its file's name says the same: a row that has slipped is told."""
    values = archive.numbers(path, line, angles, EXPECTED)
    name = NAME.fullmatch(file)
    if name is None or name["subject"] != subject or [float(name["azimuth"]), float(name["elevation"])] != values:
        raise UserError(f"{path}, line {line}: {file!r} is not {subject} with azimuth, elevation {', '.join(angles)}")
    return values


def _pixels(folder: Path, n: int) -> UInt8[np.ndarray, "N H W"]:
    path = folder / "images_64x56.npz"
    pixels = npz.array(path, "images", (n, HEIGHT, WIDTH))
    if pixels.dtype != np.uint8:
        raise UserError(f"{path}: images are {pixels.dtype}; expected uint8")
    return pixels


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the layout: 38 people without number 14, 28, 4 and 6 to a split, each under the same lights."""
    from landmarklib.drawing import publish
    from landmarklib.standins import faces

    people = np.split(np.array([i for i in range(1, 40) if i != 14]), [28, 32])
    rows = sorted(
        (int(pool[i % len(pool)]), i // len(pool), split)
        for (split, n), pool in zip(counts.items(), people, strict=True)
        for i in range(n)
    )
    person, turn = np.array([row[:2] for row in rows]).T
    azimuth, elevation = (26 + 37 * turn) % 53 * 5 - 130, (8 + 11 * turn) % 27 * 5 - 40
    still, splits = np.zeros(len(rows)), np.array([split for _, _, split in rows])
    given = {name: still for name in ("yaw", "pitch", "roll", "expression", "glasses", "hand")} | {"person": person}
    given |= {"azimuth": azimuth, "elevation": elevation, "ambient": still + 0.03, "scale": still + 0.4}
    drawn = faces.draw(len(rows), HEIGHT, seed, **given, x=still + 0.5, y=still + 0.42)
    edge = (HEIGHT - WIDTH) // 2
    np.savez_compressed(folder / "images_64x56.npz", images=np.uint8(drawn.images.mean(1))[..., edge : edge + WIDTH])
    subjects = np.array([f"yaleB{i:02d}" for i in person])
    ids = [f"{s}_P00A{a:+04d}E{e:+03d}.pgm" for s, a, e in zip(subjects, azimuth, elevation, strict=True)]
    lines = [",".join(map(str, row)) for row in zip(ids, subjects, azimuth, elevation, splits, strict=True)]
    publish.lines(folder / "index.csv", ["file,subject,azimuth,elevation,split", *lines])
    light = np.stack([azimuth, elevation], 1).astype(float)
    return {name: _listing(np.flatnonzero(splits == name), ids, light, subjects) for name in counts}


DATASET = Dataset(
    name="yaleb",
    title="Extended Yale B",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": 1780, "val": 255, "test": 379},
    ids={"train": "5e3337abad81", "val": "fe63ead70dd0", "test": "4e92b6b95ace"},
    size=64,
    unit="none: there are no landmarks",
    tier="paper",
    licence="research, with citation",
    obtain=(
        "Download CroppedYale.zip from the Extended Yale Face Database B, average each 192 x 168 image over 3 x 3 "
        "pixels into images_64x56.npz "
        "(key images, uint8) and list them in index.csv in the same order; put both into a folder `yaleB` below the "
        "data root."
    ),
    citation="Georghiades et al., TPAMI 2001; Lee et al., TPAMI 2005",
    assumptions=(
        "Train, val and test are 28, 4 and 6 different people; thewlis2017 holds two people out and does not say "
        "which.",
        "Images are shrunk to a third, 64 x 56, and only the frontal pose P00 is there.",
    ),
    folder="yaleB",
    read=read,
    write_standin=write_standin,
    recipe=Recipe("box", 1.0),
    images=images,
    attributes={"azimuth": 0, "elevation": 0},
    aligned="subject",
    layout="images_64x56.npz (key images, 2414 x 64 x 56), index.csv (file, subject, azimuth, elevation, split)",
    known_issues=(
        "There are no landmarks; thewlis2017 shows pictures only.",
        "There is no person 14; 18 images that the publisher marks as bad and the ones in ambient light are left out, "
        "so seven people have fewer than 64.",
        "Images are higher than wide, and many are almost black.",
        "Azimuth and elevation are those of the light in degrees, not of the head.",
    ),
)
