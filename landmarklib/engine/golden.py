"""Golden runs: what the library computes today, in small, beside what it computed when its records were made.

Every method trains for two dozen steps on generated images and on photos cut from a small archive of stand-ins; every
data set is read once. The runs stand in `results/golden/` as ordinary records, the readings beside it in
`results/golden.json`. Where a number has moved by more than rounding does, `moved` names the part whose version has to
be raised (`versions.toml`), and `store` refuses until it is.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from landmarklib import datasets, loading, methods
from landmarklib.core import files, versions
from landmarklib.core.dataset import Dataset
from landmarklib.core.experiment import Experiment, Flat
from landmarklib.core.types import Crop, Listing, UserError
from landmarklib.formats import archive
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.training import compute

TABLE = "golden"  # folder of the results, and what the runs have for a table
READINGS = "golden.json"  # of the results folder
COUNTS = {"train": 64, "val": 16, "test": 48}  # images of an archive
FEW = 8  # images of a split that is only read
SIZE = 32
SMALL = {"kernel": 5, "depth": 2, "width": 4, "kernels": [3, 2, 2], "widths": [4, 6, 8], "hidden": [16], "beta": 10.0}
WEIGHTS = {"landmarks": 100.0, "elt": 30.0, "classes": 1.0, "angles": 1.0}
JITTER = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}
# Share by which rounding may move a loss term or an error on another processor: three times the largest difference seen
# between the literal form of the convolutions and products of spectra.
TOLERANCE = 0.02
# What counts images or points moves in steps: so many of a hundred may change sides.
COUNTED = {"accuracy_percent": 8.0, "failures_percent": 8.0, "pck_percent": 4.0, "matched_percent": 4.0}
READ = 0.002  # share by which a mean over pixels or points may differ between two decoders of JPEG
CHANGELOG = files.PACKAGE.parent / "CHANGELOG.md"


def experiments() -> list[Experiment]:
    """The golden runs: every method on generated images and on photos, then what those leave out."""
    found = []
    for method in methods.names():
        found += [_experiment(method, "blocks", ["class"]), _experiment(method, "mtfl", ["gender", "pose"])]
    return [
        *found,
        _experiment("rcn", "mtfl", ["pose"], decoder="softmax"),
        _experiment("heatmap_mt", "blocks", ["class"], decoder="soft-argmax"),
        _experiment("rcn", "aflw", ["yaw", "pitch", "roll"], elt_on_all=True),
        _experiment("seq_mt", "shapes", ["class"]),
    ]


def _experiment(method: str, dataset: str, attributes: list[str], **options: Any) -> Experiment:
    spec = methods.get(method)
    known, terms = spec.options, spec.terms
    unlabelled = dataset == "shapes"  # where networks see no landmark labels
    angles = not loading.get(dataset).attributes[attributes[0]]
    left_out = {"classes" if angles else "angles"} | ({"landmarks"} if unlabelled else set())
    if method == "rcn" and options.get("decoder") == "softmax":
        left_out |= {"classes", "elt"}
    decoder = options.get("decoder", known.get("decoder"))  # a cross-entropy over pixels is a hundred times as large
    weights = {term: 1.0 if decoder == "softmax" else WEIGHTS[term] for term in terms if term not in left_out}
    small = {name: value for name, value in SMALL.items() if name in known}
    points = spec.input == "images"
    photos = bool(loading.get(dataset).read)
    return Flat(
        table=TABLE,
        row=" ".join([method, dataset, *map(str, options.values())]),
        dataset=dataset,
        method=method,
        options={**small, "attributes": attributes, **options},
        weights=weights,
        starts={"elt": 0.25} if "elt" in weights else {},
        fraction=0.0 if unlabelled else 0.5,
        seed=1,
        budget=TABLE,
        images=192,
        batch=0 if unlabelled else 8,
        batch_unlabelled=8,
        rate=0.0005,
        head_rate=0.5 if "head" in spec.groups else 1.0,
        warmup=4,
        hold=0.5,
        size=SIZE,
        train_images=COUNTS["train"],
        n_evaluations=4,
        evaluation_images=COUNTS["val"],
        test_images=COUNTS["test"],
        select="accuracy_percent" if not points else "nme_percent" if photos else "error_px",
        clip=50.0,
        beta2=0.98,
        jitter=JITTER if photos and points else {},
        tests=["afw"] if dataset == "mtfl" and points else [],
    ).experiment


@contextmanager
def archives(names: Sequence[str], counts: Mapping[str, int]) -> Iterator[None]:
    """Within it, small archives of these data sets, in their publishers' layouts, are all that there is. counts: images
    of each split.
    """
    before, beside = os.environ.get("LANDMARKLIB_DATA"), archive.BESIDE
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            dataset = loading.get(name)
            (Path(root) / dataset.folder).mkdir(parents=True)
            dataset.write_standin(Path(root) / dataset.folder, {split: counts[split] for split in dataset.counts}, 0)
        os.environ["LANDMARKLIB_DATA"], archive.BESIDE = root, Path(root) / "nowhere"
        loading.forget()
        try:
            yield
        finally:
            archive.BESIDE = beside
            os.environ.pop("LANDMARKLIB_DATA") if before is None else os.environ.update(LANDMARKLIB_DATA=before)
            loading.forget()


def compute_all() -> tuple[list[Record], dict[str, dict]]:
    """Every golden run, and the reading of every data set."""
    known = [name for name in datasets.names() if loading.get(name).load or loading.get(name).write_standin]
    readings = {name: reading(name) for name in tqdm(known, desc="readings", unit="set")}
    return compute_runs(experiments()), readings


def compute_runs(wanted: Sequence[Experiment]) -> list[Record]:
    """These golden runs, in float32 on one thread."""
    import torch

    from landmarklib.nets.forms import LITERAL

    photos = {name for e in wanted for name in (e.dataset, *e.evaluation.tests) if loading.get(name).read}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with archives(sorted(photos), COUNTS):
            return [
                made
                for e in tqdm(wanted, desc="golden runs", unit="run")
                for made in compute.run([e], form=LITERAL, inference_form=LITERAL)
            ]
    finally:
        torch.set_num_threads(threads)


def reading(name: str) -> dict[str, dict[str, float]]:
    """What a data set's reader and the cutting of its photos give, split by split, in a few means."""
    dataset = loading.get(name)
    with archives([] if dataset.load else [name], dict.fromkeys(COUNTS, FEW)):
        splits = dataset.counts if dataset.load else dataset.read(archive.find(dataset.folder, None, ""))
        return {split: _facts(dataset, split, None if dataset.load else splits[split]) for split in splits}


