"""One run, from an experiment to its record. Everything here may change a number, so it is part of a record's code digest.

torch is imported inside the functions: the reading side imports this module's neighbours without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from landmarklib import datasets, metrics, record
from landmarklib.datasets import labels
from landmarklib.experiment import Experiment
from landmarklib.record import Record
from landmarklib.types import Annotations, UserError


def run(
    experiment: Experiment,
    *,
    device: str = "cpu",
    form: object = None,
    n_maps: int = 0,
    progress: Callable[[int], None] = lambda passes: None,
) -> Record:
    """Train, predict the test split, and say how good that is. The only function that trains.

    form: how convolutions are computed (`nets.plain.Form`); None takes the fastest on this device. n_maps: test images
    whose probability maps go into the record. Raises DataMissing where the data set is not on this machine.
    """
    import torch

    from landmarklib import evaluate, methods, train
    from landmarklib.nets import plain

    where = torch.device(device)
    method, dataset = methods.get(experiment.method), datasets.get(experiment.dataset)
    options = complete_options(experiment)
    splits = {name: datasets.split(experiment.dataset, name, experiment.size) for name in dataset.counts}
    training = first(splits["train"], experiment.train_images)
    chosen = labels.label_subset(training.ids, experiment.fraction, experiment.seed, training.attributes["class"])
    generator = torch.Generator().manual_seed(experiment.seed)
    module = method.build(dataset, experiment.size, options, generator).to(where)
    if form is None:
        form, _ = measured_form(*network(experiment), device)
    plain.set_form(module, form)
    data = train.to_device(training, torch.from_numpy(chosen), where)
    validation = first(splits["val"], experiment.evaluation_images)
    outcome = train.train(module, method, experiment, data, validation, options, generator, progress)
    plain.set_form(module, form._replace(dtype=torch.float32))
    assignment = None
    if not experiment.fraction:
        found = evaluate.predict(module, method, validation.images, options, where)
        assignment = metrics.best_assignment(found.points, validation.points)
    test = first(splits["test"], experiment.test_images)
    predictions = evaluate.predict(module, method, test.images, options, where)
    values = evaluate.per_image(predictions, test, assignment)
    classes = predictions.classes
    if "classes" not in experiment.weights:  # the head was never trained
        values.pop("accuracy_percent", None)
        classes = None
    common = {
        "experiment": experiment,
        "curve": tuple(outcome.curve),
        "best_step": outcome.best_step,
        "warnings": tuple(outcome.warnings),
        "passes": outcome.passes,
        "seconds": round(outcome.seconds, 2),
        "data": {
            "tier": tier(dataset, experiment.size),
            "fingerprint": split_fingerprint(experiment.dataset, experiment.size),
            "n_labelled": len(chosen),
            "labelled": labels.ids_hash([training.ids[i] for i in chosen]),
        },
        "provenance": record.provenance(experiment, device_name(where), str(form)),
    }
    if outcome.failure:
        return Record(status="failed", reason=outcome.failure, **common)
    points = predictions.points if assignment is None else predictions.points[:, assignment]
    maps = evaluate.probability_maps(module, method, test.images[:n_maps], options, where, assignment) if n_maps else []
    return Record(
        status="done",
        metrics={name: summary(v) for name, v in values.items()},
        quantiles=tuple(np.round(np.nanquantile(values["error_px"], np.linspace(0, 1, 21)), 4).tolist()),
        gallery=tuple(gallery(points, classes, values["error_px"], maps)),
        assignment=None if assignment is None else tuple(assignment),
        **common,
    )


def network(experiment: Experiment) -> tuple:
    """What decides how fast a network is: data set, method, image side, and the options that set its shape."""
    options = complete_options(experiment)
    shape = tuple((name, options[name]) for name in ("kernel", "depth", "width") if name in options)
    return experiment.dataset, experiment.method, experiment.size, shape


@cache
def measured_form(dataset: str, method: str, size: int, shape: tuple, device: str) -> tuple[object, float]:
    """The fastest form of this network on this device and its images per second, forward and backward."""
    import torch

    from landmarklib import methods
    from landmarklib.nets import plain

    generator = torch.Generator().manual_seed(0)
    options = {**methods.get(method).OPTIONS, **dict(shape)}
    module = methods.get(method).build(datasets.get(dataset), size, options, generator).to(device)
    localizer = getattr(module, "localizer", None) or module.first
    return plain.fastest_form(localizer, torch.rand(16, 1, size, size, generator=generator).to(device))


def complete_options(experiment: Experiment) -> dict:
    """The method's defaults with the experiment's changes. Raises UserError for an option or term that the method lacks."""
    from landmarklib import methods

    method = methods.get(experiment.method)
    for kind, given, known in (
        ("option", experiment.options, method.OPTIONS),
        ("loss term", experiment.weights, method.TERMS),
    ):
        if unknown := set(given) - set(known):
            raise UserError(f"{experiment.method}: unknown {kind} {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    return {**method.OPTIONS, **experiment.options}


@cache
def split_fingerprint(dataset: str, size: int) -> str:
    """One fingerprint over all splits."""
    prints = [
        labels.fingerprint(datasets.split(dataset, split, size)) for split in sorted(datasets.get(dataset).counts)
    ]
    return labels.ids_hash(prints)


def tier(dataset: datasets.Dataset, size: int) -> str:
    """The data set's; at another image side than the paper's it is a stand-in, whatever it was drawn from."""
    return dataset.tier if size == dataset.size else "stand-in"


def first(annotations: Annotations, n: int) -> Annotations:
    """The first n images; 0 keeps all."""
    if not n:
        return annotations
    attributes = {name: value[:n] for name, value in annotations.attributes.items()}
    a = annotations
    return replace(
        a, images=a.images[:n], points=a.points[:n], visible=a.visible[:n], ids=a.ids[:n], attributes=attributes
    )


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


def device_name(device) -> str:
    """What computed it, in words: the processor's or the GPU's name."""
    import platform

    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"CPU {name}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
