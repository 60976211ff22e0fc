"""Multi-PIE (Gross et al. 2010): 68 points of 337 people with six expressions, from five cameras under many flashes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core import normalizers, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import w300
from landmarklib.formats import archive, layout, matlab

LABELS, IMAGES = "MPie_Labels/labels", "Multi-PIE/data"
NAME = re.compile(
    r"(?P<person>\d{3})_(?P<session>0[1-4])_(?P<recording>\d\d)_(?P<camera>\d{3})_(?P<flash>\d\d)_lm(?i:\.mat)",
    re.ASCII,
)
CAMERAS = ("13_0", "14_0", "05_1", "05_0", "04_1")  # from -30 to 30 degrees
EXPRESSIONS = ("neutral", "smile", "surprise", "squint", "disgust", "scream")
EXPRESSION = {  # of a recording of a session
    **{("01", "01"): 0, ("01", "02"): 1, ("02", "01"): 0, ("02", "02"): 2, ("02", "03"): 3},
    **{("03", "01"): 0, ("03", "02"): 1, ("03", "03"): 4, ("04", "01"): 0, ("04", "02"): 0, ("04", "03"): 5},
}
PERSONS = {"train": (1, 150), "val": (151, 200), "test": (201, 337)}
FLASHES = 3  # of the 19, that a stand-in's shot has
FLASH_ORDER = 0  # seed of the hashed order of a shot's flashes, of which the first is taken


def read(folder: Path) -> dict[str, Listing]:
    """One image of every shot that has 68 points, lit by another flash than the labelled one. Splits are of people."""
    if not (here := layout.present(folder / LABELS, [_digits(camera) for camera in CAMERAS])):
        raise UserError(f"{folder / LABELS}: expected at least one of the folders {', '.join(map(_digits, CAMERAS))}")
    shots: dict[str, tuple[str, Float[np.ndarray, "68 2"]]] = {}
    for camera in here:
        place = folder / LABELS / camera
        for name in layout.names(place, ".mat"):
            shot, points = _label(place / name)
            if shot not in shots and len(points) == 68:
                shots[shot] = _image(folder, place / name), points
    return listings({shot: shots[shot] for shot in sorted(shots)})


def listings(shots: Mapping[str, tuple[str, Float[np.ndarray, "68 2"]]]) -> dict[str, Listing]:
    """The splits of shots: name -> image and points. Those of people above 337 are in none."""
    ids = tuple(shots)
    person, session, recording, camera = (np.array([shot.split("_") for shot in ids], str).reshape(-1, 4)).T
    expression = [EXPRESSION[key] for key in zip(session, recording, strict=True)]
    attributes = {
        "expression": np.array(expression, np.int64),
        "camera": np.array([[_digits(c) for c in CAMERAS].index(name) for name in camera], np.int64),
        "person": person,
    }
    points = np.array([points for _, points in shots.values()]).reshape(-1, 68, 2)
    files = tuple(file for file, _ in shots.values())
    found, number = layout.listing(files, ids, points, None, attributes), person.astype(int)
    return {name: found[np.flatnonzero((a <= number) & (number <= b))] for name, (a, b) in PERSONS.items()}


def _label(path: Path) -> tuple[str, Float[np.ndarray, "n 2"]]:
    """The shot of a label, person_session_recording_camera, and its points."""
    name = NAME.fullmatch(path.name)
    if name is None or name["camera"] != path.parent.name or (name["session"], name["recording"]) not in EXPRESSION:
        raise UserError(
            f"{path}: expected PERSON_SESSION_RECORDING_{path.parent.name}_FLASH_lm.mat of a known recording"
        )
    points = matlab.matrix(path, "pts", (None, 2))
    if not (np.abs(points) < archive.FARTHEST).all():
        raise UserError(f"{path}: a point is not a number, or one far out of any photo")
    return path.name.rsplit("_", 2)[0], points


def _image(folder: Path, label: Path) -> str:
    """The image of a labelled shot that is taken; the labelled one, which is missing, where none is there."""
    labelled = label.name[: -len("_lm.mat")]
    shot = labelled.rpartition("_")[0]
    person, session, recording, camera = shot.split("_")
    place = f"{IMAGES}/session{session}/multiview/{person}/{recording}/{camera[:2]}_{camera[2]}"
    shown = layout.names(folder / place, ".png") if (folder / place).is_dir() else []
    names = [name for name in shown if re.fullmatch(rf"{shot}_\d\d(?i:\.png)", name, re.ASCII)]
    return f"{place}/{_lit(names or [f'{labelled}.png'], labelled)}"


def _lit(names: list[str], labelled: str) -> str:
    """The first of a shot's images in the hashed order of their names; the labelled one only if it is alone."""
    others = tuple(name for name in names if Path(name).stem != labelled) or tuple(names)
    return others[subsets.label_order(others, None, FLASH_ORDER)[0]]


