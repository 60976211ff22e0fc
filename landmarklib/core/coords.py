"""The only place that knows where a pixel centre lies.

Pixel coordinates have pixel *centres* at the integers 0 .. n-1, so the image reaches from -0.5 to n-0.5. Normalised
coordinates put those two *edges* at -1 and +1 (torch's `align_corners=False`). All functions take numpy arrays and
torch tensors alike, x before y.
"""

from __future__ import annotations

from functools import cache


def to_norm(points, size: tuple[int, int]):
    """Pixels -> [-1, 1].

    points: ... x 2, in pixels.
    size: (width, height) of the image in pixels.
    """
    width, height = size
    return points * _like(points, [2 / width, 2 / height]) + _like(points, [1 / width - 1, 1 / height - 1])


def to_pixels(points, size: tuple[int, int]):
    """[-1, 1] -> pixels, the inverse of `to_norm`.

    points: ... x 2, in [-1, 1].
    size: (width, height) of the image in pixels.
    """
    width, height = size
    return points * _like(points, [width / 2, height / 2]) + _like(points, [(width - 1) / 2, (height - 1) / 2])


def pixel_centres(n: int, *, dtype=None, device=None):
    """Normalised coordinate of each of n pixel centres along one axis: (2i + 1)/n - 1. Returns a torch tensor (n)."""
    import torch

    return (2 * torch.arange(n, dtype=dtype, device=device) + 1) / n - 1


def apply_affine(points, affine):
    """Move points by an affine map; returns B x K x R.

    points: B x K x 2, in [-1, 1].
    affine: B x R x 3, in the same coordinates; R is 2, or 3 for a homogeneous result.
    """
    return points @ affine[:, :, :2].swapaxes(-1, -2) + affine[:, None, :, 2]


def inside(points, margin: float = 0.0):
    """Which points lie in the image; returns booleans of shape ...

    points: ... x 2, in [-1, 1].
    margin: least distance from the edges, in the same coordinates.
    """
    return (abs(points) <= 1 - margin).all(-1)


def _like(points, values):
    """`values` as an array of the same kind, type and device as points."""
    if hasattr(points, "new_tensor"):
        return _constant(tuple(values), points.dtype, points.device)
    import numpy as np

    return np.asarray(values, dtype=points.dtype)


@cache
def _constant(values: tuple[float, ...], dtype, device):
    """A tensor that is made once: a step that is captured on a GPU must not copy anything from the host."""
    import torch

    with torch.inference_mode(False):  # else a first use in it would leave a tensor that training cannot use
        return torch.tensor(values, dtype=dtype, device=device)
