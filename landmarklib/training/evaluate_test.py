"""The record of a run that has been trained: what it predicts for test images, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from landmarklib import loading
from landmarklib.core import metrics, subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.method import Method
from landmarklib.core.readouts import Readout
from landmarklib.core.stages import BACKWARD
from landmarklib.core.types import NO_CLASS, Annotations, Crop, whole
from landmarklib.methods import attributes
from landmarklib.nets import forms
from landmarklib.nets.forms import Form
from landmarklib.records import distributions, environment, staleness
from landmarklib.records.record import Record
from landmarklib.training import prediction, readout, representations, turned
from landmarklib.training.state import TrainState


class Computed(NamedTuple):
    """How a run's convolutions are computed: in training, for test images, and by whom that was chosen."""

    form: Form
    inference_form: Form
    by: str

    def __str__(self) -> str:
        apart = self.form != self.inference_form
        return f"{self.form}" + f"; test images in {self.inference_form}" * apart


class Trained(NamedTuple):
    """A run after training, with all that judging it needs.

    splits: val and test, and train as far as it was used.
    how: its convolutions are computed.
    n_maps: test images whose probability maps go into the record.
    """

    run: TrainState
    method: Method
    options: dict[str, Any]
    splits: Mapping[str, Annotations]
    how: Computed
    n_maps: int = 0


def evaluate_test(t: Trained) -> Record:
    """The record of a run: of its test images, of other data sets' and of parts of them."""
    r, e = t.run, t.run.experiment
    common = _common(t)
    if r.failure or not r.best_step:
        return stamped(Record(status="failed", reason=r.failure or "no validation value was finite", **common))
    forms.set_form(r.predictor, t.how.inference_form)
    known = None
    validation = loading.first(t.splits["val"], e.evaluation.images)
    if e.evaluation.readout == "regressed":
        images = readout.source(r, validation)
        known = readout.labelled(r, t.method, t.options, images)
        fitted = readout.fitted_on(known, e.evaluation.regressor)
    else:
        fitted = readout.fit(r, t.method, t.options, validation)
    test = loading.first(t.splits["test"], e.evaluation.test_images)
    teaches = {t.method.terms[term].attributes for term in e.terms} - {""}
    seen = attributes(t.options) if teaches else ()
    device = r.data.images.device
    found = prediction.predict(r.predictor, t.method, prediction.inputs(t.method, test), t.options, device)
    if not seen:  # the head was never trained
        found = replace(found, attributes=None)
    values = prediction.per_image(found, test, seen, fitted)
    if found.points is None:
        return stamped(Record(status="done", metrics=summaries(values), **_of_pixels(found, test), **common))
    points = fitted.landmarks(found.points, e.size)
    values |= extra_test_metrics(t, fitted, points, values, test)
    main = prediction.main(test)
    if known:
        ids, measures = t.splits[e.evaluation.regressor.split].ids, partial(main_measures, test, loading.get(e.dataset))
        values |= readout.other_errors(r, t.method, t.options, known, images, ids, found.points, measures)
        values |= backward_error(readout.backward(known, e.evaluation.regressor), found.points, test)
    if things := loading.get(e.dataset).aligned:
        values[metrics.SCATTER] = metrics.scatter(found.points, test.attributes[things])
    represented, embedding = representations.found(r.predictor, t.method, t.options, test, device)
    values |= represented
    values |= prediction.measured(r.predictor, t.method, test.images, t.options, device)
    return stamped(
        Record(
            status="done",
            metrics=summaries(values),
            quantiles=tuple(np.round(np.nanquantile(values[main], np.linspace(0, 1, 21)), 4).tolist()),
            errors=distributions.packed(values[main]),
            gallery=tuple(_gallery(t, fitted, found, test, values)),
            embedding=embedding,
            assignment=fitted.assignment,
            contributions=() if known is None else tuple(map(tuple, fitted.contributions().round(4).tolist())),
            **common,
        )
    )


def _gallery(
    t: Trained, fitted: Readout, found: prediction.Predictions, test: Annotations, values: Mapping[str, np.ndarray]
) -> list[dict]:
    """What a record shows: of some test images, and of one turned where nobody annotated any.

    values: of the test images, by metric.
    """
    r, e, annotated = t.run, t.run.experiment, bool(test.points.shape[1])
    outputs = found.points if e.evaluation.readout == "regressed" or not annotated else None
    seen = attributes(t.options) if found.attributes is not None else ()
    classes = found.attributes[:, 0] if seen and loading.get(e.dataset).attributes[seen[0]] else None
    images, maps = test.images[: t.n_maps], []
    if t.n_maps:
        maps = prediction.probability_maps(r.predictor, t.method, images, t.options, r.data.images.device, fitted)
    errors = values["error_px" if annotated else prediction.ALONE]
    entries = gallery(fitted.landmarks(found.points, e.size), classes, errors, maps, outputs)
    return entries if annotated else entries + turned.gallery(r, t.method, t.options, test.images[0], found.points[0])


def _of_pixels(found: prediction.Predictions, test: Annotations) -> dict[str, Any]:
    """What a record shows of test images whose pixels are classified; nothing where none are.

    That is the share of pixels of each image whose class is wrong, and of some how many these are, and the classes.
    """
    classes = found.pixel_classes
    if classes is None:
        return {}
    wrong = (classes != test.pixel_classes) & (test.pixel_classes != NO_CLASS)
    entries = gallery(test.points, None, wrong.sum((1, 2)).astype(float), [])
    shown = tuple({**g, "pixel_classes": prediction.packed(classes[g["index"]])} for g in entries)
    return {"errors": distributions.packed(100 - metrics.pixel_accuracy(classes, test.pixel_classes)), "gallery": shown}


