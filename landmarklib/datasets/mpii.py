"""MPII Human Pose (Andriluka et al. 2014): sixteen joints of people at all kinds of activity, in photos of videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from landmarklib.core import normalizers, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError, shown
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout, matlab

LIST = "mpii_human_pose_v1_u12_1.mat"
JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax"),
    *("upper neck", "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow"),
    "left wrist",
)
SIZES = {"test": 2958, "val": 3311, "train": 10_000}  # people, in the order in which the splits are filled
ORDER = 2014  # seed of the hashed order of the photos
PERSON = ("x1", "y1", "x2", "y2", "annopoints", "scale", "objpos")
HEAD_SIZE, STANDARD_HEIGHT, LOWER = 0.6, 200, 15  # of the publisher's score, of `scale`, of HRNet's crops
AFTER_OTHERS = 200_000  # number of the first stand-in: LSP and LSPET have others


def read(folder: Path) -> dict[str, Listing]:
    """People of the publisher's training photos who have joints, a head box, a scale and a place."""
    path = folder / LIST
    release = matlab.entries(path, matlab.struct(path, "RELEASE"), ("annolist", "img_train"), "RELEASE")
    if len(release) != 1:
        raise UserError(f"{path}: RELEASE has {len(release)} entries; expected one")
    photos = matlab.entries(path, release[0]["annolist"], ("image", "annorect"), "annolist")
    training = np.atleast_1d(np.asarray(release[0]["img_train"]))
    if training.shape != (len(photos),) or not np.isin(training, (0, 1)).all():
        raise UserError(f"{path}: img_train is no list of {len(photos):,} numbers 0 or 1, one for each photo")
    files, ids, rows = [], [], []
    for i in np.flatnonzero(training):
        image, place = photos[i]["image"], f"annolist({i + 1})"
        if not isinstance(image, dict) or not isinstance(name := image.get("name"), str) or not name:
            raise UserError(f"{path}: {place}.image has no name")
        for k, row in _people(path, photos[i]["annorect"], f"{place}.annorect"):
            files.append(f"images/{name}")
            ids.append(f"{Path(name).stem}/{k}")
            rows.append(row)
    return _divide(_listing(files, archive.check_unique(path, ids), np.array(rows).reshape(-1, 39)))


def _people(path: Path, annorect: object, place: str) -> Iterator[tuple[int, list[float]]]:
    """Of everybody who has all of these: number in the photo, from 1, x, y of the joints, head box, scale and place."""
    for k, person in enumerate(matlab.entries(path, annorect, (), place)):
        if not all(np.size(person.get(name, ())) for name in PERSON):
            continue
        where, points, at = person["objpos"], person["annopoints"], f"{place}({k + 1})"
        if not isinstance(where, dict) or not isinstance(points, dict):
            raise UserError(f"{path}: {at} has an objpos or annopoints that is no struct")
        joints = np.full((len(JOINTS), 2), np.nan)
        for point in matlab.entries(path, points.get("point"), ("x", "y", "id"), f"{at}.annopoints.point"):
            x, y, number = _numbers(path, at, point["x"], point["y"], point["id"])
            if number not in range(len(JOINTS)) or np.isfinite(joints[int(number)]).any():
                raise UserError(f"{path}: {at} has a joint {number:g}; expected each of 0 to 15 once at most")
            joints[int(number)] = x, y
        values = (*(person[name] for name in PERSON[:4]), person["scale"], where.get("x"), where.get("y"))
        x1, y1, x2, y2, scale, x, y = _numbers(path, at, *values)
        if (x1 == x2 and y1 == y2) or scale <= 0:
            raise UserError(f"{path}: {at} has a head box or a scale of nothing")
        yield k + 1, [*joints.ravel(), x1, y1, x2, y2, scale, x, y]


def _numbers(path: Path, place: str, *values: object) -> list[float]:
    if not all(isinstance(v, (int, float)) and abs(v) < archive.FARTHEST for v in values):
        raise UserError(f"{path}: {place} has {shown(values)}; expected numbers")
    return [float(v) for v in values]


def _listing(files: list[str], ids: tuple[str, ...], rows: np.ndarray) -> Listing:
    """

    rows: N x 39, as they stand in the file.
    """
    points, (x1, y1, x2, y2, scale, x, y) = rows[:, :32].reshape(-1, 16, 2) - 1, rows[:, 32:].T
    half, middle = STANDARD_HEIGHT / 2 * scale[:, None], np.stack([x, y + LOWER * scale], 1) - 0.5
    attributes = {
        "head_size": HEAD_SIZE * np.hypot(x2 - x1, y2 - y1),
        "scale": scale,
        "photo": np.array([Path(file).name for file in files], str),
    }
    boxes = np.concatenate([middle - half, middle + half], 1)
    return layout.listing(files, ids, points, np.isfinite(points).all(-1), attributes, boxes)


