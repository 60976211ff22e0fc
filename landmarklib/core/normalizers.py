"""Normalizers: the lengths that errors are divided by, one per image, in pixels of the photo.

They are made of the points of an image, of its box, or of what its publisher says of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Listing

Normalizer = Callable[[Listing], Float[np.ndarray, " N"]]


def between(first: int | tuple[int, ...], second: int | tuple[int, ...]) -> Normalizer:
    """The distance of two landmarks, or of the centres of two groups of them."""

    def length(listing: Listing) -> Float[np.ndarray, " N"]:
        a, b = (listing.points[:, np.atleast_1d(group)].mean(1) for group in (first, second))
        return np.hypot(*(a - b).T)

    return length


def box_root(listing: Listing) -> Float[np.ndarray, " N"]:
    """The square root of the box's area."""
    return np.sqrt(np.prod(_sides(listing), -1))


def box_side(listing: Listing) -> Float[np.ndarray, " N"]:
    """The longer side of the box."""
    return _sides(listing).max(-1)


def points_side(listing: Listing) -> Float[np.ndarray, " N"]:
    """The longer side of the upright box around the points that count; NaN where none does."""
    points = np.where(listing.visible[..., None], listing.points, np.nan)
    seen = listing.visible.any(1)
    side = np.full(len(listing), np.nan)
    side[seen] = (np.nanmax(points[seen], 1) - np.nanmin(points[seen], 1)).max(-1)
    return side


def points_root(listing: Listing) -> Float[np.ndarray, " N"]:
    """The square root of the area of the upright box around all points."""
    return np.sqrt(np.prod(np.ptp(listing.points, axis=1), -1))


def given(attribute: str) -> Normalizer:
    """What an attribute of that name holds."""
    return lambda listing: np.asarray(listing.attributes[attribute], float)


def _sides(listing: Listing) -> Float[np.ndarray, "N 2"]:
    return listing.boxes[:, 2:] - listing.boxes[:, :2]
