"""Semi-supervised keypoints (moskvyak2021): an HRNet whose heatmaps and keypoint representations agree with themselves.

With the term `heatmaps` alone it is the supervised baseline, after a second stage with pseudo-labels data distillation
(Radosavovic et al. 2018), with `elt` the landmark transformation of honari2018, with `reconstruct` the painting of
jakab2018. With `mean_teacher` a moving average of the network teaches it on views that are made hard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from landmarklib.core.kinds import AtLeast0, Count, Decay, Number, Positive, Share, Some, Text
from landmarklib.core.method import Method, Models, Prediction, Term
from landmarklib.methods import outputs

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch

BelowHalf = Annotated[Number, Field(ge=0, lt=0.5)]  # beyond, points of the image go through infinity
RANGES = ("perspective", "rotation_degrees", "scale", "shift")  # of the random maps
LIGHT = ("brightness", "gain", "grain")  # of views that a student finds hard
SEMANTIC = {"consistency", "equivariance", "invariance"}
SECOND = {"equivariance", "invariance", "elt", "reconstruct"}  # terms that look at a second view of each image
ATTRIBUTES = {"classes", "angles"}
SCALES = (0.8, 1.0, 1.25)  # under which pseudo-labels are looked for


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.formats import archive
    from landmarklib.nets import honari, hrnet

    o, n = options, len(dataset.landmarks)
    shape = tuple(o["stem"]), o["width"], tuple(o["modules"]), o["depth"], tuple(o["bottlenecks"])
    net = hrnet.HRNet(dataset.channels, n, *shape, generator)
    if o["weights"]:
        hrnet.load(net, archive.user_file(o["weights"]))
    module = hrnet.Keypoints(net, o["features"], dataset.mirror, o["painter"], size, generator)
    if o["attributes"]:
        module.head = honari.Classifier([2 * n, *o["hidden"]], outputs(dataset, o), o["dropout"], generator)
    return module


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """Eqs. 1 to 5. Heatmaps count on labelled images, `mean_teacher` on the others, all else on all."""
    from landmarklib.core import augmentation

    result = {}
    if options["mirrored"]:
        batch = augmentation.mirror(batch, noise, options["mirrored"], models.student.mirror)
    if "mean_teacher" in terms:
        result["mean_teacher"] = mean_teacher(models, batch, options, noise)
    if rest := terms - {"mean_teacher"}:
        result |= of_views(models.student, batch, rest, options, noise)
    return result


def of_views(net: nn.Module, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms that look at the images as they are, and perhaps at these under a perspective map, black beyond."""
    import torch

    from landmarklib.core import heatmaps, warps
    from landmarklib.losses import reconstruction, semantic, supervised

    # Without a term that looks at unlabelled images, these do not go through the network.
    n, result, warp = batch.n_labelled, {}, None
    views = [batch.images if terms & (SEMANTIC | SECOND | ATTRIBUTES) else batch.images[:n]]
    if terms & SECOND:
        warp = warps.random_perspective(len(batch.images), noise, **{name: options[name] for name in RANGES})
        views.append(warps.warp_images(batch.images, warp))
    # DEVIATION: images and their warped views share the batch statistics of HRNet; moskvyak2021 does not say.
    features, maps = (part.chunk(len(views)) for part in net.tapped(torch.cat(views)))
    # DEVIATION: blobs of heatmaps stand where keypoints are; HRNet's code moves them to the nearest pixel of the map.
    true = heatmaps.gaussians(batch.points[:n], batch.visible[:n], maps[0].shape[-1], options["sigma"])
    if "heatmaps" in terms:
        result["heatmaps"] = semantic.heatmap_mse(maps[0][:n], true, batch.visible[:n])
    if terms & SEMANTIC:
        result |= semantic_terms(net, batch, terms, features, maps, true, warp, options["true_heatmaps"])
    if terms & ATTRIBUTES:
        points = heatmaps.soft_argmax(maps[0], options["beta"])
        result |= supervised.attributes(net.head(points.flatten(1), noise), batch.attributes, terms)
    if "elt" in terms:
        result["elt"] = elt(maps, warp, options)
    if "reconstruct" in terms:
        points = heatmaps.soft_argmax(maps[0], options["beta"])
        painted = net.painter(views[1], points, options["gauss_std"])
        border = reconstruction.border_mask(batch.images.shape[-1], batch.images.dtype, batch.images.device)
        mask = border.expand(len(batch.images), -1, -1, -1)
        result["reconstruct"] = reconstruction.pixels(painted, batch.images, mask)
    return result


