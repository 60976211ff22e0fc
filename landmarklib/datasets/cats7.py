"""Cat heads as thewlis2017 and rahaman2021 score them: seven of the nine points, without the tips of the ears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from landmarklib.core.types import Listing
from landmarklib.datasets import cats

KEPT = (0, 1, 2, 3, 5, 6, 8)  # of cats' points


def read(folder: Path) -> dict[str, Listing]:
    """The splits of the nine points."""
    return _seven(cats.read(folder))


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """The stand-in of the nine points."""
    return _seven(cats.write_standin(folder, counts, seed))


def _seven(splits: Mapping[str, Listing]) -> dict[str, Listing]:
    kept = list(KEPT)
    return {
        name: replace(listing, points=listing.points[:, kept], visible=listing.visible[:, kept])
        for name, listing in splits.items()
    }


DATASET = replace(
    cats.DATASET,
    name="cats7",
    title="Cat heads, seven points",
    landmarks=tuple(cats.DATASET.landmarks[k] for k in KEPT),
    mirror=(1, 0, 2, 6, 5, 4, 3),
    skeleton=((0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6)),
    read=read,
    write_standin=write_standin,
)
