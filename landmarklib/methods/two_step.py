"""Two steps to landmarks without labels (rahaman2021): features that tell a pixel from all others, then maps on them.

In the first step F learns by contrast what is the same place in two views of an image (Eq. 7). In the second one F is
frozen, and T learns maps on its features as `fse` learns them, by Eqs. 2 and 3 and the maps' variance. One stage with
all but the first term, over all parameters, is the paper's comparison: the same networks, end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.kinds import Positive, Some, Widths
from landmarklib.core.method import Method, Models, Term
from landmarklib.methods.fse import agreement, plate_of, predict

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch
    from landmarklib.core.warps import ThinPlate

STEP1 = "step1_"  # before the names of the plates' options in the first step
LIGHT = ("brightness", "gain", "grain")
DISTANCES = (2, 4, 6, 10, 14, 20, 32)  # d of Acc(d), in pixels of an image of WIDE
GUESSES = (*(f"layer {i}" for i in (1, 2, 3, 4)), "a static guess")
WIDE = 128
AT_ONCE = 16  # images of which features are held


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets import hourglass

    o, channels = options, dataset.channels
    features = hourglass.Hourglass(channels, o["widths"], o["features"], o["stride"], o["norm"], generator)
    maps = hourglass.Maps(
        o["features"], o["maps_width"], o["n_landmarks"], o["out_std"], o["feature_length"], o["norm"], generator
    )
    return hourglass.FeaturesAndMaps(features, maps)


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The terms of sections 2 and 4 of rahaman2021, on all images; labels are not looked at.

    Each step has plates of its own. Where F is frozen no gradient is computed of it, as nothing before T has one.
    """
    import torch

    from landmarklib.core import augmentation, heatmaps

    net, n, result = models.student, len(batch.images), {}
    views = [batch.images]
    if "contrast" in terms:
        pair = plate_of(n, options, noise, STEP1)
        light = {name: options[name] for name in LIGHT}
        views.append(augmentation.appearance(augmentation.second_view(batch, 0, pair), noise, **light))
    if later := terms - {"contrast"}:
        plate = plate_of(n, options, noise)
        views.append(augmentation.second_view(batch, 0, plate))
    features = net.features(torch.cat(views)).chunk(len(views))
    if "contrast" in terms:
        result["contrast"] = contrast(features[0], features[1], pair, options, noise)
    if later:
        # DEVIATION: distances are taken in the image, where Eq. 2 of rahaman2021 has them in its warped view, and the
        # maps of both views are kept apart and concentrated, where its other losses name the image alone.
        maps = net.maps(torch.cat([features[0], features[-1]]))
        result |= agreement(heatmaps.spatial_softmax(maps, options["beta"]), plate, later, options)
    return result


def contrast(first: Tensor, second: Tensor, pair: ThinPlate, options: dict[str, Any], noise: Noise) -> Tensor:
    """Eq. 7 at random places of the second views. first, second: features of the images and of those views."""
    from landmarklib.core import coords, warps
    from landmarklib.losses import contrastive

    places = 2 * noise.uniform(len(first), options["points"], 2) - 1
    origins = warps.origins(places, pair)
    seen = contrastive.sampled(first, origins), contrastive.sampled(second, places)
    return contrastive.contrast(*seen, coords.inside(origins), options["temperature"])


