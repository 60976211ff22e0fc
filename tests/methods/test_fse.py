"""The views that factorized spatial embeddings are trained on: how they are warped, and what lies around them."""

from __future__ import annotations

import pytest
import torch

from landmarklib import methods
from landmarklib.core import heatmaps, warps
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.methods import fse

SIZE = 16
SMALL = {"n_landmarks": 3, "widths": [4, 6], "pool": 2, "controls": 5}
TERMS = {"align", "variance", "diversity"}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(images: torch.Tensor) -> Batch:
    nothing = torch.full((len(images), 0, 2), torch.nan)
    return Batch(images, nothing, nothing[..., 0] > 0, torch.zeros(len(images), 0), 0)


class Seen(torch.nn.Module):
    """Keeps the views that it is given."""

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        self.views = views
        return torch.zeros(len(views), 3, SIZE // 2, SIZE // 2)


def views(images: torch.Tensor, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """First and second views of a step."""
    net = Seen()
    fse.loss(Models(net), batch(images), TERMS, methods.complete(fse.METHOD, SMALL | options), Noise(seeded()))
    return net.views.chunk(2)


IMAGES = torch.rand(4, 1, SIZE, SIZE, generator=seeded(1))


def test_the_first_view_is_the_image_unless_it_is_warped():
    assert torch.equal(views(IMAGES)[0], IMAGES)
    for name in ("bend", "strong_bend", "rotation_degrees", "scale", "shift"):
        assert not torch.equal(views(IMAGES, **{f"first_{name}": 0.2})[0], IMAGES)


def test_the_first_view_is_warped_by_a_plate_of_its_own_options():
    ranges = {"bend": 0.005, "strong_bend": 0.01, "rotation_degrees": 15.0, "scale": 0.05, "shift": 0.1}
    plate = warps.random_thin_plate(4, Noise(seeded()), controls=5, **ranges)
    first, _ = views(IMAGES, **{f"first_{name}": value for name, value in ranges.items()})
    assert torch.allclose(first, warps.warp_images(IMAGES, plate), atol=1e-5)


def test_one_bend_alone_is_for_both():
    alone = views(IMAGES, first_bend=0.02)
    assert all(map(torch.equal, alone, views(IMAGES, first_bend=0.02, first_strong_bend=0.02)))
    assert not torch.equal(alone[0], views(IMAGES, first_bend=0.02, first_strong_bend=0.01)[0])


@pytest.mark.parametrize("beyond", [0.0, 1.0])
def test_warps_bring_in_what_lies_around_the_images(beyond):
    far = {"shift": 20.0, "first_shift": 20.0}
    assert all((seen == beyond).all() for seen in views(IMAGES, beyond=beyond, **far))


def test_white_around_an_image_is_black_around_its_negative():
    white, black = views(1 - IMAGES, beyond=1.0, first_shift=0.5), views(IMAGES, first_shift=0.5)
    assert all(torch.allclose(a, 1 - b, atol=1e-6) for a, b in zip(white, black, strict=True))


def test_landmarks_are_measured_under_warps_that_bring_in_the_same():
    """A network that finds the middle of all that is dark sees no edge of a white image."""

    class Dark(torch.nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            return 50 * (1 - torch.nn.functional.avg_pool2d(seen, 2))

    images = torch.ones(2, 1, SIZE, SIZE)
    images[:, :, 6:10, 6:10] = 0
    still = {"bend": 0.0, "strong_bend": 0.0, "scale": 0.0}
    options = methods.complete(fse.METHOD, SMALL | still | {"beyond": 1.0, "beta": 1.0})
    followed = fse.measure(Dark(), images, options, Noise(seeded()))["equivariance_px"]
    lost = fse.measure(Dark(), images, options | {"beyond": 0.0}, Noise(seeded()))["equivariance_px"]
    assert followed.max() < 1 < lost.max()
    assert heatmaps.soft_argmax(Dark()(images), 1.0).abs().max() < 0.01