def _divide(people: Listing) -> dict[str, Listing]:
    """Whole photos, in the hashed order of their names; what is left over is in no split."""
    rest, splits = np.arange(len(people)), {}
    share = min(1, len(people) / sum(SIZES.values()))
    for split, n in SIZES.items():
        chosen = subsets.held_out(people.attributes["photo"][rest].tolist(), round(share * n), ORDER)
        splits[split], rest = people[rest[chosen]], rest[~chosen]
    return {split: splits[split] for split in DATASET.counts}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Every fourth photo has two people, joints out of sight are marked or missing, and one photo has no joints.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import bodies

    files, ids, rows, photos = [], [], [], []
    n, size = sum(counts.values()), 128
    while len(rows) < n:
        name, here = f"{len(photos) + 1:09d}.jpg", 2 if len(photos) % 4 == 3 and len(rows) + 2 <= n else 1
        drawn = bodies.draw(here, size, seed, AFTER_OTHERS + len(rows))
        publish.photo(folder / "images" / name, np.concatenate(list(drawn.images), 2))
        people = []
        for k in range(here):
            row = _row(drawn.points[k] + [1 + k * size, 1], drawn.visible[k])
            people.append(_struct(row, drawn.visible[k]))
            files.append(f"images/{name}")
            ids.append(f"{Path(name).stem}/{k + 1}")
            rows.append(row)
        photos.append({"image": {"name": name}, "annorect": publish.structs(people)})
    box = {name: 10 * (k + 1) for k, name in enumerate(PERSON[:4])}
    photos.append({"image": {"name": "no_joints.jpg"}, "annorect": publish.structs([box])})
    photos.append({"image": {"name": "not_for_training.jpg"}, "annorect": np.zeros((0, 0))})
    training = np.array([[*[1] * (len(photos) - 1), 0]], np.uint8)
    release = {"annolist": publish.structs(photos), "img_train": training, "version": "12"}
    publish.matlab(folder / LIST, {"RELEASE": release})
    return _divide(_listing(files, tuple(ids), np.array(rows)))


def _row(points: np.ndarray, visible: np.ndarray) -> list[float]:
    """What the file says of a person with these joints.

    Hidden ankles are missing, the rest is rounded as the publisher's.
    """
    missing = ~visible & np.isin(np.arange(len(JOINTS)), (0, 5))
    low, high = points.min(0), points.max(0)
    neck, top = points[JOINTS.index("upper neck")], points[JOINTS.index("head top")]
    middle, half = (neck + top) / 2, 0.55 * np.hypot(*(top - neck)) * np.array([0.8, 1])
    box = np.round([*(middle - half), *(middle + half) + 1])
    joints = np.where(missing[:, None], np.nan, points)
    return [*joints.ravel(), *box, (high - low).max() / STANDARD_HEIGHT, *np.round((low + high) / 2)]


def _struct(row: list[float], visible: np.ndarray) -> dict[str, object]:
    from landmarklib.drawing import publish

    points = [
        {
            "x": row[2 * k],
            "y": row[2 * k + 1],
            "id": k,
            "is_visible": np.zeros((0, 0)) if k in (8, 9) else str(int(seen)),
        }
        for k, seen in enumerate(visible)
        if np.isfinite(row[2 * k])
    ]
    *box, scale, x, y = row[32:]
    values = (*box, {"point": publish.structs(points)}, scale, {"x": x, "y": y})
    return dict(zip(PERSON, values, strict=True))


DATASET = Dataset(
    name="mpii",
    title="MPII Human Pose",
    landmarks=JOINTS,
    mirror=(5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10),
    skeleton=(
        *((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9)),
        *((10, 11), (11, 12), (12, 7), (7, 13), (13, 14), (14, 15)),
    ),
    counts={split: SIZES[split] for split in ("train", "val", "test")},
    size=256,
    unit="% of the size of the head, 0.6 x the diagonal of its box",
    normalizer=normalizers.given("head_size"),
    tier="paper",
    licence="simplified BSD for the labels; frames of videos of YouTube: research",
    obtain="Download mpii_human_pose_v1.tar.gz and mpii_human_pose_v1_u12_2.zip of MPII Human Pose "
    "(human-pose.mpi-inf.mpg.de) and put the folder `images` and "
    f"{LIST} into a folder `mpii` below the data root.",
    citation="Andriluka et al., CVPR 2014",
    assumptions=(
        "Points are MATLAB's, whose first pixel is 1: 1 is subtracted.",
        "All joints that are labelled count, those out of sight as well. People without joints, head box, scale or "
        "place are left out.",
        "moskvyak2021 has 10,000 people for training, 3,311 for validation and 2,958 for testing and does not say "
        "which; its test people seem to be a list of HRNet's, "
        "which the publisher's file does not have. Here photos are drawn in the order of a hash of their names, first "
        "for test, then for val, then for train; of one photo all "
        "people are in one split, and the rest is not used. A part of the archive is divided in the same proportion.",
        "The box of a person is HRNet's: its centre 15 x scale pixels below objpos, its side 200 x scale; a crop is "
        "1.25 times that.",
    ),
    folder="mpii",
    read=read,
    write_standin=write_standin,
    attributes={"head_size": 0, "scale": 0},
    recipe=Recipe(around="box", margin=1.25, grey=False),
    layout=f"{LIST} with the struct RELEASE, and images/*.jpg",
    known_issues=(
        "annorect has other fields from photo to photo, and is empty in some; annopoints may be empty.",
        "A struct array of one entry is a plain struct; is_visible is text, a number or empty, and empty for head and "
        "neck.",
        "Left and right are the person's. Pelvis and thorax are left out of the publisher's score.",
        "The size of the head is 0.6 times the diagonal of its box; moskvyak2021's threshold must be half of that, as "
        "HRNet's.",
        "Of 1.5% of the people a joint lies outside of the photo, by up to 31 px.",
        "The publisher's test photos have no labels; the test people of papers are of the training photos.",
    ),
)
