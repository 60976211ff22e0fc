"""Anti-aliased convex polygons, many at once: the brush of every generated data set. numpy only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8


def draw_convex(
    polygons: Float[np.ndarray, "M V 2"], image: Int[np.ndarray, " M"], n_images: int, size: int
) -> UInt8[np.ndarray, "N H W"]:
    """White polygons on black: coverage = clip(0.5 - signed distance to the nearest edge, 0, 1), in pixels.

    polygons: corners in pixels, in order (either sense).
    image: which of the n_images each belongs to; polygons of one image must not overlap (their coverages add). Only the
        pixels around a polygon are touched, so the cost follows the area drawn.
    """
    images = np.zeros(n_images * size * size, np.float32)
    for part in np.array_split(np.arange(len(polygons)), len(polygons) // 2048 + 1):  # stays in the cache
        _add_coverage(images, polygons[part].astype(np.float32), image[part], size)
    return np.round(255 * np.minimum(images, 1)).astype(np.uint8).reshape(n_images, size, size)


def _add_coverage(images: np.ndarray, corners: np.ndarray, image: np.ndarray, size: int) -> None:
    low = np.floor(corners.min(1)).astype(np.int64) - 1
    extent = int((np.ceil(corners.max(1)).astype(np.int64) - low).max()) + 2
    step = np.arange(extent, dtype=np.float32)
    distance = np.full((len(corners), extent, extent), -np.inf, np.float32)
    centre = corners.mean(1)
    for v in range(corners.shape[1]):
        a, b = corners[:, v], corners[:, (v + 1) % corners.shape[1]]
        normal = np.stack([b[:, 1] - a[:, 1], a[:, 0] - b[:, 0]], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        normal *= np.sign(((a - centre) * normal).sum(-1, keepdims=True))
        offset = ((low - a) * normal).sum(-1)
        along_x, along_y = step * normal[:, :1], step * normal[:, 1:] + offset[:, None]
        np.maximum(distance, along_y[:, :, None] + along_x[:, None, :], out=distance)
    coverage = np.clip(0.5 - distance, 0, 1)
    rows, columns = low[:, 1:] + np.arange(extent), low[:, :1] + np.arange(extent)
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    touched = inside & (coverage > 0)
    flat = (image[:, None, None] * size + rows[:, :, None]) * size + columns[:, None, :]
    np.add.at(images, flat[touched], coverage[touched])


def regular_polygon(n_corners: int) -> Float[np.ndarray, "V 2"]:
    """Corners of a regular polygon of circumradius 1 around the origin."""
    angle = 2 * np.pi * (np.arange(n_corners) + 0.5) / n_corners
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def rotation(angle: Float[np.ndarray, " N"]) -> Float[np.ndarray, "N 2 2"]:
    """Rotation matrices for N angles in radians: p' = R p."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
