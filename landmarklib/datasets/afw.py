"""AFW (Zhu and Ramanan 2012) as MTFL's second test set: five points, made from the 68 of 300-W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import mtfl, w300
from landmarklib.formats import layout

FOLDER = "afw"  # of 300-W


def read(folder: Path) -> dict[str, Listing]:
    """All faces, for testing."""
    if not layout.present(folder, [FOLDER]):
        raise UserError(f"{folder / FOLDER}: missing; expected the faces of AFW. {DATASET.obtain}")
    return {"test": five(w300.parts(folder, [FOLDER]))}


def five(listing: Listing) -> Listing:
    """Middles of the eyes, tip of the nose and corners of the mouth of 68 points."""
    xy = listing.points
    points = np.stack([xy[:, 36:42].mean(1), xy[:, 42:48].mean(1), xy[:, 30], xy[:, 48], xy[:, 54]], 1)
    return layout.listing(listing.files, listing.ids, points)


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the layout of that part of 300-W."""
    return {"test": five(w300.publish_parts(folder, [FOLDER], counts["test"], seed))}


DATASET = replace(
    mtfl.DATASET,
    name="afw",
    title="AFW, 5 points",
    counts={"test": 337},
    ids={},
    shifted_labels={},
    citation="Zhu and Ramanan, CVPR 2012; Sagonas et al., ICCV Workshops 2013",
    licence=w300.DATASET.licence,
    obtain="Download AFW from iBUG's page (ibug.doc.ic.ac.uk, facial point annotations) and unpack it as `afw` into a "
    "folder `w300` below the data root.",
    assumptions=(
        "The five points are made from 300-W's 68: the mean of the six points around each eye, the tip of the nose, "
        "the outer corners of the mouth. "
        "MTFL's authors marked AFW anew; those points are not part of their archive.",
    ),
    made_points=True,
    folder="w300",
    read=read,
    write_standin=write_standin,
    attributes={},
    layout="afw/ with *.jpg or *.png and a .pts beside every image",
    known_issues=("Several faces of one photo are separate images.",),
)
