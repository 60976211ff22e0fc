"""Webmorph's faces (DeBruine): 189 points, gender, age, ethnicity and expression of studio photos.

The photos are from London, Canada and 3D.sk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, layout

COLUMNS = tuple(f"{axis}{k}" for k in range(189) for axis in "xy")
VALUES = {
    "set": ("london_neutral", "london_smiling", "canada", "3dsk"),
    "gender": ("female", "male"),
    "ethnicity": ("black", "east_asian", "east_asian/white", "west_asian", "white"),
    "expression": ("neutral", "smiling"),
}
CUT = ("crop_x0", "crop_y0", "crop_side")
HEADER = (
    *("file", "set", "split", "person", "gender", "age", "ethnicity", "expression", "has_landmarks"),
    *(*CUT, *COLUMNS),
)


def read(folder: Path) -> dict[str, Listing]:
    """The rows of landmarks.csv by their column `split`, in which no person is twice."""
    path = folder / "landmarks.csv"
    table = archive.table(path, ("file", "split", "person", "age", *VALUES, "has_landmarks", *COLUMNS))
    rows = zip(table["has_landmarks"], *(table[name] for name in COLUMNS), strict=True)
    points = np.array([_points(path, i + 2, *row) for i, row in enumerate(rows)]).reshape(-1, 189, 2)
    attributes = {name: _codes(path, name, table[name]) for name in VALUES}
    attributes["age"] = np.array([_age(path, i + 2, age) for i, age in enumerate(table["age"])])
    attributes["person"] = np.array(table["person"], str)
    ids = archive.check_unique(path, table["file"])
    whole = layout.listing([f"images/{name}" for name in ids], ids, points, np.isfinite(points).all(-1), attributes)
    return {split: whole[rows] for split, rows in archive.check_disjoint(path, table["split"], table["person"]).items()}


def _points(path: Path, line: int, has: str, *cells: str) -> list[float]:
    if has == "0" and not any(cells):
        return [np.nan] * len(cells)
    if has != "1":
        raise UserError(f"{path}, line {line}: has_landmarks {has!r}; expected 1, or 0 and no points")
    return archive.numbers(path, line, cells, "x0, y0 to x188, y188")


def _age(path: Path, line: int, word: str) -> float:
    return archive.numbers(path, line, [word], "an age or nothing")[0] if word else np.nan


def _codes(path: Path, name: str, words: list[str]) -> np.ndarray:
    for i, word in enumerate(words):
        if word not in VALUES[name]:
            raise UserError(f"{path}, line {i + 2}: {name} {word!r}; expected {', '.join(VALUES[name])}")
    return np.array([VALUES[name].index(word) for word in words], np.int64)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the layout.

    People of London are neutral and smiling, the latter without points; as many are of Canada and of 3D.sk.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import dense

    split = np.repeat(list(counts), list(counts.values()))
    number = np.concatenate([1000 * k + np.arange(n) // 4 for k, n in enumerate(counts.values())])
    kind = np.concatenate([np.arange(n) % 4 for n in counts.values()])
    look, smiling, still = 4 * number + np.maximum(kind, 1), kind == 1, np.zeros(len(kind))
    given = {name: still for name in ("glasses", "hand", "azimuth")} | {"person": look, "expression": smiling}
    given |= {name: np.sin(k * look) / 40 for k, name in ((5, "yaw"), (7, "pitch"), (9, "roll"))}
    given |= {"x": still + 0.5, "y": still + 0.48, "scale": still + 0.2}
    people = [f"{VALUES['set'][k].partition('_')[0]}_{i:04d}" for k, i in zip(kind, number, strict=True)]
    ids = tuple(f"{VALUES['set'][k]}__{person}.jpg" for k, person in zip(kind, people, strict=True))
    files = tuple(f"images/{name}" for name in ids)
    drawn = publish.photos(folder, files, publish.squares(dense.draw, 192, 160), 256, seed, **given)
    codes = {"set": kind, "gender": 1 - drawn.attributes["gender"], "ethnicity": look % 5, "expression": smiling}
    attributes = {name: codes[name].astype(np.int64) for name in VALUES}
    attributes["age"] = np.where((kind == 2) & (number % 9 == 1), np.nan, 18.0 + number % 37)
    attributes["person"] = np.array(people, str)
    points = np.where(smiling[:, None, None], np.nan, drawn.points)
    cuts = np.stack([drawn.attributes[name] for name in ("left", "top", "side")], 1)
    whole = layout.listing(files, ids, points, np.isfinite(points).all(-1), attributes)
    _write(folder / "landmarks.csv", whole, split, cuts)
    return {name: whole[np.flatnonzero(split == name)] for name in counts}


def _write(path: Path, whole: Listing, split: np.ndarray, cuts: Float[np.ndarray, "N 3"]) -> None:
    from landmarklib.drawing import publish

    columns = {name: [values[code] for code in whole.attributes[name]] for name, values in VALUES.items()}
    columns |= {"file": whole.ids, "split": split, "person": whole.attributes["person"]}
    columns["age"] = ["" if np.isnan(age) else f"{age:g}" for age in whole.attributes["age"]]
    columns["has_landmarks"] = [str(int(seen.all())) for seen in whole.visible]
    columns |= {name: [f"{value:.3f}" for value in cuts[:, k]] for k, name in enumerate(CUT)}
    columns |= {
        name: ["" if np.isnan(value) else f"{value:.3f}" for value in values]
        for name, values in zip(COLUMNS, whole.points.reshape(len(whole), -1).T, strict=True)
    }
    rows = zip(*(columns[name] for name in HEADER), strict=True)
    publish.lines(path, [",".join(row) for row in (HEADER, *rows)])


def _walk(text: str) -> tuple[int, ...]:
    """Indices from runs such as "3-5 9 8-6", up or down."""
    found: list[int] = []
    for first, _, last in (run.partition("-") for run in text.split()):
        a, b = int(first), int(last or first)
        found += range(a, b + 1) if a <= b else range(a, b - 1, -1)
    return tuple(found)


GROUPS = (
    "left pupil 1, right pupil 1, left iris 8, right iris 8, left upper lid 5, right upper lid 5, left lower lid 3, "
    "right lower lid 3, "
    "left lid fold 5, right lid fold 5, left eye bag 3, right eye bag 3, left nose side 5, nose tip 1, right nose "
    "side 5, left nostril 5, "
    "right nostril 5, left brow top 6, right brow top 6, left brow bottom 2, right brow bottom 2, upper lip top 7, "
    "upper lip bottom 5, "
    "lower lip top 5, lower lip bottom 5, left face side 3, right face side 3, left ear 5, right ear 5, jaw 9, "
    "hairline 11, hair 13, "
    "left cheek fold 3, right cheek fold 3, left cheekbone 3, right cheekbone 3, left philtrum 2, right philtrum 2, "
    "chin 2, chin fold 3, "
    "nose base 4, neck 2, left face edge 2, right face edge 2"
)
LANDMARKS = tuple(
    f"{name} {k + 1}" for name, _, n in (group.rpartition(" ") for group in GROUPS.split(", ")) for k in range(int(n))
)
MIRROR = _walk(
    "1 0 10 17-11 2 9-3 27-18 33-28 43-34 49-44 56-60 55 50-54 66-70 61-65 82-71 86-83 93-87 98-94 103-99 108-104 "
    "112-114 109-111 "
    "120-124 115-119 133-125 144-134 157-145 161-163 158-160 167-169 164-166 172 173 170 171 174 175 178-176 182-179 "
    "184 183 187 188 185 186"
)
LINES = (
    "2-9 2, 10-17 10, 18-22, 23-27, 18 28-30 22, 23 31-33 27, 34-38, 39-43, 44-46, 47-49, 50-55, 56-60 55, 61-65 179 "
    "180 55, "
    "66-70 182 181 55, 71-76, 77-82, 71 83 84 76, 77 85 86 82, 87-93, 87 94-98 93, 87 99-103 93, 87 104-108 93, 109 "
    "185 110 186 111, "
    "112 187 113 188 114, 109 115-119 111, 112 120-124 114, 109 134-144 112, 145-157, 158-160, 161-163, 164-166, "
    "167-169, 170 171, "
    "172 173, 174 175, 176-178, 126 145 183 184 157 132, 111 125-133 114"
)
SKELETON = tuple(edge for line in LINES.split(", ") for edge in zip(_walk(line), _walk(line)[1:], strict=False))
DATASET = Dataset(
    name="webmorph",
    title="Webmorph faces",
    landmarks=LANDMARKS,
    mirror=MIRROR,
    skeleton=SKELETON,
    counts={"train": 259, "val": 34, "test": 51},
    ids={"train": "d4aa3257c928", "val": "ef25a1e76b75", "test": "12dc19cddea8"},
    size=128,
    unit="% of the distance of the pupils",
    normalizer=normalizers.between(0, 1),
    tier="open",
    licence="CC BY 4.0 (README); its loader says of the 3D.sk photos: for educational use only",
    obtain="Nobody publishes these crops. The photos and points are those of debruine/webmorphR.stim on GitHub; cut "
    "the faces into a folder "
    "`webmorph_faces` below the data root, with the columns of `layout` in landmarks.csv.",
    citation="DeBruine and Jones, Face Research Lab London Set, 2017",
    assumptions=(
        "Points are pixels of the crop from its upper-left corner, and are taken to count from 0.",
        "The splits are those of the column `split`, nobody in two of them: 182, 24 and 36 persons.",
        "Names of the points are ours; lines between them follow the publisher's template.",
        "Left-right pairs are those that the mean face gives when it is mirrored.",
        "The age is NaN where it is not known, in four images of two persons.",
    ),
    folder="webmorph_faces",
    read=read,
    write_standin=write_standin,
    attributes={**{name: len(values) for name, values in VALUES.items()}, "age": 0},
    layout="images/, landmarks.csv: file, set, split, person, gender, age, ethnicity, expression, has_landmarks, x0, "
    "y0 to x188, y188",
    known_issues=(
        "The 102 smiling images, all of London, have no points.",
        "The 102 persons of London are there twice, neutral and smiling.",
        "Left and right are the image's.",
        "The lips' inner points are there twice, at the same place where the mouth is closed.",
        "Studio photos from the front, cut around the points: the mean of all points is a good guess, shift and scale "
        "at random.",
    ),
)
