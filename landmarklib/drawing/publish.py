"""Writing archives as publishers do: images, lists with their line endings. Only for stand-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from landmarklib.core.types import Annotations
from landmarklib.drawing import spread

FEW = 64  # pictures that are in memory at once, in each process


def photo(path: Path, pixels: UInt8[np.ndarray, "C H W"], quality: int = 90) -> None:
    """An image in the format of the path's ending; folders are made."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    image.save(path, **({"quality": quality} if path.suffix.lower() in (".jpg", ".jpeg") else {}))


def lines(path: Path, rows: Sequence[str], ending: str = "\n", last: bool = True) -> None:
    """A text file of these lines.

    last: the last one ends as the others do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((ending.join(rows) + (ending if last else "")).encode())


def matlab(path: Path, variables: Mapping[str, object]) -> None:
    """A MATLAB file. Its header is always the same; the one that scipy writes has the time in it."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(variables))
    with open(path, "r+b") as file:
        file.write(b"MATLAB 5.0 MAT-file, stand-in".ljust(116))


def sqlite(path: Path, tables: Mapping[str, Sequence[tuple]]) -> None:
    """An SQLite file.

    tables: "name (column, column)" -> rows.
    """
    import sqlite3
    from contextlib import closing

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base, base:
        for table, rows in tables.items():
            base.execute(f"CREATE TABLE {table}")
            base.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * (table.count(',') + 1))})", rows)


def beside(path: Path, draw: Callable[..., Annotations], *what: int) -> Annotations:
    """One image with all of a kind's pictures side by side. Returns all that was drawn but the pixels.

    what: number of pictures, size, seed, number of the first.
    """
    drawn = draw(*what)
    photo(path, np.concatenate(list(drawn.images), -1))
    return _without_pixels(drawn)


def photos(
    folder: Path,
    files: Sequence[str],
    draw: Callable[..., Annotations],
    size: int,
    seed: int,
    first: int = 0,
    **given: Sequence | np.ndarray,
) -> Annotations:
    """A kind's pictures, drawn and written a few at a time, so that any number fits into memory, and on all cores.

    Returns all that was drawn but the pixels.
    """
    jobs = []
    for i in range(0, len(files), FEW):
        here = {name: values[i : i + FEW] for name, values in given.items()}
        jobs.append((folder, files[i : i + FEW], draw, (size, seed, first + i), here))
    parts = list(spread(_photos, jobs, len(files)))
    return Annotations(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "points", "visible")),
        tuple(name for part in parts for name in part.ids),
        {name: np.concatenate([part.attributes[name] for part in parts]) for name in parts[0].attributes},
    )


def _photos(
    folder: Path,
    files: Sequence[str],
    draw: Callable[..., Annotations],
    where: tuple[int, int, int],
    given: Mapping[str, Sequence | np.ndarray],
) -> Annotations:
    drawn = draw(len(files), *where, **given)
    for file, image in zip(files, drawn.images, strict=True):
        photo(folder / file, image)
    return _without_pixels(drawn)


def _without_pixels(drawn: Annotations) -> Annotations:
    return replace(drawn, images=np.zeros((len(drawn), 3, 0, 0), np.uint8))


def document(path: Path, value: object) -> None:
    """A JSON file."""
    import json

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def crop(
    pixels: UInt8[np.ndarray, "3 H W"], points: Float[np.ndarray, "K 2"], margin: int
) -> tuple[UInt8[np.ndarray, "3 h w"], Float[np.ndarray, "K 2"]]:
    """The part of an image around all points, in whole pixels, and the points in it."""
    size = np.array(pixels.shape[:0:-1])
    low = np.clip(np.floor(points.min(0)).astype(int) - margin, 0, size - 1)
    high = np.clip(np.ceil(points.max(0)).astype(int) + margin + 1, 1, size)
    return pixels[:, low[1] : high[1], low[0] : high[0]], points - low


def structs(rows: Sequence[Mapping[str, object]]) -> np.ndarray:
    """Rows of the same fields as MATLAB's struct array, 1 x N."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        array[0, i] = tuple(row.values())
    return array


def squares(draw: Callable[..., Annotations], side: int, inner: int) -> Callable[..., Annotations]:
    """A `draw` that cuts a square around the points of each image that a kind draws.

    Beyond the image its edge goes on. The attributes left, top and side say where a square was cut, in pixels of the
    image.

    draw: of the kind.
    side: of the square in pixels.
    inner: pixels of the longer side of the points' box in it.
    """

    def drawn(*where: int, **given: Sequence | np.ndarray) -> Annotations:
        whole = draw(*where, **given)
        low, high = whole.points.min(1), whole.points.max(1)
        step = (high - low).max(1) / inner  # pixels of the image to one of the square
        corner = (low + high) / 2 - side / 2 * step[:, None]
        images = [_cut(*one, side) for one in zip(whole.images, corner, step.tolist(), strict=True)]
        attributes = {"left": corner[:, 0], "top": corner[:, 1], "side": side * step}
        points = (whole.points - corner[:, None]) / step[:, None, None]
        return replace(whole, images=np.stack(images), points=points, attributes={**whole.attributes, **attributes})

    return drawn


def _cut(
    pixels: UInt8[np.ndarray, "3 H W"], corner: Float[np.ndarray, " 2"], step: float, side: int
) -> UInt8[np.ndarray, "3 S S"]:
    from PIL import Image

    pad = max(pixels.shape[1:])
    wide = Image.fromarray(np.pad(pixels, ((0, 0), (pad, pad), (pad, pad)), "edge").transpose(1, 2, 0))
    x, y = (corner + pad + 0.5 - step / 2).tolist()
    box = (x, y, x + side * step, y + side * step)
    return np.asarray(wide.resize((side, side), Image.Resampling.BICUBIC, box)).transpose(2, 0, 1)
