"""What a caller may do wrong, as exceptions. Imports nothing, so that the command line starts at once."""

from __future__ import annotations


class UserError(Exception):
    """A mistake of the caller: its message is one line that says what is wrong, where, and what is valid."""


class DataMissing(UserError):
    """A data set is not on this machine: the message says how to get it."""
