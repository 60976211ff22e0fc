"""Of every loss: what does not count may be NaN or infinite, and changes neither a value nor a gradient."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from landmarklib import losses
from landmarklib.core import warps
from landmarklib.core.noise import Noise
from landmarklib.core.types import NO_CLASS, Batch
from landmarklib.losses import equivariance, masked, reconstruction, semantic, supervised

B, K = 6, 4
NAN = float("nan")


class Case(NamedTuple):
    """A loss as a function of its inputs, finite ones, and where in each input nothing counts."""

    loss: Callable[[dict[str, Tensor]], Tensor]
    inputs: dict[str, Tensor]
    uncounted: dict[str, Tensor]


def some(*shape: int, seed: int, span: float = 1.0) -> Tensor:
    return span * (2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 1)


def hidden(seed: int) -> Tensor:
    """Points that do not count: none of the first image's, all of the second's, half of the others'."""
    mask = torch.rand(B, K, generator=torch.Generator().manual_seed(seed)) < 0.5
    mask[0], mask[1] = False, True
    return mask


def of_points(loss: Callable) -> Case:
    gone = hidden(1)
    return Case(
        lambda v: loss(v["found"], v["true"], ~gone),
        {"found": some(B, K, 2, seed=2), "true": some(B, K, 2, seed=3)},
        {"found": gone[..., None], "true": gone[..., None]},
    )


def mean() -> Case:
    """Its values have to be finite: what is computed of a NaN has a NaN gradient, wherever it is masked."""
    return Case(lambda v: masked.mean(v["values"], ~hidden(4)), {"values": some(B, K, seed=5)}, {})


def pixels() -> Case:
    gone = hidden(6)
    return Case(
        lambda v: supervised.pixel_cross_entropy(v["maps"], v["true"], ~gone),
        {"maps": some(B, K, 3, 5, seed=7, span=20.0), "true": some(B, K, 2, seed=8)},
        {"maps": gone[..., None, None], "true": gone[..., None]},
    )


