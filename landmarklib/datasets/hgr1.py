"""HGR1 (Kawulok et al. 2014, Grzejszczak et al. 2016): twenty-five points and the gesture of single hands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, layout

N_POINTS = 25
GESTURES = (
    *("0_A", "1_A", "1_P", "2_A", "2_P", "3_A", "3_P", "4_P", "5_A", "5_P", "9_A", "A_P", "B_P", "C_P"),
    *("D_P", "G_A", "I_P", "L_P", "O_P", "S_A", "S_P", "U_P", "V_A", "W_P", "Y_A", "Y_P", "Z_P"),
)
SUBJECTS = {"train": range(1, 9), "val": range(11, 13), "test": range(9, 11)}  # honari2018's
NAME = re.compile(rf"({'|'.join(GESTURES)})_hgr1_id(0[1-9]|1[0-2])_\d+", re.ASCII)
IMAGES, POINTS = "original_images", "feature_points"


def read(folder: Path) -> dict[str, Listing]:
    """The images that have points, in three parts of different people."""
    files: dict[str, str] = {}
    found: dict[str, Float[np.ndarray, "25 2"]] = {}
    for stem, (label, image) in layout.pairs(folder / POINTS, ".xml", folder / IMAGES, [".jpg"]).items():
        path = folder / POINTS / label
        if not NAME.fullmatch(stem):
            raise UserError(f"{path}: the name is not GESTURE_hgr1_idNN_K with one of the 27 gestures and 12 people")
        points = _points(path, archive.known_size(folder / IMAGES / image))
        if points is not None:
            files[stem], found[stem] = f"{IMAGES}/{image}", points
    return _splits(files, found)


class _Plain(ElementTree.TreeBuilder):
    """Refuses a document type, and with it every entity that could be expanded."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type")


def _points(path: Path, size: tuple[float, float]) -> Float[np.ndarray, "25 2"] | None:
    """The points of a file; None if it has none.

    size: width and height of the image, NaN where it cannot be had.
    """
    with archive.reading(path, "not an XML file that can be read"):
        parser = ElementTree.XMLParser(target=_Plain())
        parser.feed(path.read_bytes())
        root = parser.close()
    images = list(root.iter("IMAGE"))
    if len(images) != 1:
        raise UserError(f"{path}: {len(images)} elements IMAGE; expected one")
    width, height = _numbers(path, images[0], ("WIDTH", "HEIGHT"))
    if (width, height) != size and np.isfinite(size).all():
        raise UserError(f"{path}: IMAGE is {width} x {height}; the image has {size[0]:g} x {size[1]:g} pixels")
    rows = [_numbers(path, element, ("x", "y")) for element in root.iter("FeaturePoint")]
    if len(rows) not in (0, N_POINTS):
        raise UserError(f"{path}: {len(rows)} points; expected {N_POINTS}, or none")
    return np.array(rows, float) if rows else None


def _numbers(path: Path, element: ElementTree.Element, names: tuple[str, str]) -> tuple[int, int]:
    for name in names:
        if not re.fullmatch(r"-?\d{1,6}", element.get(name, ""), re.ASCII):
            raise UserError(f"{path}: {element.tag} with {name}={element.get(name)!r}; expected a whole number")
    return int(element.get(names[0], "")), int(element.get(names[1], ""))


def _splits(files: Mapping[str, str], points: Mapping[str, Float[np.ndarray, "25 2"]]) -> dict[str, Listing]:
    """The three parts.

    files, points: of each image, by its name without ending.
    """
    ids = sorted(files)
    xy = np.array([points[i] for i in ids]).reshape(-1, N_POINTS, 2)
    subject = np.array([i.split("_")[3] for i in ids], str)
    gesture = np.array([GESTURES.index(i[:3]) for i in ids], np.int64)
    attributes = {"gesture": gesture, "subject": subject}
    whole = layout.listing([files[i] for i in ids], ids, xy, None, attributes)
    people = {split: [f"id{number:02}" for number in numbers] for split, numbers in SUBJECTS.items()}
    return {split: whole[np.flatnonzero(np.isin(subject, who))] for split, who in people.items()}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the publisher's layout, without skin masks.

    Gestures and people take turns; points are whole pixels.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import hands

    gestures = np.concatenate([np.arange(counts[split]) % len(GESTURES) for split in SUBJECTS])
    people = np.concatenate([np.resize(numbers, counts[split]) for split, numbers in SUBJECTS.items()])
    files: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for gesture, person in zip(gestures, people, strict=True):
        name = f"{GESTURES[gesture]}_hgr1_id{person:02}"
        taken[name] += 1
        files[f"{name}_{taken[name]}"] = f"{IMAGES}/{name}_{taken[name]}.jpg"
    side, shown = 128, {"gesture": gestures, "subject": people - 1}
    drawn = publish.photos(folder, list(files.values()), hands.draw, side, seed, **shown)
    points = dict(zip(files, np.rint(drawn.points), strict=True))
    for stem, xy in points.items():
        rows = [f'  <FeaturePoint x="{x:.0f}" y="{y:.0f}" />' for x, y in xy]
        head = ('<?xml version="1.0" encoding="utf-8"?>', f'<IMAGE WIDTH="{side}" HEIGHT="{side}">')
        publish.lines(folder / POINTS / f"{stem}.xml", [*head, *rows, "</IMAGE>"])
    return _splits(files, points)


DATASET = Dataset(
    name="hgr1",
    title="HGR1",
    landmarks=("wrist start", *(f"point {k}" for k in range(2, N_POINTS)), "wrist end"),
    mirror=tuple(range(N_POINTS)),
    skeleton=((0, N_POINTS - 1),),
    counts={"train": 573, "val": 163, "test": 162},
    size=64,
    unit="% of the wrist's width",
    normalizer=normalizers.between(0, 24),
    tier="paper",
    licence="academic, non-commercial research, with citation",
    obtain="Download the images and the feature points of HGR1 from the authors' page "
    "(sun.aei.polsl.pl/~mkawulok/gestures) and unpack them as `original_images` "
    "and `feature_points` into a folder `hgr1` below the data root.",
    citation="Kawulok et al., EURASIP Journal on Advances in Signal Processing 2014; Grzejszczak et al., Multimedia "
    "Tools and Applications 2016",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "The wrist's width is the distance of points 1 and 25, as in honari2018. What the other points are is not "
        "known here: they have numbers for names, and a flip keeps their order.",
        "People 1 to 8 are for training, 11 and 12 for validation and 9 and 10 for testing, as in honari2018, whose "
        "898 images are counted here.",
        "An image without a file of points, or whose file has none, is left out; any other number of points than 25 "
        "is refused.",
        "A gesture is a sign and its alphabet (P Polish, A another), as in the file names: 27, as many as honari2018 "
        "has.",
    ),
    folder="hgr1",
    read=read,
    write_standin=write_standin,
    attributes={"gesture": len(GESTURES)},
    layout="original_images/GESTURE_hgr1_idNN_K.jpg and feature_points/GESTURE_hgr1_idNN_K.xml; skin_masks/ is not "
    "read",
    known_issues=(
        "The wrist is the first and the last point of a file.",
        "The same sign of two alphabets, 1_A and 1_P, is two gestures.",
        "The people are the two digits after `id`; the number at the end counts pictures of one gesture by one person.",
    ),
)
