"""What a network sees at each landmark of test images: whether it tells landmarks apart, and a picture of that."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from landmarklib.core import metrics
from landmarklib.core.method import Method
from landmarklib.core.types import Annotations
from landmarklib.training.state import pixels

COMPARED, SHOWN = 200, 40  # test images, the first ones
BATCH = 100
FEWEST, SPREAD = 20, 1e-4  # representations for t-SNE, and their least range as a share of the largest


@torch.no_grad()
def found(
    module: nn.Module, method: Method, options: dict, test: Annotations, device: torch.device
) -> tuple[dict[str, np.ndarray], tuple]:
    """The metric `metrics.NEIGHBOURS` of the first test images, NaN of the others, and an embedding of some.

    The embedding has the landmark, x and y of each visible landmark. Both are empty where the method represents none.
    """
    if method.represent is None:
        return {}, ()
    images, visible = torch.from_numpy(np.array(test.images[:COMPARED])), test.visible[:COMPARED]
    module.eval()
    parts = (pixels(part.to(device)) for part in images.split(BATCH))
    z = torch.cat([method.represent(module, part, options).cpu() for part in parts]).float().numpy()
    values = np.full(len(test.images), np.nan)
    values[:COMPARED] = neighbours(z, visible)
    return {metrics.NEIGHBOURS: values}, embedded(z[:SHOWN], visible[:SHOWN])


def neighbours(z: Float[np.ndarray, "N K D"], visible: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    """Percent of each image's visible landmarks whose nearest one in another image, by its representation, is the same.

    NaN for an image without one, and for all where no other image has any or a representation is not finite.
    """
    from sklearn.metrics import pairwise_distances

    image, landmark = visible.nonzero()
    if len(set(image)) < 2 or not np.isfinite(z[visible]).all():
        return np.full(len(z), np.nan)
    distance = pairwise_distances(z[visible])
    distance[image[:, None] == image] = np.inf
    same = landmark[distance.argmin(1)] == landmark
    return np.array([100 * same[image == i].mean() if visible[i].any() else np.nan for i in range(len(z))])


def embedded(z: Float[np.ndarray, "N K D"], visible: Bool[np.ndarray, "N K"]) -> tuple[tuple[int, float, float], ...]:
    """t-SNE of the visible landmarks' representations, scaled to [-1, 1]: landmark, x, y.

    Empty where these are fewer than `FEWEST`, not finite, or hardly differ: t-SNE cannot be trusted with that.
    """
    from sklearn.manifold import TSNE

    seen = z[visible]
    if len(seen) < FEWEST or not np.isfinite(seen).all() or np.ptp(seen, 0).max() < SPREAD * np.abs(seen).max():
        return ()
    places = TSNE(init="pca", perplexity=min(30, len(seen) // 4), random_state=0).fit_transform(seen)
    places = places / np.abs(places).max()
    kinds = visible.nonzero()[1]
    return tuple((int(k), *np.round(place.astype(float), 3).tolist()) for k, place in zip(kinds, places, strict=True))
