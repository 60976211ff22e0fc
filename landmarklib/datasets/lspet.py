"""Leeds Sports Pose Extended (Johnson and Everingham 2011): fourteen joints of 10,000 people on photos of sport."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, layout, matlab

JOINTS = (
    "right ankle",
    "right knee",
    "right hip",
    "left hip",
    "left knee",
    "left ankle",
    "right wrist",
    "right elbow",
    "right shoulder",
    "left shoulder",
    "left elbow",
    "left wrist",
    "neck",
    "head top",
)
MIRROR = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13)
SKELETON = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 12), (9, 12), (9, 10), (10, 11), (12, 13))
UNIT = "% of the longer side of the box around the joints"
N_IMAGES, N_DIGITS = 10_000, 5


def read(folder: Path) -> dict[str, Listing]:
    """All images are for training, as in moskvyak2021."""
    path = folder / "joints.mat"
    values = matlab.matrix(path, "joints", [len(JOINTS), 3, None]).transpose(2, 0, 1)
    return {"train": listing(path, values, values[..., 2] == 1, N_DIGITS)}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Axes are joint, value, image. Hidden joints are missing, with garbage for coordinates.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import bodies

    files, ids = names(counts["train"], N_DIGITS)
    drawn = publish.photos(folder, files, bodies.draw, 128, seed)
    points, visible = bodies.fourteen(drawn.points), bodies.fourteen(drawn.visible)
    given = np.where(visible[..., None], points + 1, [-3.5, 0.0])
    values = np.concatenate([given, visible[..., None]], -1).transpose(1, 2, 0)
    publish.matlab(folder / "joints.mat", {"joints": values})
    return {"train": layout.listing(files, ids, np.where(visible[..., None], points, np.nan), visible)}


def names(n: int, digits: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files and ids of n images: im1 to imn with so many digits."""
    ids = tuple(f"im{i + 1:0{digits}d}" for i in range(n))
    return tuple(f"images/{name}.jpg" for name in ids), ids


def listing(path: Path, values: Float[np.ndarray, "N K 3"], visible: Bool[np.ndarray, "N K"], digits: int) -> Listing:
    """People in the order of their images. LSP has the same joints."""
    files, ids = names(len(values), digits)
    points, flags = values[..., :2] - 1, values[..., 2]
    for wrong, expected in (
        (~np.isin(flags, (0, 1)), "a flag of 0 or 1"),
        (visible & ~(np.abs(points) < archive.FARTHEST).all(-1), "a finite point"),
    ):
        for i, k in np.argwhere(wrong)[:1]:
            raise UserError(f"{path}: {JOINTS[k]} of {ids[i]} is {values[i, k].tolist()}; expected {expected}")
    points = np.where(visible[..., None], points, np.nan)
    return layout.listing(files, ids, points, visible)


DATASET = Dataset(
    name="lspet",
    title="Leeds Sports Pose Extended",
    landmarks=JOINTS,
    mirror=MIRROR,
    skeleton=SKELETON,
    counts={"train": N_IMAGES},
    ids={"train": "a542bdffffa9"},
    size=256,
    unit=UNIT,
    normalizer=normalizers.points_side,
    correct_within=0.1,
    tier="paper",
    licence="none stated, please cite; photos of Flickr: research only",
    obtain="Download lspet_dataset.zip of Leeds Sports Pose Extended (Sam Johnson) and unpack it into a folder "
    "`lspet` below the data root.",
    citation="Johnson and Everingham, CVPR 2011",
    assumptions=(
        "1 is subtracted from all points, as loaders do, which take MATLAB's first pixel to be 1. The publisher does "
        "not say so, and the joints speak against it: of the publisher's coordinates that count 23 lie from 0 to 1, "
        "and none from an image's width (or height) less 1 to its width (height).",
        "A joint counts where the third value is 1. The others have no usable coordinates and are left out.",
        "The set is for training only; validation and test are LSP, as in moskvyak2021.",
    ),
    folder="lspet",
    read=read,
    write_standin=write_standin,
    layout="joints.mat with `joints` 14 x 3 x 10000, and images/im00001.jpg to im10000.jpg",
    known_issues=(
        "The third value is 1 where a joint is visible; in LSP the third row is 1 where it is occluded.",
        "Axes are joint, value, image; in LSP they are value, joint, image.",
        "Of 140,000 joints 16,787 are missing, with garbage coordinates of 0 or less.",
        "Left and right are the person's, not the image's. Three heads of ten lie below the right ankle: gymnastics "
        "and parkour.",
        "In the publisher's photos 20 joints that count lie outside of the image: by 0.01 of its longer side at most, "
        "but the right knee of im08075 by 0.6, which is a mistake.",
        "In copies that are cropped around the joints all lie inside, and the person is always centred at one scale, "
        "so that the mean of all points is a good guess: shift and scale at random.",
    ),
)
