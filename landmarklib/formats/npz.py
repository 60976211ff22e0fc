"""Arrays of .npz files. What one takes is known from its header, and nothing is unpacked that was not expected."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmarklib.core.errors import UserError
from landmarklib.formats import archive

HEADER = 1 << 16  # bytes in which an array's header ends
MOST = 1 << 30  # bytes of an array of a data set's archive


class Header(NamedTuple):
    """What is known of an array before it is unpacked."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Arrays:
    """The arrays of an open .npz file, by name."""

    def __init__(self, file: zipfile.ZipFile, most: int) -> None:
        self._file, self._left = file, most
        self._members = {member.filename.removesuffix(".npy"): member for member in file.infolist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def header(self, name: str) -> Header:
        """Shape and type of an array, in so many bytes as it takes. Raises ValueError where they cannot be true."""
        if name not in self._members:
            raise ValueError(f"no array {name}")
        member = self._members[name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in another way than numpy's")
        with self._file.open(member) as opened:
            head = io.BytesIO(opened.read(HEADER))
        header = Header(*_read_header(head))
        if header.dtype.kind not in "iufbU":
            raise ValueError(f"{name} is of {header.dtype}; expected numbers or text")
        size = prod(header.shape) * header.dtype.itemsize
        if min(header.shape, default=0) < 0 or head.tell() + size != member.file_size:
            raise ValueError(f"{name} has {member.file_size - head.tell():,} bytes; its header says {size:,}")
        return header

    def load(self, name: str, shape: Sequence[int] | None = None) -> np.ndarray:
        """An array. Raises ValueError where it has another shape, or is more than may still be unpacked."""
        header = self.header(name)
        if shape is not None and header.shape != tuple(shape):
            raise ValueError(f"{name} is {header.shape}; expected {tuple(shape)}")
        size = prod(header.shape) * header.dtype.itemsize
        if size > self._left:
            raise ValueError(f"{name} takes {size:,} bytes; expected at most {self._left:,}")
        self._left -= size
        with self._file.open(self._members[name]) as opened:
            return np.lib.format.read_array(opened, allow_pickle=False)


@contextmanager
def opened(path: Path, fault: str, most: int) -> Iterator[Arrays]:
    """The arrays of an .npz file. What is wrong with it, and is found within, raises UserError in one line.

    path: the file.
    fault: what is said of one that is not what was expected.
    most: bytes that are unpacked of it, all arrays together.
    """
    with archive.reading(path, fault), open(path, "rb") as file, zipfile.ZipFile(file) as packed:
        yield Arrays(packed, most)


def array(path: Path, key: str, shape: Sequence[int | None]) -> np.ndarray:
    """An array of an .npz file, in the number type that it has there.

    key: its name.
    shape: its length along each axis, None where any length will do.
    """
    with opened(path, "not an .npz file of plain arrays", MOST) as file:
        check(path, key, file.header(key) if key in file else None, shape)
        return file.load(key)


def check(path: Path, key: str, found: object, shape: Sequence[int | None]) -> None:
    """Raises UserError for what is no array of numbers of this shape.

    path, key: file and name, for the message.
    found: an array, its header, or anything else.
    shape: its length along each axis, None where any length will do.
    """
    expected = " x ".join("any" if n is None else str(n) for n in shape)
    if not isinstance(found, (np.ndarray, Header)) or found.dtype.kind not in "iufb":
        raise UserError(f"{path}: no array of numbers {key!r} ({expected})")
    if len(found.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True)):
        raise UserError(f"{path}: {key} is {' x '.join(map(str, found.shape))}; expected {expected}")


def _read_header(file: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"arrays of version {version}; expected 1.0 or 2.0")
    return shape, dtype
