"""What a record and a benchmark may hold: the kinds of their values, with ranges and sizes, and the reading of a file.

Everything that readers, pages and figures ask for is checked here, so that they need not. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, Strict, with_config
from pydantic_core import PydanticCustomError, from_json
from typing_extensions import TypedDict

from landmarklib.core import metrics
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED, OURS, AtLeast0, Count, Flag, Number, Share, Some, Text, Tier
from landmarklib.records import distributions

MOST_BYTES = 2**24  # bytes of a file; the largest record so far has 2**15
LONGEST = 10_000  # characters of a text
MOST = 10_000  # entries of a list or a mapping
QUANTILES = 21  # of a record: 0%, 5% .. 100%
OPEN = ConfigDict(extra="allow")
FLOAT32 = 3.5e38  # more than any number of that type
UNBOUNDED = ("error_px", "nme_percent", "equivariance_px", "equivariance_ratio", "scatter_px")
DEGREES, PERCENT = 180.0, 100.0  # the largest angle error, and what a share cannot exceed


def parsed(path: Path, what: str, newest: int) -> dict[str, Any]:
    """The fields of a JSON file. Raises UserError where it is none, or of a newer schema.

    what: a record or a benchmark, for the message.
    newest: the last schema that is known.
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UserError(f"{path}: {size:,} bytes; a {what} has at most {MOST_BYTES:,}")
        raw = from_json(path.read_bytes(), cache_strings="keys")
    except OSError as error:
        hint = "ask for the right to read it" if isinstance(error, PermissionError) else "restore the file"
        raise UserError(f"{path}: not a readable {what} ({error.strerror}); {hint}") from None
    except ValueError as error:
        raise UserError(f"{path}: not a readable {what} ({error}); delete or restore the file") from None
    if not isinstance(raw, dict) or type(raw.get("schema")) is not int:
        raise UserError(f"{path}: not a {what} of this library: it has no schema number")
    if not 1 <= raw["schema"] <= newest:
        raise UserError(f"{path}: schema {str(raw['schema'])[:20]}; this library reads {what}s up to schema {newest}")
    return raw


def _mistake(text: str) -> PydanticCustomError:
    return PydanticCustomError(OURS, "{text}", {"text": text})


def _plain(value: Any, depth: int = 4) -> Any:
    """A value that nothing reads by name. Raises PydanticCustomError for one that is too large, deep or no number."""
    if isinstance(value, (list, tuple, Mapping)):
        if not depth or len(value) > MOST:
            raise _mistake(f"a list or mapping of {len(value)} values; valid: at most {MOST}, nested at most 4 deep")
        for part in value.values() if isinstance(value, Mapping) else value:
            _plain(part, depth - 1)
    elif isinstance(value, str) and len(value) > LONGEST:
        raise _mistake(f"a text of {len(value)} characters; valid: at most {LONGEST}")
    elif isinstance(value, (int, float)) and not abs(value) < 2**63:  # true of no NaN
        raise _mistake("not a finite number; valid: less than 2**63")
    return value


