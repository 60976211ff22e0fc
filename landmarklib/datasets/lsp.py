"""Leeds Sports Pose (Johnson and Everingham 2010): fourteen joints of 2,000 people on photos of sport."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landmarklib.datasets import Dataset, archive
from landmarklib.datasets.lspet import JOINTS, MIRROR, SKELETON, UNIT, listing
from landmarklib.types import Listing

N_IMAGES, N_VALIDATION = 2000, 1000


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training half for validation, its test half for testing. Occluded joints count."""
    path = folder / "joints.mat"
    values = archive.matrix(path, "joints", [3, len(JOINTS), N_IMAGES]).transpose(2, 1, 0)
    found = listing(path, values, np.ones(values.shape[:2], bool))
    order = np.arange(N_IMAGES)
    return {"val": found[order[:N_VALIDATION]], "test": found[order[N_VALIDATION:]]}


DATASET = Dataset(
    name="lsp",
    title="Leeds Sports Pose",
    landmarks=JOINTS,
    mirror=MIRROR,
    skeleton=SKELETON,
    counts={"val": N_VALIDATION, "test": N_IMAGES - N_VALIDATION},
    size=256,
    unit=UNIT,
    tier="paper",
    licence="none stated, please cite; photos of Flickr: research only",
    obtain="Download lsp_dataset.zip of Leeds Sports Pose (Sam Johnson) and unpack it into a folder `lsp` below the data root.",
    citation="Johnson and Everingham, BMVC 2010",
    assumptions=(
        "Points are MATLAB's, whose first pixel is 1: 1 is subtracted. The publisher does not say so; loaders agree.",
        "All joints count, the occluded ones as well: their points exist.",
        "moskvyak2021 trains on LSPET and does not say how LSP is divided: here the first 1,000 are for validation, the others for testing.",
    ),
    folder="lsp",
    read=read,
    layout="joints.mat with `joints` 3 x 14 x 2000, and images/im0001.jpg to im2000.jpg",
    traps=(
        "The third row is 1 where a joint is occluded; in LSPET the third value is 1 where it is visible.",
        "Axes are value, joint, image; in LSPET they are joint, value, image.",
        "A file of 400 people called LSP circulates: it is the beginning of LSPET.",
        "Left and right are the person's, not the image's.",
        "The left wrist of im0632 lies a quarter of a pixel above its image. How far points lie to the right or below was not checked, for want of the images.",
    ),
    beyond=0.01,
)
