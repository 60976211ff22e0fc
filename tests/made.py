"""Records made by hand, and how tables of HTML are read back."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pandas as pd

from landmarklib import tables
from landmarklib.core.experiment import Experiment
from landmarklib.records import record
from landmarklib.records.record import Record

BLOCKS, SHAPES, QUICKSTART, HANDS = (tables.get(name) for name in ("blocks", "shapes", "quickstart", "hgr1"))
PHOTOS = replace(BLOCKS, dataset="mtfl")  # numbers on the paper's own images compare, those on Blocks do not
NOTHING = record.frame([])


def made(e: Experiment, value: float = 5.0, **changes) -> Record:
    """A record by hand: its error, and an accuracy where a class head is trained."""
    metrics = {"error_px": {"mean": value, "low": value - 0.1, "high": value + 0.1, "n": 64}}
    if "classes" in e.terms:
        metrics["accuracy_percent"] = {"mean": 90.0, "low": 89.0, "high": 91.0, "n": 64}
    if not e.fraction:
        metrics["matched_percent"] = {"mean": 99.5, "low": 99.0, "high": 100.0, "n": 64}
    told = {
        "device": "CPU",
        "form": "1x1 float32",
        "commit": "abc",
        "dirty": False,
        "date": "2026-01-02",
        "behaviour": {"engine": 99},
    }
    values = {"metrics": metrics, "data": {"tier": "paper", "fingerprint": "f00"}, "provenance": told, "seconds": 36.0}
    return Record(experiment=e, **{"status": "done", **values, **changes})


def failed(e: Experiment) -> Record:
    """A record of a run that failed."""
    return made(e, status="failed", reason="loss is not finite", metrics={})


def some(*values: float, row: str = "Seq-MT (L)", fraction: float = 0.01, **changes) -> list[Record]:
    """Records of one cell of Blocks, a seed each."""
    made_of = BLOCKS.experiments([fraction], list(range(len(values))), [row])
    return [made(e, value, **changes) for e, value in zip(made_of, values, strict=True)]


def hands(row: str, fraction: float, **values: float) -> list[Record]:
    """A record of one cell of HGR1, with these means."""
    (e,) = HANDS.experiments([fraction], [0], [row])
    return [made(e, metrics={name: {"mean": v, "low": v, "high": v, "n": 9} for name, v in values.items()})]


def cell(frame: pd.DataFrame, method: str = "Seq-MT (L)", fraction: float = 0.01) -> pd.Series:
    """The one line of that cell."""
    (line,) = frame[(frame.method == method) & (frame.fraction == fraction)].iloc
    return line


def rows_of(page: str) -> dict[str, list[str]]:
    """First column -> texts of the others, of the lines of an HTML table."""
    found = {}
    for line in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.S):
        texts = [
            " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split())
            for part in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)
        ]
        found[texts[0]] = texts[1:]
    return found
