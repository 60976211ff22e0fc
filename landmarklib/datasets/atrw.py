"""ATRW (Li et al. 2020): fifteen points of Amur tigers, each cropped from a frame of a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

LISTS = {"train": "keypoint_train.json", "val": "keypoint_val.json"}
NO_LABELS, LABELS = "image_info_test.json", "pose_tiger02_test.json"  # of the test images: without and with points


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's three lists. The test images have points only where the evaluation's own list was added."""
    test = LABELS if (folder / LABELS).is_file() else NO_LABELS
    return {split: listing(folder / name, f"images/{split}") for split, name in {**LISTS, "test": test}.items()}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Points are whole pixels, three images of eight have none, and annotations are in another order than images.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import quadrupeds

    splits, n_drawn = {}, 0
    for split, n in counts.items():
        images, annotations, found = [], [], []
        for i in range(n_drawn, n_drawn + n):
            drawn = quadrupeds.draw(1, 128, seed, first=i)
            pixels, points = publish.crop(drawn.images[0], drawn.points[0], 8)
            visible = drawn.visible[0, :15] & (i % 8 not in (2, 5, 7))
            xy = np.where(visible[:, None], np.round(points[:15]), 0).astype(int)
            name, (_, height, width) = f"{i:06d}.jpg", pixels.shape
            publish.photo(folder / "images" / split / name, pixels)
            images.append({"width": width, "height": height, "filename": name, "id": i})
            values = np.concatenate([xy, 2 * visible[:, None]], 1).ravel().tolist()
            box = {"bbox": [0, 0, width, height], "category_id": 1, "area": width * height, "iscrowd": 0}
            annotations.append(
                {**box, "keypoints": values, "num_keypoints": int(visible.sum()), "image_id": i, "id": i}
            )
            found.append((f"images/{split}/{name}", np.where(visible[:, None], xy, np.nan), visible, name[:-4]))
        categories = [{"id": 1, "name": "tiger", "keypoints": [name.replace(" ", "_") for name in DATASET.landmarks]}]
        document = {"annotations": annotations[::-1], "images": images, "licenses": {}, "categories": categories}
        publish.document(folder / {**LISTS, "test": LABELS}[split], document)
        files, points, visible, ids = zip(*found, strict=True)
        boxes = np.array([(0, 0, image["width"], image["height"]) for image in images], float)
        splits[split] = layout.listing(files, ids, np.array(points), np.array(visible), boxes=boxes)
        n_drawn += n
    return splits


def listing(path: Path, images: str) -> Listing:
    """One list in the order of its images, which lie in that folder."""
    found = archive.document(path)
    entries, labels = _by_id(path, found, "images", "id"), _by_id(path, found, "annotations", "image_id")
    if alone := sorted(entries.keys() ^ labels.keys()):
        raise UserError(f"{path}: image {alone[0]} is not in both `images` and `annotations`")
    files = [f"{images}/{_name(path, i, entry)}" for i, entry in entries.items()]
    ids = archive.check_unique(path, [PurePosixPath(file).stem for file in files])
    values = np.array([_points(path, i, labels[i]) for i in entries]).reshape(-1, len(DATASET.landmarks), 3)
    visible = values[..., 2] > 0
    points = np.where(visible[..., None], values[..., :2], np.nan)
    boxes = np.array([_box(path, i, entry) for i, entry in entries.items()]).reshape(-1, 4)
    return layout.listing(files, ids, points, visible, boxes=boxes)


def _by_id(path: Path, found: dict[str, object], part: str, key: str) -> dict[int, dict]:
    entries = found.get(part)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: no `{part}`; expected a list of objects")
    by_id: dict[int, dict] = {}
    for place, entry in enumerate(entries):
        if type(i := entry.get(key)) is not int:
            raise UserError(f"{path}: {part}[{place}] has {key} {i!r}; expected a whole number")
        if i in by_id:
            raise UserError(f"{path}: image {i} is twice in `{part}`")
        by_id[i] = entry
    return by_id


def _name(path: Path, i: int, entry: dict) -> str:
    name = entry.get("filename", entry.get("file_name"))
    if not isinstance(name, str) or not name:
        raise UserError(f"{path}: image {i} has no filename")
    return name


