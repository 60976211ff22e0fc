"""The golden runs: every method for two dozen steps, every data set read once, in small archives of stand-ins."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landmarklib import datasets, loading, methods
from landmarklib.core import metrics, progress
from landmarklib.core.dataset import Dataset
from landmarklib.core.experiment import Experiment, Flat
from landmarklib.core.types import Crop, Listing
from landmarklib.formats import archive
from landmarklib.records.record import Record
from landmarklib.training import compute

TABLE = "golden"  # folder of the results, and what the runs have for a table
COUNTS = {"train": 64, "val": 16, "test": 48}  # images of an archive
FEW = 8  # images of a split that is only read
SIZE = 32
SMALL = {"kernel": 5, "depth": 2, "width": 4, "kernels": [3, 2, 2], "widths": [4, 6, 8], "hidden": [16], "beta": 10.0}
SMALL |= {"features": 8, "maps_width": 6, "points": 16}  # of two_step
SMALL |= {"stem": [4, 2, 2], "modules": [1, 1, 1], "bottlenecks": [1, 4], "painter": 4}  # of hrnet
WEIGHTS = {"landmarks": 100.0, "elt": 30.0, "classes": 1.0, "angles": 1.0}
JITTER = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}


def experiments() -> list[Experiment]:
    """The golden runs: every method on generated images and on photos, then what those leave out."""
    found = []
    for method in methods.names():
        if methods.get(method).pixelwise:
            found.append(_experiment(method, "helen_parsing", []))
        else:
            found += [_experiment(method, "blocks", ["class"]), _experiment(method, "mtfl", ["gender", "pose"])]
    return [
        *found,
        _experiment("rcn", "mtfl", ["pose"], decoder="softmax"),
        _experiment("heatmap_mt", "blocks", ["class"], decoder="soft-argmax"),
        _experiment("fse_supervised", "blocks", ["class"], end="soft-argmax"),
        _experiment("rcn", "aflw", ["yaw", "pitch", "roll"], elt_on_all=True),
        _experiment("seq_mt", "shapes", ["class"]),
        _experiment("comm_mt", "w300", []),  # which has several normalizers
    ]


def _experiment(method: str, dataset: str, attributes: list[str], **options: Any) -> Experiment:
    spec = methods.get(method)
    known, terms = spec.options, spec.terms
    unlabelled = dataset == "shapes"  # where networks see no landmark labels
    kinds = {"classes" if loading.get(dataset).attributes[name] else "angles" for name in attributes}
    left_out = {"classes", "angles"} - kinds | ({"landmarks"} if unlabelled else set())
    if method == "rcn" and options.get("decoder") == "softmax":
        left_out |= {"classes", "elt"}
    decoder = options.get("decoder", known.get("decoder"))  # a cross-entropy over pixels is a hundred times as large
    light = decoder == "softmax"
    weights = {term: 1.0 if light else WEIGHTS.get(term, 1.0) for term in terms if term not in left_out}
    small = {name: value for name, value in {**SMALL, "attributes": attributes}.items() if name in known}
    points = spec.input == "images"
    photos = bool(loading.get(dataset).read)
    select = "accuracy_percent" if unlabelled or not points else "nme_percent" if photos else "error_px"
    e = Flat(
        table=TABLE,
        row=" ".join([method, dataset, *map(str, options.values())]),
        dataset=dataset,
        method=method,
        options={**small, **options},
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
        select=metrics.PIXELS if spec.pixelwise else select,
        clip=50.0,
        beta2=0.98,
        jitter=JITTER if photos and points else {},
        tests=["afw"] if dataset == "mtfl" and points else [],
    ).experiment
    asked = any(spec.terms[term].teacher for term in weights)
    stage = replace(e.stages[0], ema=0.9) if asked else e.stages[0]
    readout = methods.default_readout(spec, e.fraction)
    return replace(e, stages=(stage,), evaluation=replace(e.evaluation, readout=readout))


@contextmanager
def archives(names: Sequence[str], counts: Mapping[str, int]) -> Iterator[None]:
    """Within it, small archives of these data sets, in their publishers' layouts, are all that there is.

    counts: images of each split.
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
    readings = {name: reading(name) for name in progress.bar(known, desc="readings", unit="set")}
    return compute_runs(experiments()), readings


def compute_runs(wanted: Sequence[Experiment]) -> list[Record]:
    """These golden runs, in the literal form."""
    from landmarklib.nets.forms import LITERAL

    found = {}
    with progress.bar(total=len(wanted), desc="golden runs", unit="run") as bar:
        for photos, runs in itertools.groupby(sorted(wanted, key=_photos), _photos):
            with archives(photos, COUNTS):
                for e in runs:
                    (found[e.key],) = compute.run([e], form=LITERAL)
                    bar.update()
    return [found[e.key] for e in wanted]


def _photos(experiment: Experiment) -> list[str]:
    """The data sets of a golden run that have photos: one archive may lie where another does."""
    return [name for name in experiment.datasets if loading.get(name).read]


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
