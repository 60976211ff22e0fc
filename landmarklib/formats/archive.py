"""Reading what publishers ship, with one clear line for whatever is wrong with it.

Nothing is unpickled, and no name in a list leaves its folder. Every function raises UserError that names the file, the
place in it and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from jaxtyping import Float, Int, UInt8

from landmarklib.core import files
from landmarklib.core.errors import DataMissing, UserError

NO_PICTURE = "not an image that can be decoded"
BROKEN = ValueError, SyntaxError  # what Pillow raises for one that cannot
HOME = "~/.local/share/landmarklib"
BESIDE = Path(__file__).parents[3] / "shared" / "data"  # a folder of archives beside the checkout


def roots(given: str | Path | None = None) -> list[Path]:
    """Folders in which archives are looked for, the first one first.

    It is the given one, else LANDMARKLIB_DATA, else the user's data folder; then the one beside the checkout, if it
    is there. Raises UserError for what cannot be a path, and where the user has no home.
    """
    first = files.named("--data or LANDMARKLIB_DATA", given or os.environ.get("LANDMARKLIB_DATA") or HOME)
    return [first, *([BESIDE] if BESIDE.is_dir() and BESIDE != first else [])]


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
    if parts.is_absolute() or PureWindowsPath(name).is_absolute() or ".." in parts.parts:
        raise UserError(f"{folder}: the file name {name!r} leaves the data set's folder")
    if "\0" in name:
        raise UserError(f"{folder}: no file can have the name {name[:60]!r}")
    return folder / parts


def dead_link(path: Path) -> Path | None:
    """The link on the way to that path that leads nowhere; None without one."""
    return next((place for place in (path, *path.parents) if place.is_symlink() and not place.exists()), None)


def any_here(folder: Path, files: Iterable[str]) -> bool:
    """Whether at least one of these files is there."""
    return any(os.path.isfile(safe_join(folder, file)) for file in files)


@contextmanager
def reading(path: Path, fault: str, *errors: type[Exception]) -> Iterator[None]:
    """Within it, a file that is missing or not what was expected raises UserError with one clear line.

    path: the file.
    fault: what is said of one that is not what was expected.
    errors: exceptions that show that, beside OSError.
    """
    try:
        yield
    except FileNotFoundError:
        if link := dead_link(path):
            raise UserError(f"{path}: missing; {link} is a link to {os.readlink(link)}, which is not there") from None
        raise UserError(f"{path}: missing; the archive is not there or half unpacked") from None
    except PermissionError:
        raise UserError(f"{path}: belongs to another user; ask for the right to read it") from None
    except (OSError, *errors) as error:
        raise UserError(f"{path}: {fault} ({str(error).split(' object')[0]})") from None


def lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file without blank ones; any line ending, with or without a byte order mark."""
    with reading(path, "cannot be read as text", UnicodeDecodeError):
        text = path.read_bytes().decode("utf-8-sig")
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise UserError(f"{path}: empty")
    return found


def numbers(path: Path, line: int, words: Sequence[str], expected: str) -> list[float]:
    """The words of a line as finite numbers.

    path, line: where they stand, for the message.
    words: the numbers as they are written.
    expected: what belongs there, for the message.
    """
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [np.nan]
    if not np.isfinite(values).all():
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


def matrix(path: Path, key: str, shape: Sequence[int | None]) -> Float[np.ndarray, ...]:
    """An array of a MATLAB file, in double precision.

    key: its name.
    shape: its length along each axis, None where any length will do.
    """
    return _shaped(path, key, _matlab(path, key), shape)


def _matlab(path: Path, key: str, **how: bool) -> object:
    """A variable of a MATLAB file as scipy gives it; None if it is not there."""
    import zlib

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    broken = ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError, EOFError
    # Files of MATLAB 7.3 are refused by scipy as what it has not got, by a NotImplementedError.
    refusals = *broken, NotImplementedError, MatReadError, zlib.error
    with reading(path, "not a MATLAB file that can be read", *refusals), open(path, "rb") as file:
        return loadmat(file, variable_names=[key], **how).get(key)


def array(path: Path, key: str, shape: Sequence[int | None]) -> np.ndarray:
    """An array of an .npz file, in the number type that it has there. The arguments are those of `matrix`."""
    import zipfile

    refusals = ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile
    with reading(path, "not an .npz file of plain arrays", *refusals), open(path, "rb") as file:
        with np.load(file, allow_pickle=False) as found:
            value = found[key] if key in found else None
    return _shaped(path, key, value, shape, as_is=True)


