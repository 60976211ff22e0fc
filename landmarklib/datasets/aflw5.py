"""AFLW with five points as in Thewlis et al. 2017 ("AFLW_M").

Training images are crops of AFLW, test images the faces of MTFL's test list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.datasets import mtfl
from landmarklib.formats import archive, layout

TRAINING, TEST, SIDE = "aflw_cropped", "MTFL", 150
FACES = 2_000_000  # number of the first stand-in, so that other sets of faces have none of them
PHOTO_ORDER = 0  # seed of the hashed order of the photos, of which the first are for validation
FIRST, LAST = 4, 14  # columns of the points


def read(folder: Path) -> dict[str, Listing]:
    """The crops of set 1, a tenth of them for validation, and MTFL's test list.

    Raises UserError if they share a photo.
    """
    path = folder / TRAINING / "facedata_cropped.csv"
    training, test = _training(path), _test(folder / TEST / "testing.txt")
    if shared := sorted(set(training.attributes["photo"]) & set(test.attributes["photo"])):
        raise UserError(f"{path}: {shared[0]} is in set 1 and in {TEST}/testing.txt; expected other photos")
    return split(training, test)


def split(training: Listing, test: Listing) -> dict[str, Listing]:
    """The training faces in two parts of different photos."""
    val = subsets.held_out(training.attributes["photo"].tolist(), max(1, len(training) // 10), PHOTO_ORDER)
    return {"train": training[np.flatnonzero(~val)], "val": training[np.flatnonzero(val)], "test": test}


def _training(path: Path) -> Listing:
    header = archive.columns(path)
    if len(header) < LAST:
        raise UserError(f"{path}, line 1: {len(header)} columns; expected the points in columns {FIRST + 1} to {LAST}")
    table = archive.table(path, ("image_file", "crop_file", "set", *header[FIRST:LAST]))
    rows, chosen = [], []
    for i, part in enumerate(table["set"]):
        if archive.numbers(path, i + 2, [part], "the set as a number") == [1]:
            words = [table[name][i] for name in header[FIRST:LAST]]
            rows.append(archive.numbers(path, i + 2, words, "x and y of five points"))
            chosen.append(i)
    ids = archive.check_unique(path, [table["crop_file"][i] for i in chosen])
    return _crops(TRAINING, ids, np.array(rows).reshape(-1, 5, 2), [table["image_file"][i] for i in chosen])


def _test(path: Path) -> Listing:
    found = mtfl.faces_of(path)
    return _crops(TEST, found.ids, found.points, [name.rpartition("-")[2] for name in found.ids])


def _crops(place: str, ids: tuple[str, ...], points: np.ndarray, photos: list[str]) -> Listing:
    """Crops of 150 x 150.

    points: counted from 1.
    """
    n, files = len(ids), tuple(f"{place}/{i}" for i in ids)
    boxes = np.tile([0.0, 0, SIDE, SIDE], (n, 1))
    return layout.listing(files, ids, points - 1, None, {"photo": np.array(photos, str)}, boxes)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publishers' layout.

    Crops are of photos with one face or two. Some rows are of faces that are in neither list. The test list has MTFL's
    line endings.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import faces

    n, n_test = counts["train"] + counts["val"], counts["test"]
    crops = [f"cropped/{39341 + i}{'_b' * (i % 3 == 2)}.jpg" for i in range(n)]
    photos = [f"image{i - i // 4:05d}.jpg" for i in range(n)]
    drawn = publish.photos(folder / TRAINING, crops, faces.draw, SIDE, seed, FACES)
    points = np.round(faces.five(drawn.points) + 1, 4)
    rows = [
        f"{i + 1},{photos[i]},{crops[i]},1,{','.join(f'{v:.4f}' for v in points[i].ravel())},{i % 2}" for i in range(n)
    ]
    names = [f"AFLW/{i + 1:04d}-image{50000 + i - i // 5:05d}.jpg" for i in range(n_test)]
    others = [
        f"{n + i + 1},{name[10:]},cropped/{59341 + i}.jpg,{2 * (i % 2)}{',NaN' * 10},0" for i, name in enumerate(names)
    ]
    columns = [f"{axis}{k}" for k in range(1, 6) for axis in "xy"]
    header = ",".join(["face", "image_file", "crop_file", "set", *columns, "flipped"])
    publish.lines(folder / TRAINING / "facedata_cropped.csv", [header, *rows[::2], *others, *rows[1::2]])
    order = [*range(0, n, 2), *range(1, n, 2)]
    test = publish.photos(folder / TEST, names, faces.draw, SIDE, seed, FACES + n)
    xy = np.round(faces.five(test.points) + 1, 6)
    codes = {name: test.attributes[name] for name in ("gender", "smile", "glasses", "pose")}
    codes = np.stack([codes["gender"] + 1, 2 - codes["smile"], 2 - codes["glasses"], codes["pose"] + 1], 1)
    lines = [
        " ".join([names[i], *(f"{v:.6f}" for v in xy[i].T.ravel()), *(str(c) for c in codes[i])]) for i in range(n_test)
    ]
    publish.lines(folder / TEST / "testing.txt", lines, "\r\n ")
    training = _crops(TRAINING, tuple(crops), points, photos)[np.array(order)]
    return split(training, _crops(TEST, tuple(names), xy, [name[10:] for name in names]))


DATASET = replace(
    mtfl.DATASET,  # the same five points
    name="aflw5",
    title="AFLW, 5 points",
    counts={"train": 9110, "val": 1012, "test": 2995},
    ids={"test": mtfl.DATASET.ids["test"]},  # the same list
    licence="research, on request, not to be passed on; photos of Flickr",
    obtain=(
        "Unpack aflw_10122train_cropped.zip of thewlis2017's authors (Visual Geometry Group, Oxford) as "
        "`aflw_cropped` and MTFL.zip of TCDCN's authors "
        "(mmlab.ie.cuhk.edu.hk) as `MTFL` into a folder `aflw5` below the data root."
    ),
    citation="Thewlis et al., ICCV 2017; Köstinger et al., ICCV Workshops 2011; Zhang et al., ECCV 2014",
    assumptions=(
        "Points of both lists are taken to count from 1, as code by an author of thewlis2017 does; the data set "
        "`mtfl` takes MTFL's as they are given.",
        "Validation faces are a tenth of the 10,122 for training, of whole photos, in the order of a hash of the "
        "photos' names; thewlis2017 has none.",
    ),
    folder="aflw5",
    read=read,
    write_standin=write_standin,
    attributes={},
    recipe=Recipe("box", 1.0),
    layout="aflw_cropped/facedata_cropped.csv, aflw_cropped/cropped/*.jpg, MTFL/testing.txt, MTFL/AFLW/*.jpg; the "
    "rest of MTFL is not read",
    known_issues=(
        "Left and right are the image's. The table has x and y in turn, MTFL's list all x, then all y.",
        "Only rows with set 1 are for training; the others are faces without all five points or of the test photos, "
        "and may have no numbers.",
        "Crops are 150 x 150 pixels and cut differently in the two parts; several are of one photo.",
        "The data set `aflw5_r` has other crops and 2,991 test faces: errors on the two are not to be compared.",
        "In four test images, profiles, the left eye lies right of the right one.",
    ),
)
