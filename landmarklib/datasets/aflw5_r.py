"""AFLW with five points as recropped by Zhang et al. 2018 ("AFLW_R").

Its crops are others than those of aflw5.py, with which it shares the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import aflw5
from landmarklib.formats import archive, layout, matlab

IMAGES = "output"
FACES = 3_000_000  # number of the first stand-in, so that other sets of faces have none of them


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's two lists; a tenth of the first is for validation."""
    return aflw5.split(_part(folder, "train"), _part(folder, "test"))


def _part(folder: Path, which: str) -> Listing:
    names, path = archive.lines(folder / f"aflw_{which}_images.txt"), folder / f"aflw_{which}_keypoints.mat"
    yx, sizes = matlab.matrix(path, "gt", (len(names), 5, 2)), matlab.matrix(path, "hw", (len(names), 2))
    near = np.abs(yx) < archive.FARTHEST, (0 < sizes) & (sizes < archive.FARTHEST)
    for key, good in zip(("gt", "hw"), near, strict=True):
        for i in np.flatnonzero(~good.reshape(len(names), -1).all(1))[:1]:
            raise UserError(f"{path}: {key}, row {i + 1} ({names[i]}); expected finite numbers, sizes above 0")
    return _crops(names, yx[..., ::-1], sizes)


def _crops(names: list[str], points: Float[np.ndarray, "N 5 2"], sizes: Float[np.ndarray, "N 2"]) -> Listing:
    """Crops of these heights and widths. One that is listed again has its number in its id."""
    seen, ids = Counter(), []
    for name in names:
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    photos = np.array([name.rpartition("_")[0] or name for name in names], str)
    boxes = np.concatenate([0 * sizes, sizes[:, ::-1]], 1)
    files = tuple(f"{IMAGES}/{name}" for name in names)
    return layout.listing(files, ids, np.ascontiguousarray(points), None, {"photo": photos}, boxes)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publishers' layout: crops of several heights and widths; some test faces are listed twice."""
    from landmarklib.drawing import expect, publish
    from landmarklib.standins import faces

    twice = max(counts["test"] // 20, counts["test"] > 1)
    expect(sum(counts.values()) - twice)
    parts, first = {}, 0
    for which, n in (("train", counts["train"] + counts["val"]), ("test", counts["test"])):
        n_faces = n - twice * (which == "test")
        names, points, sizes = [], [], []
        for i in range(first, first + n_faces):
            drawn, photo = faces.draw(1, 128, seed, FACES + i), i - i // 4
            names.append(f"{(0, 2, 3)[photo % 3]}/image{photo:05d}_{39341 + i}.jpg")
            points.append(faces.five(drawn.points)[0])
            sizes.append([128.0 - 4 * (i % 3), 128.0 - 4 * (i % 4)])
            height, width = (int(side) for side in sizes[-1])
            publish.photo(folder / IMAGES / names[-1], drawn.images[0, :, :height, :width])
        again = np.arange(n) % max(n_faces, 1)
        names, xy, hw = [names[i] for i in again], np.array(points)[again], np.array(sizes)[again]
        publish.lines(folder / f"aflw_{which}_images.txt", names)
        publish.matlab(folder / f"aflw_{which}_keypoints.mat", {"gt": xy[..., ::-1], "hw": hw})
        parts[which] = _crops(names, xy, hw)
        first += 4 * n_faces  # photos of its own
    return aflw5.split(parts["train"], parts["test"])


DATASET = replace(
    aflw5.DATASET,
    name="aflw5_r",
    title="AFLW, 5 points, recropped",
    counts={"train": 9110, "val": 1012, "test": 2991},
    ids={},
    obtain=(
        "Download aflw_data.tar.gz and aflw_images.tar.gz of lmdis-rep's authors and unpack them into a folder "
        "`aflw5_r` below the data root: the "
        "four lists beside `output`."
    ),
    citation="Zhang et al., CVPR 2018; Köstinger et al., ICCV Workshops 2011",
    assumptions=(
        "Points are taken to count from 0: the publisher's evaluation says that they run to the height and width less "
        "1.",
        aflw5.DATASET.assumptions[1],
        "Faces that are listed twice stay in, as in others' errors.",
    ),
    folder="aflw5_r",
    read=read,
    write_standin=write_standin,
    layout="aflw_train_images.txt, aflw_train_keypoints.mat (gt, hw), aflw_test_images.txt, aflw_test_keypoints.mat, "
    "output/{0,2,3}/*.jpg",
    known_issues=(
        "Left and right are the image's. A point of `gt` is y, x, and a row of `hw` height, width.",
        "Crops have different sizes and are not quite square; others resize them to squares.",
        "132 of the 2,991 test faces are listed twice; the second has #2 in its id.",
        "The data set `aflw5` has other crops and 2,995 test faces: errors on the two are not to be compared.",
    ),
)
