"""The parts of the library that may move a number, each with a version: a small integer in `versions.toml`. No torch.

The parts are the engine (training, reading of maps, splits, subsets), how photos are cut, each method, each data
set's reading and each metric. Each has a line that says why it was last raised. Golden runs (`engine/golden.py`) tell
when that has to happen.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from landmarklib.core.errors import UserError

FILE = Path(__file__).parent / "versions.toml"
FIRST = 1  # the version of every part of a record from before versions were kept


def of(part: str) -> int:
    """Today's version of a part. Raises UserError for one that has none yet."""
    if part not in raised():
        raise UserError(f"{part} has no version; add it to landmarklib/core/versions.toml, with version 1 and why")
    return raised()[part][0]


@cache
def raised() -> dict[str, tuple[int, str]]:
    """Every part, such as `engine` or `methods.seq_mt`: its version, and why it was last raised."""
    found = {}
    for name, entry in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        parts = {name: entry} if "version" in entry else {f"{name}.{part}": e for part, e in entry.items()}
        found |= {part: (e["version"], e["why"]) for part, e in parts.items()}
    return found
