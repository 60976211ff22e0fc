"""Soft-argmax and warps against kornia's, side by side: the same functions (tests/core/test_against_kornia.py), how
much faster?

64 maps or one-channel images of 80 x 80 and of 128 x 128, and points on them. On an idle machine:

    python benchmarks/against_kornia.py [--device cpu] [--threads 2] [--sides 80,128] [--rounds 15] [--results FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import metadata

import kornia.geometry.transform as theirs
import torch
from contenders import synchronize
from kornia.geometry.linalg import transform_points
from kornia.geometry.subpix import spatial_soft_argmax2d

from landmarklib.core import heatmaps, warps
from landmarklib.core.noise import Noise
from landmarklib.records import benchmarks, environment
from landmarklib.records.environment import device_name

BATCH, POINTS, CONTROLS = 64, 68, 10
RANGES = {"rotation_degrees": 30.0, "scale": 0.1, "shift": 0.1}
PLATE = {"controls": CONTROLS, "bend": 0.001, "strong_bend": 0.01, **RANGES}
TEXT = (
    f"{BATCH} maps, one-channel images or sets of {POINTS} points at a time; "
    f"a thin plate has {CONTROLS} x {CONTROLS} controls. Both compute the same function, as "
    "`tests/core/test_against_kornia.py` shows; only soft-argmax counts from other ends: kornia's outermost pixel "
    "centres are at -1 and 1. What the controls of a thin plate do at "
    "each pixel is kept from call to call here; kornia computes it for each image and call, since its controls may "
    "differ."
)


def forward_and_backward(read: Callable[[torch.Tensor], torch.Tensor], maps: torch.Tensor) -> None:
    """One pass each way."""
    maps.grad = None
    read(maps).sum().backward()


def pairs(side: int, device: torch.device) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is timed at that image side: ours and kornia's."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 1, side, side, generator=generator).to(device)
    points = (2 * torch.rand(BATCH, POINTS, 2, generator=generator) - 1).to(device)
    maps = torch.randn(BATCH, 1, side, side, generator=generator).to(device).requires_grad_()
    noise = Noise(generator)
    perspective = warps.random_perspective(BATCH, noise, perspective=0.1, **RANGES).to(device)
    plate = warps.ThinPlate(*(part.to(device) for part in warps.random_thin_plate(BATCH, noise, **PLATE)))
    affine = perspective[:, :2].contiguous()
    # Kornia's matrices are between pixels; they are made beforehand, so that both sides start from what they take.
    half, centre = side / 2, (side - 1) / 2
    to_pixels = torch.tensor([[half, 0, centre], [0, half, centre], [0, 0, 1]], device=device)
    third = torch.tensor([0.0, 0.0, 1.0], device=device).expand(BATCH, 1, 3)
    affine_px = (to_pixels @ torch.cat([affine, third], 1) @ to_pixels.inverse())[:, :2].contiguous()
    perspective_px = to_pixels @ perspective @ to_pixels.inverse()
    axis = torch.linspace(-1, 1, CONTROLS, device=device)
    controls = torch.cartesian_prod(axis, axis).flip(-1).expand(BATCH, -1, -1).contiguous()
    plates = controls, plate.weights, plate.affine[:, :, [2, 0, 1]].mT.contiguous()
    size = (side, side)
    return {
        "soft-argmax, forward and backward": (
            partial(forward_and_backward, heatmaps.soft_argmax, maps),
            partial(forward_and_backward, spatial_soft_argmax2d, maps),
        ),
        "affine, images": (
            partial(warps.warp_images, images, affine),
            partial(theirs.warp_affine, images, affine_px, size, align_corners=False),
        ),
        "perspective, images": (
            partial(warps.warp_images, images, perspective),
            partial(theirs.warp_perspective, images, perspective_px, size, align_corners=False),
        ),
        "thin plate, images": (
            partial(warps.warp_images, images, plate),
            partial(theirs.warp_image_tps, images, *plates),
        ),
        "perspective, points": (
            partial(warps.move, points, perspective),
            partial(transform_points, perspective, points),
        ),
        "thin plate, points": (
            partial(warps.origins, points, plate),
            partial(theirs.warp_points_tps, points, *plates),
        ),
    }


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", type=lambda text: [int(s) for s in text.split(",")], default=[80, 128])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    found: list[benchmarks.Timing] = []
    for side in arguments.sides:
        for what, (ours, other) in pairs(side, device).items():
            if "points" in what and side != arguments.sides[0]:
                continue  # points know nothing of the image's size
            taken = benchmarks.seconds({"ours": ours, "kornia": other}, arguments.rounds, synchronize(device))
            group = what if "points" in what else f"{what}, {side} x {side}"
            found += benchmarks.timings(group, {name: [BATCH / s for s in values] for name, values in taken.items()})
    benchmark = benchmarks.Benchmark(
        name="kornia",
        title="Soft-argmax and warps against kornia",
        text=TEXT,
        unit="items/s",
        device=device.type,
        timings=tuple(found),
        settings={"kornia": metadata.version("kornia"), "rounds": arguments.rounds},
        provenance=environment.describe(device_name(device)),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
