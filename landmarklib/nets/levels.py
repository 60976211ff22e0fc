"""Sides of the maps of an hourglass that halves an image until it is small. Loads no torch."""

from __future__ import annotations

import math

CELLS = 16  # side of the maps in jakab2018, at images of 128 px


def sides_of(size: int) -> list[int]:
    """Sides of the levels in pixels, from the image's own to the one nearest to CELLS; at least two."""
    sides = [size]
    for _ in range(max(1, round(math.log2(size / CELLS)))):
        sides.append((sides[-1] + 1) // 2)
    return sides
