"""A mistake in a file of a table or of results as one line: where, in which field, what was found, what is valid."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from landmarklib.core.errors import UserError, shown
from landmarklib.core.kinds import OURS

UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
# pydantic's kinds of errors, in words; others are left to its own
WORDS = {
    "string_type": "is not a string",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "tuple_type": "is not a list",
    "dict_type": "is not a table of names and values",
    "mapping_type": "is not a table of names and values",
    "dataclass_type": "is not a table of names and values",
    "too_short": "is empty; at least one value is needed",
    "string_too_short": "is empty; a name is needed",
    "string_too_long": "is too long; it must have at most {max_length} characters",
    "string_pattern_mismatch": "is not a word of letters, digits, '-', '_' and '.'",
    "literal_error": "is unknown; valid: {expected}",
    "greater_than": "is too small; it must be more than {gt:g}",
    "greater_than_equal": "is too small; it must be at least {ge:g}",
    "less_than": "is too large; it must be less than {lt:g}",
    "less_than_equal": "is too large; it must be at most {le:g}",
}
SINGULAR = {"rows": "row", "references": "reference", "claims": "claim", "comparisons": "comparison"}
SINGULAR |= {"budgets": "budget", "fractions": "fraction", "labels": "labels", "stages": "stage"}


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def checked(kind: Any, raw: Any, where: str, name: str = "", more: Sequence[str] = ()) -> Any:
    """What TOML holds as a value of that kind.

    where: the file. name: the field of the file that this is, if it is not all of it. more: keys that are valid beside
        the kind's own. Raises UserError with the first mistake.
    """
    try:
        return _adapter(kind).validate_python(raw)
    except ValidationError as error:
        first = min(error.errors(include_url=False), key=lambda e: e["type"] not in UNKNOWN)
        start = (name,) if name else ()
        text = _in_words(first, kind, more)
        loc = [step for step in first["loc"] if step != "[key]"]
        if first["type"] in (*UNKNOWN, "missing") or "[key]" in first["loc"]:
            loc = loc[:-1]
        line = f"{', '.join((where, *_places([*start, *loc], {name: raw} if name else raw)))}: {text}"
        raise UserError(" ".join(line.splitlines())) from None


def unknown(found: object, known: Sequence[str], what: str = "key") -> str:
    """What is said of a name that nothing reads."""
    near = difflib.get_close_matches(str(found)[:100], known, 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {shown(found)}; {meant}known: {', '.join(sorted(known)) or 'none'}"


def _in_words(error: Mapping[str, Any], kind: Any, more: Sequence[str]) -> str:
    *place, last = error["loc"] or ("",)
    if error["type"] in UNKNOWN:
        return unknown(last, [*_keys(_kind_at(kind, place)), *(more if not place else ())])
    if error["type"] == "missing":
        return f"{last!r} is missing"
    found = _shown(error["input"])
    least = error.get("ctx", {}).get("min_length", 1)  # our words are of what is empty
    if error["type"] not in WORDS or least > 1:  # a sentence of our own, or one of pydantic's
        return error["msg"] if error["type"] == OURS else f"{found}: {error['msg']}"
    text = WORDS[error["type"]].format(**error.get("ctx", {}))
    meant = f"; write [{found}]" if error["type"] == "tuple_type" else ""
    if error["type"] == "int_type" and isinstance(error["input"], float) and error["input"].is_integer():
        meant = f"; write {error['input']:.0f}"
    return f"{found} {text}{meant}"


def _shown(value: Any) -> str:
    return shown(value).lower() if isinstance(value, bool) else shown(value)


def _keys(kind: Any) -> list[str]:
    return [f.name for f in fields(kind)] if is_dataclass(kind) else list(kind.__annotations__)


def _kind_at(kind: Any, place: Sequence[str | int]) -> Any:
    """The kind of value at a place within a value of that kind; all values of a mapping or a tuple have one kind."""
    for step in place:
        while hasattr(kind, "__metadata__"):  # Annotated
            kind = get_args(kind)[0]
        if is_dataclass(kind) or is_typeddict(kind):
            kind = get_type_hints(kind, include_extras=True)[step]
        else:
            kind = get_args(kind)[0 if isinstance(step, int) else 1]
    return kind


def _places(steps: Sequence[str | int], raw: Any) -> list[str]:
    """A place in the file in words: row Seq-MT (L), weights, elt.

    raw: what the file holds, for the names of its rows and claims.
    """
    words: list[str] = []
    for i, step in enumerate(steps):
        raw = raw[step] if isinstance(raw, list) or (isinstance(raw, dict) and step in raw) else None
        before = steps[i - 1] if i else None
        if isinstance(step, int):
            if isinstance(raw, dict):
                name = raw.get("id" if before == "claims" else "name")
                named = isinstance(name, str) and name.strip()
                words[-1] = f"{SINGULAR.get(before, before)} {_word(name) if named else step + 1}"
        elif before in ("budgets", "fractions", "labels"):
            words[-1] = f"{SINGULAR[before]} {_word(step)}"
        elif before == "methods":
            words[-1] = f"methods.{_word(step)}"
        else:
            words.append(_word(step))
    return words


def _word(name: object) -> str:
    """A name out of the file as messages have it: in one line, and as it is unless it is long or not printable."""
    text = " ".join(str(name).split())
    return text if len(text) <= 100 and text.isprintable() else shown(text)
