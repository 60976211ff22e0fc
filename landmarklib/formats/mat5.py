"""Fields of structs of a MATLAB file of version 5 to 7.2, as columns: only what is asked for, and a window at a time.

scipy makes an object of every number, and MPII's file has millions. Here what nobody asks for is passed over, and of
the rest a number takes eight bytes. This is the part that runs in the confined process; `matlab.table` calls it.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

MATRIX, COMPRESSED = 14, 15  # kinds of elements, with those below
KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NAMES = 1, 16  # kinds of the bytes of a name
TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
STRUCT, CHAR, NUMBERS = 2, 4, range(6, 16)  # classes of arrays
COMPLEX = 0x800  # a flag beside the class
WINDOW = 1 << 16  # bytes that are unpacked at once
HEAD, MOST = 52, 64  # bytes of an array of one number: up to the type of its number, and altogether
NO_ARRAY, NOT_THERE = -1, -2  # instead of a number of entries


class Values:
    """What is in one field, of one entry after the other: numbers, and what is no number by its place."""

    def __init__(self) -> None:
        self.numbers, self.odd = array("d"), []

    def put(self, value: object) -> None:
        if isinstance(value, (int, float)):
            self.numbers.append(value)
        else:
            self.odd.append([len(self.numbers), value])
            self.numbers.append(np.nan)

    def absent(self) -> None:
        self.put([])

    def plain(self) -> dict[str, object]:
        return {"numbers": np.array(self.numbers), "odd": self.odd}


class Structs:
    """Arrays of structs, one after the other: how many entries each has, and the fields of all entries."""

    def __init__(self, paths: Sequence[str]) -> None:
        """

        paths: "field" or "field.field" of what is wanted.
        """
        self.counts, self.fields = array("q"), {}
        inner: dict[str, list[str]] = {}
        for path in paths:
            name, _, rest = path.partition(".")
            inner.setdefault(name, []).extend([rest] if rest else [])
        for name, rests in inner.items():
            self.fields[name] = Structs(rests) if rests else Values()

    def absent(self) -> None:
        self.counts.append(NOT_THERE)

    def plain(self) -> dict[str, object]:
        return {"counts": np.array(self.counts), "fields": {name: part.plain() for name, part in self.fields.items()}}


class Window:
    """Bytes that come in pieces, of which only those at hand are kept."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.before = pieces, 0
        self.buffer, self.at = b"", 0  # the bytes at hand, and the place of the next one in them

    def place(self) -> int:
        """Of the next byte, from the first of all."""
        return self.before + self.at

    def fill(self, n: int) -> None:
        """Get so many bytes to hand, or all that there are."""
        found, here = [self.buffer[self.at :]], len(self.buffer) - self.at
        while here < n and (piece := next(self.pieces, b"")):
            found.append(piece)
            here += len(piece)
        self.before, self.buffer, self.at = self.place(), b"".join(found), 0

    def take(self, n: int) -> bytes:
        if len(self.buffer) - self.at < n:
            self.fill(n)
            if len(self.buffer) < n:
                raise ValueError("it is cut off")
        self.at += n
        return self.buffer[self.at - n : self.at]

    def go(self, place: int) -> None:
        """On to a place that is not behind."""
        if place < self.place():
            raise ValueError("an element is longer than it says")
        while place > self.before + len(self.buffer):
            self.at = len(self.buffer)
            self.fill(1)
            if not self.buffer:
                raise ValueError("it is cut off")
        self.at = place - self.before


