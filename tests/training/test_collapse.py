"""Landmarks that nobody labels and that are none are told of, while training and at its end; nothing else changes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small import CPU, Walker, experiment, fake

from landmarklib import loading, methods
from landmarklib.core import coords, heatmaps
from landmarklib.core.method import Prediction
from landmarklib.core.types import Annotations
from landmarklib.datasets import blocks
from landmarklib.training import health, schedule, train
from landmarklib.training.state import TrainState, annotated

SIZE = 32
BRIGHT = [(-0.4, -0.4), (0.4, -0.3), (0.0, 0.4)]


def dots(n: int = 64) -> torch.Tensor:
    """Images of three dots, each in a channel of its own and somewhere near its place."""
    spread = 0.05 * torch.randn(n, 3, 2, generator=torch.Generator().manual_seed(0))
    at = torch.tensor(BRIGHT) + spread
    centres = coords.pixel_centres(SIZE, dtype=at.dtype, device=CPU)
    x, y = ((centres - at[..., i, None]).square() for i in (0, 1))
    return (-(y[..., :, None] + x[..., None, :]) / 0.01).exp()


def finding(find, n_landmarks: int = 3):
    """A method that says of images where their landmarks are: B x K x 2."""
    return fake(predict=lambda module, images, options: Prediction(find(images)), measure=lambda *given: {})


def mass(images: torch.Tensor) -> torch.Tensor:
    """The middle of each channel's light."""
    return heatmaps.expectation(images / images.sum((2, 3), keepdim=True))


def lines(find) -> list[str]:
    return health.collapse(Walker(), finding(find), dots(), {})


def test_landmarks_that_follow_what_they_are_of_are_sound():
    assert lines(mass) == []


def test_landmarks_that_stay_in_place_are_told_of_in_one_line():
    def find(images):
        return torch.stack([mass(images)[:, 0], torch.full((len(images), 2), 0.3), torch.zeros(len(images), 2)], 1)

    assert lines(find) == ["landmarks 1, 2 do not move with the image (equivariance ratio 1.00)"]


def test_a_landmark_that_jumps_is_no_static_one():
    def find(images):
        far = 1.2 * torch.rand(len(images), 1, 2, generator=torch.Generator().manual_seed(len(images))) - 0.6
        return torch.cat([mass(images)[:, :2], far * images.sum((1, 2, 3))[:, None, None].sin().sign()], 1)

    (line,) = lines(find)
    assert line.startswith("landmark 2 moves otherwise than the image (equivariance ratio ")


def test_landmarks_on_one_another_are_told_of_although_they_move():
    (line,) = lines(lambda images: mass(images)[:, [0, 1, 0]] + torch.tensor([[0.0], [0.0], [0.01]]))
    assert line.startswith("landmarks 0, 2 lie on another one (equivariance ratio 0.")


def test_a_landmark_on_the_border_is_told_of():
    def find(images):
        return mass(images) * torch.tensor([[1.0], [1.0], [0.0]]) + torch.tensor([[0.0], [0.0], [1 - 1 / SIZE]])

    assert lines(find) == [
        "landmark 2 does not move with the image (equivariance ratio 1.00)",
        "landmark 2 lies on the border of the image (equivariance ratio 1.00)",
    ]


def test_only_a_method_that_measures_itself_is_looked_at():
    still = finding(lambda images: torch.zeros(len(images), 3, 2))
    assert health.collapse(Walker(), still, dots(), {})
    assert health.collapse(Walker(), replace(still, measure=None), dots(), {}) == []


def texture(n: int, seed: int) -> Annotations:
    """Images of coarse noise, in which no place is like one of another image but by where the border is."""
    coarse = torch.rand(n, 1, SIZE // 4, SIZE // 4, generator=torch.Generator().manual_seed(seed))
    images = F.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return replace(blocks.generate(n, seed, SIZE), images=(255 * images).byte().numpy())


def discovered(early: int, images: int = 512, state: dict | None = None, keep=None, **weights: float) -> TrainState:
    """A run of a small FSE on texture."""
    method = methods.get("fse")
    options = methods.complete(method, {"widths": [4, 6], "n_landmarks": 4, "pool": 4, "beta": 1.0})
    e = experiment(
        method="fse",
        options=options,
        weights=weights or {"align": 1.0, "variance": 1.0, "diversity": 1.25},
        fraction=1.0,
        images=images,
        batch_unlabelled=0,
        rate=0.01,
        size=SIZE,
        select="equivariance_ratio",
    )
    e = replace(e, evaluation=replace(e.evaluation, readout="regressed"))
    generator = torch.Generator().manual_seed(0)
    module = method.build(loading.get("blocks"), SIZE, options, generator)
    a = texture(64, 0)
    run = TrainState(e, module, annotated(a, None, torch.from_numpy(a.images)), generator, state=deepcopy(state or {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "EARLY", early)
        train.train([run], method, texture(32, 1), options, keep=keep)
    return run


def test_the_loss_as_printed_collapses_and_is_told_of_early_and_at_the_end():
    told = discovered(early=256).warnings
    for when in ("by 256 images: ", ""):
        of_all = f"{when}landmarks 0, 1, 2, 3 move otherwise than the image (equivariance ratio 1."
        assert len([line for line in told if line.startswith(of_all)]) == 1


def test_maps_without_diversity_come_to_lie_on_one_another():
    told = discovered(early=10_000, align=1.0, variance=1.0).warnings
    assert any(line.startswith("landmarks 0, 1, 2, 3 lie on another one") for line in told)


def test_a_look_changes_nothing_but_the_warnings():
    looked, left = discovered(early=128), discovered(early=10_000)
    assert any(line.startswith("by ") for line in looked.warnings)
    assert left.warnings == [line for line in looked.warnings if not line.startswith("by ")]
    assert looked.curve == left.curve and looked.best_step == left.best_step
    weights = left.module.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in looked.module.state_dict().items())


def test_a_run_that_is_taken_up_again_keeps_what_was_told(monkeypatch):
    kept = []
    monkeypatch.setattr(train, "KEEP_EVERY", -1.0)
    whole = discovered(early=128, keep=lambda states: kept.append(states[0]))
    late = kept[len(kept) // 2]
    assert [line.partition(":")[0] for line in late["warnings"]] == ["by 128 images"] * len(late["warnings"])
    assert discovered(early=128, state=late).warnings == whole.warnings
    older = {name: value for name, value in late.items() if name != "warnings"}
    assert discovered(early=128, state=older).curve == whole.curve
