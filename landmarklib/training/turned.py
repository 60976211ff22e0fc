"""What a network finds on turned copies of one image: landmarks of an image without annotations, followed by eye."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, UInt8

from landmarklib import loading
from landmarklib.core import coords, warps
from landmarklib.core.method import Method
from landmarklib.training import prediction
from landmarklib.training.state import TrainState

DEGREES = (-50.0, -30.0, 30.0, 50.0)  # Fig. 3 of the supplement of thewlis2017


@torch.no_grad()
def gallery(
    run: TrainState, method: Method, options: dict, image: UInt8[np.ndarray, "C H W"], found: Float[np.ndarray, "K 2"]
) -> list[dict]:
    """An entry of a record's gallery for each of DEGREES, by which the first test image is turned about its centre.

    Its error is the mean distance in pixels to where the outputs on the image as it is would be turned to.

    found: these outputs, in pixels.
    """
    device, side = run.data.images.device, image.shape[-1]
    beyond = 255.0 * loading.get(run.experiment.dataset).recipe.white
    angles = torch.tensor([math.radians(degrees) for degrees in DEGREES], device=device)
    turns = warps.similarity(angles, torch.ones_like(angles), angles.new_zeros(len(angles), 2))
    one = torch.from_numpy(np.array(image)).to(device).float().expand(len(angles), -1, -1, -1)
    seen = (warps.warp_images(one - beyond, turns) + beyond).round().clamp(0, 255).byte().cpu().numpy()
    outputs = prediction.predict(run.predictor, method, seen, options, device).points
    at = coords.to_norm(torch.from_numpy(found).to(device), (side, side)).expand(len(angles), -1, -1)
    expected = coords.to_pixels(warps.move(at, turns), (side, side)).cpu().numpy()
    errors = np.linalg.norm(outputs - expected, axis=-1).mean(-1)
    return [
        {
            "kind": "turned",
            "index": 0,
            "degrees": degrees,
            "error_px": round(float(error), 3),
            "points": [],
            "outputs": np.round(of_turn.astype(float), 2).tolist(),
        }
        for degrees, error, of_turn in zip(DEGREES, errors, outputs, strict=True)
    ]
