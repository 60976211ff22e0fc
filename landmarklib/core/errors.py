"""What a caller may do wrong, as exceptions. Imports next to nothing, so that the command line starts at once."""

from __future__ import annotations

import re

MOST = 4000  # characters of a message
MOST_OF_A_VALUE = 60  # characters of a value in it
NO_WORD = re.compile(r"\S{400,}")  # longer than any name or path that somebody means


class UserError(Exception):
    """A mistake of the caller: its message is one line that says what is wrong, where, and what is valid.

    However long a value is that was given, the message is short.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_cut(NO_WORD.sub(lambda found: _cut(found[0], MOST_OF_A_VALUE), str(message)), MOST))


class DataMissing(UserError):
    """A data set is not on this machine: the message says how to get it."""


def shown(value: object) -> str:
    """A value as messages show it: in one line, and of a long one its beginning and its end."""
    try:
        return _cut(" ".join(repr(value).splitlines()), MOST_OF_A_VALUE)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits, and nests no deeper
        return f"a {type(value).__name__} too large to be shown"


def _cut(text: str, most: int) -> str:
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