def semantic_terms(
    net: nn.Module,
    batch: Batch,
    terms: set[str],
    features: tuple[Tensor, ...],
    maps: tuple[Tensor, ...],
    true: Tensor,
    warp: Tensor | None,
    true_heatmaps: bool,
) -> dict:
    """Semantic consistency, equivariance and invariance (Eqs. 1, 2 and 4 of moskvyak2021).

    On labelled images a keypoint that is not visible does not count, and for invariance none that leaves the second
    view; on the others all count.

    features, maps: B x D x h x w and B x K x h x w, of the images and, where there is one, of their second view.
    true: heatmaps of the labelled images, which take the places of those that are found there, if `true_heatmaps`.
    warp: from the images to the second view.
    """
    import torch

    from landmarklib.core import coords, warps
    from landmarklib.losses import semantic

    n, result = batch.n_labelled, {}
    counted = torch.cat([batch.visible[:n], torch.ones_like(batch.visible[n:])])
    known = torch.cat([true, maps[0][n:]]) if true_heatmaps else maps[0]
    z = semantic.representations(features[0], known)
    if "consistency" in terms:
        result["consistency"] = semantic.consistency(net.classifier(z), counted)
    if terms & {"equivariance", "invariance"}:
        expected = warps.warp_images(known, warp)
    if "equivariance" in terms:
        result["equivariance"] = semantic.heatmap_mse(maps[1], expected, counted)
    if "invariance" in terms:
        seen = torch.cat([expected[:n], maps[1][n:]]) if true_heatmaps else maps[1]
        stays = torch.cat([coords.inside(warps.move(batch.points[:n], warp[:n])), counted[n:]])
        moved = semantic.representations(features[1], seen)
        result["invariance"] = semantic.invariance(z, moved, counted & stays)
    return result


def mean_teacher(models: Models, batch: Batch, options: dict[str, Any], noise: Noise) -> Tensor:
    """On unlabelled images the student finds in a hard view what the teacher finds in the image, moved as that is.

    A hard view is warped, in other light, and has squares cut out. Heatmaps do not count where the image does not
    reach. A mean teacher (Tarvainen and Valpola 2017) with one easy and one hard view, as in FixMatch (Sohn et al.
    2020).
    """
    import torch

    from landmarklib.core import augmentation, warps
    from landmarklib.losses import semantic

    n = batch.n_labelled
    easy = batch.images[n:]
    warp = warps.random_perspective(len(easy), noise, **{name: options[name] for name in RANGES})
    hard = augmentation.second_view(batch, n, warp)
    hard = augmentation.appearance(hard, noise, **{name: options[name] for name in LIGHT})
    hard = augmentation.cut_out(hard, noise, options["cut_outs"], options["cut_out_side"])
    found, wanted = models.student.net(hard), warps.warp_images(models.teacher.net(easy), warp)
    known = warps.warp_images(torch.ones_like(wanted[:, :1]), warp)
    return semantic.heatmap_mse(known * found, known * wanted.detach(), torch.ones_like(batch.visible[n:]))


def elt(maps: tuple[Tensor, Tensor], warp: Tensor, options: dict[str, Any]) -> Tensor:
    """Of points in [-1, 1], as honari2018 has it (Eq. 2), or of heatmaps that are moved back, as moskvyak2021 tells it.

    maps: B x K x h x w, of the images, and of these under the warp.
    """
    from landmarklib.core import heatmaps, warps
    from landmarklib.losses import equivariance

    if options["elt_of"] == "points":
        first, second = (heatmaps.soft_argmax(of_view, options["beta"]) for of_view in maps)
        return equivariance.equivariance(warps.move(first, warp), second)
    return (maps[0] - warps.warp_images(maps[1], warps.invert(warp))).square().mean((1, 2, 3))


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    maps = module.net(images)
    read = heatmaps.peak if options["between_pixels"] else heatmaps.argmax
    attributes = ()
    if options["attributes"]:
        attributes = module.head(heatmaps.soft_argmax(maps, options["beta"]).flatten(1))
    return Prediction(read(maps), attributes, maps, options["beta"], peaked=True)


