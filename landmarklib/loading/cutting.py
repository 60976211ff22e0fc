"""Squares of photos: where they lie, and what is cut in them, pixels and classes of pixels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

from landmarklib.core.errors import UserError
from landmarklib.core.types import NO_CLASS, Listing, Recipe
from landmarklib.formats import archive

MOST_PIXELS = 4 * archive.MOST_PIXELS  # of a photo and the black around it that is cut


def squares(listing: Listing, recipe: Recipe, margin: float = 1.0) -> Float[np.ndarray, "N 3"]:
    """Left, top and side of the square around each face or body, in the photo's pixels, from the edge of its first one.

    Photos may end within it (`moved`).

    margin: of a crop, by which the recipe's is multiplied.
    """
    if recipe.around == "box":
        if listing.boxes is None:
            raise UserError("recipe: there is no box to cut around")
        low, high = listing.boxes[:, :2], listing.boxes[:, 2:]
    elif not listing.points.shape[1]:
        raise UserError("recipe: there are no points to cut around")
    else:
        if recipe.groups:
            points = np.stack([listing.points[:, group].mean(1) for group in recipe.groups], 1) + 0.5
        else:
            points = np.where(listing.visible[..., None], listing.points, np.nan) + 0.5
        none = ~listing.visible.any(1)
        points[none] = 0  # an image without a point is cut at its corner, and counts nowhere
        low, high = np.nanmin(points, 1), np.nanmax(points, 1)
    side = (margin * recipe.margin) * np.maximum((high - low).max(-1), 1)
    return np.concatenate([(low + high) / 2 - side[:, None] / 2, side[:, None]], 1)


def moved(
    square: Float[np.ndarray, "N 3"], photo: Int[np.ndarray, "N 2"], margin: float = 1.0
) -> Float[np.ndarray, "N 3"]:
    """Squares in their photos: shifted inside along both axes, and as small as the photo where that is smaller.

    What a smaller photo takes off one axis is taken off the other one on both sides alike, after the shift.

    photo: width and height of each.
    margin: of a crop. A square is widened by it where it lies at last, and may reach out of its photo again.
    """
    length = np.minimum(square[:, 2:], photo)
    middle = np.clip(square[:, :2], 0, photo - length) + length / 2
    side = margin * length.min(1, keepdims=True)
    return np.concatenate([middle - side / 2, side], 1)


def to_crop(
    points: Float[np.ndarray, "N K 2"], square: Float[np.ndarray, "N 3"], size: int
) -> Float[np.ndarray, "N K 2"]:
    """Points of photos in pixels of their crops; pixel centres are at integers in both."""
    scale = size / square[:, None, 2:]
    return (points + 0.5 - square[:, None, :2]) * scale - 0.5


def cut(
    image: UInt8[np.ndarray, "C H W"], square: Float[np.ndarray, " 3"], size: int, white: bool = False
) -> UInt8[np.ndarray, "C S S"]:
    """The square, resized with antialiasing; black, or white, where it reaches out of the photo.

    Raises UserError for one so far out that there is no photo with so much black around it.
    """
    from PIL import Image

    left, top, side = square
    box = np.array([left, top, left + side, top + side])
    height, width = image.shape[1:]
    wide, high = (np.maximum(box[2:], [width, height]) - np.minimum(box[:2], 0)).tolist()
    if not wide * high <= MOST_PIXELS:
        raise UserError(
            f"what is cut, {side:g} pixels wide at {left:g}, {top:g}, lies far out of its {width} x {height} pixels; "
            "its points or its box are wrong"
        )
    before = np.ceil(np.maximum(0, -box[:2])).astype(int)
    after = np.ceil(np.maximum(0, box[2:] - [width, height])).astype(int)
    if before.any() or after.any():
        sides = (0, 0), (before[1], after[1]), (before[0], after[0])
        image = np.pad(image, sides, constant_values=255 if white else 0)
    box += np.tile(before, 2)
    photo = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    small = np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC, tuple(box), reducing_gap=3.0))
    return small[None] if small.ndim == 2 else np.ascontiguousarray(small.transpose(2, 0, 1))


def cut_classes(
    classes: UInt8[np.ndarray, "H W"], n: int, square: Float[np.ndarray, " 3"], size: int
) -> UInt8[np.ndarray, "S S"]:
    """The square of a photo's classes. Each class is cut as a photo is; a pixel is of the one of which it has the most.

    Of equal ones it is the first. A pixel of which half or more lies outside the photo has NO_CLASS.

    n: number of classes.
    square, size: as for `cut`.
    """
    every = np.full((1, *classes.shape), 255, np.uint8)
    shares = [cut(every * (classes == k), square, size)[0] for k in range(n)]
    inside = cut(every, square, size)[0] > 127
    return np.where(inside, np.argmax(shares, 0), NO_CLASS).astype(np.uint8)
