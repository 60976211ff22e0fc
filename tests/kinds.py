"""What every kind of stand-in must keep; its own test file says the rest."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np

from landmarklib.core.types import Annotations


def same(a: Annotations, b: Annotations) -> None:
    """Two draws are the same to the byte."""
    assert a.ids == b.ids and np.array_equal(a.images, b.images)
    assert np.array_equal(a.points, b.points, equal_nan=True) and np.array_equal(a.visible, b.visible)
    assert a.attributes.keys() == b.attributes.keys()
    assert all(np.array_equal(a.attributes[name], b.attributes[name]) for name in a.attributes)


def keeps_the_rules(kind: ModuleType, n_points: int) -> None:
    """Any part of a draw is drawn again alone; points scale with the size, and those that count lie in the image."""
    five = kind.draw(5, 32, seed=3)
    assert five.images.shape == (5, 3, 32, 32) and five.images.dtype == np.uint8
    assert five.points.shape == (5, n_points, 2) and len(set(five.ids)) == 5
    same(kind.draw(5, 32, seed=3), five)
    for first, n in ((0, 3), (3, 2)):
        part = kind.draw(n, 32, seed=3, first=first)
        assert part.ids == five.ids[first : first + n]
        assert np.array_equal(part.images, five.images[first : first + n])
        assert np.array_equal(part.points, five.points[first : first + n], equal_nan=True)
    assert not np.array_equal(kind.draw(5, 32, seed=4).points, five.points, equal_nan=True)
    large = kind.draw(5, 96, seed=3)
    assert np.allclose((large.points + 0.5) / 3, five.points + 0.5, atol=1e-6, equal_nan=True)
    many = kind.draw(60, 48, seed=5)
    shown = many.points[many.visible]
    assert (shown >= -0.5).all() and (shown <= 47.5).all()


def varies(annotations: Annotations, normalizer: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """Error of the mean shape on the last third, and that of a ridge as a share of it.

    The first is in % of the normalizer. The ridge sees 16 x 16 grey pixels.

    normalizer: points -> the length of each image that errors are divided by.
    """
    n, n_train = len(annotations), len(annotations) * 2 // 3
    side = annotations.images.shape[-1] // 16
    grey = annotations.images.mean(1).reshape(n, 16, side, 16, side).mean((2, 4)).reshape(n, 256)
    points = np.where(annotations.visible[..., None], annotations.points, np.nan)
    train, test, divisor = points[:n_train], points[n_train:], normalizer(points)[n_train:, None]
    mean = np.nanmean(train, 0)
    x = grey - grey[:n_train].mean(0)
    target = np.where(np.isnan(train), mean, train).reshape(n_train, -1) - mean.ravel()
    a = x[:n_train]
    weights = np.linalg.solve(a.T @ a + 1e6 * np.eye(256), a.T @ target)
    found = mean + (x[n_train:] @ weights).reshape(test.shape)
    of_mean, of_ridge = (np.nanmean(100 * np.linalg.norm(test - p, axis=-1) / divisor) for p in (mean, found))
    return float(of_mean), float(of_ridge / of_mean)


def box_side(points: np.ndarray) -> np.ndarray:
    """The longer side of the box around the points of each image."""
    return (np.nanmax(points, 1) - np.nanmin(points, 1)).max(-1)
