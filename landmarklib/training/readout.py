"""Fitting a readout to a trained network: which output is which landmark, or which linear map of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from landmarklib.core import metrics, subsets
from landmarklib.core.readouts import NAMED, Readout, regress
from landmarklib.core.stages import ORIGINS, from_labels
from landmarklib.core.types import Annotations
from landmarklib.methods import Method
from landmarklib.training import prediction
from landmarklib.training.state import TrainState, frames


class Labelled(NamedTuple):
    """What a network finds on the images that have landmarks, and where these are; in [-1, 1].

    index: of these images among the training images.
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
    if evaluation.readout == "named":
        return NAMED
    known = labelled(run, method, options)
    return regress(known.outputs, known.points, known.visible, evaluation.regressor.origin, evaluation.regressor.ridge)


def while_training(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout by which weights are chosen: that of the end, but no match where points do not choose."""
    evaluation = run.experiment.evaluation
    by_points = metrics.is_of_points(evaluation.select)
    return fit(run, method, options, validation) if evaluation.readout != "matched" or by_points else NAMED


def labelled(run: TrainState, method: Method, options: dict) -> Labelled:
    """What the network finds on all images with true landmarks, part by part: they may be all training images."""
    index = run.given.nonzero()[:, 0]
    run.predictor.eval()
    with torch.no_grad():
        parts = [method.predict(run.predictor, frames(run, part), options).points for part in index.split(128)]
    points, visible = (part[index].cpu().numpy() for part in (run.data.points, run.data.visible))
    return Labelled(torch.cat(parts).cpu().numpy(), np.nan_to_num(points), visible, index.cpu().numpy())


def other_regressors(
    known: Labelled, run: TrainState, ids: tuple[str, ...], found: np.ndarray, test: Annotations
) -> dict[str, np.ndarray]:
    """The error of a `regressed` readout about other origins, for every image, and from few labels, for every draw.

    ids: of the training images; the order in which a draw takes them follows from these alone, so that networks of any
        kind are read by the same labels.
    found: outputs on the test images, in pixels.
    """
    regressor, values = run.experiment.evaluation.regressor, {}
    main = "error_px" if test.normalizer is None else "nme_percent"
    for origin, words in ORIGINS.items():
        about = "" if origin == regressor.origin else f" {words}"

        def errors(chosen: Labelled, origin=origin) -> np.ndarray:
            fitted = regress(chosen.outputs, chosen.points, chosen.visible, origin, regressor.ridge)
            landmarks = fitted.landmarks(found, test.images.shape[-1])
            if test.normalizer is None:
                return metrics.point_error(landmarks, test.points, test.visible)
            return 100 * metrics.point_error(landmarks, test.points, test.visible, test.normalizer)

        if about:
            values[f"{main}{about}"] = errors(known)
        for n in regressor.few:
            drawn = (draw(known, ids, n, seed) for seed in range(regressor.draws))
            values[f"{main} {from_labels(n)}{about}"] = np.array([np.nanmean(errors(chosen)) for chosen in drawn])
    return values


def draw(known: Labelled, ids: tuple[str, ...], n: int, seed: int) -> Labelled:
    """n of the labelled images, the first of an order by that seed."""
    order = subsets.label_order(tuple(ids[i] for i in known.index), None, seed)
    return known[order[:n]]
