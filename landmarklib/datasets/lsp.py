"""Leeds Sports Pose (Johnson and Everingham 2010): fourteen joints of 2,000 people on photos of sport."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landmarklib.core import normalizers
from landmarklib.core.dataset import Dataset
from landmarklib.core.types import Listing
from landmarklib.datasets.lspet import JOINTS, MIRROR, SKELETON, UNIT, listing, names
from landmarklib.formats import layout, matlab

N_IMAGES, N_DIGITS = 2000, 4
AFTER_LSPET = 100_000  # number of the first stand-in: LSPET has others, as the two are used together


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training half for validation, its test half for testing. Occluded joints count."""
    path = folder / "joints.mat"
    values = matlab.matrix(path, "joints", [3, len(JOINTS), None]).transpose(2, 1, 0)
    return _halves(listing(path, values, np.ones(values.shape[:2], bool), N_DIGITS))


def _halves(found: Listing) -> dict[str, Listing]:
    val, test = np.split(np.arange(len(found)), [len(found) // 2])
    return {"val": found[val], "test": found[test]}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """A stand-in in the publisher's layout.

    Axes are value, joint, image. All joints are there, hidden ones flagged as occluded.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import bodies

    files, ids = names(sum(counts.values()), N_DIGITS)
    drawn = publish.photos(folder, files, bodies.draw, 128, seed, AFTER_LSPET)
    points, hidden = bodies.fourteen(drawn.points), ~bodies.fourteen(drawn.visible)
    values = np.concatenate([points + 1, hidden[..., None]], -1).transpose(2, 1, 0)
    publish.matlab(folder / "joints.mat", {"joints": values})
    return _halves(layout.listing(files, ids, points))


DATASET = Dataset(
    name="lsp",
    title="Leeds Sports Pose",
    landmarks=JOINTS,
    mirror=MIRROR,
    skeleton=SKELETON,
    counts={"val": N_IMAGES // 2, "test": N_IMAGES // 2},
    ids={"val": "824f30b0a9ce", "test": "f89a90d60a26"},
    size=256,
    unit=UNIT,
    normalizer=normalizers.points_side,
    correct_within=0.1,
    tier="paper",
    licence="none stated, please cite; photos of Flickr: research only",
    obtain="Download lsp_dataset.zip of Leeds Sports Pose (Sam Johnson) and unpack it into a folder `lsp` below the "
    "data root.",
    citation="Johnson and Everingham, BMVC 2010",
    assumptions=(
        "Points are MATLAB's, whose first pixel is 1: 1 is subtracted. The publisher does not say so; loaders agree.",
        "All joints count, the occluded ones as well: their points exist.",
        "moskvyak2021 trains on LSPET and does not say how LSP is divided: here the first half is for validation, the "
        "others for testing.",
    ),
    folder="lsp",
    read=read,
    write_standin=write_standin,
    layout="joints.mat with `joints` 3 x 14 x 2000, and images/im0001.jpg to im2000.jpg",
    known_issues=(
        "The third row is 1 where a joint is occluded; in LSPET the third value is 1 where it is visible.",
        "Axes are value, joint, image; in LSPET they are joint, value, image.",
        "A file of 400 people called LSP circulates: it is the beginning of LSPET.",
        "Left and right are the person's, not the image's.",
        "The left wrist of im0632 lies a quarter of a pixel above its image. How far points lie to the right or below "
        "was not checked, for want of the images.",
    ),
)
