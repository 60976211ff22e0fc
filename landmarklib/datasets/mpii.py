"""MPII Human Pose (Andriluka et al. 2014): sixteen joints of people at all kinds of activity, in photos of videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Bool, Int

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
FIELDS = (
    *("img_train", "annolist.image.name"),
    *(f"annolist.annorect.{name}" for name in (*PERSON[:4], "scale", "objpos.x", "objpos.y")),
    *(f"annolist.annorect.annopoints.point.{name}" for name in ("x", "y", "id")),
)
HEAD_SIZE, STANDARD_HEIGHT, LOWER = 0.6, 200, 15  # of the publisher's score, of `scale`, of HRNet's crops
AFTER_OTHERS = 200_000  # number of the first stand-in: LSP and LSPET have others


def read(folder: Path) -> dict[str, Listing]:
    """People of the publisher's training photos who have joints, a head box, a scale and a place."""
    path = folder / LIST
    release = matlab.table(path, "RELEASE", FIELDS)
    release.check(path, 0, ("annolist", "img_train"), "RELEASE")
    if (n := release.counts[0]) != 1:
        raise UserError(f"{path}: RELEASE has {n} entries; expected one")
    photos = release["annolist"]
    photos.check(path, 0, ("image", "annorect"), "annolist")
    training = np.atleast_1d(np.asarray(release["img_train"][0]))
    if training.shape != (photos.counts[0],) or not np.isin(training, (0, 1)).all():
        raise UserError(f"{path}: img_train is no list of {photos.counts[0]:,} numbers 0 or 1, one for each photo")
    names, people = _names(path, photos, np.flatnonzero(training).tolist()), photos["annorect"]
    photo = np.repeat(np.arange(len(training)), people.counts.clip(0))  # of each of the people
    there = (training == 1)[photo]
    for name in PERSON:
        there &= ~people[name].empty()
    chosen = np.flatnonzero(there)
    who = [*zip(photo[chosen].tolist(), (chosen - people.starts()[photo[chosen]] + 1).tolist(), strict=True)]
    rows = _rows(path, people, chosen, [f"annolist({i + 1}).annorect({k})" for i, k in who])
    ids = archive.check_unique(path, [f"{Path(names[i]).stem}/{k}" for i, k in who])
    return _divide(_listing([f"images/{names[i]}" for i, _ in who], ids, rows))


def _names(path: Path, photos: matlab.Structs, training: list[int]) -> dict[int, str]:
    """Files of the training photos, by their number in the list. Each must have an array of people, if an empty one."""
    images, people, names = photos["image"], photos["annorect"], {}
    starts = images.starts().tolist()
    for i in training:
        names[i] = images["name"][starts[i]] if images.counts[i] == 1 else None
        if not isinstance(names[i], str):
            raise UserError(f"{path}: annolist({i + 1}).image has no name")
        if people.counts[i] < 0:
            raise UserError(f"{path}: annolist({i + 1}).annorect is no array of structs")
    return names


def _rows(path: Path, people: matlab.Structs, chosen: Int[np.ndarray, " n"], places: list[str]) -> np.ndarray:
    """x, y of the joints, head box, scale and place of the chosen people, N x 39.

    places: of each of them in the file.
    """
    where, (joints, wrong) = people["objpos"], _joints(people, chosen)
    wrong |= where.counts[chosen] != 1
    values = np.full((len(chosen), 7), np.nan)
    values[:, :5] = np.stack([people[name].numbers[chosen] for name in (*PERSON[:4], "scale")], 1)
    at = where.starts()[chosen[~wrong]]
    values[~wrong, 5:] = np.stack([where[name].numbers[at] for name in "xy"], 1)
    x1, y1, x2, y2, scale = values.T[:5]
    wrong |= ~(np.abs(values) < archive.FARTHEST).all(1) | ((x1 == x2) & (y1 == y2)) | (scale <= 0)
    if wrong.any():
        first = int(wrong.argmax())
        _refuse(path, people, int(chosen[first]), places[first])
    return np.concatenate([joints.reshape(-1, 2 * len(JOINTS)), values], 1)


def _joints(people: matlab.Structs, chosen: Int[np.ndarray, " n"]) -> tuple[np.ndarray, Bool[np.ndarray, " n"]]:
    """Joints of the chosen people, N x 16 x 2, and of whom they are not what they should be."""
    held, points = people["annopoints"], people["annopoints"]["point"]
    joints, wrong = np.full((len(chosen), len(JOINTS), 2), np.nan), held.counts[chosen] != 1
    rows = np.flatnonzero(~wrong)
    at = held.starts()[chosen[rows]]
    wrong[rows] |= points.counts[at] < 0
    n = points.counts[at].clip(0)
    index = np.repeat(points.starts()[at] - (n.cumsum() - n), n) + np.arange(n.sum())  # of their points among all
    whose, number = np.repeat(rows, n), points["id"].numbers[index]
    xy = np.stack([points["x"].numbers[index], points["y"].numbers[index]], 1)
    good = (np.abs(xy) < archive.FARTHEST).all(1) & np.isin(number, range(len(JOINTS)))
    wrong[whose[~good]] = True
    joints[whose[good], number[good].astype(int)] = xy[good]
    twice = np.bincount(whose[good], minlength=len(chosen)) != np.isfinite(joints[..., 0]).sum(1)
    return joints, wrong | twice


def _refuse(path: Path, people: matlab.Structs, i: int, place: str) -> NoReturn:
    """Raises UserError with what is wrong with person i.

    place: of the person in the file, for the message.
    """
    where, held, points = people["objpos"], people["annopoints"], people["annopoints"]["point"]
    if where.counts[i] != 1 or held.counts[i] != 1:
        raise UserError(f"{path}: {place} has an objpos or annopoints that is no struct")
    at, seen = int(held.starts()[i]), set()
    points.check(path, at, ("x", "y", "id"), f"{place}.annopoints.point")
    for k in range(first := int(points.starts()[at]), first + int(points.counts[at])):
        *_, number = _numbers(path, place, *(points[name][k] for name in ("x", "y", "id")))
        if number not in range(len(JOINTS)) or number in seen:
            raise UserError(f"{path}: {place} has a joint {number:g}; expected each of 0 to 15 once at most")
        seen.add(number)
    at = int(where.starts()[i])
    values = *(people[name][i] for name in (*PERSON[:4], "scale")), *(where[name][at] for name in "xy")
    _numbers(path, place, *(None if isinstance(value, list) else value for value in values))
    raise UserError(f"{path}: {place} has a head box or a scale of nothing")


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
    correct_within=0.5,
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
