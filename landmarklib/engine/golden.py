"""Golden runs: what the library computes today, in small, beside what it computed when its records were made.

Every method trains for two dozen steps on generated images and on photos cut from a small archive of stand-ins; every
data set is read once. The runs stand in `results/golden/` as ordinary records, the readings beside it in
`results/golden.json`. Where a number has moved by more than rounding does, `moved` names the part whose version has to
be raised (`versions.toml`), and `store` refuses until it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from landmarklib import loading, methods
from landmarklib.core import files, versions
from landmarklib.core.errors import UserError
from landmarklib.engine import golden_runs
from landmarklib.records import record
from landmarklib.records.record import Record

READINGS = "golden.json"  # of the results folder
# Share by which rounding may move a loss term or an error on another processor: three times the largest difference seen
# between the literal form of the convolutions and products of spectra.
TOLERANCE = 0.02
# Of methods whose small golden networks make more of rounding: maps of two_step are nearly flat, so that its landmarks
# stand close together, and on a processor without AVX-512 its regressed points were 16% further off.
UNSTEADY = {"two_step": 0.25}
# What counts images or points moves in steps: so many of a hundred may change sides.
COUNTED = {
    "accuracy_percent": 8.0,
    "failures_percent": 8.0,
    "auc_percent": 2.0,
    "pck_percent": 4.0,
    "swapped_percent": 4.0,
    "neighbours_percent": 4.0,
    "matched_percent": 4.0,
    "feature_match_percent": 4.0,
    "within_percent": 4.0,
    "pixel_accuracy_percent": 2.0,
}
READ = 0.002  # share by which a mean over pixels or points may differ between two decoders of JPEG
CHANGELOG = files.PACKAGE.parent / "CHANGELOG.md"


def moved(runs: Sequence[Record], readings: Mapping[str, dict], folder: Path) -> tuple[list[str], list[str], int]:
    """What differs from the stored numbers: parts, a line each, and how many runs agree to the last bit."""
    parts, lines, same = set(), [], 0
    stored = _stored(folder)
    for name, now in readings.items():
        found = _differences(f"reading {name}", stored.get(name, {}), now, READ)
        parts |= {f"datasets.{name}"} if found else set()
        lines += found
    photos = {f"datasets.{name}" for name in readings if loading.get(name).read}
    if len(photos) > 1 and photos <= parts:
        parts = parts - photos | {"crops"}
    shifted = {}
    for run in runs:
        path = record.path_of(folder, run.experiment)
        before = record.load(path) if path.is_file() else None
        if before is None:
            continue  # `other_runs` names it
        same += before.curve == run.curve and before.metrics == run.metrics
        share = UNSTEADY.get(run.experiment.method, TOLERANCE)
        training = _differences(run.experiment.row, _losses(before), _losses(run), share)
        tested = _differences(run.experiment.row, _means(before), _means(run), share)
        lines += training + tested
        read = {f"datasets.{name}" for name in run.experiment.datasets}
        if "crops" not in parts and not read & parts:
            shifted[run.key] = (
                run.experiment.method,
                bool(training),
                {line.split(": ")[1].split()[0] for line in tested},
            )
    return sorted(parts | _blamed(shifted)), lines, same


def _blamed(shifted: Mapping[str, tuple[str, bool, set[str]]]) -> set[str]:
    """Methods whose training moved, the engine if that of most did, and metrics that moved where no training did."""
    trained = {method for method, training, _ in shifted.values() if training}
    if len(trained) > len(methods.names()) // 2:
        return {"engine"}
    tested = {name for _, training, names in shifted.values() if not training for name in names}
    return {f"methods.{method}" for method in trained} | {f"metrics.{name}" for name in tested}


def _losses(run: Record) -> dict[str, dict[str, float]]:
    return {f"step {point['step']}": point["loss"] for point in run.curve}


def _means(run: Record) -> dict[str, dict[str, float]]:
    return {name: {"mean": value["mean"]} for name, value in run.metrics.items()}


def _differences(what: str, before: Mapping[str, dict], now: Mapping[str, dict], share: float) -> list[str]:
    """A line for each number that is new, gone, or has moved by more than that share."""
    old, new = ({(g, n): v for g, group in found.items() for n, v in group.items()} for found in (before, now))
    lines = []
    for place in dict.fromkeys([*old, *new]):
        a, b = old.get(place), new.get(place)
        most = COUNTED.get(place[0].split()[0], share * max(abs(a or 0), abs(b or 0), 1e-3))
        if a is None or b is None or not abs(a - b) <= most:
            was, now_is = ("none" if v is None else f"{v:g}" for v in (a, b))
            lines.append(f"{what}: {' '.join(place)} {was}, now {now_is}")
    return lines


def _stored(folder: Path) -> dict[str, dict]:
    path = folder / READINGS
    return json.loads(path.read_text(encoding="utf-8"))["readings"] if path.is_file() else {}


def report(parts: Sequence[str], lines: Sequence[str]) -> str:
    """What moved, and what to do about it."""
    shown = [*lines[:6], *([f"and {len(lines) - 6} more"] if len(lines) > 6 else [])]
    return (
        f"numbers moved: {'; '.join(shown)}. If that is not meant, mend the change. If it is, raise "
        f"{' or '.join(parts)} in landmarklib/core/versions.toml with a line why, put that line into the changelog "
        'under "Numbers that changed", and run `landmarklib golden --store`'
    )


def check(folder: Path) -> str:
    """Compute everything and compare it. Returns what agrees, in one line; raises UserError where a number moved."""
    if not (folder / READINGS).is_file():
        raise UserError(f"{folder}: no golden runs are stored here; they lie in results/ beside the library")
    runs, readings = golden_runs.compute_all()
    parts, lines, same = moved(runs, readings, folder)
    if parts:
        raise UserError(report(parts, lines))
    if others := other_runs(runs, folder):
        raise UserError(f"golden runs: {'; '.join(others)}. If that is meant, run `landmarklib golden --store`")
    return f"{len(runs)} golden runs and {len(readings)} readings agree; {same} of the runs to the last bit"


def other_runs(runs: Sequence[Record], folder: Path) -> list[str]:
    """Golden runs that are not stored yet, and stored ones that are none any more, in words."""
    stored = {path.stem for path in (folder / golden_runs.TABLE).glob("*.json")}
    now = {run.key for run in runs}
    new, gone = sorted(now - stored), sorted(stored - now)
    return [f"{key} is not stored yet" for key in new] + [f"{key} is stored, and nothing computes it" for key in gone]


def store(folder: Path) -> str:
    """Compute everything and keep it.

    Raises UserError where a number moved and nothing says so in `versions.toml` and the changelog.
    """
    runs, readings = golden_runs.compute_all()
    parts, lines, _ = moved(runs, readings, folder)
    if untold := [
        part for part in parts if versions.raised().get(part, (versions.FIRST, ""))[0] <= _kept(folder).get(part, 0)
    ]:
        raise UserError(report(untold, lines))
    if unwritten := undocumented():
        raise UserError(
            f'changelog: "Numbers that changed" lacks the reason of {", ".join(unwritten)}: '
            "write it there, as in versions.toml"
        )
    for path in (folder / golden_runs.TABLE).glob("*.json"):
        path.unlink()
    for run in runs:
        record.save(run, folder)
    kept = {"versions": {part: version for part, (version, _) in versions.raised().items()}, "readings": readings}
    text = files.compact(json.dumps(kept, indent=1))
    files.write_in_one_step(folder / READINGS, lambda file: file.write(f"{text}\n".encode()))
    return f"{len(runs)} golden runs and {len(readings)} readings stored in {folder / golden_runs.TABLE}"


def _kept(folder: Path) -> dict[str, int]:
    """The versions that the stored numbers were computed with."""
    path = folder / READINGS
    return json.loads(path.read_text(encoding="utf-8"))["versions"] if path.is_file() else {}


def undocumented() -> list[str]:
    """Parts that have been raised and whose reason is not in the changelog's section of changed numbers."""
    text = re.sub(r"\s+", " ", CHANGELOG.read_text(encoding="utf-8").partition("### Numbers that changed")[2])
    return [part for part, (version, why) in versions.raised().items() if version > versions.FIRST and why not in text]