class Reader(Window):
    """The elements of a variable."""

    def __init__(self, pieces: Iterator[bytes], order: str) -> None:
        """

        order: "<" or ">", of bytes.
        """
        super().__init__(pieces)
        self.order, self.two = order, struct.Struct(order + "II").unpack
        self.ahead = struct.Struct(order + "II").unpack_from
        self.known: dict[bytes, tuple] = {}  # beginnings of arrays of one number

    def tag(self) -> tuple[int, int]:
        """Length and end of the element that follows, which is an array."""
        kind, n = self.two(self.take(8))
        if kind != MATRIX:
            raise ValueError(f"an element of kind {kind}; expected an array")
        return n, self.place() + n

    def data(self) -> tuple[int, bytes]:
        """Kind and bytes of the element that follows, which is none of arrays. A short one is in its tag."""
        tag = self.take(8)
        kind, n = self.two(tag)
        if kind >> 16:
            return kind & 0xFFFF, tag[4 : 4 + (kind >> 16)]
        content = self.take(n)
        self.take(-n % 8)
        return kind, content

    def header(self) -> tuple[int, int, tuple[int, ...], str]:
        """Class, flags, shape and name of an array."""
        (first, flags), (second, shape), (third, name) = self.data(), self.data(), self.data()
        if (first, second) != (6, 5) or third not in NAMES:
            raise ValueError("an array without flags, shape or name")
        word = self.two(flags)[0]
        return word & 0xFF, word, tuple(np.frombuffer(shape, self.order + "i4").tolist()), name.decode("latin-1")

    def array(self, wanted: Structs | Values) -> None:
        """The array that follows, put where it is wanted."""
        start = self.place()
        n, end = self.tag()
        kind, flags, shape, _ = self.header() if n else (NUMBERS[0], 0, (0, 0), "")  # an empty field may be no bytes
        if isinstance(wanted, Structs):
            self.structs(wanted, kind, shape)
        else:
            wanted.put(self.value(kind, flags, shape))
            self.learn(start, end, kind, flags, shape)
        self.go(end)

    def structs(self, wanted: Structs, kind: int, shape: tuple[int, ...]) -> None:
        """The entries of an array of that class, after its header."""
        size = int(np.prod(shape, dtype=object))
        if not size or kind != STRUCT or sum(n != 1 for n in shape) > 1:
            wanted.counts.append(NO_ARRAY if size else 0)
            return
        wanted.counts.append(size)
        length = int.from_bytes(self.data()[1], "little" if self.order == "<" else "big")
        kind, text = self.data()
        if kind not in NAMES or length < 1 or len(text) % length:
            raise ValueError("a struct without names of fields")
        names = [text[i : i + length].split(b"\0")[0].decode("latin-1") for i in range(0, len(text), length)]
        self.entries([wanted.fields.get(name) for name in names], size)
        for part in [part for name, part in wanted.fields.items() if name not in names]:
            for _ in range(size):
                part.absent()

    def entries(self, wanted: list[Structs | Values | None], size: int) -> None:
        """The fields of all entries. Arrays of one number, as most are, begin alike, and are not taken apart."""
        ahead, known = self.ahead, self.known
        for _ in range(size):
            for part in wanted:
                if len(self.buffer) - self.at < MOST:
                    self.fill(WINDOW)
                at = self.at
                if part is None:
                    kind, n = ahead(self.buffer, at)
                    if kind != MATRIX:
                        raise ValueError(f"a field of kind {kind}; expected an array")
                    self.go(self.before + at + 8 + n)
                elif type(part) is Values and (how := known.get(self.buffer[at : at + HEAD])):
                    length, start, unpack = how
                    part.numbers.append(unpack(self.buffer, at + start)[0])
                    self.at = at + length
                else:
                    self.array(part)

    def value(self, kind: int, flags: int, shape: tuple[int, ...]) -> object:
        """Of an array after its header: one number, text in one row, an array of numbers; None for another."""
        size = int(np.prod(shape, dtype=object))
        if not size:
            return np.zeros(0)
        if (kind != CHAR and kind not in NUMBERS) or flags & COMPLEX:
            return None
        type_, content = self.data()
        if type_ not in (TEXTS if kind == CHAR else KINDS):
            raise ValueError(f"what is in an array is of kind {type_}")
        if kind == CHAR:
            endian = ("-le" if self.order == "<" else "-be") if TEXTS[type_] != "utf-8" else ""
            return content.decode(TEXTS[type_] + endian) if shape == (1, size) else None
        found = np.frombuffer(content, self.order + KINDS[type_])
        return found[0].item() if size == len(found) == 1 else found.reshape(shape, order="F").squeeze()

    def learn(self, start: int, end: int, kind: int, flags: int, shape: tuple[int, ...]) -> None:
        """How an array that began there begins, if it is one number, and is at hand as a whole."""
        at, length = start - self.before, end - start
        if kind not in NUMBERS or flags & COMPLEX or set(shape) != {1} or at < 0 or length not in (56, 64):
            return
        type_ = self.ahead(self.buffer, at + HEAD - 4)[0]
        start = HEAD if type_ >> 16 else HEAD + 4
        unpack = struct.Struct(self.order + np.dtype(KINDS[type_ & 0xFFFF]).char).unpack_from
        if len(self.known) < 1000 and self.place() == end:
            self.known[self.buffer[at : at + HEAD]] = length, start, unpack


def _pieces(file: BinaryIO, n: int) -> Iterator[bytes]:
    """The next n bytes of a file."""
    while n > 0 and (piece := file.read(min(n, WINDOW))):
        n -= len(piece)
        yield piece


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What compressed bytes unpack to. Their check sum is compared where they are read to the end."""
    unpacker = zlib.decompressobj()
    for piece in pieces:
        while piece:
            if found := unpacker.decompress(piece, WINDOW):
                yield found
            piece = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise ValueError("its compressed bytes are cut off")


def table(path: str, key: str, fields: Sequence[str]) -> dict[str, object] | None:
    """Columns of a struct or an array of structs, as plain values; None if it is not there.

    key: its name.
    fields: "field", or "field.field" where there are structs in it, and so on.
    """
    with open(path, "rb") as file:
        head = file.read(128)
        order = {b"IM": "<", b"MI": ">"}.get(head[126:])
        if order is None or not any(head[:4]):
            raise ValueError("no MATLAB file of version 5 to 7.2")
        if head[125 if order == "<" else 124] != 1:
            raise ValueError("a MATLAB file of another version than 5 to 7.2")
        size = os.path.getsize(path)
        while (start := file.tell()) < size:
            kind, n = struct.unpack(order + "II", file.read(8))
            pieces = _pieces(file, n)
            if kind == COMPRESSED:
                reader = Reader(_unpacked(pieces), order)
            else:
                file.seek(start)
                reader = Reader(_pieces(file, 8 + n), order)
            _, end = reader.tag()
            kind_, _, shape, name = reader.header()
            if name == key:
                found = Structs(fields)
                reader.structs(found, kind_, shape)
                reader.go(end)
                reader.fill(1)
                if reader.buffer:
                    raise ValueError("it is longer than it says")
                return found.plain()
            file.seek(start + 8 + n)
    return None
