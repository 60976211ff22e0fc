"""Conditional image generation: its views, what it paints from, and the options that must fit each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from landmarklib import loading, methods
from landmarklib.core import augmentation, costs, heatmaps, warps
from landmarklib.core.errors import UserError
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import MARGIN, Batch
from landmarklib.losses import discovery, reconstruction
from landmarklib.methods import imm
from landmarklib.nets import imm as painter
from landmarklib.nets import vgg

SIZE, B = 16, 6
STILL = {f"{of}_{name}": 0.0 for of in ("target", "source") for name in ("bend", "strong_bend", "shift")}
STILL |= {"source_rotation_degrees": 0.0, "source_scale": 0.0}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def options_of(**changes) -> dict:
    return methods.complete(imm.METHOD, {"width": 4, "n_landmarks": 3, **changes})


def built(options: dict) -> torch.nn.Module:
    return imm.build(loading.get("blocks"), SIZE, options, seeded())


def batch_of(side: int = SIZE) -> Batch:
    images = torch.rand(B, 1, side, side, generator=seeded(1))
    return Batch(images, torch.zeros(B, 5, 2), torch.ones(B, 5, dtype=torch.bool), torch.zeros(B, 1), 0)


def test_without_any_warp_it_paints_an_image_from_itself():
    options = options_of(**STILL)
    net, batch = built(options), batch_of()
    (value,) = imm.loss(Models(net), batch, {"reconstruct"}, options, Noise(seeded())).values()
    mask = reconstruction.border_mask(SIZE, torch.float32, torch.device("cpu")).expand(B, -1, -1, -1)
    assert torch.allclose(value, reconstruction.pixels(net(batch.images), batch.images, mask), atol=1e-5)


@pytest.mark.parametrize("jittered", [False, True])
def test_the_source_is_a_warp_of_the_target_and_the_points_are_the_targets(monkeypatch, jittered):
    options, batch, seen = options_of(), batch_of(), {}
    net = built(options)
    if jittered:
        wide = batch_of(round(MARGIN * SIZE))
        batch = augmentation.jitter_batch(wide, Noise(seeded(3)), SIZE, rotation_degrees=10.0, scale=0.1, shift=0.1)
    monkeypatch.setattr(net, "paint", lambda source, points: seen.update(source=source, points=points) or source)
    imm.loss(Models(net), batch, {"reconstruct"}, options, Noise(seeded(2)))
    noise = Noise(seeded(2))
    first, further = (imm._plate(B, noise, options, of) for of in ("target", "source"))
    target = augmentation.second_view(batch, 0, first)
    assert torch.equal(seen["source"], warps.warp_images(target, further))
    assert torch.equal(seen["points"], heatmaps.soft_argmax(net.maps(target)))
    assert torch.equal(first.affine[:, :, :2], torch.eye(2).expand(B, 2, 2)) and further.affine[:, 0, 1].any()


def test_plates_bend_twice_as_much_as_their_options_say_and_only_as_asked():
    options = options_of(target_bend=0.01, target_strong_bend=0.0)
    plate = imm._plate(400, Noise(seeded()), options, "target")
    assert plate.weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert plate.affine[..., 2].std().item() == pytest.approx(0.1, rel=0.1)


def test_points_are_read_from_the_maps_and_measured_under_the_sources_plates():
    options, images = options_of(), batch_of().images
    net = built(options).eval()
    found = imm.predict(net, images, options)
    assert torch.equal(found.points, heatmaps.soft_argmax(found.maps)) and found.points.shape == (B, 3, 2)
    plate = imm._plate(B, Noise(seeded(4)), options, "source")
    moved = imm.predict(net, warps.warp_images(images, plate), options).points
    expected = discovery.equivariance(found.points, moved, warps.origins(moved, plate), SIZE)
    measured = imm.measure(net, images, options, Noise(seeded(4)))
    assert measured.keys() == expected.keys() == {"equivariance_px", "equivariance_ratio"}
    assert all(torch.equal(measured[name], expected[name]) for name in expected)


def test_a_step_is_one_pass_of_the_network():
    assert costs.of_step(imm.METHOD, ("reconstruct",), imm.METHOD.options, 0, 32) == 32


@pytest.mark.parametrize("changes", [{"reconstruction": "perceptual"}, {"perceptual": "vgg16.pth"}], ids=str)
def test_a_file_and_the_loss_that_needs_one_come_together(changes):
    with pytest.raises(UserError, match="'perceptual' needs a file of VGG-16's weights, and 'pixels' takes none"):
        built(options_of(**changes))


def test_a_file_that_is_not_there_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"perceptual: there is no file .*none\.pth"):
        built(options_of(reconstruction="perceptual", perceptual="none.pth"))


@pytest.fixture
def perceptual(tmp_path, monkeypatch) -> dict:
    """Options with a file of random weights below the data root."""
    content = {}
    for i, (inputs, outputs) in vgg.LAYERS.items():
        scale = (2 / (9 * inputs)) ** 0.5
        content[f"features.{i}.weight"] = scale * torch.randn(outputs, inputs, 3, 3, generator=seeded(i))
        content[f"features.{i}.bias"] = torch.zeros(outputs)
    torch.save(content, tmp_path / "vgg16.pth")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    return options_of(reconstruction="perceptual", perceptual="vgg16.pth")


def test_features_of_a_file_train_it_and_move_the_running_means(perceptual):
    net, batch = built(perceptual), batch_of()
    assert net.layer_means.tolist() == pytest.approx(imm.FIRST_MEANS)
    (value,) = imm.loss(Models(net), batch, {"reconstruct"}, perceptual, Noise(seeded())).values()
    assert value.shape == (B,) and value.isfinite().all() and (value > 0).all()
    value.mean().backward()
    assert net.pose[0].weight.grad.any() and "layer_means" in net.state_dict()
    moved = net.layer_means.clone()
    assert all(a != b for a, b in zip(moved.tolist(), imm.FIRST_MEANS, strict=True))
    imm.loss(Models(net.eval()), batch, {"reconstruct"}, perceptual, Noise(seeded()))
    assert torch.equal(net.layer_means, moved)


def test_the_running_means_of_a_pack_are_each_runs_own(perceptual):
    from torch.func import functional_call, vmap

    nets = [imm.build(loading.get("blocks"), SIZE, perceptual, seeded(i)) for i in range(2)]
    stacked = {n: torch.stack([net.state_dict()[n] for net in nets]) for n in nets[0].state_dict()}

    class Caller(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nets[0]

        def forward(self, images):
            return imm.loss(Models(self.net), replace(batch, images=images), {"reconstruct"}, perceptual, STEADY)[
                "reconstruct"
            ]

    images, batch = torch.rand(2, B, 1, SIZE, SIZE, generator=seeded(5)), batch_of()
    caller = Caller()
    packed = vmap(lambda held, x: functional_call(caller, {f"net.{n}": t for n, t in held.items()}, (x,)))
    values = packed(stacked, images)
    for i, net in enumerate(nets):
        alone = imm.loss(Models(net), replace(batch, images=images[i]), {"reconstruct"}, perceptual, STEADY)[
            "reconstruct"
        ]
        assert torch.allclose(values[i], alone, rtol=1e-3)
        assert torch.allclose(stacked["layer_means"][i], net.layer_means, rtol=1e-4)


class Steady(Noise):
    """The same numbers every time, drawn outside of what is mapped over runs."""

    def draw(self, kind: str, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.full(shape, 0.3)


STEADY = Steady(seeded())


def blobs(n: int, generator: torch.Generator) -> torch.Tensor:
    """Images of one bright blob each, anywhere but near the border."""
    return painter.gaussians(torch.rand(n, 1, 2, generator=generator) - 0.5, SIZE, 0.3)


def test_the_painting_learns_to_go_by_the_points():
    """A blob that is painted from another image's points is at a wrong place."""
    options, generator = options_of(), seeded(7)
    net = built(options)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(120):
        batch = replace(batch_of(), images=blobs(B, generator))
        imm.loss(Models(net), batch, {"reconstruct"}, options, Noise(generator))["reconstruct"].mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    target, still = blobs(64, generator), torch.ones(64, 1, SIZE, SIZE)
    with torch.no_grad():
        source = warps.warp_images(target, imm._plate(64, Noise(generator), options, "source"))
        points = imm.predict(net.eval(), target, options).points
        own, others = (
            reconstruction.pixels(net.paint(source, p), target, still).mean() for p in (points, points.flip(0))
        )
    assert others > 1.5 * own
