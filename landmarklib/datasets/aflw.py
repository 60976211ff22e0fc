"""AFLW-19 (Köstinger et al. 2011, Zhu et al. 2016): nineteen points, box and pose of heads on photos of Flickr."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from landmarklib.core import normalizers, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, layout, matlab, sqlite

INFO, BASE, PHOTOS = "AFLWinfo_release.mat", "data/aflw.sqlite", "data/flickr"
N, N_TRAINING = 24386, 20000
ANGLES = ("yaw", "pitch", "roll")
FACES = 1_000_000  # number of the first stand-in, so that other sets of faces have none of them
PHOTO_ORDER = 0  # seed of the hashed order of the photos, of which the first are for validation
# A photo's name is in several folders, and the database joins by name alone: only the box tells the face.
POSES = """
    SELECT FaceImages.filepath, x, y, w, h, yaw, pitch, roll FROM Faces
    JOIN FaceImages ON FaceImages.file_id = Faces.file_id
    JOIN FaceRect ON FaceRect.face_id = Faces.face_id
    JOIN FacePose ON FacePose.face_id = Faces.face_id"""


def read(folder: Path) -> dict[str, Listing]:
    """The faces of the .mat file in its own two parts, the first of which gives a tenth for validation.

    Poses are those of the database.
    """
    info = folder / INFO
    names, order = matlab.cells(info, "nameList"), matlab.matrix(info, "ra", (1, None))[0]
    n = len(names)
    if sorted(order) != list(range(1, n + 1)):
        raise UserError(f"{info}: ra; expected every number of 1 to {n:,} once")
    left, right, top, bottom = matlab.matrix(info, "bbox", (n, 4)).T
    xy, mask = matlab.matrix(info, "data", (n, 38)), matlab.matrix(info, "mask_new", (n, 19))
    for key, values in (("bbox", left + right + top + bottom), ("data", xy.sum(1)), ("mask_new", mask.sum(1))):
        for i in np.flatnonzero(~(np.abs(values) < archive.FARTHEST))[:1]:
            raise UserError(f"{info}: {key}, row {i + 1} ({names[i]}); expected finite numbers, below a billion")
    points, boxes = np.stack([xy[:, :19], xy[:, 19:]], -1), np.stack([left, top, right, bottom], -1)
    pose = _poses(folder / BASE, names, boxes)
    flat = (boxes[:, 2:] <= boxes[:, :2]).any(1)
    boxes[flat] = np.concatenate([points.min(1), points.max(1) + 1], 1)[flat]
    archive.check_boxes(info, boxes, names)
    return split(_faces(names, points, mask == 1, pose, boxes), order.astype(int) - 1)


def split(faces: Listing, order: Int[np.ndarray, " N"]) -> dict[str, Listing]:
    """Faces in the publisher's order: 20,000 for training, of which a tenth for validation; the rest for testing."""
    n_training = round(len(order) * N_TRAINING / N)
    training = faces[order[:n_training]]
    val = subsets.held_out(training.attributes["photo"].tolist(), max(1, n_training // 10), PHOTO_ORDER)
    chosen = {"train": training[np.flatnonzero(~val)], "val": training[np.flatnonzero(val)]}
    return chosen | {"test": faces[order[n_training:]]}


def _faces(
    names: list[str],
    points: Float[np.ndarray, "N 19 2"],
    seen: Bool[np.ndarray, "N 19"],
    pose: Float[np.ndarray, "N 3"],
    boxes: Float[np.ndarray, "N 4"],
) -> Listing:
    """All faces in the order of the .mat file.

    pose: yaw, pitch, roll in radians.
    """
    attributes = dict(zip(ANGLES, np.rad2deg(pose).T, strict=True))
    attributes |= {"frontal": seen.all(1).astype(np.int64), "photo": np.array(names, str)}
    ids = tuple(f"{name}#{i + 1}" for i, name in enumerate(names))
    files = tuple(f"{PHOTOS}/{name}" for name in names)
    return layout.listing(files, ids, points, None, attributes, boxes)


def _poses(path: Path, names: list[str], boxes: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 3"]:
    """Yaw, pitch and roll in radians.

    NaN where the database has no face, or two that differ, with this photo and this box.
    """
    known: dict[tuple[object, ...], tuple[float, ...]] = {}
    unknown = (np.nan,) * 3
    for photo, *values in sqlite.query(path, POSES):
        try:
            x, y, w, h, *pose = (float(v) for v in values)
            place = (photo, *(round(v) for v in (x, y, w, h)))
        except (TypeError, ValueError, OverflowError):
            raise UserError(f"{path}: {photo}, {values}; expected a box and a pose in numbers") from None
        known[place] = tuple(pose) if known.get(place, tuple(pose)) == tuple(pose) else unknown
    squares = np.rint(np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)).astype(int).tolist()
    found = np.array([known.get((name, *square), unknown) for name, square in zip(names, squares, strict=True)])
    if np.isnan(found).all():
        raise UserError(
            f"{path}: no face of {INFO} by its photo and its box; expected the database of the same release"
        )
    return found


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Photos have one face or two. Every second photo's name is also in another folder. The order is that of a random
    `ra`.
    """
    from landmarklib.drawing import generator, publish, spread
    from landmarklib.standins import faces

    n, size, rng = sum(counts.values()), 112, generator(seed, 0)
    photo, right = np.arange(n) - np.arange(n) // 4, (np.arange(n) % 4 == 0) & (np.arange(n) > 0)
    names = [f"{(0, 2, 3)[p % 3]}/image{p // 2:05d}.jpg" for p in photo]
    together = [(i, int((photo[i : i + 2] == photo[i]).sum())) for i in np.flatnonzero(~right).tolist()]
    jobs = [(folder / PHOTOS / names[i], faces.draw, m, size, seed, FACES + i) for i, m in together]
    parts = list(spread(publish.beside, jobs, n))
    points = faces.nineteen(np.concatenate([part.points for part in parts]))
    points += np.stack([size * right, 0 * right], -1)[:, None]
    low, high = points.min(1), points.max(1)
    side = np.rint((high - low).max(1) * rng.uniform(1.0, 1.2, n))[:, None]
    corner = np.rint((low + high - side) / 2)
    boxes = np.concatenate([corner, corner + side], 1)
    mask = np.concatenate([part.visible for part in parts])[:, VISIBLE]
    pose = np.concatenate([np.stack([part.attributes[name] for name in ANGLES], 1) for part in parts])
    order = rng.permutation(n)
    publish.matlab(
        folder / INFO,
        {
            "nameList": np.array(names, object)[:, None],
            "bbox": boxes[:, [0, 2, 1, 3]],
            "data": np.concatenate([points[..., 0], points[..., 1]], 1),
            "mask_new": mask.astype(np.uint8),
            "ra": order[None] + 1.0,
        },
    )
    _base(folder / BASE, names, boxes, pose)
    return split(_faces(names, points, mask, pose, boxes), order)


def _base(path: Path, names: list[str], boxes: Float[np.ndarray, "N 4"], pose: Float[np.ndarray, "N 3"]) -> None:
    """The four tables of AFLW's database that are read here; faces in another order than in the .mat file."""
    from landmarklib.drawing import publish

    faces = [(39341 + i, names[i], *boxes[i, :2], *(boxes[i, 2:] - boxes[i, :2]), *pose[i]) for i in range(len(names))]
    faces.reverse()
    rects = [(f, *(int(v) for v in box), 1) for f, _, *box, _, _, _ in faces]
    tables = {
        "FaceImages (image_id, db_id, file_id, filepath, bw, width, height)": [
            (i + 1, "flickr", photo.split("/")[1], photo, 0, 112 * n, 112)
            for i, (photo, n) in enumerate(Counter(names).items())
        ],
        "Faces (face_id, file_id, db_id)": [(f, name.split("/")[1], "flickr") for f, name, *_ in faces],
        "FaceRect (face_id, x, y, w, h, annot_type_id)": rects,
        "FacePose (face_id, roll, pitch, yaw, annot_type_id)": [
            (f, float(roll), float(pitch), float(yaw), 1) for f, *_, yaw, pitch, roll in faces
        ],
    }
    publish.sqlite(path, tables)


SIDES = ("left corner", "middle", "right corner")
VISIBLE = (
    *(17, 19, 21, 22, 24, 26),
    *(36, 37, 39, 42, 44, 45),
    *(31, 30, 35, 48, 51, 54, 8),
)  # the like among 68 points
DATASET = Dataset(
    name="aflw",
    title="AFLW-19",
    landmarks=(
        *(f"{part}, {k}" for part in ("left brow", "right brow", "left eye", "right eye") for k in SIDES),
        *("left of the nose", "tip of the nose", "right of the nose"),
        *("left mouth corner", "middle of the mouth", "right mouth corner", "chin"),
    ),
    mirror=(5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 14, 13, 12, 17, 16, 15, 18),
    skeleton=(
        *((0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11)),
        *((12, 13), (13, 14), (15, 16), (16, 17), (8, 13), (9, 13), (13, 16), (16, 18)),
    ),
    counts={"train": 18000, "val": 2000, "test": 4386},
    size=80,
    unit="% of the face's size, the square root of the area of its box",
    normalizer=normalizers.box_root,
    tier="paper",
    licence="research, on request, not to be passed on; photos of Flickr",
    obtain=(
        "Ask TU Graz (ICG) for AFLW, unpack its photos as data/flickr/0, 2 and 3 and its database as data/aflw.sqlite "
        "into a folder `aflw` below the "
        "data root, and put AFLWinfo_release.mat of the compositional learning page (mmlab.ie.cuhk.edu.hk) beside "
        "`data`."
    ),
    citation="Köstinger et al., ICCV Workshops 2011; Zhu et al., CVPR 2016",
    assumptions=(
        "Points and boxes are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "Validation faces are 2,000 of the 20,000 for training, of whole photos, taken in the order of a hash of the "
        "photos' names; honari2018 does not "
        "say which they are.",
        "All 19 points count, also those that cannot be seen, which the publisher filled in; `frontal` tells the "
        "faces without any.",
        "Yaw, pitch and roll are turned into degrees; the database is taken to hold radians.",
        "A part of the archive is split by the same shares.",
    ),
    folder="aflw",
    read=read,
    write_standin=write_standin,
    attributes={"yaw": 0, "pitch": 0, "roll": 0, "frontal": 2},
    layout="AFLWinfo_release.mat (nameList, bbox, data, mask_new, ra), data/aflw.sqlite, and the photos "
    "data/flickr/{0,2,3}/*.jpg",
    known_issues=(
        "Left and right are the image's. A row of `data` holds all x, then all y; one of `bbox` left, right, top, "
        "bottom.",
        "`ra`, the order in which 20,000 faces are for training, counts from 1.",
        "The .mat file has no pose: it is that of the face with the same photo and box in the database, and NaN where "
        "there is no such face.",
        "The same file name is in several of the folders 0, 2 and 3: photos are told by folder and name.",
        "Several faces are of one photo; an id is the photo and the row of the face.",
        "Some boxes are wrong or reach out of the photo, and a few photos cannot be read; a box without an area "
        "becomes that of the points.",
        "Test faces whose 19 points can all be seen are the 1,165 of AFLW-Frontal in others' lists; others count "
        "1,314 by another rule.",
    ),
)
