"""MTFL in squares in which faces are as large as 300-W's."""

from __future__ import annotations

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core.types import Listing
from landmarklib.datasets import mtfl_wide


def eyes(listing: Listing, left: list[int], right: list[int], corners: list[list[int]], margin: float) -> float:
    """Mean distance of the eyes as a share of the side of a face's square.

    corners: groups of points, around whose middles the square is.
    """
    around = np.stack([listing.points[:, group].mean(1) for group in corners], 1)
    side = margin * np.ptp(around, axis=1).max(1)
    apart = listing.points[:, left].mean(1) - listing.points[:, right].mean(1)
    return float((np.linalg.norm(apart, axis=1) / side).mean())


def test_all_but_the_squares_is_mtfls(tmp_path):
    mtfl_wide.DATASET.write_standin(tmp_path, {"train": 9, "val": 1, "test": 4}, 0)
    for split, listing in read("mtfl", tmp_path).items():
        found = read("mtfl_wide", tmp_path)[split]
        assert found.ids == listing.ids and found.boxes is None and np.array_equal(found.points, listing.points)
    a, b, c = (loading.get(name) for name in ("mtfl_wide", "mtfl", "w300"))
    assert (a.folder, a.counts, a.ids) == (b.folder, b.counts, b.ids)
    assert a.recipe.margin == c.recipe.margin > b.recipe.margin and a.recipe.around == c.recipe.around == "points"


def test_eyes_are_as_far_apart_as_in_300_w():
    """As the table's protocol says, of the real faces."""
    faces, others = real("mtfl_wide")["train"], real("part-of-w300")["train"]
    shares = (
        eyes(faces, [0], [1], [[k] for k in range(5)], 3.6),
        eyes(others, [*range(36, 42)], [*range(42, 48)], [[*range(36, 42)], [*range(42, 48)], [48], [54]], 3.6),
    )
    assert shares == pytest.approx((0.24, 0.24), abs=0.01)