def _facts(dataset: Dataset, split: str, listing: Listing | None) -> dict[str, float]:
    if listing is not None and dataset.recipe.around == "points" and not listing.points.shape[1]:
        return {"images": float(len(listing))}  # nothing to cut around
    a = loading.first(loading.split(dataset.name, split, Crop(SIZE)), COUNTS["train"])
    if not len(a):
        return {"images": 0.0}
    known = np.isfinite(a.points).all(-1)
    numbers = {
        "images": len(a),
        "pixels": a.images.mean(),
        "contrast": a.images.std(),
        "visible": a.visible.sum() / len(a),
    }
    numbers |= {axis: a.points[..., i][known].mean() for i, axis in enumerate("xy") if known.any()}
    values = {n: v for n, v in a.attributes.items() if np.issubdtype(v.dtype, np.number) and np.isfinite(v).any()}
    numbers |= {f"attribute {n}": np.nanmean(v) for n, v in values.items()}
    lengths = {"unit": a.normalizer, "pixel": a.pixel, **{f"unit by {n}": v for n, v in a.normalizers.items()}}
    numbers |= {n: np.nanmean(v) for n, v in lengths.items() if v is not None}
    return {n: round(float(v), 5) for n, v in numbers.items()}


def moved(runs: Sequence[Record], readings: Mapping[str, dict], folder: Path) -> tuple[list[str], list[str], int]:
    """The parts whose numbers differ from the stored ones, a line for each difference, and how many runs agree to the
    last bit.
    """
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
            parts.add(f"methods.{run.experiment.method}")
            lines.append(f"{run.experiment.row}: no golden run is stored")
            continue
        same += before.curve == run.curve and before.metrics == run.metrics
        training = _differences(run.experiment.row, _losses(before), _losses(run), TOLERANCE)
        tested = _differences(run.experiment.row, _means(before), _means(run), TOLERANCE)
        lines += training + tested
        read = {f"datasets.{name}" for name in (run.experiment.dataset, *run.experiment.evaluation.tests)}
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
            lines.append(
                f"{what}: {' '.join(place)} {'none' if a is None else f'{a:g}'}, now {'none' if b is None else f'{b:g}'}"
            )
    return lines