def represent(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Tensor:
    """The representation of each keypoint, under the map that is found."""
    from landmarklib.losses import semantic

    return semantic.representations(*module.tapped(images))


def relabel(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Where the mean heatmap over scales and mirror images peaks, and whether that peak is high enough."""
    import torch

    from landmarklib.core import heatmaps, warps

    still, total = torch.zeros(len(images), 2, device=images.device), 0
    for scale in SCALES:
        larger, smaller = (warps.similarity(still[:, 0], s + still[:, 0], still) for s in (scale, 1 / scale))
        for mirrored in (False, True):
            seen = images.flip(-1) if mirrored else images
            maps = warps.warp_images(module.net(warps.warp_images(seen, larger)), smaller)
            total = total + (maps.flip(-1)[:, module.mirror] if mirrored else maps)
    mean = total / (2 * len(SCALES))
    return heatmaps.argmax(mean), mean.amax((2, 3)) >= options["confident"]


METHOD = Method(
    name="hrnet",
    options={
        "stem": [64, 2, 2],
        "width": 32,
        "modules": [1, 4, 3],
        "depth": 4,
        "bottlenecks": [4, 64],
        "features": 64,
        "weights": "",  # a file of the user's to begin with; none: the seed's
        "sigma": 2.0,
        "beta": 20.0,
        "between_pixels": False,  # whether a keypoint is read between the pixels of its map
        "true_heatmaps": True,
        "elt_of": "points",
        "painter": 32,
        "gauss_std": 0.1,
        "confident": 0.3,
        "attributes": [],
        "hidden": [256, 256],
        "dropout": 0.25,
        "perspective": 0.2,
        "rotation_degrees": 30.0,
        "scale": 0.2,
        "shift": 0.1,
        "brightness": 0.2,
        "gain": 0.5,
        "grain": 0.03,
        "mirrored": 0.0,  # share of the images that are seen in a mirror
        "cut_outs": 3,
        "cut_out_side": 0.2,
    },
    kinds={
        **dict.fromkeys(["width", "depth", "painter"], Some),
        **dict.fromkeys(["sigma", "beta", "gauss_std"], Positive),
        "features": Annotated[Some, Field(ge=2)],
        "stem": tuple[Some, Some, Some],
        "modules": tuple[Some, Some, Some],
        "bottlenecks": tuple[Some, Some],
        "mirrored": Share,
        "cut_outs": Count,
        "cut_out_side": Share,
        "confident": AtLeast0,
        "attributes": tuple[Text, ...],
        "hidden": tuple[Some, ...],
        "dropout": Decay,
        "elt_of": Literal["points", "maps"],
        "perspective": BelowHalf,
        "shift": Positive,
    },
    shape=("stem", "width", "modules", "depth", "bottlenecks", "features", "painter", "attributes"),
    terms={
        "heatmaps": Term("labelled"),
        "consistency": Term("all"),
        "equivariance": Term("all", passes=1, shared="second view"),
        "invariance": Term("all", passes=1, shared="second view"),
        "classes": Term("all", attributes="classes"),
        "angles": Term("all", attributes="angles"),
        "elt": Term("all", passes=1, shared="second view"),
        "reconstruct": Term("all", passes=1, shared="second view"),
        # Of the pass that all terms share there is the teacher's alone, forward, where no other term sees the image.
        "mean_teacher": Term("unlabelled", passes=1, teacher=True),
    },
    groups={"painter": "painter", "head": "head"},
    costly="net",
    build=build,
    loss=loss,
    predict=predict,
    represent=represent,
    relabel=relabel,
)
