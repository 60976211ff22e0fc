"""Whether a network's maps can still learn, and whether its landmarks are any.

Constant maps are dead, too peaked ones have no gradient left. Landmarks that nobody labels may collapse while the loss
falls: onto places of the image, onto each other, onto the border.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landmarklib.core import heatmaps, warps
from landmarklib.core.method import Method
from landmarklib.core.noise import Noise
from landmarklib.losses import discovery
from landmarklib.training.state import TrainState, frames

# largest |beta * map| and share of the full entropy beyond which a softmax has no gradient left
SATURATED = (200.0, 0.02)
# What moves images where landmarks are to move along: the warps of thewlis2017 for faces, whatever a method's own are,
# since the least ratio of a static landmark was found with them.
PLATE = {"controls": 10, "bend": 0.001, "strong_bend": 0.01, "rotation_degrees": 20.0, "scale": 0.05, "shift": 0.1}
# Ratio (`discovery.PerLandmark`) above which a landmark does not move with the image; one that stays in place has 1.
# After 20,000 images of MTFL all ten landmarks of FSE as printed had 1.00, those of the cured form 0.38 to 0.62.
STATIC = 0.8
# Spread in half sides below which such a landmark is in one place, and does not wander or jump: those as printed had
# 0.000 there, those of the cured form, which are of faces, 0.04 to 0.10.
IN_PLACE = 0.02
# Mean distance in half sides below which two landmarks are one: a pixel of images of 48 px, half a cell of their maps.
COINCIDENT = 0.04
# Mean distance in half sides from the border below which a landmark is on it: the middle of the outermost cell, beyond
# which no mean of a map lies, is nearer than this in maps of more than ten cells a side.
ON_BORDER = 0.1


def some_images(run: TrainState, n: int = 64) -> Tensor:
    """The first n training images, as they are without jitter."""
    return frames(run, torch.arange(min(n, len(run.data.images)), device=run.data.images.device))


@torch.no_grad()
def health(module: nn.Module, method: Method, images: Tensor, options: dict) -> list[str]:
    """Dead and saturated maps on these images and collapsed landmarks, in words; empty for methods without maps.

    Only soft-argmax can saturate: a cross-entropy over pixels wants its maps as peaked as it can get them.
    """
    if method.input != "images":
        return []
    lines = collapse(module, method, images, options)
    found = method.predict(module, images, options)
    if found.maps is None:
        return lines
    largest, entropy = (v.tolist() for v in heatmaps.peakedness(found.maps, found.beta))
    dead = [k for k, v in enumerate(largest) if v < 1e-3]
    saturated = [
        k
        for k, (v, e) in enumerate(zip(largest, entropy, strict=True))
        if v > SATURATED[0] and e < SATURATED[1] and not found.peaked
    ]
    lines += [f"map {k} is dead: it is constant" for k in dead]
    return lines + [
        f"map {k} is saturated: |beta map| {largest[k]:.0f}, entropy {entropy[k]:.3f} of the full" for k in saturated
    ]


@torch.no_grad()
def collapse(module: nn.Module, method: Method, images: Tensor, options: dict) -> list[str]:
    """Landmarks that are none, a line for each way to be none; empty for methods that measure nothing by themselves.

    The network is left in evaluation mode. Random numbers are its own and always the same.
    """
    if method.measure is None:
        return []
    module.eval()
    plate = warps.random_thin_plate(len(images), Noise(torch.Generator(images.device).manual_seed(0)), **PLATE)
    seen = discovery.in_both(lambda views: method.predict(module, views, options).points, images, plate)
    each = discovery.per_landmark(*seen)
    unmoved, in_place = each.ratio > STATIC, each.spread < IN_PLACE
    ways = {
        ("does not move", "do not move", "with the image"): unmoved & in_place,
        ("moves", "move", "otherwise than the image"): unmoved & ~in_place,
        ("lies", "lie", "on another one"): each.apart < COINCIDENT,
        ("lies", "lie", "on the border of the image"): each.inside < ON_BORDER,
    }
    return [_line(which, *words, each.ratio) for words, which in ways.items() if which.any()]


def _line(which: Tensor, one: str, many: str, how: str, ratio: Tensor) -> str:
    """What these landmarks do, and their mean ratio. which: a mask."""
    numbers = which.nonzero()[:, 0].tolist()
    who = f"landmark {numbers[0]} {one}" if len(numbers) == 1 else f"landmarks {', '.join(map(str, numbers))} {many}"
    return f"{who} {how} (equivariance ratio {ratio[which].mean():.2f})"
