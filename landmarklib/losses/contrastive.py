"""Features without labels: a pixel's is to be that of the same pixel in a warped image, and of no other (rahaman2021).

Points are in [-1, 1]. x' is a view of x under a warp g that says where its points come from: x'(v) = x(g(v)). The paper
has the warp the other way round: its lambda is our g(v), its lambda' our v.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from landmarklib.core import coords
from landmarklib.losses import masked

LEFT_OUT = -1e9  # a logit that adds nothing to a sum of exponentials, and of which a sum still has a gradient


def sampled(features: Float[Tensor, "B D h w"], points: Float[Tensor, "B P 2"]) -> Float[Tensor, "B D P"]:
    """Features at points: bilinear, beyond the outermost cells' centres as there."""
    return F.grid_sample(features, points[:, :, None], padding_mode="border", align_corners=False)[..., 0]


def contrast(
    first: Float[Tensor, "B D P"], second: Float[Tensor, "B D P"], counted: Bool[Tensor, "B P"], temperature: float
) -> Float[Tensor, " B"]:
    """The contrastive loss of pixels (Eq. 7, rahaman2021): mean over P of -log p - log p'. Products of B P x B P.

    A pixel's partner is the same one in the other view. All others of the batch, of both views and of the same image,
    too, are what it is told from.

    first: F(x) at the points' origins. Below Eq. 7 these are printed as taken from x', which is a misprint: the sums
        would have one image at two places that show different things.
    second: F(x') at the points.
    counted: points whose origin lies in x; others are no partner and nothing to be told from.
    temperature: tau.
    """
    n = counted.numel()
    z = F.normalize(torch.cat([first, second]), dim=1).mT.flatten(0, 1)
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    others = torch.cat([counted, counted]).flatten() & ~itself
    total = (z @ z.mT / temperature).where(others, LEFT_OUT).logsumexp(1)
    partner = (z[:n] * z[n:]).sum(1) / temperature
    return masked.mean((total[:n] + total[n:] - 2 * partner).view_as(counted), counted)


def most_similar(
    asked: Float[Tensor, "B D P"], features: Float[Tensor, "B D h w"], side: int
) -> Float[Tensor, "B P 2"]:
    """The pixel whose feature has the largest cosine similarity to each that is asked for (Eqs. 4, 5, rahaman2021).

    features: brought to the images' size, as the paper takes them to be.
    side: of the images in pixels.
    """
    features = F.interpolate(features, size=(side, side), mode="bilinear", align_corners=False)
    similar = F.normalize(asked, dim=1).mT @ F.normalize(features, dim=1).flatten(2)
    index = similar.argmax(-1)
    pixels = torch.stack([index % side, index.div(side, rounding_mode="floor")], -1)
    return coords.to_norm(pixels.to(features.dtype), (side, side))


def within(
    found: Float[Tensor, "B P 2"], true: Float[Tensor, "B P 2"], counted: Bool[Tensor, "B P"], distance: float
) -> Float[Tensor, " B"]:
    """Percent of the points that count which are found within a distance: Acc(d) of each image (Eq. 6, rahaman2021).

    It is NaN for an image without such a point.

    distance: in [-1, 1]; points that are so far apart but for rounding count as near.
    """
    near = (found - true).norm(dim=-1) <= distance * (1 + 1e-5)
    n = counted.sum(-1)
    return (100 * (near & counted).sum(-1) / n.clamp(min=1)).where(n > 0, torch.nan)
