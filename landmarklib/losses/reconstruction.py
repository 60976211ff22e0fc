"""How far a painted image is from the true one, away from the border: by pixels, or by the features of a network.

Images are in [0, 1]. A mask weighs each pixel, and where it is 0 a pixel may be anything. A mean over pixels is of all
of them, whatever the mask leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from landmarklib.core import coords

OUTSIDE, STEP, OF, SOFT = 10, 20, 128, 0.4  # border and step in pixels of an image of so many; width of the tanh
SCALES = 3  # at which differences of neighbours are compared: of the image, and of its half and its quarter
PIXELS, DIFFERENCES = 1.0, 1.0  # weights
MEMORY = 0.99  # share of a running mean that stays at each step


def border_mask(side: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "1 1 S S"]:
    """0 along the border, then a smooth step up to 1 (released code of jakab2018).

    At 128 pixels 10 are 0 and the step 0.5 + 0.5 tanh takes 20; at another side as large a share of it.
    """
    across = (coords.pixel_centres(side, dtype=dtype, device=device) + 1) * OF / 2 - 0.5  # pixels of 128
    inwards = (torch.minimum(across, OF - 1 - across) - OUTSIDE) / (STEP - 1)  # 0 and 1 at the step's ends
    strip = (0.5 + 0.5 * ((2 * inwards - 1) / SOFT).tanh()).where(inwards >= 0, 0).where(inwards <= 1, 1)
    return (strip[:, None] * strip)[None, None]


def pixels(
    painted: Float[Tensor, "B C H W"], true: Float[Tensor, "B C H W"], mask: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, " B"]:
    """Squared error of the pixels, and of the differences of neighbours at three scales.

    Each is a mean over pixels and channels. All weigh 1: the pixels once, and at each scale the differences along x and
    those along y. Averages of 2 x 2 pixels make the next scale. Of several pixels the smallest mask is taken.
    """
    # DEVIATION: jakab2018 compares the features of a trained network, and as an ablation pixels alone. Differences of
    # neighbours stand in for features where no such network is at hand: they weigh edges more than even areas.
    error = (painted - true).where(mask > 0, 0)
    total = PIXELS * (mask * error.square()).mean((1, 2, 3))
    for scale in range(SCALES):
        if scale:
            error, mask = F.avg_pool2d(error, 2), -F.max_pool2d(-mask, 2)
        for axis in (2, 3):
            n = mask.shape[axis] - 1
            weight = torch.minimum(mask.narrow(axis, 0, n), mask.narrow(axis, 1, n))
            total = total + DIFFERENCES * (weight * error.diff(dim=axis).square()).mean((1, 2, 3))
    return total


def features(
    painted: Sequence[Float[Tensor, "B _ _ _"]],
    true: Sequence[Float[Tensor, "B _ _ _"]],
    mask: Float[Tensor, "B 1 H W"],
) -> Float[Tensor, "B L"]:
    """Squared error of each of L layers' features, under the mask at the layer's size, mean over cells and channels."""
    errors = []
    for found, wanted in zip(painted, true, strict=True):
        weight = F.interpolate(mask, size=found.shape[-2:], mode="bilinear", align_corners=False)
        error = (found - wanted).where(weight > 0, 0)
        errors.append((weight * error.square()).mean((1, 2, 3)))
    return torch.stack(errors, -1)


def balanced(errors: Float[Tensor, "B L"], means: Float[Tensor, " L"], training: bool) -> Float[Tensor, " B"]:
    """Sum of the layers' errors, each by its running mean (released code of jakab2018).

    So it stays near L however good the images are; what falls is the errors themselves.

    means: taken up to this step in place, where it trains.
    """
    # DEVIATION: no gradient flows through the running means. In the released code one does, which shortens a layer's
    # gradient by about 1%.
    now = means + (1 - MEMORY) * (errors.detach().mean(0) - means)
    if training:
        means.copy_(now)
    return (errors / now).sum(-1)