def _common(t: Trained) -> dict[str, Any]:
    """What every record has, of a run that failed, too."""
    r, e = t.run, t.run.experiment
    split = e.evaluation.regressor.split
    chosen = readout.source(r, loading.first(t.splits["val"], e.evaluation.images)).given
    where = environment.describe(environment.device_name(r.data.images.device))
    return {
        "experiment": e,
        "curve": tuple(r.curve),
        "best_step": r.best_step,
        "warnings": tuple(r.warnings),
        "images_processed": r.images_processed,
        "seconds": round(r.seconds, 2),
        "data": {
            "tier": loading.tier(loading.get(e.dataset), e.size),
            **loading.described(e),
            "n_labelled": len(chosen),
            "labelled": subsets.ids_hash([t.splits[split].ids[i] for i in chosen]),
        },
        "provenance": {**where, "form": str(t.how), "form_chosen": t.how.by},
    }


def stamped(made: Record) -> Record:
    """The record with the versions of all that it depends on."""
    behaviour = staleness.of(made.experiment, made.metrics)
    return replace(made, provenance={**made.provenance, "behaviour": behaviour})


def extra_test_metrics(
    t: Trained, fitted: Readout, points: np.ndarray, values: dict[str, np.ndarray], test: Annotations
) -> dict[str, np.ndarray]:
    """The NME against shifted labels, on parts of the test images and on other data sets; what is found near enough.

    points, values: those of the test images.
    """
    e = t.run.experiment
    dataset = loading.get(e.dataset)
    found = prediction.counted(points, test, dataset)
    if shift := dataset.shifted_labels.get("test", 0.0):
        found[f"nme_percent of points less {shift:g} px"] = shifted_labels(points, test, shift)
    for name, (attribute, of_part) in dataset.subsets.items():
        inside = np.isin(test.attributes[attribute], of_part)
        if inside.any():
            found[f"nme_percent on {name}"] = np.where(inside, values["nme_percent"], np.nan)
    for name in e.evaluation.tests:
        other = loading.split(name, "test", Crop(e.size))
        there = prediction.predict(t.run.predictor, t.method, other.images, t.options, t.run.data.images.device)
        landmarks = fitted.landmarks(there.points, e.size)
        error = metrics.point_error(landmarks, other.points, other.visible, other.normalizer)
        found[f"nme_percent on {whole(name)}"] = 100 * error
    return found


def main_measures(test: Annotations, dataset: Dataset, points: np.ndarray) -> dict[str, np.ndarray]:
    """The error of landmarks, and the share that is found where the data set has such a distance."""
    predicted = prediction.Predictions(points, None)
    main = prediction.main(test)
    counted = prediction.counted(points, test, dataset)
    one_by_one = {f"pck_percent of {name}" for name in dataset.landmarks}
    return {main: prediction.of_points(predicted, test)[main]} | {
        n: v for n, v in counted.items() if n not in one_by_one
    }


def backward_error(fitted: Readout, outputs: np.ndarray, test: Annotations) -> dict[str, np.ndarray]:
    """The error of the outputs, regressed from the annotated landmarks of images on which all are visible.

    outputs: as the network found them; in pixels.
    """
    whole = test.visible.all(1)
    regressed = fitted.landmarks(np.where(whole[:, None, None], test.points, 0.0), test.images.shape[-1])
    scale = 1.0 if test.normalizer is None else test.normalizer / 100
    visible = np.broadcast_to(whole[:, None], outputs.shape[:2])
    return {f"{prediction.main(test)} {BACKWARD}": metrics.point_error(regressed, outputs, visible, scale)}


def shifted_labels(points: np.ndarray, annotations: Annotations, pixels: float) -> np.ndarray:
    """The NME in percent if the annotated points stood so many pixels of their photo further left and up."""
    a = annotations
    moved = a.points - pixels * a.pixel[:, None, None]
    return 100 * metrics.point_error(points, moved, a.visible, a.normalizer)


def summaries(values: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Each metric's summary, of those that some image, or some draw of labelled images, has a value of."""
    return {
        name: summary(v) | ({"sd": round(float(np.nanstd(v, ddof=1)), 4)} if metrics.n_labels(name) else {})
        for name, v in values.items()
        if not np.isnan(v).all()
    }


def summary(values: np.ndarray) -> dict[str, float]:
    """Mean, its 95% interval over images, and their number."""
    mean, low, high = (round(v, 4) for v in metrics.interval(values))
    return {"mean": mean, "low": low, "high": high, "n": int((~np.isnan(values)).sum())}


def gallery(
    points: np.ndarray,
    classes: np.ndarray | None,
    error: np.ndarray,
    maps: list[list[str]],
    outputs: np.ndarray | None = None,
) -> list[dict]:
    """The first four test images, the same for every run, then this run's best, median and three worst.

    Images without an error (NaN) are left out.
    """
    known = np.isfinite(error)
    order = np.argsort(error)[: known.sum()]  # NaN comes last
    chosen = [("fixed", i) for i in range(max(4, len(maps))) if known[i]]
    chosen += [("best", i) for i in order[:1]] + [("median", i) for i in order[len(order) // 2 :][:1]]
    chosen += [("worst", i) for i in order[:-4:-1]]
    entries = []
    for kind, i in chosen:
        entry = {
            "kind": kind,
            "index": int(i),
            "error_px": round(float(error[i]), 3),
            "points": np.round(points[i].astype(float), 2).tolist(),
        }
        if outputs is not None:
            entry["outputs"] = np.round(outputs[i].astype(float), 2).tolist()
        if classes is not None:
            entry["class"] = int(classes[i])
        if kind == "fixed" and i < len(maps):
            entry["maps"] = maps[i]
        entries.append(entry)
    return entries
