"""The kinds of values in a table.

Little is converted: TOML tells 900 from 900.0, a weight does not, and TOML's keys are strings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, WrapValidator
from pydantic_core import PydanticCustomError

from landmarklib.core import amounts
from landmarklib.core.errors import shown

RANGES = ("rotation_degrees", "scale", "shift")  # of a jitter
OURS = "ours"  # kind of an error whose message is a sentence of ours
LARGEST = 2**53  # whole number that is exact as a float, too
CHECKED = ConfigDict(extra="forbid")


def _mistake(text: str) -> PydanticCustomError:
    return PydanticCustomError(OURS, "{text}", {"text": text})


def _finite(value: Any) -> Any:
    """The value of an option. Raises PydanticCustomError for a number in it that is not finite."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for part in parts:
        _finite(part)
    if isinstance(value, float) and not math.isfinite(value):
        raise _mistake(f"{value} is not a finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise _mistake(f"a number of {value.bit_length()} bits is too large; it must be at most {LARGEST}")
    return value


def _printable(text: str) -> str:
    """A line of text. Raises PydanticCustomError for line ends and control characters, and for nothing but blanks."""
    if not text.isprintable() or not text.strip():
        raise _mistake(f"{shown(text)} is not a line of text that can be read")
    return text


def _jitter(ranges: Mapping[str, float]) -> Mapping[str, float]:
    """All ranges or none; without a shift there would be nothing to cut from."""
    if ranges and set(ranges) != set(RANGES):
        raise _mistake(f"{', '.join(ranges)}; expected {', '.join(RANGES)}")
    if ranges and not ranges["shift"] > 0:
        raise _mistake(f"shift {ranges['shift']:g}; it must be positive")
    return ranges


def _count(value: Any) -> Any:
    """A number of labelled images. Raises PydanticCustomError for what is none."""
    if not amounts.is_count(value):
        raise _mistake(f"{shown(value)} is not a number of images: a whole one from 1, or {amounts.EVERY!r}")
    return amounts.count(value)


def _all(value: Any) -> Any:
    return amounts.ALL if value == amounts.EVERY else value


def _amount(value: Any) -> Any:
    """A share or a number of images. Raises PydanticCustomError for what is neither."""
    if isinstance(value := _all(value), bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise _mistake(f"{shown(value)} is not a number, or {amounts.EVERY!r}")
    return float(value)


def _labels(value: Any) -> Any:
    """The same as a run has it. Raises PydanticCustomError for what is neither 0, a whole number nor all."""
    if value != amounts.EVERY and not (type(value) is int and 0 <= value <= LARGEST):
        raise _mistake(f"{shown(value)} is not a number of images: a whole one, or {amounts.EVERY!r}")
    return value


def _apart(raw: Any, validated: Any) -> Any:
    """A mapping by fraction, of which none is written twice, as 1 and 1.0."""
    found = validated(raw)
    if len(found) < len(raw):
        raise _mistake(f"{', '.join(map(str, raw))}: one fraction is there twice")
    return found


T = TypeVar("T")
Text = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]  # of a row, a claim, a reference
Word = Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # goes into file names
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0, le=LARGEST)]
Some = Annotated[int, Strict(), Field(gt=0, le=LARGEST)]
Widths = Annotated[tuple[Some, ...], Field(min_length=1)]  # of layers, one after the other
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
AtLeast0 = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Part = Annotated[Number, Field(gt=0, le=1)]
Decay = Annotated[Number, Field(ge=0, lt=1)]
Tier = Literal["paper", "open", "stand-in"]  # of data: the paper's, others of its kind, drawn ones
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
ByFraction = Annotated[
    Mapping[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)], T], WrapValidator(_apart)
]  # keys are numbers
Labels = Annotated[Any, AfterValidator(_count)]  # how many images of a table have landmarks, as `core.amounts` has it
RunLabels = Annotated[Any, AfterValidator(_labels)]  # the same of a run: a whole number, or "all"
Amount = Annotated[Any, AfterValidator(_amount)]  # either of a share and a number of labelled images
ByAmount = Annotated[
    Mapping[Annotated[float, BeforeValidator(_all), Field(ge=0)], T], WrapValidator(_apart)
]  # keys are numbers, or all
Options = Mapping[str, Annotated[Any, AfterValidator(_finite)]]
Jitter = Annotated[Mapping[str, AtLeast0], AfterValidator(_jitter)]


def kind_of(default: object) -> Any:
    """The kind of an option by its default: a list of such as its first, numbers of at least 0."""
    if isinstance(default, list) and default:
        return tuple[kind_of(default[0]), ...]
    return {bool: Flag, int: Count, float: AtLeast0, str: Text}.get(type(default), Any)