def unknown(width: int) -> dict[str, Tensor]:
    gone = torch.tensor([True, False] * (B // 2))
    return {"head": gone[:, None].expand(B, width), "value": gone}


def classes() -> Case:
    values = {"head": some(B, 3, seed=9), "value": torch.tensor([NAN, 0, NAN, 1, NAN, 2])}
    return Case(lambda v: supervised.class_cross_entropy(v["head"], v["value"]), values, unknown(3))


def angles() -> Case:
    values = {"head": some(B, 1, seed=10), "value": some(B, seed=11).where(~unknown(1)["value"], NAN)}
    return Case(lambda v: supervised.angle_distance(v["head"], v["value"]), values, unknown(1))


def attributes() -> Case:
    """Two classes and an angle; the second class is known where the others are not."""
    first, angle = classes(), angles()
    values = {"class": first.inputs["head"], "angle": angle.inputs["head"], "other": some(B, 2, seed=12)}
    known = torch.stack([first.inputs["value"], angle.inputs["value"], first.inputs["value"].isnan().float()], -1)
    known[1, 2] = NAN

    def loss(v: dict[str, Tensor]) -> Tensor:
        heads = v["class"], v["angle"], v["other"]
        return sum(supervised.attributes(heads, known, {"classes", "angles"}).values())

    return Case(loss, values, {"class": unknown(3)["head"], "angle": unknown(1)["head"], "other": known[:, 2:].isnan()})


def moved_out() -> Case:
    gone = hidden(13)
    return Case(
        lambda v: equivariance.equivariance(v["warped"], v["found"]),
        {"warped": some(B, K, 2, seed=14).where(~gone[..., None], 2.0), "found": some(B, K, 2, seed=15)},
        {"warped": gone[..., None], "found": gone[..., None]},
    )


def elt() -> Case:
    gone = hidden(16)
    points = some(B, K, 2, seed=17, span=0.5).where(~gone[..., None], 3.0)

    def loss(v: dict[str, Tensor]) -> Tensor:
        noise = Noise(torch.Generator().manual_seed(0))
        batch = Batch(torch.zeros(B, 1, 4, 4), v["points"], ~gone, torch.zeros(B, 1), 0)
        ranges = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}
        return equivariance.elt(lambda images: v["found"], batch, v["points"], noise, **ranges)

    uncounted = {"points": gone[..., None], "found": gone[..., None]}
    return Case(loss, {"points": points, "found": some(B, K, 2, seed=18)}, uncounted)


def painted(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Case:
    """A loss of two images under a mask, which hides pixels of both."""
    mask = some(B, 1, 8, 8, seed=20).clamp(min=0)
    mask[0, :, 2:] = 0  # no pixel of the next scale is left of it
    mask[1:, :, :4, :4] = 0.5
    images = {"painted": some(B, 2, 8, 8, seed=21), "true": some(B, 2, 8, 8, seed=22)}
    return Case(lambda v: loss(v["painted"], v["true"], mask), images, dict.fromkeys(images, mask == 0))


def layers() -> Case:
    """Two layers of one size."""
    return painted(lambda found, true, mask: reconstruction.features([found, -found], [true, true], mask).sum(-1))


def balanced() -> Case:
    errors = some(B, 3, seed=23).abs()
    return Case(lambda v: reconstruction.balanced(v["errors"], torch.ones(3), True), {"errors": errors}, {})


def classes_of_pixels() -> Case:
    classes = (10 * some(B, 4, 4, seed=24).abs()).long().clamp(max=2).to(torch.uint8)
    unknown = some(B, 4, 4, seed=25) > 0
    classes = classes.where(~unknown, NO_CLASS)
    logits = {"logits": some(B, 3, 4, 4, seed=26)}
    return Case(lambda v: supervised.class_of_pixels(v["logits"], classes), logits, {"logits": unknown[:, None]})


def maps_that_count() -> Case:
    gone = hidden(24)
    maps = {"predicted": some(B, K, 4, 4, seed=25), "target": some(B, K, 4, 4, seed=26)}
    uncounted = dict.fromkeys(maps, gone[..., None, None])
    return Case(lambda v: semantic.heatmap_mse(v["predicted"], v["target"], ~gone), maps, uncounted)


def keypoint_logits() -> Case:
    gone = hidden(27)
    return Case(
        lambda v: semantic.consistency(v["logits"], ~gone),
        {"logits": some(B, K, K, seed=28)},
        {"logits": gone[..., None]},
    )


def representations_that_count() -> Case:
    gone = hidden(29)
    both = {"first": some(B, K, 5, seed=30), "second": some(B, K, 5, seed=31)}
    return Case(
        lambda v: semantic.invariance(v["first"], v["second"], ~gone), both, dict.fromkeys(both, gone[..., None])
    )


CASES = {
    "masked.squared_distance": lambda: of_points(masked.squared_distance),
    "masked.mean": mean,
    "supervised.landmark_distance": lambda: of_points(supervised.landmark_distance),
    "supervised.pixel_cross_entropy": pixels,
    "supervised.class_cross_entropy": classes,
    "supervised.angle_distance": angles,
    "supervised.class_of_pixels": classes_of_pixels,
    "supervised.attributes": attributes,
    "equivariance.equivariance": moved_out,
    "equivariance.elt": elt,
    "reconstruction.pixels": lambda: painted(reconstruction.pixels),
    "reconstruction.features": layers,
    "reconstruction.balanced": balanced,
    "semantic.heatmap_mse": maps_that_count,
    "semantic.consistency": keypoint_logits,
    "semantic.invariance": representations_that_count,
}
NO_LOSSES = {"reconstruction.border_mask", "semantic.representations"}


WITHOUT_ANNOTATIONS = {"contrastive", "discovery"}  # modules whose losses see no label: nothing is to be left out


def test_every_loss_has_a_case():
    found = set()
    for module in pkgutil.iter_modules(losses.__path__):
        if module.name in WITHOUT_ANNOTATIONS:
            continue
        members = inspect.getmembers(importlib.import_module(f"{losses.__name__}.{module.name}"), inspect.isfunction)
        own = [name for name, value in members if value.__module__.endswith(f".{module.name}")]
        found |= {f"{module.name}.{name}" for name in own if not name.startswith("_")}
    assert found == set(CASES) | NO_LOSSES


def computed(case: Case, inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The values of B images, and the gradient of each input."""
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    values = case.loss(leaves)
    (values * torch.arange(1.0, B + 1)).sum().backward()
    return values.detach(), {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("poison", [NAN, float("inf"), -1e38])
def test_what_does_not_count_changes_neither_value_nor_gradient(name, poison):
    case = CASES[name]()
    values, gradients = computed(case, case.inputs)
    spoilt = {n: v.masked_fill(case.uncounted[n], poison) if n in case.uncounted else v for n, v in case.inputs.items()}
    if "value" in spoilt:  # NaN is how an attribute says that it is unknown
        spoilt["value"] = case.inputs["value"]
    others, other_gradients = computed(case, spoilt)
    assert values.isfinite().all() and values.any() and torch.equal(values, others)
    assert gradients and gradients.keys() == other_gradients.keys()
    for n, gradient in gradients.items():
        assert gradient.isfinite().all() and gradient.any() and torch.equal(gradient, other_gradients[n]), n
        if n in case.uncounted:
            assert not gradient[case.uncounted[n].expand_as(gradient)].any(), n


@pytest.mark.parametrize("name", CASES)
def test_what_counts_reaches_the_value_if_it_is_nan(name):
    """A network or a label that has gone wrong is not hidden."""
    case = CASES[name]()
    for n, value in case.inputs.items():
        if n in ("value", "warped", "points"):
            continue  # there a NaN says that something does not count
        gone = case.uncounted.get(n, torch.zeros_like(value, dtype=torch.bool)).expand_as(value)
        if n == "true" and name.startswith("supervised.pixel"):
            continue  # the pixel of a place that is no place
        assert computed(case, value_in(case, n, value.where(gone, NAN)))[0].isnan().any(), n


def value_in(case: Case, name: str, value: Tensor) -> dict[str, Tensor]:
    return {**case.inputs, name: value}


def plates(n: int) -> warps.ThinPlate:
    noise = Noise(torch.Generator().manual_seed(0))
    ranges = {"bend": 0.001, "strong_bend": 0.01, "rotation_degrees": 20.0, "scale": 0.1, "shift": 0.3}
    return warps.random_thin_plate(n, noise, controls=10, **ranges)


def test_points_that_a_thin_plate_moves_nowhere_leave_every_gradient_finite():
    points, found = (some(64, 5, 2, seed=seed).requires_grad_() for seed in (19, 20))
    moved = warps.move(points, plates(64))
    lost = moved.isnan().any(-1)
    assert lost.any() and not lost.all()
    equivariance.equivariance(moved, found).mean().backward()
    for gradient in (points.grad, found.grad):
        assert gradient.isfinite().all() and gradient.any() and not gradient[lost].any()


def test_a_point_that_is_nan_stays_alone_under_every_map():
    identity = torch.eye(3)[None]
    tilted = identity.clone()
    tilted[0, 2, 0] = 1.0  # (-1, y) goes to infinity
    for warp, lost in ((identity[:, :2], 0), (identity, 0), (tilted, 2), (plates(1), 0)):
        points = torch.tensor([[[NAN, 0.1], [0.2, 0.3], [-1.0, 0.5]]]).requires_grad_()
        moved = warps.move(points, warp)
        assert moved[0, 0].isnan().any() and moved[0, 1].isfinite().all() and not moved.isinf().any()
        assert moved[0, 2].isnan().all() == bool(lost)
        equivariance.equivariance(moved, torch.zeros(1, 3, 2)).sum().backward()
        assert points.grad.isfinite().all() and points.grad[0, 1].any() and not points.grad[0, 0].any()
