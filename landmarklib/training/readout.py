"""Fitting a readout to a trained network: which output is which landmark, or which linear map of all of them."""

from __future__ import annotations

import numpy as np
import torch

from landmarklib.core import coords, metrics
from landmarklib.core.readouts import NAMED, Readout, regress
from landmarklib.core.types import MARGIN, Annotations
from landmarklib.methods import Method
from landmarklib.training import prediction
from landmarklib.training.state import TrainState


def fit(run: TrainState, method: Method, options: dict, validation: Annotations) -> Readout:
    """The readout of a run that has ended, as its evaluation asks for."""
    if run.experiment.evaluation.readout != "matched":
        return while_training(run, method, options)
    device = run.data.images.device
    found = prediction.predict(run.predictor, method, validation.images, options, device)
    return Readout(tuple(metrics.best_assignment(found.points, validation.points)))


def while_training(run: TrainState, method: Method, options: dict) -> Readout:
    """The readout by which validation images are judged: a match is only formed at the end, a linear map is fitted each
    time.
    """
    if run.experiment.evaluation.readout != "regressed":
        return NAMED
    data, side = run.data, run.experiment.size
    index = run.given.nonzero()[:, 0]
    images = data.images[index]
    if run.experiment.jitter:
        from landmarklib.core import warps

        still = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
        images = (255 * warps.warp_images(images.float() / 255, still, side, MARGIN)).round().byte()
    found = prediction.predict(run.predictor, method, images.cpu().numpy(), options, images.device)
    outputs = coords.to_norm(np.asarray(found.points), (side, side))
    points, visible = (part[index].cpu().numpy() for part in (data.points, data.visible))
    return Readout(weights=regress(outputs, np.nan_to_num(points), visible))