def cells(options: dict[str, Any], size: int) -> int:
    return (-(-(size // options["stride"]) // options["pool"])) ** 2


def measure(module: nn.Module, images: Tensor, options: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
    """How far the points are from moving with the image, and the features, layer by layer; under the plates of step 2.

    Of features it is Acc(d) (Eqs. 4 to 6): the share of pixels of the second view that are found by the feature at
    their origin. Beside it stands what a guess finds that takes every pixel to stay where it is.
    """
    import torch

    from landmarklib.core import coords, warps
    from landmarklib.losses import contrastive, discovery

    n, side = len(images), images.shape[-1]
    plate = plate_of(n, options, noise)
    # DEVIATION: Acc(d) is of pixels drawn at random; rahaman2021 takes annotated landmarks, which lie where an image
    # has something to be told by.
    pixels = (side * noise.uniform(n, options["matched_points"], 2)).floor().clamp(max=side - 1)
    places = coords.to_norm(pixels, (side, side))
    origins = warps.origins(places, plate)
    views, parts = (images, warps.warp_images(images, plate)), []
    for i in torch.arange(n, device=images.device).split(AT_ONCE):
        parts.append(_found(module, *(view[i] for view in views), origins[i], options["beta"]))
    found, moved, *layers = (torch.cat(of_all) for of_all in zip(*parts, strict=True))
    values = discovery.equivariance(found, moved, warps.origins(moved, plate), side)
    for of, guess in zip(GUESSES, (*layers, origins), strict=True):
        for d in DISTANCES:
            near = contrastive.within(guess, places, coords.inside(origins), 2 * d / WIDE)
            values[f"feature_match_percent {matched(d, of)}"] = near
    return values


def matched(distance: int, guess: str) -> str:
    """What qualifies an Acc(d). guess: one of GUESSES."""
    return f"at {distance} px of {guess}"


def _found(module: nn.Module, images: Tensor, warped: Tensor, origins: Tensor, beta: float) -> list[Tensor]:
    """Landmarks in both views, then by each layer the pixels of the second view that look like origins in the first."""
    from landmarklib.core import heatmaps
    from landmarklib.losses import contrastive

    layers, layers_of_warped = module.layers(images), module.layers(warped)
    points = [heatmaps.soft_argmax(module.maps.read(of_view[-1]), beta) for of_view in (layers, layers_of_warped)]
    asked = (contrastive.sampled(layer, origins) for layer in layers)
    side = images.shape[-1]
    return points + [contrastive.most_similar(a, b, side) for a, b in zip(asked, layers_of_warped, strict=True)]


METHOD = Method(
    name="two_step",
    options={
        "n_landmarks": 10,
        "widths": [16, 32, 48, 64],
        "features": 64,
        "stride": 1,
        "maps_width": 32,
        "norm": True,
        "feature_length": 8.0,
        "beta": 1.0,
        "out_std": 0.01,
        "pool": 8,
        "form": "points",
        "temperature": 0.1,
        "points": 48,
        "matched_points": 32,
        # DEVIATION: all ranges, and how many pixels an image gives to the contrast, are ours; rahaman2021 gives none.
        # Its second step turns and bends images. Ours also shifts and scales them a little: a landmark that stays at
        # the centre of every image is one that follows all turns.
        "controls": 10,
        "bend": 0.001,
        "strong_bend": 0.01,
        "rotation_degrees": 20.0,
        "scale": 0.05,
        "shift": 0.05,
        "step1_bend": 0.001,
        "step1_strong_bend": 0.01,
        "step1_rotation_degrees": 20.0,
        "step1_scale": 0.1,
        "step1_shift": 0.1,
        "brightness": 0.2,
        "gain": 0.3,
        "grain": 0.02,
    },
    kinds={
        **dict.fromkeys(
            ["n_landmarks", "features", "maps_width", "pool", "points", "matched_points", "controls"], Some
        ),
        **dict.fromkeys(["beta", "out_std", "temperature"], Positive),
        "widths": Widths,
        "stride": Literal[1, 2],
        "form": Literal["maps", "points"],
    },
    shape=("widths", "features", "stride", "maps_width", "norm"),
    terms={
        "contrast": Term("all", passes=1),
        "align": Term("all", passes=1),
        "variance": Term("all"),
        "diversity": Term("all"),
    },
    groups={"features": "features", "maps": "maps"},
    costly="",
    named=False,
    build=build,
    loss=loss,
    predict=predict,
    measure=measure,
    measures=[matched(d, of) for of in GUESSES for d in DISTANCES],
    cells=cells,
)
