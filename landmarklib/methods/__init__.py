"""Methods: one file each, the folder is the registry.

A method is a value, is written for ONE run and keeps no global state.

To add one, copy the file that is closest and change its constant `METHOD`; `core.method.Method` says what it holds. It
is then found by its file name and tested by tests/methods/test_every_method.py; a method of two stages, with a readout,
and one with a teacher are walked through in tests/training/test_stages.py. Tables are checked against `METHOD` where no
torch is installed, so a method imports torch, networks and losses inside its functions.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from landmarklib.core import costs
from landmarklib.core.errors import UserError, shown
from landmarklib.core.experiment import BALANCED_BY
from landmarklib.core.kinds import kind_of
from landmarklib.core.method import ANGLES, CLASSES, Method
from landmarklib.core.mistakes import checked

if TYPE_CHECKING:
    from landmarklib.core.dataset import Dataset
    from landmarklib.core.experiment import Experiment
    from landmarklib.core.stages import Stage


def names() -> list[str]:
    """All methods of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> Method:
    """The method of that name. Raises UserError that lists the known ones."""
    module = f"{__name__}.{name}"
    if module not in sys.modules and name not in names():  # which looks into the folder, and is asked of every run
        raise UserError(f"unknown method {shown(name)}; known: {', '.join(names())}")
    return importlib.import_module(module).METHOD


def outputs(dataset: Dataset, options: Mapping[str, Any]) -> list[int]:
    """Of each attribute that a method is asked to predict, its number of classes, or 1 for an angle.

    Raises UserError for one that the data set lacks.
    """
    known = dataset.attributes
    for name in options["attributes"]:
        if name not in known:
            raise UserError(f"attributes: {dataset.name} has no {name!r}; it has {', '.join(known) or 'none'}")
    return [known[name] or 1 for name in options["attributes"]]


def attributes(options: Mapping[str, Any]) -> Sequence[str]:
    """The attributes that a method with these options predicts, in order."""
    return options.get("attributes", ())


def complete(method: Method, options: Mapping[str, Any]) -> dict[str, Any]:
    """The method's defaults with these changes.

    Raises UserError for an option that the method lacks, and for a value that is not of its kind.
    """
    _only(f"{method.name}: ", "option", options, method.options)
    for name, value in options.items():
        checked(method.kinds.get(name) or kind_of(method.options[name]), value, method.name, name)
    return {**method.options, **options}


def images_processed(experiment: Experiment, done: int = 0) -> float:
    """About how many images go through the network, forward and backward, in the steps of a run that are left.

    done: steps of the whole training.
    """
    method = get(experiment.method)
    return costs.of_run(experiment, method, complete(method, experiment.options), done)


def check(experiment: Experiment) -> None:
    """Raise UserError where stages and evaluation do not fit the method.

    That is a term, option or group that it lacks, more landmarks than its maps have cells, a stage without the images
    or the teacher that it needs, pairs that nothing uses, a readout without points.
    """
    e, method = experiment, get(experiment.method)
    options = complete(method, e.options)
    stages = [stage.name for stage in e.stages]
    if method.cells and (n := options["n_landmarks"]) > (most := method.cells(options, e.size)):
        raise UserError(f"{e.method}: n_landmarks {n}; maps of {e.size} px images have {most} cells for them, pooled")
    if len(set(stages)) < len(stages):
        raise UserError(f"{e.method}: stages {', '.join(stages)}; each needs a name of its own")
    for i, stage in enumerate(e.stages):
        where = f"{e.method}: stage {stage.name}: " if len(stages) > 1 else f"{e.method}: "
        _check_stage(method, stage, options, where)
        if stage.dataset or not (e.fraction or (i and method.relabel)):
            _check_unlabelled(method, stage, options, where)
    if not e.stages[-1].n_evaluations:
        raise UserError(f"{e.method}: n_evaluations is 0; the last stage is measured on validation images")
    if e.evaluation.readout != "named" and (method.pixelwise or method.input == "points"):
        raise UserError(f"{e.method}: readout {e.evaluation.readout!r}, and the method predicts no points")
    if e.evaluation.readout == "regressed" and not e.fraction:
        raise UserError(f"{e.method}: readout 'regressed' needs labelled images, and fraction is 0")
    if e.evaluation.readout == "named" and method.input == "images" and not (e.fraction and method.named):
        why = "its outputs have no names" if e.fraction else "no image has a landmark"
        raise UserError(f"{e.method}: readout 'named', and {why}; {default_readout(method, e.fraction)} fits")


def default_readout(method: Method, fraction: float) -> str:
    """How the outputs become landmarks where a table does not say. fraction: of the images that have landmarks."""
    return ("named" if method.named else "regressed") if fraction else "matched"


