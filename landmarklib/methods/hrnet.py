"""Semi-supervised keypoints (moskvyak2021): an HRNet whose heatmaps and keypoint representations agree with themselves.

With the term `heatmaps` alone it is the supervised baseline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.kinds import Positive, Some
from landmarklib.core.method import Method, Models, Prediction, Term

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

RANGES = ("perspective", "rotation_degrees", "scale", "shift")  # of the random maps
SEMANTIC = {"consistency", "equivariance", "invariance"}


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets import hrnet

    o = options
    net = hrnet.HRNet(
        dataset.channels,
        len(dataset.landmarks),
        tuple(o["stem"]),
        o["width"],
        tuple(o["modules"]),
        o["depth"],
        tuple(o["bottlenecks"]),
        generator,
    )
    return hrnet.Keypoints(net, o["features"], len(dataset.landmarks), generator)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """Eqs. 1 to 5. Heatmaps count on labelled images, the others on all.

    In the losses without labels true heatmaps take the places of predicted ones on labelled images, and a keypoint that
    is not visible there does not count.
    """
    import torch

    from landmarklib.core import augmentation, heatmaps, warps
    from landmarklib.losses import semantic

    net, n, result = models.student, batch.n_labelled, {}
    views = [batch.images]
    if terms & SEMANTIC:
        warp = warps.random_perspective(len(batch.images), noise, **{name: options[name] for name in RANGES})
        views.append(augmentation.second_view(batch, 0, warp))
    features, maps = net.tapped(torch.cat(views))
    side = maps.shape[-1]
    true = heatmaps.gaussians(batch.points[:n], batch.visible[:n], side, options["sigma"])
    if "heatmaps" in terms:
        result["heatmaps"] = semantic.heatmap_distance(maps[:n], true, batch.visible[:n])
    if not terms & SEMANTIC:
        return result
    (features, moved_features), (maps, moved) = features.chunk(2), maps.chunk(2)
    counted = torch.cat([batch.visible[:n], torch.ones_like(batch.visible[n:])])
    known = torch.cat([true, maps[n:]]) if options["true_heatmaps"] else maps
    expected = warps.warp_images(known, warp)
    if "equivariance" in terms:
        result["equivariance"] = semantic.heatmap_distance(moved, expected, counted)
    if terms & {"consistency", "invariance"}:
        z = semantic.representations(features, known)
        if "consistency" in terms:
            result["consistency"] = semantic.consistency(net.classifier(z), counted)
    if "invariance" in terms:
        seen = torch.cat([expected[:n], moved[n:]]) if options["true_heatmaps"] else moved
        result["invariance"] = semantic.invariance(z, semantic.representations(moved_features, seen), counted)
    return result


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    maps = module.net(images)
    return Prediction(heatmaps.argmax(maps), (), maps, options["beta"], peaked=True)


METHOD = Method(
    name="hrnet",
    options={
        "stem": [64, 2, 2],
        "width": 32,
        "modules": [1, 4, 3],
        "depth": 4,
        "bottlenecks": [4, 64],
        "features": 64,
        "sigma": 2.0,
        "beta": 10.0,
        "true_heatmaps": True,
        "perspective": 0.2,
        "rotation_degrees": 30.0,
        "scale": 0.2,
        "shift": 0.1,
    },
    kinds={"width": Some, "depth": Some, "features": Some, "sigma": Positive, "beta": Positive},
    shape=("stem", "width", "modules", "depth", "bottlenecks", "features"),
    terms={
        "heatmaps": Term("labelled"),
        "consistency": Term("all"),
        "equivariance": Term("all", passes=1),
        "invariance": Term("all"),
    },
    costly="net",
    build=build,
    loss=loss,
    predict=predict,
)