def _digits(camera: str) -> str:
    return camera.replace("_", "")


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Shots of people in turn, and a label with fewer points.

    Of the three flashes that a shot has, only the one whose image is taken is drawn.
    """
    from landmarklib.drawing import publish, spread

    jobs = []
    for split, n in counts.items():
        first, last = PERSONS[split]
        turns = (divmod(i, last - first + 1) for i in range(n))
        jobs += [(folder, seed, first + person, turn) for turn, person in turns]
    shots = dict(spread(_shot, jobs, len(jobs)))
    publish.matlab(folder / LABELS / "130" / "346_04_03_130_07_lm.mat", {"pts": np.ones((66, 2))})
    return listings({shot: shots[shot] for shot in sorted(shots)})


def _shot(folder: Path, seed: int, person: int, turn: int) -> tuple[str, tuple[str, Float[np.ndarray, "68 2"]]]:
    """Draw a person's shot of that turn: its name, image and points."""
    from landmarklib.drawing import generator, publish
    from landmarklib.standins import faces

    kind = int(generator(seed, 3, person).permutation(len(EXPRESSION) * len(CAMERAS))[turn])
    recording, camera = list(EXPRESSION)[kind // len(CAMERAS)], kind % len(CAMERAS)
    rng = generator(seed, 3, person, kind)
    # Small enough for every chin to be in the image.
    given = {
        "scale": [rng.uniform(0.17, 0.22)],
        "person": [person],
        "camera": [camera],
        "expression": [EXPRESSION[recording]],
    }
    shot = f"{person:03d}_{'_'.join(recording)}_{_digits(CAMERAS[camera])}"
    flashes = {f"{shot}_{flash:02d}.png": flash for flash in rng.permutation(19)[:FLASHES].tolist()}
    labelled, *_ = flashes
    taken = _lit([*flashes], Path(labelled).stem)
    drawn = faces.draw(1, 112, seed, 100 * person + kind, **given, light=[flashes[taken]])
    file = f"{IMAGES}/session{recording[0]}/multiview/{person:03d}/{recording[1]}/{CAMERAS[camera]}/{taken}"
    publish.photo(folder / file, drawn.images[0])
    label = f"{LABELS}/{_digits(CAMERAS[camera])}/{labelled.replace('.png', '_lm.mat')}"
    publish.matlab(folder / label, {"pts": drawn.points[0]})
    return shot, (file, drawn.points[0])


DATASET = Dataset(
    name="multipie",
    title="Multi-PIE",
    landmarks=w300.DATASET.landmarks,  # the same 68 of a face
    mirror=w300.DATASET.mirror,
    skeleton=w300.DATASET.skeleton,
    counts={"train": 1875, "val": 579, "test": 1054},
    size=64,
    unit="% of the distance of the eye centres",
    normalizer=normalizers.between((36, 39), (42, 45)),
    tier="paper",
    licence="by agreement with Carnegie Mellon University; not to be passed on",
    obtain=(
        "Order Multi-PIE from Carnegie Mellon's Center for Technology Transfer and put its session folders into "
        "Multi-PIE/data and the labels into "
        "MPie_Labels/labels of a folder `multipie` below the data root."
    ),
    citation="Gross et al., Image and Vision Computing 2010",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "Every shot is one image, lit by a flash that is drawn by hashing the names of its images, not by the "
        "labelled one; honari2018 draws at random.",
        "People 1 to 150, 151 to 200 and 201 to 337 are for training, validation and testing, as in honari2018; "
        "people with higher numbers are left out.",
        "honari2018 has 3,508 images and does not say which of the labelled shots they are: here it is every one of "
        "68 points by these five cameras.",
        "Cameras are ordered from -30 to 30 degrees: 13_0, 14_0, 05_1, 05_0, 04_1; which side is negative differs "
        "between sources.",
    ),
    folder="multipie",
    read=read,
    write_standin=write_standin,
    attributes={"expression": len(EXPRESSIONS), "camera": len(CAMERAS)},
    layout="Multi-PIE/data/session0S/multiview/PERSON/RECORDING/CAMERA/*.png, MPie_Labels/labels/CAMERA/*_lm.mat (key "
    "pts)",
    known_issues=(
        "Labels of side views have 39 or 66 points instead of 68, also some in the folders of these cameras; they are "
        "skipped.",
        "One flash of a shot is labelled, and the points hold for all its flashes: only one image of a shot is taken.",
        "The expression is told by session and recording; session 4 has two neutral ones.",
        "A camera is 05_1 in the folders of the images and 051 in file names and in the folders of the labels.",
        "The same people come in several sessions: a split by image has one person on both sides.",
    ),
)
