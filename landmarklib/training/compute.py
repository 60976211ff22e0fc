"""One run, from an experiment to its record. Everything here may change a number.

torch is imported inside the functions: the reading side imports this module's neighbours without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from landmarklib import loading, methods
from landmarklib.core import metrics, subsets
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN, Annotations, UserError, whole
from landmarklib.records import environment, staleness
from landmarklib.records.record import Record

if TYPE_CHECKING:
    from landmarklib.training import train

PACKS = (1, 4, 16, 64)  # numbers of runs at once that are tried on a GPU


def run(
    experiments: Sequence[Experiment],
    *,
    device: str = "cpu",
    form: Any = None,
    exact: Any = None,
    n_maps: int = 0,
    progress: Callable[[int], None] = lambda passes: None,
    states: Sequence[dict[str, Any]] = (),
    keep: Callable[[list[dict[str, Any]]], None] | None = None,
) -> list[Record]:
    """Train a pack of runs, predict the test split with each, and say how good it is. The only function that trains.

    The experiments agree in `pack_key`. form: how convolutions are computed (`nets.plain.Form`); None takes the fastest on
    this device. exact: the form of the predictions, in float32; None takes that of training if it is one, else the fastest. n_maps: test images whose probability maps go into the record. states: where to go on from, a state of each run after the same
    number of steps; keep: gets such states now and then. Raises DataMissing where the data set is not on this machine.
    """
    import torch

    from landmarklib import methods
    from landmarklib.nets import forms
    from landmarklib.training import prediction, train

    where, one = torch.device(device), experiments[0]
    method, dataset, options = methods.get(one.method), loading.get(one.dataset), methods.complete_options(one)
    splits = {name: loading.split(one.dataset, name, one.size) for name in dataset.counts if name != "train"}
    splits["train"] = loading.first(loading.training(one), one.train_images)
    images = torch.from_numpy(np.array(splits["train"].images)).to(where)
    margin = MARGIN if one.jitter else 1.0
    form = form or measured_form(*network(one), device, len(experiments))[0]
    runs = []
    for e, state in zip(experiments, states or [{}] * len(experiments), strict=True):
        chosen = subsets.label_subset(splits["train"].ids, e.fraction, e.seed, splits["train"].attributes.get("class"))
        generator = torch.Generator().manual_seed(e.seed)
        module = method.build(dataset, e.size, options, generator).to(where)
        forms.set_form(module, form)
        data = train.annotated(splits["train"], torch.from_numpy(chosen), images, options["attributes"], margin)
        runs.append(train.Run(e, module, data, generator, state=state))
    train.train(runs, method, loading.first(splits["val"], one.evaluation_images), options, progress, keep)
    with prediction.without_tf32():
        if not exact:
            exact = form if form.dtype == torch.float32 else measured_form(*network(one), device, exact=True)[0]
        return [stamped(evaluate_test(r, method, options, splits, form, exact, n_maps)) for r in runs]


def stamped(made: Record) -> Record:
    """The record with the versions of all that it depends on."""
    behaviour = staleness.of(made.experiment, made.metrics)
    return replace(made, provenance={**made.provenance, "behaviour": behaviour})


def evaluate_test(
    r: train.Run,
    method: ModuleType,
    options: dict,
    splits: dict[str, Annotations],
    form: Any,
    exact: Any,
    n_maps: int,
) -> Record:
    """The record of a run that was trained in one form: what it predicts for the test split in the exact one, and how good that is."""
    from landmarklib.nets import forms
    from landmarklib.training import prediction

    e, where = r.experiment, r.data.images.device
    dataset, chosen = loading.get(e.dataset), r.data.labelled.nonzero()[:, 0].tolist()
    computed = f"{form}" if form == exact else f"{form}; test images in {exact}"
    common = {
        "experiment": e,
        "curve": tuple(r.curve),
        "best_step": r.best_step,
        "warnings": tuple(r.warnings),
        "passes": r.passes,
        "seconds": round(r.seconds, 2),
        "data": {
            "tier": loading.tier(dataset, e.size),
            "fingerprint": loading.split_fingerprint(e.dataset, e.size),
            "n_labelled": len(chosen),
            "labelled": subsets.ids_hash([splits["train"].ids[i] for i in chosen]),
        },
        "provenance": {**environment.describe(environment.device_name(where)), "form": computed},
    }
    if r.failure or not r.best_step:
        return Record(status="failed", reason=r.failure or "no validation value was finite", **common)
    forms.set_form(r.module, exact)
    assignment = None
    if not e.fraction:
        validation = loading.first(splits["val"], e.evaluation_images)
        found = prediction.predict(r.module, method, validation.images, options, where)
        assignment = metrics.best_assignment(found.points, validation.points)
    test = loading.first(splits["test"], e.test_images)
    seen = options["attributes"] if {"classes", "angles"} & set(e.weights) else ()
    predictions = prediction.predict(r.module, method, prediction.given(method, test), options, where)
    if not seen:  # the head was never trained
        predictions = replace(predictions, attributes=None)
    values = prediction.per_image(predictions, test, seen, assignment)
    done = {"status": "done", **common}
    if predictions.points is None:
        return Record(metrics={name: summary(v) for name, v in values.items()}, **done)
    values |= extra_test_metrics(r, method, options, predictions.points, values, test)
    main = "nme_percent" if test.unit is not None else "error_px"
    points = predictions.points if assignment is None else predictions.points[:, assignment]
    classes = predictions.attributes[:, 0] if seen and dataset.attributes[seen[0]] else None
    maps = []
    if n_maps:
        maps = prediction.probability_maps(r.module, method, test.images[:n_maps], options, where, assignment)
    return Record(
        metrics={name: summary(v) for name, v in values.items()},
        quantiles=tuple(np.round(np.nanquantile(values[main], np.linspace(0, 1, 21)), 4).tolist()),
        gallery=tuple(gallery(points, classes, values["error_px"], maps)),
        assignment=None if assignment is None else tuple(assignment),
        **done,
    )


def extra_test_metrics(
    r: train.Run,
    method: ModuleType,
    options: dict,
    points: np.ndarray,
    values: dict[str, np.ndarray],
    test: Annotations,
) -> dict[str, np.ndarray]:
    """The NME against displaced points, on parts of the test images and on other data sets. points, values: those of the test images."""
    from landmarklib.training import prediction

    e, found = r.experiment, {}
    dataset = loading.get(e.dataset)
    if shift := dataset.displaced.get("test", 0.0):
        found[f"nme_percent of points less {shift:g} px"] = shifted_labels(points, test, shift)
    for name, (attribute, of_part) in dataset.subsets.items():
        inside = np.isin(test.attributes[attribute], of_part)
        if inside.any():
            found[f"nme_percent on {name}"] = np.where(inside, values["nme_percent"], np.nan)
    for name in e.tests:
        other = loading.split(name, "test", e.size)
        there = prediction.predict(r.module, method, other.images, options, r.data.images.device)
        error = metrics.point_error(there.points, other.points, other.visible, other.unit)
        found[f"nme_percent on {whole(name)}"] = 100 * error
    return found


def shifted_labels(points: np.ndarray, annotations: Annotations, pixels: float) -> np.ndarray:
    """The NME in percent if the annotated points stood so many pixels of their photo further left and up."""
    a = annotations
    moved = a.points - pixels * a.pixel[:, None, None]
    return 100 * metrics.point_error(points, moved, a.visible, a.unit)


def pack_key(experiment: Experiment) -> tuple:
    """What the runs of a pack agree in: everything but row, seed, fraction and how much a loss term weighs.

    Steps of a run that has no unlabelled image are smaller, so it is of another kind where steps take such images.
    """
    from landmarklib import methods

    e = experiment
    n = e.train_images or loading.get(e.dataset).counts["train"]
    takes_unlabelled = any(methods.get(e.method).TERMS[t] for t, w in e.weights.items() if w)
    values = asdict(replace(e, row="", seed=0, fraction=0.0, weights={t: float(bool(w)) for t, w in e.weights.items()}))
    return json.dumps(values, sort_keys=True), takes_unlabelled and round(e.fraction * n) == n


def network(experiment: Experiment) -> tuple:
    """What decides how fast a network is: data set, method, image side, and the options that set its shape."""
    options = methods.complete_options(experiment)
    shape = tuple(
        (name, options[name])
        for name in ("kernel", "depth", "width", "out_kernel", "cells", "coarsest", "shared")
        if name in options
    )
    shape += tuple((name, tuple(options[name])) for name in ("widths", "kernels", "attributes") if name in options)
    return experiment.dataset, experiment.method, experiment.size, shape


@cache
def measured_form(
    dataset: str, method: str, size: int, shape: tuple, device: str, runs: int = 1, exact: bool = False
) -> tuple[Any, float]:
    """The fastest form of a pack of this network on this device and its images per second, forward and backward. exact: in float32, forward alone."""
    import torch

    from landmarklib import methods
    from landmarklib.nets import forms
    from landmarklib.training import prediction

    generator = torch.Generator().manual_seed(0)
    options = {**methods.get(method).OPTIONS, **dict(shape)}
    module = methods.get(method).build(loading.get(dataset), size, options, generator).to(device).eval()
    costly = getattr(module, "localizer", None) or module.first
    n_points = len(loading.get(dataset).landmarks)
    seen = (1, size, size) if prediction.sees_images(methods.get(method)) else (n_points, 2)
    return forms.fastest_form(costly, torch.rand(16, *seen, generator=generator).to(device), runs, inference=exact)


@cache
def pack_size(dataset: str, method: str, size: int, shape: tuple, device: str) -> int:
    """How many runs to train at once: on a GPU the least number that is nearly as fast as any that fits; else one.

    A processor gains nothing from a pack: there, each core trains a run of its own.
    """
    import torch

    if not device.startswith("cuda"):
        return 1
    rates: dict[int, float] = {}
    for runs in PACKS:
        try:
            rates[runs] = measured_form(dataset, method, size, shape, device, runs)[1]
        except torch.OutOfMemoryError:
            break
        finally:
            torch.cuda.empty_cache()
    if not rates:
        free, total = (n / 2**30 for n in torch.cuda.mem_get_info(device))
        raise UserError(f"device: {device} has {free:.1f} of {total:.1f} GiB free, too little for one run of {method}")
    return next(runs for runs, rate in rates.items() if rate > 0.9 * max(rates.values()))


def summary(values: np.ndarray) -> dict[str, float]:
    """Mean, its 95% interval over images, and their number."""
    mean, low, high = (round(v, 4) for v in metrics.interval(values))
    return {"mean": mean, "low": low, "high": high, "n": int((~np.isnan(values)).sum())}


def gallery(points: np.ndarray, classes: np.ndarray | None, error: np.ndarray, maps: list[list[str]]) -> list[dict]:
    """The first four test images, the same for every run, then this run's best, median and three worst."""
    order = np.argsort(error)
    chosen = [("fixed", i) for i in range(max(4, len(maps)))] + [("best", order[0]), ("median", order[len(order) // 2])]
    chosen += [("worst", i) for i in order[:-4:-1]]
    entries = []
    for kind, i in chosen:
        entry = {
            "kind": kind,
            "index": int(i),
            "error_px": round(float(error[i]), 3),
            "points": np.round(points[i].astype(float), 2).tolist(),
        }
        if classes is not None:
            entry["class"] = int(classes[i])
        if kind == "fixed" and i < len(maps):
            entry["maps"] = maps[i]
        entries.append(entry)
    return entries
