"""Maps that can learn no more are reported, map by map."""

from __future__ import annotations

import torch
from small import Walker, annotations, data_of, fake

from landmarklib.core.method import Method, Prediction
from landmarklib.training.health import health
from landmarklib.training.state import pixels


def showing(maps: torch.Tensor | None, beta: float = 1.0, peaked: bool = False) -> Method:
    """A method that finds these maps in every image."""

    def predict(module, images, options):
        seen = None if maps is None else maps.expand(len(images), *maps.shape)
        return Prediction(torch.zeros(len(images), 1, 2), maps=seen, beta=beta, peaked=peaked)

    return fake(predict=predict)


def health_of(method: Method, n: int = 64) -> list[str]:
    return health(Walker(), method, pixels(data_of(annotations(n, 0)).images), {})


def test_dead_and_saturated_maps_are_reported():
    maps = torch.zeros(4, 8, 8)
    maps[0] = 5
    maps[1, 2, 3] = 1000
    maps[2] = torch.linspace(-1, 1, 64).view(8, 8)
    maps[3] = 150 * torch.eye(8)
    assert health_of(showing(maps)) == [
        "map 0 is dead: it is constant",
        "map 1 is saturated: |beta map| 984, entropy 0.000 of the full",
    ]


def test_beta_counts_towards_saturation():
    maps = torch.zeros(1, 8, 8)
    maps[0, 0, 0] = 100
    assert health_of(showing(maps, beta=1.0)) == []
    assert health_of(showing(maps, beta=10.0)) == ["map 0 is saturated: |beta map| 984, entropy 0.000 of the full"]


def test_maps_that_the_loss_wants_peaked_cannot_saturate_but_may_die():
    maps = torch.zeros(2, 8, 8)
    maps[0, 2, 3] = 1000
    assert health_of(showing(maps, peaked=True)) == ["map 1 is dead: it is constant"]
    assert len(health_of(showing(maps))) == 2


def test_methods_without_maps_have_nothing_to_report():
    assert health_of(showing(None)) == []


def test_health_looks_at_as_many_images_as_there_are():
    assert health_of(showing(torch.zeros(1, 4, 4)), n=8) == ["map 0 is dead: it is constant"]