def _stored(folder: Path) -> dict[str, dict]:
    path = folder / READINGS
    return json.loads(path.read_text(encoding="utf-8"))["readings"] if path.is_file() else {}


def report(parts: Sequence[str], lines: Sequence[str]) -> str:
    """What moved, and what to do about it."""
    shown = [*lines[:6], *([f"and {len(lines) - 6} more"] if len(lines) > 6 else [])]
    return (
        f"numbers moved: {'; '.join(shown)}. If that is not meant, mend the change. If it is, raise {' or '.join(parts)} in landmarklib/versions.toml "
        'with a line why, put that line into the changelog under "Numbers that changed", and run `landmarklib golden --store`'
    )


def check(folder: Path) -> str:
    """Compute everything and compare it. Returns what agrees, in one line; raises UserError where a number moved."""
    runs, readings = compute_all()
    parts, lines, same = moved(runs, readings, folder)
    if parts:
        raise UserError(report(parts, lines))
    return f"{len(runs)} golden runs and {len(readings)} readings agree; {same} of the runs to the last bit"


def store(folder: Path) -> str:
    """Compute everything and keep it.

    Raises UserError where a number moved and nothing says so in `versions.toml` and the changelog.
    """
    runs, readings = compute_all()
    parts, lines, _ = moved(runs, readings, folder)
    if untold := [
        part for part in parts if versions.raised().get(part, (versions.FIRST, ""))[0] <= _kept(folder).get(part, 0)
    ]:
        raise UserError(report(untold, lines))
    if unwritten := undocumented():
        raise UserError(
            f'changelog: "Numbers that changed" lacks the reason of {", ".join(unwritten)}: write it there, as in versions.toml'
        )
    for path in (folder / TABLE).glob("*.json"):
        path.unlink()
    for run in runs:
        record.save(run, folder)
    kept = {"versions": {part: version for part, (version, _) in versions.raised().items()}, "readings": readings}
    text = files.compact(json.dumps(kept, indent=1))
    files.write_in_one_step(folder / READINGS, lambda file: file.write(f"{text}\n".encode()))
    return f"{len(runs)} golden runs and {len(readings)} readings stored in {folder / TABLE}"


def _kept(folder: Path) -> dict[str, int]:
    """The versions that the stored numbers were computed with."""
    path = folder / READINGS
    return json.loads(path.read_text(encoding="utf-8"))["versions"] if path.is_file() else {}


def undocumented() -> list[str]:
    """Parts that have been raised and whose reason is not in the changelog's section of changed numbers."""
    text = re.sub(r"\s+", " ", CHANGELOG.read_text(encoding="utf-8").partition("### Numbers that changed")[2])
    return [part for part, (version, why) in versions.raised().items() if version > versions.FIRST and why not in text]
