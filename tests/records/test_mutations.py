"""A damaged record or benchmark is refused in one line, or does no harm behind the reader: never a traceback."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from measured import made as benchmark
from whole import made as a_record
from whole import packed

from landmarklib import tables
from landmarklib.core.errors import UserError
from landmarklib.pages import speed_page, table_page
from landmarklib.records import benchmarks, importing, record, staleness
from landmarklib.report import aggregate, claims, galleries

BLOCKS = tables.get("blocks")
NASTY: tuple[Any, ...] = (
    *(None, True, 0, -5, 0.5, 10**400, 1e308, -1e308, math.nan, math.inf, -math.inf, 2**53, 1e-300),
    *("", "text", "2026", "x" * 20_000, "<script>", "\0", "\n\n```{include} /etc/passwd\n```", "$\\bad$"),
    *([], {}, [1], [[1.0]], {"a": 1}, [{}], {"mean": 1}),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every value within a value: the mapping or list that it is in, and its name or number there."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for name in names for place in ((value, name), *places(value[name]))]


def mutated(text: str, drawn: random.Random) -> str:
    """JSON with one value replaced, removed, added, put twice or wrapped, or the text cut."""
    if drawn.random() < 0.05:
        return text[: drawn.randrange(len(text))]
    raw = json.loads(text)
    field = drawn.choice(list(raw))
    inside, name = drawn.choice([(raw, field), *places(raw[field])])
    kind = drawn.choice(["replace", "replace", "replace", "remove", "add", "twice", "deep"])
    if kind == "replace":
        inside[name] = drawn.choice(NASTY)
    elif kind == "remove":
        del inside[name]
    elif kind == "deep":
        for _ in range(drawn.choice([1, 6, 500])):
            inside[name] = [inside[name]]
    elif isinstance(inside, dict):
        inside["more"] = drawn.choice(NASTY)
    else:
        inside.append(inside[name] if kind == "twice" else drawn.choice(NASTY))
    return json.dumps(raw)


def accepted(path: Path, load: Any, number: int, seed: int) -> list:
    """What is loaded of so many mutations of a file. Every other one is refused in a short line that names the file."""
    text, found, drawn = path.read_text(encoding="utf-8"), [], random.Random(seed)
    for _ in range(number):
        path.write_text(mutated(text, drawn), encoding="utf-8")
        try:
            found.append(load(path))
        except UserError as error:
            message = str(error)
            assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1 and len(message) < 600
    return found


def test_a_damaged_record_is_refused_or_harmless(tmp_path):
    path = record.save(a_record(), tmp_path)
    found = accepted(path, record.load, 200, seed=0)
    found.append(replace(a_record(), quantiles=(), errors=""))  # as the oldest are
    assert 20 < len(found) < 120
    for r in found:  # none has a number that stands for a mistake
        assert r.status == "failed" or (r.metrics["error_px"]["mean"] >= 0 and r.metrics["error_px"]["n"] > 0)
        importing.check_of_today(r) if not staleness.outdated(r) else None
        assert record.load(record.save(r, tmp_path / "again")).key == r.key
    runs = record.frame(found)
    claimed = claims.evaluate(BLOCKS, runs.drop_duplicates(["row", "fraction", "seed"]))
    shown = table_page.overview(BLOCKS, runs, found, claimed) + table_page.details(BLOCKS, runs, found, claimed)
    assert "<script" not in shown and "nan" not in aggregate.cells(BLOCKS, runs)["mean"].dropna().to_string().lower()
    assert galleries.best(found, "Seq-MT (L)") and {len(r.quantiles) for r in found} == {0, 21}


def test_a_damaged_benchmark_is_refused_or_harmless(tmp_path):
    told = {"device": "CPU x", "commit": "abc", "dirty": False, "date": "2026-01-01", "versions": {"torch": "2"}}
    path = benchmarks.save(benchmark(settings={"images": 320}, provenance=told), tmp_path)
    found = accepted(path, benchmarks.load, 100, seed=0)
    assert 5 < len(found) < 80
    assert "<script" not in speed_page.page(found)
    assert all(map(benchmarks.show, found))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"metrics": {"error_px": {"mean": math.nan, "low": 1.0, "high": 2.0, "n": 3}}},
            "metrics, error_px, mean: nan is not a finite",
        ),
        ({"metrics": {}}, "metrics: there is none; a run that is done has error_px, by which"),
        (
            {"metrics": {"error_px": {"mean": -5, "low": 1.0, "high": 2.0, "n": 3}}},
            "metrics: error_px: -5 is out of range; it",
        ),
        (
            {"metrics": {"error_px": {"mean": 5, "low": -math.inf, "high": 2.0, "n": 3}}},
            "metrics, error_px, low: -inf is",
        ),
        (
            {"metrics": {"speed": {"mean": 5, "low": 1.0, "high": 2.0, "n": 3}}},
            "metrics: unknown metric 'speed'; valid: error",
        ),
        ({"seconds": None}, "seconds: None is not a number"),
        ({"seconds": 10**400}, "seconds: "),
        ({"best_step": 2**60}, "best_step: .* is too large; it must be at most"),
        ({"quantiles": [1.0] * 20}, "quantiles: 20 quantiles; valid: 21, at 0%, 5% .. 100%, or none"),
        ({"quantiles": [9.0] + [1.0] * 20}, "quantiles: the quantiles do not rise"),
        ({"data": {"tier": "<script>"}}, "data, tier: '<script>' is unknown; valid: 'paper', 'open' or 'stand-in'"),
        ({"provenance": {"date": None}}, "provenance, date: None is not a string"),
        ({"provenance": {"later": [[[[[[1]]]]]]}}, "provenance: a list or mapping of 1 values; valid: at most 10000, "),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_what_is_valid(tmp_path, changes, words):
    path = record.save(a_record(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=rf"^{path}: record, {words}"):
        record.load(path)


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (["eA"] * 2, "one cannot be unpacked"),
        ([""] * 2, "one has fewer bytes than its image"),
        ("zeros", "one has more bytes than its image; valid: .* bytes, zlib, base64"),
        (["eA"], "1 of them; valid: one for each of the 2 points"),
    ],
)
def test_maps_that_are_no_maps_of_the_image_are_refused_without_unpacking_them(tmp_path, maps, words):
    r = a_record()
    maps = [packed(0, 10_000_000)] * 2 if maps == "zeros" else maps
    path = record.save(a_record(gallery=({**r.gallery[0], "maps": maps},)), tmp_path)
    with pytest.raises(UserError, match=f"record, gallery 1, maps: {words}"):
        record.load(path)


def test_a_file_beyond_all_sizes_is_refused_unread(tmp_path):
    path = record.save(a_record(), tmp_path)
    with path.open("r+b") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(UserError, match=r"json: 1,099,511,627,776 bytes; a record has at most 16,777,216$"):
        record.load(path)