def _shaped(path: Path, key: str, value: object, shape: Sequence[int | None], as_is: bool = False) -> np.ndarray:
    expected = " x ".join("any" if n is None else str(n) for n in shape)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iufb":
        raise UserError(f"{path}: no array of numbers {key!r} ({expected})")
    if value.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, value.shape, strict=True)):
        raise UserError(f"{path}: {key} is {' x '.join(map(str, value.shape))}; expected {expected}")
    return value if as_is else value.astype(float)


def image(path: Path, grey: bool = False) -> UInt8[np.ndarray, "C H W"]:
    """An image as three channels, or as one. Transparency is left out."""
    from PIL import Image

    with reading(path, NO_PICTURE, *BROKEN, Image.DecompressionBombError), Image.open(path) as found:
        if found.mode not in ("RGB", "RGBA", "L", "LA", "P", "1"):
            raise UserError(f"{path}: colours are {found.mode}; expected RGB or grey")
        pixels = np.asarray(found.convert("L" if grey else "RGB"))
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def table(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a comma-separated file with one header line, as words; others may be there."""
    import csv

    try:
        header, *rows = csv.reader(lines(path), strict=True)
    except csv.Error as error:
        raise UserError(f"{path}: not a comma-separated table ({error})") from None
    if missing := [name for name in columns if name not in header]:
        raise UserError(f"{path}, line 1: no column {', '.join(missing)}; expected {', '.join(columns)}")
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise UserError(f"{path}, line {i + 2}: {len(row)} cells; expected {len(header)}")
    return {name: [row[header.index(name)] for row in rows] for name in columns}


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


def size(path: Path) -> tuple[int, int]:
    """Width and height of an image from its header; the pixels are not decoded."""
    from PIL import Image

    with reading(path, NO_PICTURE, *BROKEN, Image.DecompressionBombError), Image.open(path) as found:
        return found.size


def known_size(path: Path) -> tuple[float, float]:
    """The same; NaN where the photo is missing or cannot be read. Its image is left out where photos are read."""
    try:
        width, height = size(path)
        return float(width), float(height)
    except UserError:
        return np.nan, np.nan


def document(path: Path) -> dict[str, object]:
    """The object of a JSON file. NaN and infinity, which JSON does not know, are refused."""
    import json

    def refuse(word: str) -> float:
        raise ValueError(f"{word} is no number of JSON")

    with reading(path, "not a JSON file that can be read", ValueError, RecursionError):
        found = json.loads(path.read_bytes(), parse_constant=refuse)
    if not isinstance(found, dict):
        raise UserError(f"{path}: {type(found).__name__}; expected a JSON object")
    return found


def cells(path: Path, key: str) -> list[str]:
    """The strings of a cell array of a MATLAB file."""
    found = struct(path, key)
    texts = [found] if isinstance(found, str) else found.tolist() if isinstance(found, np.ndarray) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{path}: no cell array of strings {key!r}")
    return texts


def query(path: Path, sql: str) -> list[tuple]:
    """The rows that an SQLite file gives. It is opened for reading only, and nothing is written beside it."""
    import sqlite3
    from contextlib import closing

    with reading(path, "not an SQLite file with the tables of this data set", sqlite3.Error):
        with open(path, "rb"):  # SQLite itself does not say that a file is missing
            place = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(place, uri=True)) as base:
            return base.execute(sql).fetchall()


def struct(path: Path, key: str) -> object:
    """A struct of a MATLAB file as a dict. Text in it is a str, one number a number.

    An array of structs is a list of dicts; one struct is a dict, none an empty array.
    """
    return _matlab(path, key, simplify_cells=True)


def entries(path: Path, value: object, fields: Sequence[str], place: str) -> list[dict[str, object]]:
    """An array of structs of any length as a list of dicts, if all have these fields.

    path: the file, for the message.
    value: what `struct` gave for the array.
    fields: that each entry must have.
    place: of the array in the file, for the message.
    """
    found = [value] if isinstance(value, dict) else value
    if isinstance(found, np.ndarray) and found.ndim == 1:
        found = found.tolist()
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UserError(f"{path}: {place} is no array of structs; expected the fields {', '.join(fields)}")
    for i, entry in enumerate(found):
        if missing := [name for name in fields if name not in entry]:
            raise UserError(f"{path}: {place}({i + 1}) has no field {missing[0]}; expected {', '.join(fields)}")
    return found
