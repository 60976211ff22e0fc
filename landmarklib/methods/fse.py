"""Factorized spatial embeddings (thewlis2017): landmarks without labels, as what moves with the image under any warp.

Two views of an image differ by a random thin plate. Their probability maps are to agree under it (`align`), to be
concentrated (`variance`), and to be of different places (`diversity`). With `align` and `variance` at one weight that
is the paper's loss (Eq. 6). Which output stands for which landmark nobody tells: landmarks are regressed from all
outputs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.kinds import Positive, Share, Some, Widths
from landmarklib.core.method import Method, Models, Prediction, Term

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch
    from landmarklib.core.warps import ThinPlate, Warp

FIRST = "first_"  # begins the names of the first view's options
PLATE = ("controls", "bend", "strong_bend", "rotation_degrees", "scale", "shift")


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.fse import Detector

    channels = dataset.channels
    return Detector(channels, options["widths"], options["n_landmarks"], options["out_std"], generator)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms of Eqs. 5 to 9 of thewlis2017, on all images; labels are not looked at.

    The second view is the image under a thin plate, or, where a stage has pairs, another photo of the same thing: as it
    is (section 4 of the supplement), or with `warp_pairs` under a plate, too.
    """
    import torch

    from landmarklib.core import augmentation, heatmaps

    if batch.partner is not None:
        return with_partner(models.student, batch, terms, options, noise)
    n, seen, before = len(batch.images), on_black(batch, options), ()
    first_view = seen.images
    if any(options[FIRST + name] for name in PLATE[1:]):
        strong = options[f"{FIRST}strong_bend"] or options[f"{FIRST}bend"]
        before = (plate_of(n, {**options, f"{FIRST}strong_bend": strong}, noise, FIRST),)
        first_view = augmentation.second_view(seen, 0, *before)
    plate = plate_of(n, options, noise)
    views = torch.cat([first_view, augmentation.second_view(seen, 0, *before, plate)]) + options["beyond"]
    probabilities = heatmaps.spatial_softmax(models.student(views), options["beta"])
    return agreement(probabilities, plate, terms, options)


def with_partner(net: nn.Module, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms between images and other photos of the same things, as these are or under a plate.

    First views are neither bent nor on a background of their own.
    """
    import torch

    from landmarklib.core import augmentation, heatmaps

    n, second = len(batch.images), batch.partner
    warp = torch.eye(2, 3, device=second.device).expand(n, 2, 3)
    if options["warp_pairs"]:
        warp = plate_of(n, options, noise)
        second = augmentation.second_view(replace(batch, images=second, source=batch.partner_source), 0, warp)
    maps = net(torch.cat([batch.images, second]))
    return agreement(heatmaps.spatial_softmax(maps, options["beta"]), warp, terms, options)


def on_black(batch: Batch, options: dict[str, Any]) -> Batch:
    """The batch with what lies beyond its images at 0, which warps bring in from there."""
    if not options["beyond"]:
        return batch
    source = None if batch.source is None else batch.source - options["beyond"]
    return replace(batch, images=batch.images - options["beyond"], source=source)


def plate_of(n: int, options: dict[str, Any], noise: Noise, step: str = "") -> ThinPlate:
    """n random plates by the options of those names. step: what their names begin with, but for the controls."""
    from landmarklib.core import warps

    ranges = {name: options[name if name == "controls" else step + name] for name in PLATE}
    return warps.random_thin_plate(n, noise, **ranges)


def agreement(probabilities: torch.Tensor, plate: Warp, terms: set[str], options: dict[str, Any]) -> dict:
    """Those of the terms `align`, `variance` and `diversity` that are asked for.

    probabilities: of the images, then of their second views.
    plate: between the two.
    """
    from landmarklib.core import heatmaps, warps
    from landmarklib.losses import discovery

    one, other = probabilities.chunk(2)
    side, kind, device = one.shape[-1], one.dtype, one.device
    first = discovery.spread(one, warps.pixel_places(side, kind, device))
    second = discovery.spread(other, warps.pixel_origins(plate, side, kind, device))
    result = {}
    if "align" in terms and options["form"] == "maps":
        result["align"] = discovery.alignment(first, second)
    elif "align" in terms:
        warped = warps.origins(heatmaps.expectation(other), plate)
        result["align"] = discovery.point_alignment(first.mean, warped)
    if "variance" in terms:
        result["variance"] = discovery.variance(first, second)
    if "diversity" in terms:
        result["diversity"] = sum(discovery.diversity(view, options["pool"]) for view in (one, other))
    return result


def cells(options: dict[str, Any], size: int) -> int:
    return (-(-(size // 2) // options["pool"])) ** 2


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    maps = module(images)
    return Prediction(heatmaps.soft_argmax(maps, options["beta"]), (), maps, options["beta"])


def measure(module: nn.Module, images: torch.Tensor, options: dict[str, Any], noise: Noise) -> dict:
    """How far the points are from moving with the image, under plates like those of training."""
    from landmarklib.losses import discovery

    plate, beyond = plate_of(len(images), options, noise), options["beyond"]
    return discovery.following(lambda seen: predict(module, seen + beyond, options).points, images - beyond, plate)


METHOD = Method(
    name="fse",
    options={
        "n_landmarks": 10,
        "widths": [20, 48, 64, 80, 256],
        "beta": 1.0,
        "out_std": 0.01,
        "pool": 5,
        "form": "maps",
        "warp_pairs": False,
        "beyond": 0.0,  # what lies around the images and a warp may bring in: 0 is black, 1 white
        # of the first view, beside the similarity by which a table jitters its images; as below, all 0 for none
        "first_bend": 0.0,
        "first_strong_bend": 0.0,  # 0 for first_bend's
        "first_rotation_degrees": 0.0,
        "first_scale": 0.0,
        "first_shift": 0.0,
        # of the second view, for faces (Table 1 of the supplement); all are standard deviations
        "controls": 10,
        "bend": 0.001,
        "strong_bend": 0.01,
        "rotation_degrees": 20.0,
        "scale": 0.05,
        "shift": 0.1,
    },
    kinds={
        "n_landmarks": Some,
        "widths": Widths,
        "beta": Positive,
        "out_std": Positive,
        "pool": Some,
        "form": Literal["maps", "points"],
        "controls": Some,
        "beyond": Share,
    },
    shape=("widths",),
    terms={"align": Term("all", passes=1), "variance": Term("all"), "diversity": Term("all")},
    costly="",
    named=False,
    pairs=True,
    build=build,
    loss=loss,
    predict=predict,
    measure=measure,
    cells=cells,
)
