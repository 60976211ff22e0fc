"""The supervised networks of thewlis2017 and ours: which network an end is, and what they are trained by."""

from __future__ import annotations

import pytest
import torch

from landmarklib import loading, methods
from landmarklib.core import heatmaps
from landmarklib.core.errors import UserError
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.methods import fse_supervised
from landmarklib.nets.fse import Connected, Detector

FACES = loading.get("mtfl")
J = len(FACES.landmarks)


def options(**given) -> dict:
    return methods.complete(fse_supervised.METHOD, {"widths": [4, 6, 8, 8, 8], **given})


def built(**given) -> torch.nn.Module:
    return fse_supervised.build(FACES, 64, options(**given), torch.Generator().manual_seed(0))


def test_the_paper_has_points_from_a_fully_connected_layer_and_ours_reads_a_map_of_each():
    images = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    paper, ours = built().eval(), built(end="soft-argmax").eval()
    assert isinstance(paper, Connected) and isinstance(ours, Detector)
    found = fse_supervised.predict(paper, images, options())
    assert torch.equal(found.points, paper(images)) and found.maps is None and found.points.shape == (3, J, 2)
    read = fse_supervised.predict(ours, images, options(end="soft-argmax", beta=2.0))
    assert read.maps.shape == (3, J, 32, 32) and torch.equal(read.points, heatmaps.soft_argmax(read.maps, 2.0))


@pytest.mark.parametrize("end", ["connected", "soft-argmax"])
def test_the_loss_is_the_squared_distance_of_the_visible_points_of_labelled_images(end):
    images, module = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1)), built(end=end)
    points, visible = torch.zeros(3, J, 2), torch.ones(3, J, dtype=torch.bool)
    points[2], visible[0, 1:] = torch.nan, False
    batch = Batch(images, points, visible, torch.zeros(3, 0), n_labelled=2)
    found = fse_supervised.predict(module, images, options(end=end)).points
    squared = found.square().sum(-1)
    (values,) = fse_supervised.loss(
        Models(module), batch, {"landmarks"}, options(end=end), Noise(torch.Generator())
    ).values()
    assert torch.allclose(values, torch.stack([squared[0, 0], squared[1].mean()]), rtol=1e-4)


def test_an_end_that_there_is_not_is_refused():
    with pytest.raises(
        UserError, match="fse_supervised, end: 'pooled' is unknown; valid: 'connected' or 'soft-argmax'"
    ):
        options(end="pooled")
