"""Fitting a readout to a trained network: which output is which landmark, or which linear map of all of them."""

from __future__ import annotations

import numpy as np
import torch

from landmarklib.core import metrics
from landmarklib.core.readouts import NAMED, Readout, regress
from landmarklib.core.types import Annotations
from landmarklib.methods import Method
from landmarklib.training import prediction
from landmarklib.training.state import TrainState, frames


def fit(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout that a run's evaluation asks for. validation: images on which outputs are matched."""
    kind = run.experiment.evaluation.readout
    if kind == "matched":
        device = run.data.images.device
        found = prediction.predict(run.predictor, method, validation.images, options, device)
        return Readout(tuple(metrics.best_assignment(found.points, validation.points, validation.visible)))
    return regressed(run, method, options) if kind == "regressed" else NAMED


def while_training(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout by which weights are chosen: that of the end, but no match where points do not choose."""
    evaluation = run.experiment.evaluation
    by_points = metrics.is_of_points(evaluation.select)
    return fit(run, method, options, validation) if evaluation.readout != "matched" or by_points else NAMED


def regressed(run: TrainState, method: Method, options: dict) -> Readout:
    """A linear map from all outputs, fitted on the images with true landmarks."""
    index = run.given.nonzero()[:, 0]
    run.predictor.eval()
    with torch.no_grad():  # part by part: all labelled images may be all training images
        parts = [method.predict(run.predictor, frames(run, part), options).points for part in index.split(128)]
    outputs = torch.cat(parts).cpu().numpy()
    points, visible = (part[index].cpu().numpy() for part in (run.data.points, run.data.visible))
    return Readout(weights=regress(outputs, np.nan_to_num(points), visible))