def _box(path: Path, i: int, entry: dict) -> tuple[float, ...]:
    """The whole image: it is the tiger's crop."""
    sides = entry.get("width"), entry.get("height")
    if not all(type(side) is int and side > 0 for side in sides):
        raise UserError(f"{path}: image {i} has width and height {sides}; expected whole numbers above 0")
    return (0.0, 0.0, *map(float, sides))


def _points(path: Path, i: int, label: dict) -> np.ndarray:
    given = label.get("keypoints")
    if (
        not isinstance(given, list)
        or len(given) != 45
        or not all(type(v) in (int, float) and abs(v) < 1e9 for v in given)
    ):
        raise UserError(f"{path}: image {i} has other keypoints than 45 numbers: x, y and 0, 1 or 2 of 15 points")
    values = np.array(given, float)
    if len(bad := np.flatnonzero(~np.isin(values[2::3], (0, 1, 2)))):
        raise UserError(f"{path}: image {i} has visibility {values[2::3][bad[0]]:g}; expected 0, 1 or 2")
    return values


DATASET = Dataset(
    name="atrw",
    title="ATRW",
    landmarks=(
        "left ear",
        "right ear",
        "nose",
        "right shoulder",
        "right front paw",
        "left shoulder",
        "left front paw",
        "right hip",
        "right knee",
        "right back paw",
        "left hip",
        "left knee",
        "left back paw",
        "tail",
        "center",
    ),
    mirror=(1, 0, 2, 5, 6, 3, 4, 10, 11, 12, 7, 8, 9, 13, 14),
    skeleton=(
        (0, 2),
        (1, 2),
        (2, 14),
        (5, 6),
        (5, 14),
        (3, 4),
        (3, 14),
        (13, 14),
        (9, 8),
        (8, 7),
        (7, 13),
        (12, 11),
        (11, 10),
        (10, 13),
    ),
    counts={"train": 3609, "val": 515, "test": 1032},
    ids={"train": "ba90c8fa5ad1", "val": "908e72d9163c", "test": "8fefdcaf13e4"},
    size=256,
    unit="% of the longer side of the image",
    normalizer=normalizers.box_side,
    correct_within=0.1,
    tier="paper",
    licence="CC BY-NC-SA 4.0",
    obtain="Download the pose part of ATRW (cvwc2019.github.io) and put its lists into a folder `atrw` below the data "
    "root, its images into atrw/images/train, val and test. "
    "The test points are annotations/pose_tiger02_test.json of cvwc2019/ATRWEvalScript on GitHub: put it beside the "
    "lists.",
    citation="Li et al., ACM Multimedia 2020",
    assumptions=(
        "Points are taken as they are given: the publisher does not say whether the first pixel is 0 or 1.",
        "Images without a visible point are kept, as the publisher lists them; moskvyak2021 does not say what it does "
        "with them.",
        "Points far outside of their image are kept, as the publisher marks them visible.",
    ),
    folder="atrw",
    read=read,
    recipe=Recipe("box", 1.0, grey=False),
    write_standin=write_standin,
    layout="keypoint_train.json, keypoint_val.json, image_info_test.json or pose_tiger02_test.json, and "
    "images/train/, images/val/, images/test/",
    known_issues=(
        "1,416 of 3,609, 172 of 515 and 391 of 1,032 images have no visible point at all, so 5% of the training "
        "images are about 110 with any label.",
        "moskvyak2021 prints 3,610, 516 and 1,033 images; there is one less of each.",
        "image_info_test.json has all points of an image at 0, 0, missing or not, whatever its flags say; with it "
        "alone the test split has no points.",
        "Lists are not sorted. The file's name is `filename`, in copies `file_name`.",
        "The box of every tiger is its whole image. Left and right are the tiger's.",
        "115, 26 and 10 visible points of 19, 3 and 1 images lie outside of their image, by up to 3.44 times its "
        "longer side (image 2238).",
    ),
    beyond=4.0,  # the publisher's own lists, whole here, have one at 3.44
)
