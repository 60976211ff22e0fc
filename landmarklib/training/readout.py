"""Fitting a readout to a trained network: which output is which landmark, or which linear map of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from landmarklib.core import augmentation, metrics, subsets
from landmarklib.core.method import Method
from landmarklib.core.noise import Noise
from landmarklib.core.readouts import NAMED, Origin, Readout, regress
from landmarklib.core.stages import ORIGINS, Regressor, from_labels
from landmarklib.core.types import Annotations, Batch
from landmarklib.training import prediction
from landmarklib.training.state import Data, TrainState, annotated, pixels, unjittered

MOST_VIEWS = 16_000  # of labelled images, on which a regressor is fitted: more cost time and tell it little


class Source(NamedTuple):
    """Images of which the labelled ones are for a regressor. jitter: its ranges, where they are cut wide for it."""

    data: Data
    jitter: Mapping[str, float] = MappingProxyType({})

    @property
    def given(self) -> np.ndarray:
        """Indices of the labelled images."""
        return self.data.labelled.nonzero()[:, 0].cpu().numpy()


class Labelled(NamedTuple):
    """What a network finds on views of the images that have landmarks, and where these are; in [-1, 1].

    index: of each view's image among those of its split.
    """

    outputs: Float[np.ndarray, "N K 2"]
    points: Float[np.ndarray, "N J 2"]
    visible: Bool[np.ndarray, "N J"]
    index: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> Labelled:
        return Labelled(*(part[chosen] for part in tuple(self)))


def fit(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout that a run's evaluation asks for. validation: images on which outputs are matched."""
    evaluation = run.experiment.evaluation
    if evaluation.readout == "matched":
        device = run.data.images.device
        found = prediction.predict(run.predictor, method, validation.images, options, device)
        return Readout(tuple(metrics.best_assignment(found.points, validation.points, validation.visible)))
    if evaluation.readout == "regressed":
        return fitted_on(labelled(run, method, options, source(run, validation)), evaluation.regressor)
    return NAMED


def while_training(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout by which weights are chosen on validation images: a regressor is fitted on training images.

    There is no match where points do not choose.
    """
    evaluation = run.experiment.evaluation
    if evaluation.readout == "regressed":
        return fitted_on(labelled(run, method, options, training(run)), evaluation.regressor)
    by_points = metrics.is_of_points(evaluation.select)
    return fit(run, method, options, validation) if evaluation.readout != "matched" or by_points else NAMED


def training(run: TrainState) -> Source:
    """The training images; those with true landmarks are the labelled ones."""
    return Source(replace(run.data, labelled=run.given), run.experiment.jitter)


def source(run: TrainState, validation: Annotations) -> Source:
    """The images that the run's regressor is fitted on in the end."""
    if run.experiment.evaluation.regressor.split == "train":
        return training(run)
    return Source(annotated(validation, None, torch.from_numpy(np.array(validation.images)).to(run.given.device), ()))


def backward(known: Labelled, regressor: Regressor) -> Readout:
    """The linear map the other way, from landmarks to outputs, on the images where all landmarks are visible."""
    whole = known[known.visible.all(1)]
    every = np.ones(whole.outputs.shape[:2], bool)
    return regress(whole.points, whole.outputs, every, regressor.origin, regressor.ridge)


def fitted_on(known: Labelled, regressor: Regressor, origin: Origin | None = None) -> Readout:
    """The linear map that fits what is known. origin: the regressor's by default."""
    return regress(known.outputs, known.points, known.visible, origin or regressor.origin, regressor.ridge)


@torch.no_grad()
def labelled(
    run: TrainState, method: Method, options: dict, images: Source, chosen: np.ndarray | None = None
) -> Labelled:
    """What the network finds on labelled images, part by part: they may be many.

    Where the regressor asks for views of each, there are as many as it says, or MOST_VIEWS in all; they are jittered as
    in training, and the same for every network.

    chosen: indices of the images; None for all that are labelled.
    """
    run.predictor.eval()
    data, jitter, size = images.data, images.jitter, run.experiment.size
    chosen = images.given if chosen is None else chosen
    device, asked, parts = data.images.device, run.experiment.evaluation.regressor.views, []
    noise, views = Noise(torch.Generator(device).manual_seed(0)), max(1, min(asked, MOST_VIEWS // len(chosen)))
    for index in torch.from_numpy(chosen).to(device).repeat(views).split(128):
        seen, points, visible = pixels(data.images[index]), data.points[index], data.visible[index]
        if asked and jitter:
            batch = Batch(seen, points, visible, data.attributes[index], len(index))
            batch = augmentation.jitter_batch(batch, noise, size, **jitter)
            seen, points, visible = batch.images, batch.points, batch.visible
        elif jitter:
            seen = unjittered(seen, size)
        found = method.predict(run.predictor, seen, options).points
        parts.append([part.cpu().numpy() for part in (found, points.nan_to_num(0.0), visible, index)])
    return Labelled(*map(np.concatenate, zip(*parts, strict=True)))


def in_order(there: np.ndarray, ids: tuple[str, ...], seed: int) -> np.ndarray:
    """These images in the order in which a draw of that seed takes them: that in which a run of it gets its labels."""
    return there[subsets.label_order(tuple(ids[i] for i in there), None, seed)]


def other_errors(
    run: TrainState,
    method: Method,
    options: dict,
    known: Labelled,
    images: Source,
    ids: tuple[str, ...],
    found: Float[np.ndarray, "N K 2"],
    measures: Callable[[Float[np.ndarray, "N J 2"]], Mapping[str, Float[np.ndarray, " N"]]],
) -> dict[str, np.ndarray]:
    """What a `regressed` readout gives about other origins, for every image, and from few labels, for every draw.

    known: of all labelled images.
    images: with these.
    ids: of them; the order in which a draw takes them follows from these alone, so that networks of
        any kind are read by the same labels.
    found: outputs on the test images, in pixels.
    measures: of landmarks on them, in pixels, for every image.
    """
    regressor, values = run.experiment.evaluation.regressor, {}
    draws = [in_order(images.given, ids, seed) for seed in range(regressor.draws)]
    most = max(regressor.few, default=0)
    drawn = np.unique([order[:most] for order in draws])
    few = labelled(run, method, options, images, drawn) if most else known

    def measured(of: Labelled, origin: Origin) -> Mapping[str, np.ndarray]:
        return measures(fitted_on(of, regressor, origin).landmarks(found, run.experiment.size))

    for origin, words in ORIGINS.items():
        about = "" if origin == regressor.origin else f" {words}"
        if about:
            values |= {f"{name}{about}": v for name, v in measured(known, origin).items()}
        for n in regressor.few:
            of_draws = [measured(few[np.isin(few.index, order[:n])], origin) for order in draws]
            for name in of_draws[0]:
                means = [np.nanmean(of[name]) for of in of_draws]
                values[f"{name} {from_labels(n)}{about}"] = np.array(means)
    return values
