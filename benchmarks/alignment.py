"""The probability map loss of thewlis2017 (Eq. 6) in its linear form against the sum over all pairs of cells.

Both compute the same number (tests/losses/test_discovery.py). How does the time of a batch, forward and backward, grow
with the side of the maps? On an idle machine:

    python benchmarks/alignment.py [--device cpu] [--threads 2] [--sides 12,24,48] [--rounds 15] [--results FOLDER]
"""

from __future__ import annotations

from functools import partial

import torch
from contenders import synchronize
from torch import Tensor

from landmarklib.core import heatmaps, warps
from landmarklib.core.noise import Noise
from landmarklib.core.warps import ThinPlate
from landmarklib.losses import discovery
from landmarklib.records import benchmarks, environment
from landmarklib.records.environment import device_name

BATCH, LANDMARKS = 16, 10
PLATE = {"controls": 10, "bend": 0.001, "strong_bend": 0.01, "rotation_degrees": 20.0, "scale": 0.05, "shift": 0.1}
TEXT = (
    f"{BATCH} pairs of images with {LANDMARKS} maps each, forward and backward. All pairs of cells are as many as the "
    "fourth power of the side of the maps; the linear form needs each cell once."
)


def linear(maps: Tensor, plate: ThinPlate) -> Tensor:
    """The loss as training computes it, both shares at one weight. maps: of the images, then of their second views."""
    one, other = heatmaps.spatial_softmax(maps).chunk(2)
    side = maps.shape[-1]
    first = discovery.spread(one, warps.pixel_places(side, maps.dtype, maps.device))
    second = discovery.spread(other, warps.pixel_origins(plate, side, maps.dtype, maps.device))
    return (discovery.alignment(first, second) + discovery.variance(first, second)).mean()


def literal(maps: Tensor, plate: ThinPlate) -> Tensor:
    """The loss as it is printed: sum_uv |u - g(v)|^2 p(u) p'(v)."""
    one, other = (p.flatten(2) for p in heatmaps.spatial_softmax(maps).chunk(2))
    side = maps.shape[-1]
    places = warps.pixel_places(side, maps.dtype, maps.device).flatten(2).mT
    origins = warps.pixel_origins(plate, side, maps.dtype, maps.device).flatten(2).mT
    squares = (places[:, :, None] - origins[:, None]).square().sum(-1)
    return torch.einsum("bku,buv,bkv->bk", one, squares, other).mean()


def forward_and_backward(loss, maps: Tensor, plate: ThinPlate) -> None:
    """One pass each way."""
    maps.grad = None
    loss(maps, plate).backward()


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", type=lambda text: [int(s) for s in text.split(",")], default=[12, 24, 48])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, found = torch.device(arguments.device), []
    for side in arguments.sides:
        generator = torch.Generator().manual_seed(0)
        maps = torch.randn(2 * BATCH, LANDMARKS, side, side, generator=generator).to(device).requires_grad_()
        plate = warps.ThinPlate(
            *(part.to(device) for part in warps.random_thin_plate(BATCH, Noise(generator), **PLATE))
        )
        contenders = {
            "linear": partial(forward_and_backward, linear, maps, plate),
            "all pairs": partial(forward_and_backward, literal, maps, plate),
        }
        taken = benchmarks.seconds(contenders, arguments.rounds, synchronize(device))
        rates = {name: [BATCH / s for s in values] for name, values in taken.items()}
        found += benchmarks.timings(f"maps of {side} x {side}", rates)
    benchmark = benchmarks.Benchmark(
        name="alignment",
        title="The probability map loss, linear and over all pairs of cells",
        text=TEXT,
        unit="pairs of images/s",
        device=device.type,
        timings=tuple(found),
        settings={"rounds": arguments.rounds},
        provenance=environment.describe(device_name(device)),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
