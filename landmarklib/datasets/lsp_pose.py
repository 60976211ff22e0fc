"""LSPET for training, LSP for validation and testing, as in moskvyak2021: fourteen joints of people at sport.

LSPET's archive lies in a folder of LSP's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from landmarklib.core.errors import DataMissing
from landmarklib.core.types import Listing, Recipe
from landmarklib.datasets import lsp, lspet
from landmarklib.formats import archive

TRAINING = "lspet"  # folder of LSPET's archive in that of LSP's
OBTAIN = (
    "Download lsp_dataset.zip of Leeds Sports Pose (Sam Johnson) and unpack it into a folder `lsp` below the data "
    "root, and lspet_dataset.zip of Leeds Sports Pose Extended into a folder `lspet` in that one; a link to where "
    "LSPET already is will do."
)


def read(folder: Path) -> dict[str, Listing]:
    """LSPET for training, LSP's halves for validation and testing.

    Raises DataMissing with how to obtain it where LSPET is not there.
    """
    place = folder / TRAINING
    if not archive.is_there(place):
        looked = f"{place}, a link that leads nowhere" if archive.dead_link(place) else place
        raise DataMissing(f"lsp/{TRAINING}: not on this machine (looked for {looked}). {OBTAIN}")
    return {"train": _inside(lspet.read(place)["train"]), **lsp.read(folder)}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """The stand-ins of both, one in the other. No person of LSPET's is one of LSP's."""
    training = lspet.write_standin(folder / TRAINING, {"train": counts["train"]}, seed)["train"]
    others = {split: counts[split] for split in ("val", "test")}
    return {"train": _inside(training), **lsp.write_standin(folder, others, seed)}


def _inside(training: Listing) -> Listing:
    """LSPET's listing with files as they are called from LSP's folder."""
    return replace(training, files=tuple(f"{TRAINING}/{file}" for file in training.files))


DATASET = replace(
    lsp.DATASET,
    name="lsp_pose",
    title="Leeds Sports Pose, with Leeds Sports Pose Extended for training",
    counts={**lspet.DATASET.counts, **lsp.DATASET.counts},
    ids={**lspet.DATASET.ids, **lsp.DATASET.ids},
    recipe=Recipe(margin=1.5, grey=False),
    obtain=OBTAIN,
    citation="Johnson and Everingham, BMVC 2010; Johnson and Everingham, CVPR 2011",
    assumptions=(
        "moskvyak2021 trains on LSPET's 10,000 images, has LSP's 2,000 for validation and testing, and does not say "
        "how these are divided. That the first half is for validation and the others for testing is our choice.",
        "1 is subtracted from the points of both, which are taken to be MATLAB's, whose first pixel is 1. The "
        "publisher does not say so; loaders agree, and LSPET's joints speak against it, as the page of `lspet` says.",
        "Images are squares around the annotated joints, 1.5 times as wide as these reach, for testing, too: the paper "
        "says that images are resized to 256 x 256.",
        "Joints that LSPET does not flag as visible have no usable coordinates and are left out. All joints of LSP "
        "count, the occluded ones as well: their points exist.",
    ),
    read=read,
    write_standin=write_standin,
    layout=f"{lsp.DATASET.layout}; in lspet/, which is LSPET's: {lspet.DATASET.layout}",
    known_issues=(
        *lsp.DATASET.known_issues,
        *(f"LSPET: {issue}" for issue in lspet.DATASET.known_issues[2:]),  # the first two are LSP's, too
    ),
)
