"""MATLAB files of versions up to 7.2, read in a confined process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from landmarklib.core.errors import UserError
from landmarklib.formats import archive, confined, npz


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
