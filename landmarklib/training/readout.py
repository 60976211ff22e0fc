"""Fitting a readout to a trained network: which output is which landmark, or which linear map of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from landmarklib.core import augmentation, metrics, subsets
from landmarklib.core.noise import Noise
from landmarklib.core.readouts import NAMED, Origin, Readout, regress
from landmarklib.core.stages import ORIGINS, Regressor, from_labels
from landmarklib.core.types import Annotations, Batch
from landmarklib.methods import Method
from landmarklib.training import prediction
from landmarklib.training.state import TrainState, frames, pixels

MOST_VIEWS = 16_000  # of labelled images, on which a regressor is fitted: more cost time and tell it little


class Labelled(NamedTuple):
    """What a network finds on views of the images that have landmarks, and where these are; in [-1, 1].

    index: of each view's image among the training images.
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
        return fitted_on(labelled(run, method, options, given(run)), evaluation.regressor)
    return NAMED


def while_training(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout by which weights are chosen: that of the end, but no match where points do not choose."""
    evaluation = run.experiment.evaluation
    by_points = metrics.is_of_points(evaluation.select)
    return fit(run, method, options, validation) if evaluation.readout != "matched" or by_points else NAMED


def given(run: TrainState) -> np.ndarray:
    """Indices of the training images that have true landmarks."""
    return run.given.nonzero()[:, 0].cpu().numpy()


def fitted_on(known: Labelled, regressor: Regressor, origin: Origin | None = None) -> Readout:
    """The linear map that fits what is known. origin: the regressor's by default."""
    return regress(known.outputs, known.points, known.visible, origin or regressor.origin, regressor.ridge)


@torch.no_grad()
def labelled(run: TrainState, method: Method, options: dict, chosen: np.ndarray) -> Labelled:
    """What the network finds on these labelled images, part by part: they may be all training images.

    Where the regressor asks for views of each, there are as many as it says, or MOST_VIEWS in all; they are jittered as
    in training, and the same for every network.
    """
    run.predictor.eval()
    device, asked = run.data.images.device, run.experiment.evaluation.regressor.views
    noise, parts = Noise(torch.Generator(device).manual_seed(0)), []
    views = max(1, min(asked, MOST_VIEWS // len(chosen)))
    for index in torch.from_numpy(chosen).to(device).repeat(views).split(128):
        points, visible = run.data.points[index], run.data.visible[index]
        if asked and run.experiment.jitter:
            batch = Batch(pixels(run.data.images[index]), points, visible, run.data.attributes[index], len(index))
            seen = augmentation.jitter_batch(batch, noise, run.experiment.size, **run.experiment.jitter)
            images, points, visible = seen.images, seen.points, seen.visible
        else:
            images = frames(run, index)
        found = method.predict(run.predictor, images, options).points
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
    ids: tuple[str, ...],
    found: Float[np.ndarray, "N K 2"],
    test: Annotations,
) -> dict[str, np.ndarray]:
    """The error of a `regressed` readout about other origins, for every image, and from few labels, for every draw.

    known: of all labelled images.
    ids: of the training images; the order in which a draw takes them follows from these alone, so that networks of any
        kind are read by the same labels.
    found: outputs on the test images, in pixels.
    """
    regressor, values, there = run.experiment.evaluation.regressor, {}, given(run)
    main = prediction.main(test)
    draws = [in_order(there, ids, seed) for seed in range(regressor.draws)]
    most = max(regressor.few, default=0)
    few = labelled(run, method, options, np.unique([order[:most] for order in draws])) if most else known

    def errors(of: Labelled, origin: Origin) -> np.ndarray:
        landmarks = fitted_on(of, regressor, origin).landmarks(found, test.images.shape[-1])
        if test.normalizer is None:
            return metrics.point_error(landmarks, test.points, test.visible)
        return 100 * metrics.point_error(landmarks, test.points, test.visible, test.normalizer)

    for origin, words in ORIGINS.items():
        about = "" if origin == regressor.origin else f" {words}"
        if about:
            values[f"{main}{about}"] = errors(known, origin)
        for n in regressor.few:
            drawn = (few[np.isin(few.index, order[:n])] for order in draws)
            values[f"{main} {from_labels(n)}{about}"] = np.array([np.nanmean(errors(of, origin)) for of in drawn])
    return values
