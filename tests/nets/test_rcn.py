"""The recombinator network: its levels, its form, how it treats images."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from landmarklib import loading, methods
from landmarklib.core.errors import UserError
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.methods import rcn
from landmarklib.nets.forms import Form, set_form
from landmarklib.nets.layers import standardised
from landmarklib.nets.rcn import Recombinator, sides_of


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(size: int = 16, widths: tuple[int, ...] = (3, 4, 5), cells: int = 0, coarsest: int = 4) -> Recombinator:
    return Recombinator(size, list(widths), 2, cells, coarsest, 0.5, seeded())


@pytest.mark.parametrize(
    "size, most, coarsest, sides",
    [
        (80, 5, 4, [80, 40, 20, 10, 5]),
        (80, 9, 4, [80, 40, 20, 10, 5]),
        (80, 7, 1, [80, 40, 20, 10, 5, 2, 1]),  # AFLW's (honari2018, Fig. S3)
        (80, 9, 1, [80, 40, 20, 10, 5, 2, 1]),
        (64, 5, 4, [64, 32, 16, 8, 4]),
        (40, 5, 4, [40, 20, 10, 5]),
        (15, 5, 4, [15, 7]),
    ],
)
def test_levels_halve_as_long_as_they_can(size, most, coarsest, sides):
    assert sides_of(size, most, coarsest) == sides


def layers_of(module: Recombinator):
    """Its parameters by name, and a function that applies one of its layers by name, with torch's own convolution."""
    named = dict(module.named_parameters())

    def conv(x: torch.Tensor, name: str) -> torch.Tensor:
        weight = named[f"{name}.weight"]
        return F.relu(F.conv2d(x, weight, named[f"{name}.bias"], padding=weight.shape[-1] // 2))

    return named, conv


def test_it_is_a_chain_of_plain_layers():
    module, images = net(), torch.rand(2, 1, 16, 16, generator=seeded(1))
    named, conv = layers_of(module)
    fine = conv(standardised(images), "encoder.0")
    middle = conv(F.max_pool2d(fine, 2), "encoder.1")
    coarse = conv(F.max_pool2d(middle, 2), "encoder.2")
    x = coarse
    for i, level in enumerate((None, middle, fine)):
        if level is not None:
            x = torch.cat([level, x.repeat_interleave(2, -1).repeat_interleave(2, -2)], 1)
        x = conv(conv(x, f"wide.{i}"), f"narrow.{i}")
    maps = F.conv2d(conv(x, "mix"), module.out, module.out_bias)
    assert torch.allclose(module(images), maps, atol=1e-5)
    assert [named[f"wide.{i}.weight"].shape[1] for i in range(3)] == [5, 4 + 5, 3 + 4]


def test_an_odd_side_is_pooled_and_spread_as_in_the_published_code_down_to_one_cell():
    module, images = net(10, (3, 4, 5, 6), coarsest=1), torch.rand(2, 1, 10, 10, generator=seeded(1))
    named, conv = layers_of(module)
    ten = conv(standardised(images), "encoder.0")
    five = conv(F.max_pool2d(ten, 2), "encoder.1")
    two = conv(F.max_pool2d(five, 3, 2), "encoder.2")
    one = conv(F.max_pool2d(two, 2), "encoder.3")
    x = conv(conv(one, "wide.0"), "narrow.0").expand(-1, -1, 2, 2)
    x = conv(conv(torch.cat([two, x], 1), "wide.1"), "narrow.1")
    x = x.repeat_interleave(3, -1).repeat_interleave(3, -2)[..., :5, :5]
    x = conv(conv(torch.cat([five, x], 1), "wide.2"), "narrow.2")
    x = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
    x = conv(conv(torch.cat([ten, x], 1), "wide.3"), "narrow.3")
    maps = F.conv2d(conv(x, "mix"), module.out, module.out_bias)
    assert torch.allclose(module(images), maps, atol=1e-5)
    assert named["encoder.3.weight"].shape[-1] == named["wide.0.weight"].shape[-1] == 1  # a cell has no neighbours


@pytest.mark.parametrize("cells", [16, 8, 4])
def test_the_way_back_stops_at_the_wanted_cells(cells):
    module = net(cells=cells)
    module(torch.rand(1, 1, 16, 16, generator=seeded(1))).sum().backward()
    assert module(torch.rand(3, 1, 16, 16)).shape == (3, 2, cells, cells)
    # every parameter takes part, the finest level's encoder by way of the coarser ones
    assert all(p.grad is not None for p in module.parameters())


def test_forms_agree_up_to_rounding():
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    module = net()
    expected = module(images)
    for form, tolerance in ((Form(channels_last=True), 1e-5), (Form(dtype=torch.bfloat16, channels_last=True), 0.05)):
        set_form(module, form)
        found = module(images)
        assert found.dtype == torch.float32
        assert (found - expected).abs().max() < tolerance * expected.abs().max()


def test_brightness_and_contrast_of_an_image_do_not_matter_much():
    images = 0.5 * torch.rand(2, 1, 16, 16, generator=seeded(1))
    assert torch.allclose(standardised(images), standardised(images + 0.4), atol=1e-5)
    assert standardised(torch.full((1, 1, 4, 4), 0.3)).abs().max() < 1e-5
    assert standardised(torch.tensor([[[[0.0, 1.0]]]])).flatten().tolist() == pytest.approx([-0.9410, 0.9410], abs=1e-4)


def test_rcn_is_read_both_ways_and_rcn_plus_one():
    options = {**rcn.METHOD.options, "widths": [4, 4]}
    module = rcn.build(loading.get("blocks"), 16, options, seeded()).eval()
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    plus = rcn.predict(module, images, options)
    plain = rcn.predict(module, images, {**options, "decoder": "softmax"})
    assert plus.others == {} and list(plain.others) == ["read by soft-argmax"]
    assert torch.equal(plain.others["read by soft-argmax"], plus.points)
    # argmax gives centres of cells
    assert torch.allclose((plain.points + 1) * 8 - 0.5, ((plain.points + 1) * 8 - 0.5).round(), atol=1e-4)


def test_rcn_has_no_other_term_than_the_landmarks():
    options = {**rcn.METHOD.options, "widths": [4, 4], "decoder": "softmax"}
    module = rcn.build(loading.get("blocks"), 16, options, seeded())
    batch = Batch(torch.rand(2, 1, 16, 16), torch.zeros(2, 5, 2), torch.ones(2, 5).bool(), torch.zeros(2, 1), 2)
    with pytest.raises(UserError, match="decoder 'softmax' has the loss term 'landmarks' only, not elt, landmarks"):
        rcn.loss(Models(module), batch, {"landmarks", "elt"}, options, Noise(seeded()))


@pytest.mark.parametrize("name", [name for name in methods.names() if "attributes" in methods.get(name).options])
def test_several_attributes_have_a_head_each(name):
    method, faces = methods.get(name), loading.get("mtfl")
    small = {"widths": [4, 4], "kernels": [3, 3]}
    options = {**method.options, "attributes": ["pose", "smile"]} | {
        k: v for k, v in small.items() if k in method.options
    }
    module = method.build(faces, 16, options, seeded())
    n = 4
    batch = Batch(
        torch.rand(n, 1, 16, 16, generator=seeded(1)),
        torch.zeros(n, 5, 2),
        torch.ones(n, 5).bool(),
        torch.tensor(list(itertools.product((0.0, 4.0), (0.0, 1.0)))),
        n,
    )
    inputs = batch.points if method.input == "points" else batch.images
    assert [head.shape for head in method.predict(module.eval(), inputs, options).attributes] == [(n, 5), (n, 2)]
    values = method.loss(Models(module), batch, {"classes"}, options, Noise(seeded()))["classes"]
    assert values.shape == (n,) and (values > 0).all()


def test_an_attribute_that_a_data_set_lacks_is_refused_with_those_it_has():
    with pytest.raises(UserError, match="mtfl has no 'class'; it has gender, smile, glasses, pose"):
        rcn.build(loading.get("mtfl"), 16, rcn.METHOD.options, seeded())
