"""Conditional image generation (jakab2018): landmarks without labels, as what it takes to paint one view from another.

Two views of an image differ by a random thin plate. The target is painted from what the source looks like and from K
points that are found in the target; nothing else of the target reaches the painting, so the points have to tell where
its parts are. Which output stands for which landmark nobody tells: landmarks are regressed from all outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from landmarklib.core.errors import UserError
from landmarklib.core.kinds import Positive, Some
from landmarklib.core.method import Method, Models, Prediction, Term

if TYPE_CHECKING:
    import torch
    from torch import nn

    from landmarklib.core.noise import Noise
    from landmarklib.core.types import Batch
    from landmarklib.core.warps import ThinPlate

FIRST_MEANS = (100.0, 1.6, 2.3, 1.8, 2.8, 100.0)  # of the layers' errors (released code of jakab2018)


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    import torch

    from landmarklib.formats import archive
    from landmarklib.nets import vgg
    from landmarklib.nets.imm import Painter

    perceptual = options["reconstruction"] == "perceptual"
    if perceptual != bool(options["perceptual"]):
        raise UserError(
            f"imm: reconstruction {options['reconstruction']!r} and perceptual {options['perceptual']!r}; 'perceptual' "
            "needs a file of VGG-16's weights, and 'pixels' takes none"
        )
    channels = dataset.channels
    shape = options["width"], options["n_landmarks"], options["gauss_std"], options["out_std"]
    module = Painter(size, channels, *shape, generator)
    if perceptual:
        vgg.read(archive.user_file(options["perceptual"]), torch.device("cpu"))  # which refuses what does not fit
        module.register_buffer("layer_means", torch.tensor(FIRST_MEANS))
    return module


def loss(models: Models, batch: Batch, terms: set[str], options: dict[str, Any], noise: Noise) -> dict:
    """The reconstruction of section 3.1 of jakab2018, on all images; labels are not looked at."""
    from landmarklib.core import augmentation, heatmaps, warps
    from landmarklib.formats import archive
    from landmarklib.losses import reconstruction
    from landmarklib.nets import vgg

    # DEVIATION: every step draws its plates; the released code draws most of them from a store of 1,000.
    first, further = (_plate(len(batch.images), noise, options, of) for of in ("target", "source"))
    target = augmentation.second_view(batch, 0, first)
    # A plate of a plate is none, so the target is warped again as it is, as the released code does: pixels of the
    # source are interpolated once more, and what the target does not show is black in it.
    source = warps.warp_images(target, further)
    net, images = models.student, batch.images
    painted = net.paint(source, heatmaps.soft_argmax(net.maps(target)))
    border = reconstruction.border_mask(images.shape[-1], images.dtype, images.device)
    mask = warps.warp_images(border.expand(len(images), -1, -1, -1), first)
    if options["reconstruction"] == "pixels":
        return {"reconstruct": reconstruction.pixels(painted, target, mask)}
    weights = vgg.read(archive.user_file(options["perceptual"]), images.device)
    errors = reconstruction.features(*(vgg.features(view, weights) for view in (painted, target)), mask)
    return {"reconstruct": reconstruction.balanced(errors, net.layer_means, net.training)}


def _plate(n: int, noise: Noise, options: dict[str, Any], of: str) -> ThinPlate:
    """Random plates, those of the target or those of the source."""
    from landmarklib.core import warps

    # The released code bends by r^2 log r^2, which is twice the kernel here, so weights are twice as large.
    bends = {name: 2 * options[f"{of}_{name}"] for name in ("bend", "strong_bend")}
    similar = {name: options[f"{of}_{name}"] for name in ("rotation_degrees", "scale", "shift")}
    return warps.random_thin_plate(n, noise, controls=options["controls"], **bends, **similar)


def cells(options: dict[str, Any], size: int) -> int:
    from landmarklib.nets.levels import sides_of

    return sides_of(size)[-1] ** 2


def predict(module: nn.Module, images: torch.Tensor, options: dict[str, Any]) -> Prediction:
    from landmarklib.core import heatmaps

    maps = module.maps(images)
    return Prediction(heatmaps.soft_argmax(maps), (), maps)


def measure(module: nn.Module, images: torch.Tensor, options: dict[str, Any], noise: Noise) -> dict:
    """How far the points are from moving with the image, under plates like those of the source."""
    from landmarklib.losses import discovery

    plate = _plate(len(images), noise, options, "source")
    return discovery.following(lambda seen: predict(module, seen, options).points, images, plate)


METHOD = Method(
    name="imm",
    options={
        "n_landmarks": 10,
        "width": 32,
        "gauss_std": 0.1,
        "out_std": 0.01,
        "reconstruction": "pixels",
        "perceptual": "",
        # of the views (released code); all are standard deviations
        "controls": 10,
        "target_bend": 0.001,
        "target_strong_bend": 0.005,
        "target_rotation_degrees": 0.0,
        "target_scale": 0.0,
        "target_shift": 0.1,
        "source_bend": 0.001,
        "source_strong_bend": 0.01,
        "source_rotation_degrees": 5.0,
        "source_scale": 0.1,
        "source_shift": 0.1,
    },
    kinds={
        "n_landmarks": Some,
        "width": Some,
        "gauss_std": Positive,
        "out_std": Positive,
        "reconstruction": Literal["pixels", "perceptual"],
        "controls": Some,
    },
    shape=("width",),
    # Of an image the target view goes through one encoder, the source view through the other, and both through the
    # renderer: one pass of the whole network. What VGG-16 costs is not counted.
    terms={"reconstruct": Term("all")},
    costly="",
    named=False,
    build=build,
    loss=loss,
    predict=predict,
    measure=measure,
    cells=cells,
)