def _check_unlabelled(method: Method, stage: Stage, options: Mapping[str, Any], where: str) -> None:
    why = f"images of {stage.dataset} have no labels" if stage.dataset else "fraction is 0"
    for t, weight in stage.weights.items():
        if weight and (method.terms[t].takes(options) == "labelled" or (stage.dataset and method.terms[t].attributes)):
            raise UserError(f"{where}{why}, and the loss term {t!r} needs labelled images")
    if stage.dataset and stage.batch:
        raise UserError(f"{where}{why}, and batch is {stage.batch}; batch_unlabelled takes them")


def _check_stage(method: Method, stage: Stage, options: Mapping[str, Any], where: str) -> None:
    _only(where, "loss term", stage.weights, method.terms)
    _only(where, "group of parameters", {*stage.optimizer.rates, stage.trains} - {""}, method.groups)
    terms = [term for term, weight in stage.weights.items() if weight]
    if not terms:
        raise UserError(f"{where}no loss term has a weight; known: {', '.join(method.terms)}")
    _only(where, "onset of the loss term", stage.onset, stage.weights)
    if all(stage.onset.get(term, 0) for term in terms):
        raise UserError(f"{where}every loss term has an onset above 0; the first steps would learn nothing")
    for term in terms:
        takes = method.terms[term].takes(options)
        if takes == "labelled" and not stage.batch and not stage.dataset:
            raise UserError(f"{where}batch is 0, and the loss term {term!r} needs labelled images")
        if takes == "unlabelled" and not stage.batch_unlabelled:
            raise UserError(f"{where}batch_unlabelled is 0, and the loss term {term!r} needs such images")
        if method.terms[term].teacher and not stage.ema:
            raise UserError(f"{where}ema is 0, and the loss term {term!r} needs a teacher")
    if not stage.batch and not stage.batch_unlabelled:
        raise UserError(f"{where}batch and batch_unlabelled are both 0; a step takes at least one image")
    if stage.pairs and not method.pairs:
        raise UserError(f"{where}pairs, and the method makes its second views itself")
    if stage.pairs and stage.dataset:
        raise UserError(f"{where}pairs of {stage.dataset}; they are of the run's own data set")


def check_attributes(experiment: Experiment, dataset: Dataset) -> None:
    """Raise UserError for an attribute, classes of pixels or pairs that the data set lacks.

    Also for a loss term that teaches a kind of attribute of which the options name none, or one of images in a mirror.
    """
    method = get(experiment.method)
    if any(stage.pairs for stage in experiment.stages) and not dataset.aligned:
        raise UserError(f"{method.name}: pairs, and {dataset.name} has no photos of one thing in other light")
    if method.pixelwise and not dataset.pixel_names:
        raise UserError(f"{method.name} learns the classes of pixels, and {dataset.name} has none")
    options = complete(method, experiment.options)
    if asked := attributes(options):
        outputs(dataset, options)
    kinds = {CLASSES if dataset.attributes.get(name, 1) else ANGLES for name in asked}
    for term in experiment.terms:
        kind = method.terms[term].attributes
        if kind not in ("", *kinds):
            raise UserError(f"{method.name}: the loss term {term!r} needs an attribute with {kind} in the options")
        if kind and options.get("mirrored"):  # a head that turns left looks right there, and a class may be another
            raise UserError(
                f"{method.name}: the loss term {term!r} learns no attribute of an image in a mirror; mirrored = 0"
            )


def check_data(experiment: Experiment, dataset: Dataset) -> None:
    """Raise UserError where a data set does not fit: by its attributes, or by what a fraction of its images is.

    Every fraction labels an image, and not all of them where a term needs unlabelled ones and labelled ones do not take
    their places; of unlabelled ones a stage sees one; a regressor has enough.
    """
    e, method = experiment, get(experiment.method)
    n = min(e.train_images or dataset.counts["train"], dataset.counts["train"])
    labelled = e.n_labelled(n)
    for stage in e.stages:
        if not stage.dataset:
            stage.n_unlabelled(n - labelled)
    dataset.check_jitter(e.jitter)
    if e.balanced_by != BALANCED_BY:
        _only("balanced_by: ", f"attribute of {dataset.name}", [e.balanced_by], dataset.attributes)
    check_attributes(e, dataset)
    options = complete(method, e.options)
    if e.evaluation.readout == "regressed":
        val = dataset.counts.get("val", 0)
        images = {"train": labelled, "val": min(e.evaluation.images or val, val)}
        e.evaluation.regressor.check(images, options.get("n_landmarks", len(dataset.landmarks)), bool(e.jitter))
    alone = {term for stage in e.stages if not stage.refill for term, weight in stage.weights.items() if weight}
    if labelled == n and any(method.terms[t].takes(options) == "unlabelled" for t in alone):
        what = f"labels: {e.labels} are" if e.labels else f"fractions: {e.fraction:g} labels"
        raise UserError(f"{what} all of {n} training images, and {e.row} needs unlabelled ones")


def _only(where: str, kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"{where}unknown {kind} {shown(unknown[0])}; known: {', '.join(known) or 'none'}")
