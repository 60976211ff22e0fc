"""How many training images have landmarks, as a table has it: a share of them, or a number where it counts them.

An amount is one float: 0.05 is 5% of the images; 10 is ten of them, and `ALL` is every one, in a table that counts.
Imports no torch.
"""

from __future__ import annotations

ALL = float("inf")
EVERY = "all"  # as it is written


def written(amount: float) -> str:
    """An amount as a table's file and a command have it: 0.05, 10, all."""
    return EVERY if amount == ALL else f"{amount:g}" if amount < 1e6 else f"{amount:.0f}"


def short(amount: float, counted: object) -> str:
    """An amount as a table's head has it: 5%, 10 labels, all labels. counted: whether it is a number of images."""
    if not counted:
        return f"{100 * amount:g}%"
    return f"{written(amount)} label{'' if amount == 1 else 's'}"


def labelled(amount: float, counted: object) -> str:
    """The same where it stands alone: 5% labelled, 10 labels."""
    return short(amount, counted) + " labelled" * (not counted)


def is_count(value: object) -> bool:
    """Whether a value is a number of images: a whole one from 1, or all."""
    if isinstance(value, str):
        return value == EVERY
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1 and value in (ALL, value // 1)


def count(value: int | float | str) -> float:
    """A number of images, for which `is_count` holds, as an amount."""
    return ALL if value == EVERY else float(value)
