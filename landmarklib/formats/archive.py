"""Reading what publishers ship, with one clear line for whatever is wrong with it.

Nothing is unpickled, no name in a list leaves its folder, and how much a file unpacks to is known before it is
unpacked. Every function raises UserError that names the file, the place in it and what was expected.
"""

from __future__ import annotations

import os
import textwrap
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from landmarklib.core import files
from landmarklib.core.errors import DataMissing, UserError

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = "JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP"  # formats; for others Pillow may start programs
MOST_PIXELS = 50_000_000  # of a picture, as the largest cameras have
LARGE = 1 << 24  # pixels of a picture that is decoded alone, or many threads would need a GB each
FARTHEST = 1e9  # a number of a list, up or down: a larger one is a damaged one, and overflows where pixels are counted
HOME = "~/.local/share/landmarklib"
BESIDE = Path(__file__).parents[3] / "shared" / "data"  # a folder of archives beside the checkout
_alone = threading.Lock()  # of the picture that is decoded alone


def roots(given: str | Path | None = None) -> list[Path]:
    """Folders in which archives are looked for, the first one first.

    It is the given one, else LANDMARKLIB_DATA, else the user's data folder; then the one beside the checkout, if it
    is there. Raises UserError for what cannot be a path, and where the user has no home.
    """
    first = files.named("--data or LANDMARKLIB_DATA", given or os.environ.get("LANDMARKLIB_DATA") or HOME)
    return [first, *([BESIDE] if BESIDE.is_dir() and BESIDE != first else [])]


def user_file(given: str) -> Path:
    """A file by its whole path, or its name below a data root: where it is, else the first place where it could be."""
    places = [root / Path(given).expanduser() for root in roots()]
    return next((place for place in places if place.is_file()), places[0])


def find(folder: str, root: str | Path | None, obtain: str) -> Path:
    """The data set's folder below one of the roots. Raises DataMissing with how to obtain it."""
    places = [place / folder for place in roots(root)]
    for place in places:
        if is_there(place):
            return place
    looked = ", ".join(f"{place}, a link that leads nowhere" if dead_link(place) else str(place) for place in places)
    raise DataMissing(f"{folder}: not on this machine (looked for {looked}). {obtain}")


def is_there(folder: Path) -> bool:
    """Whether there is a folder with something in it: an empty one is no data set, and hides none."""
    return folder.is_dir() and any(folder.iterdir())


def safe_join(folder: Path, name: str) -> Path:
    """The file of that name below the folder, where folders and files may be links that the user made.

    Raises UserError for a name that leaves the folder: an absolute one, or one with `..`; and for one that no file has.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if not _is_name(name):
        raise UserError(f"{folder}: no file can have the name {name[:60]!r}")
    if parts.is_absolute() or PureWindowsPath(name).is_absolute() or ".." in parts.parts:
        raise UserError(f"{folder}: the file name {name!r} leaves the data set's folder")
    return folder / parts


def dead_link(path: Path) -> Path | None:
    """The link on the way to that path that leads nowhere; None without one."""
    return next((place for place in (path, *path.parents) if place.is_symlink() and not place.exists()), None)


def _is_name(name: str) -> bool:
    """Whether a file can have this name, in folders or not."""
    try:
        return "\0" not in name and all(len(os.fsencode(part)) < 256 for part in name.split("/"))
    except UnicodeEncodeError:
        return False


def any_here(folder: Path, files: Iterable[str]) -> bool:
    """Whether at least one of these files is there."""
    return any(os.path.isfile(safe_join(folder, file)) for file in files)


@contextmanager
def reading(path: Path, fault: str) -> Iterator[None]:
    """Within it, a file that is missing or not what was expected raises UserError with one clear line.

    Any exception shows that: of what decoders raise for damaged bytes no list is whole. So nothing belongs into it but
    the decoding.

    path: the file.
    fault: what is said of one that is not what was expected.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        if link := dead_link(path):
            raise UserError(f"{path}: missing; {link} is a link to {os.readlink(link)}, which is not there") from None
        raise UserError(f"{path}: missing; the archive is not there or half unpacked") from None
    except PermissionError:
        raise UserError(f"{path}: belongs to another user; ask for the right to read it") from None
    except Exception as error:
        first, *_ = [*str(error).split(" object at ")[0].splitlines(), type(error).__name__]
        raise UserError(f"{path}: {fault} ({first[:200]})") from None


def lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file without blank ones; any line ending, with or without a byte order mark."""
    with reading(path, "cannot be read as text"):
        text = path.read_bytes().decode("utf-8-sig")
    if "\0" in text:
        raise UserError(f"{path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: a null byte; expected text")
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise UserError(f"{path}: empty")
    return found


def numbers(path: Path, line: int, words: Sequence[str], expected: str) -> list[float]:
    """The words of a line as finite numbers, below a billion.

    path, line: where they stand, for the message.
    words: the numbers as they are written.
    expected: what belongs there, for the message.
    """
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [np.nan]
    if not all(abs(value) < FARTHEST for value in values):
        raise UserError(f"{path}, line {line}: {' '.join(words)[:60]!r}; expected {expected}")
    return values


def check_unique(path: Path, ids: Sequence[str]) -> tuple[str, ...]:
    """The ids, if no two are the same."""
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise UserError(f"{path}: {name} is listed twice")
        seen.add(name)
    return tuple(ids)


def image(path: Path, grey: bool = False) -> UInt8[np.ndarray, "C H W"]:
    """An image as three channels, or as one. Transparency is left out."""
    with _picture(path) as found:
        if found.mode not in ("RGB", "RGBA", "L", "LA", "P", "1"):
            raise UserError(f"{path}: colours are {found.mode}; expected RGB or grey")
        with _alone if found.width * found.height > LARGE else nullcontext():
            pixels = np.asarray(found.convert("L" if grey else "RGB"))
            return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def size(path: Path) -> tuple[int, int]:
    """Width and height of an image from its header; the pixels are not decoded."""
    with _picture(path) as found:
        return found.size


def known_size(path: Path) -> tuple[float, float]:
    """The same; NaN where the photo is missing or cannot be read. Its image is left out where photos are read."""
    try:
        width, height = size(path)
        return float(width), float(height)
    except UserError:
        return np.nan, np.nan


@contextmanager
def _picture(path: Path) -> Iterator[Image]:
    """A picture of which the header alone was read."""
    from PIL import Image

    with reading(path, "not an image that can be decoded"), Image.open(path, formats=PICTURES) as found:
        if found.width * found.height > MOST_PIXELS:
            raise UserError(f"{path}: {found.width:,} x {found.height:,} pixels; expected at most {MOST_PIXELS:,}")
        yield found


def table(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a comma-separated file with one header line, as words; others may be there."""
    header, *rows = _rows(path)
    if missing := [name for name in columns if name not in header]:
        absent, expected = (textwrap.shorten(", ".join(names), 200) for names in (missing, columns))
        raise UserError(f"{path}, line 1: no column {absent}; expected {expected}")
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise UserError(f"{path}, line {i + 2}: {len(row)} cells; expected {len(header)}")
    return {name: [row[header.index(name)] for row in rows] for name in columns}


def columns(path: Path) -> list[str]:
    """The names of the columns of a comma-separated file."""
    return _rows(path)[0]


def _rows(path: Path) -> list[list[str]]:
    import csv

    with reading(path, "not a comma-separated table"):
        return list(csv.reader(lines(path), strict=True))


def check_boxes(path: Path, boxes: Float[np.ndarray, "N 4"], names: Sequence[str]) -> None:
    """Raises UserError for a box without a width and a height.

    path: of the list, for the message.
    boxes: left, top, right, bottom.
    names: of the images, for the message.
    """
    good = (np.abs(boxes) < FARTHEST).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    for i in np.flatnonzero(~good)[:1]:
        sides = ", ".join(f"{side:g}" for side in boxes[i])
        raise UserError(f"{path}: the box of {names[i]} is {sides}; expected left, top, right, bottom with an area")


def check_disjoint(path: Path, splits: Sequence[str], groups: Sequence[str]) -> dict[str, Int[np.ndarray, " n"]]:
    """Indices of the rows of train, val and test. Refuses another split, and a group that is in two of them.

    path: of the table, for the message.
    splits: of each row.
    groups: what must not be divided, of each row, such as a person or a video.
    """
    of: dict[str, str] = {}
    for i, (split, group) in enumerate(zip(splits, groups, strict=True)):
        if split not in ("train", "val", "test"):
            raise UserError(f"{path}, line {i + 2}: split {split!r}; expected train, val or test")
        if of.setdefault(group, split) != split:
            raise UserError(f"{path}, line {i + 2}: {group} is in {split} and in {of[group]}")
    return {name: np.flatnonzero(np.array(splits) == name) for name in ("train", "val", "test")}


def document(path: Path) -> dict[str, object]:
    """The object of a JSON file.

    NaN and infinity, which JSON does not know, are refused, and so are whole numbers that no computation takes.
    """
    import json

    def refuse(word: str) -> int:
        raise ValueError(f"{word[:20]} is no number of JSON")

    def whole(word: str) -> int:
        return int(word) if len(word) < 19 else refuse(word)

    with reading(path, "not a JSON file that can be read"):
        found = json.loads(path.read_bytes(), parse_constant=refuse, parse_int=whole)
    if not isinstance(found, dict):
        raise UserError(f"{path}: {type(found).__name__}; expected a JSON object")
    return found