def _others_are_plain(kind: type) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Checks fields that this version of the library does not know, as a later one of the same schema may have."""

    def check(value: dict[str, Any]) -> dict[str, Any]:
        for name in value.keys() - kind.__annotations__.keys():
            _plain(value[name])
        return value

    return check


def _metric(name: str) -> str:
    if metrics.base(name) not in metrics.LOWER_IS_BETTER:
        raise _mistake(f"unknown metric {name!r}; valid: {', '.join(metrics.LOWER_IS_BETTER)}, and what qualifies it")
    return name


def _in_range(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """No error is negative, no share beyond 100%, no angle beyond half a turn."""
    for name, value in found.items():
        mean = value["mean"] if isinstance(value, Mapping) else value
        base = metrics.base(name)
        most = DEGREES if base == "angle_error_degrees" else math.inf if base in UNBOUNDED else PERCENT
        if not (math.isnan(mean) or 0 <= mean <= min(most * (1 + 1e-6), FLOAT32)):
            valid = f"from 0 to {most:g}" if most < math.inf else "a finite number from 0"
            raise _mistake(f"{name}: {mean:g} is out of range; it must be {valid}")
    return found


def _measured(value: float) -> float:
    if math.isinf(value) or abs(value) > FLOAT32:
        raise _mistake(f"{value:g} is out of range; it must be a finite number, or NaN where nothing was measured")
    return value


def _error(value: float) -> float:
    if value < 0:
        raise _mistake(f"{value:g} is out of range; it must be a finite number from 0")
    return _measured(value)


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(values):
        raise _mistake("the quantiles do not rise")
    return values


def _all_or_none(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) not in (0, QUANTILES):
        raise _mistake(f"{len(values)} quantiles; valid: {QUANTILES}, at 0%, 5% .. 100%, or none")
    return values


def _of_images(text: str) -> str:
    try:
        distributions.unpacked(text)
    except ValueError as error:
        raise _mistake(str(error)) from None
    return text


Words = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[Text, Field(max_length=200)]
Real = Annotated[Number, Field(ge=-FLOAT32, le=FLOAT32)]
Measured = Annotated[float, Strict(), AfterValidator(_measured)]  # NaN where there was nothing to measure
Seconds = Annotated[AtLeast0, Field(le=1e10)]
Metric = Annotated[str, Field(max_length=200), AfterValidator(_metric)]
Plain = Annotated[Any, AfterValidator(_plain)]
Pair = Annotated[list[Real], Field(min_length=2, max_length=2)]
Rate = Annotated[Number, Field(ge=1e-12, le=1e12)]
Three = Annotated[tuple[Rate, Rate, Rate], AfterValidator(_rising)]
Quantiles = Annotated[tuple[AtLeast0, ...], AfterValidator(_all_or_none), AfterValidator(_rising)]
Errors = Annotated[str, Field(max_length=MOST_BYTES), AfterValidator(_of_images)]
Assignment = Annotated[tuple[Count, ...], Field(max_length=MOST)]
Contributions = Annotated[tuple[Annotated[tuple[Share, ...], Field(max_length=MOST)], ...], Field(max_length=MOST)]
Embedding = Annotated[tuple[tuple[Count, Real, Real], ...], Field(max_length=MOST)]
Warnings = Annotated[tuple[Words, ...], Field(max_length=MOST)]


@with_config(CHECKED)
class Summary(TypedDict):
    """Of a metric over test images: its mean, the mean's 95% interval, which one image has none of, and how many.

    Where a readout is fitted on draws of labelled images, it is over these, and their standard deviation is there, too.
    """

    mean: Real
    low: Measured
    high: Measured
    n: Some
    sd: NotRequired[Measured]


Metrics = Annotated[dict[Metric, Summary], Field(max_length=MOST), AfterValidator(_in_range)]


@with_config(CHECKED)
class Evaluated(TypedDict):
    """A point of the training curve: loss terms and validation metrics after a step."""

    stage: NotRequired[Name]
    step: Some
    loss: Annotated[dict[Name, Real], Field(max_length=MOST)]
    validation: Annotated[dict[Metric, Measured], Field(max_length=MOST), AfterValidator(_in_range)]


# a test image: which, its points in pixels, perhaps the class that was found, packed maps, and the outputs in pixels
# where landmarks are regressed from these or there are none; by how many degrees it is turned; where pixels are
# classified their packed classes, and in `error_px` how many are wrong
Shown = TypedDict(
    "Shown",
    {
        "kind": Literal["fixed", "best", "median", "worst", "turned"],
        "index": Count,
        "error_px": Annotated[float, Strict(), AfterValidator(_error)],
        "points": Annotated[list[Pair], Field(max_length=MOST)],
        "outputs": NotRequired[Annotated[list[Pair], Field(max_length=MOST)]],
        "degrees": NotRequired[Real],
        "class": NotRequired[Count],
        "maps": NotRequired[Annotated[list[str], Field(max_length=MOST)]],
        "pixel_classes": NotRequired[str],
    },
)
with_config(CHECKED)(Shown)
Curve = Annotated[tuple[Evaluated, ...], Field(max_length=MOST)]
Gallery = Annotated[tuple[Shown, ...], Field(max_length=MOST)]


@with_config(OPEN)
class _Images(TypedDict, total=False):
    tier: Tier
    fingerprint: Name
    crops: dict[Name, tuple[Some, Annotated[Number, Field(ge=1)]]]


@with_config(OPEN)
class _Data(_Images, total=False):
    n_labelled: Count
    labelled: Name
    others: Annotated[dict[Name, _Images], Field(max_length=MOST)]


@with_config(OPEN)
class _Provenance(TypedDict, total=False):
    commit: Words
    dirty: Flag
    python: Words
    versions: Annotated[dict[Name, Words], Field(max_length=MOST)]
    device: Words
    date: Words
    form: Words
    form_chosen: Literal["listed", "measured", "given"]  # absent: timed in the run itself
    behaviour: Annotated[dict[Name, Some], Field(max_length=MOST)]


Data = Annotated[_Data, AfterValidator(_others_are_plain(_Data))]
Provenance = Annotated[_Provenance, AfterValidator(_others_are_plain(_Provenance))]
