"""A record by hand with every field filled."""

from __future__ import annotations

import base64
import zlib

from landmarklib import tables
from landmarklib.core.experiment import Experiment
from landmarklib.records import staleness
from landmarklib.records.record import Record


def experiment(seed: int = 0, row: str = "Seq-MT (L)") -> Experiment:
    """A run of Blocks at 10% labels."""
    return tables.get("blocks").experiments([0.1], [seed], [row], "smoke")[0]


def packed(size: int, number: int = 0) -> str:
    """A map of that side, or so many bytes of zeros, as a record has it."""
    return base64.b64encode(zlib.compress(bytes(number or size * size), 9)).decode()


def made(seed: int = 0, row: str = "Seq-MT (L)", **changes) -> Record:
    """A record by hand, with every field filled."""
    e = experiment(seed, row)
    values = {
        "experiment": e,
        "status": "done",
        "metrics": {"error_px": {"mean": 8.5, "low": 8.0, "high": 9.0, "n": 64}},
        "quantiles": tuple(0.5 * k for k in range(21)),
        "curve": ({"step": 8, "loss": {"landmarks": 0.01}, "validation": {"error_px": 8.75}},),
        "best_step": 8,
        "warnings": ("map 0 is dead:  constant", "map 1 is dead"),
        "images_processed": 64,
        "seconds": 0.5,
        "data": {"tier": "paper", "fingerprint": "0123456789abcdef", "n_labelled": 32, "labelled": "0123456789ab"},
        "gallery": (
            {
                "kind": "best",
                "index": 3,
                "error_px": 0.5,
                "points": [[1.5, 2.0], [3.0, 4.25]],
                "maps": [packed(e.size)] * 2,
            },
        ),
        "assignment": (1, 0),
        "provenance": {"behaviour": staleness.of(e, ["error_px"]), "device": "CPU"},
    }
    return Record(**{**values, **changes})
