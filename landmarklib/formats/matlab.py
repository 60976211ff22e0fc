"""MATLAB files of versions up to 7.2, read in a confined process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from landmarklib.core.errors import UserError
from landmarklib.formats import archive, confined, mat5, npz


@dataclass(frozen=True)
class Values:
    """What is in one field, of one entry after the other.

    numbers: NaN where there is no number.
    odd: what is there instead, by its place: text, an array of numbers, also an empty one, None for anything else, and
        an empty list where the entry has no such field.
    """

    numbers: Float[np.ndarray, " n"]
    odd: Mapping[int, object]

    def __getitem__(self, i: int) -> object:
        return self.odd.get(i, float(self.numbers[i]))

    def empty(self) -> Bool[np.ndarray, " n"]:
        """Where there is nothing."""
        found = np.zeros(len(self.numbers), bool)
        found[[i for i, value in self.odd.items() if not np.size(value)]] = True
        return found

    def absent(self, i: int) -> bool:
        """Whether entry i has no such field."""
        return isinstance(self.odd.get(i), list)


@dataclass(frozen=True)
class Structs:
    """Arrays of structs in one field, one after the other, and the fields of all their entries.

    counts: entries of each array, where one struct is an array of one; -1 for what is no such array, -2 where there is
        no such field.
    fields: name -> what is in the field, of all entries of all arrays in this order.
    """

    counts: Int[np.ndarray, " n"]
    fields: Mapping[str, Structs | Values]

    def __getitem__(self, name: str) -> Structs | Values:
        return self.fields[name]

    def starts(self) -> Int[np.ndarray, " n"]:
        """Of the entries of each array."""
        n = self.counts.clip(0)
        return n.cumsum() - n

    def empty(self) -> Bool[np.ndarray, " n"]:
        """Where there is nothing."""
        return (self.counts == 0) | (self.counts == mat5.NOT_THERE)

    def absent(self, i: int) -> bool:
        """Whether there is no such field at place i."""
        return bool(self.counts[i] == mat5.NOT_THERE)

    def check(self, path: Path, i: int, names: Sequence[str], place: str) -> None:
        """Raises UserError unless there is an array of structs at place i, and all its entries have these fields.

        path: the file, for the message.
        place: of the array in the file, for the message.
        """
        if self.counts[i] < 0:
            raise UserError(f"{path}: {place} is no array of structs; expected the fields {', '.join(names)}")
        start = int(self.starts()[i])
        if missing := [name for name in names if self.counts[i] and self.fields[name].absent(start)]:
            raise UserError(f"{path}: {place}(1) has no field {missing[0]}; expected {', '.join(names)}")


def table(path: Path, key: str, fields: Sequence[str]) -> Structs:
    """Fields of an array of structs of a MATLAB file, as columns: for a file too large for `struct`.

    key: its name.
    fields: "field", or "field.field" where there are structs in it, and so on. Nothing else is read.
    """
    with archive.reading(path, "not a MATLAB file that can be read"):
        found = confined.parse("table", path, key=key, fields=list(fields))
        return _columns(found) if found else Structs(np.array([mat5.NOT_THERE]), {})


def _columns(found: dict[str, object]) -> Structs | Values:
    if "odd" in found:
        return Values(found["numbers"], dict(found["odd"]))
    return Structs(found["counts"], {name: _columns(part) for name, part in found["fields"].items()})


def matrix(path: Path, key: str, shape: Sequence[int | None]) -> Float[np.ndarray, ...]:
    """An array of a MATLAB file, in double precision.

    key: its name.
    shape: its length along each axis, None where any length will do.
    """
    found = _variable(path, key, simple=False)
    npz.check(path, key, found, shape)
    return found.astype(float)


def cells(path: Path, key: str) -> list[str]:
    """The strings of a cell array of a MATLAB file."""
    found = struct(path, key)
    texts = [found] if isinstance(found, str) else found.tolist() if isinstance(found, np.ndarray) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{path}: no cell array of strings {key!r}")
    return texts


def struct(path: Path, key: str) -> object:
    """A struct of a MATLAB file as a dict. Text in it is a str, one number a number.

    An array of structs is a list of dicts; one struct is a dict, none an empty array.
    """
    return _variable(path, key, simple=True)


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


def _variable(path: Path, key: str, simple: bool) -> object:
    with archive.reading(path, "not a MATLAB file that can be read"):
        return confined.parse("matlab", path, key=key, simple=simple)
