"""The networks of rahaman2021: sides and layers, first weights, and that both parts take their form."""

from __future__ import annotations

import pytest
import torch

from landmarklib.nets import forms, hourglass


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(widths=(4, 6, 8, 10), stride: int = 1, norm: bool = True, length: float = 8.0, seed: int = 0):
    generator = seeded(seed)
    features = hourglass.Hourglass(1, list(widths), 12, stride, norm, generator)
    return hourglass.FeaturesAndMaps(features, hourglass.Maps(12, 8, 7, 0.01, length, norm, generator)).eval()


def images(side: int, n: int = 2) -> torch.Tensor:
    return torch.rand(n, 1, side, side, generator=seeded(1))


@pytest.mark.parametrize("norm", [True, False], ids=["normalized", "not"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side, widths", [(16, (4, 6, 8, 10)), (48, (4, 6, 8, 10)), (50, (4, 6, 8)), (8, (4,))])
def test_features_and_maps_have_the_size_of_the_images_or_half_of_it(side, widths, stride, norm):
    net = built(widths, stride, norm)
    layers = net.layers(images(side))
    assert [tuple(layer.shape) for layer in layers] == [(2, n, side // stride, side // stride) for n in (12, 8, 8, 8)]
    maps = net(images(side))
    assert maps.shape == (2, 7, side // stride, side // stride) and maps.dtype == torch.float32
    assert torch.equal(maps, net.maps.read(layers[-1])) and torch.equal(layers[0], net.features(images(side)))
    assert len(net.features.down) == len(widths) == len(net.features.up) + (stride == 2)


def test_the_papers_hourglass_has_four_blocks_of_two_convolutions_each_way():
    features = built().features
    assert [len(list(block.children())) for block in [*features.down, *features.up]] == [2] * 8
    assert [block.second.weight.shape[0] for block in features.up] == [10, 8, 6, 4]


def test_a_finer_block_sees_the_coarser_cells_where_they_lie():
    """On the way up a cell of the bottom is repeated over the pixels that it was pooled from, on odd sides, too."""
    net = built((4, 6), norm=False).features
    with torch.no_grad():
        for unit in (u for block in net.down for u in (block.first, block.second)):
            unit.weight.zero_()
            unit.weight[0, 0, 1, 1] = 1.0  # hands on the first channel
        for block in net.up:
            block.first.weight.zero_()
            block.first.weight[0, 0, 1, 1] = 1.0  # of the coarser maps, which come first
            block.second.weight.zero_()
            block.second.weight[0, 0, 1, 1] = 1.0
        net.out.zero_()
        net.out[0, 0] = 1.0
    seen = torch.full((1, 1, 9, 9), 0.5)
    seen[0, 0, 5, 6] = 1.0  # in the bottom cell of rows and columns 4 to 7
    found = net(seen)[0, 0]
    expected = torch.zeros(9, 9)
    expected[4:8, 4:8] = 1.0
    assert torch.equal(found, expected)


def test_features_are_scaled_to_one_length_before_t():
    net, features = built(), torch.randn(2, 12, 8, 8, generator=seeded(2))
    assert torch.allclose(net.maps(features), net.maps(3 * features), atol=1e-5)
    free = built(length=0.0)
    scaled = 8 * features / features.norm(dim=1, keepdim=True)
    assert torch.allclose(free.maps(scaled), net.maps(features), atol=1e-5)
    assert not torch.allclose(free.maps(features), free.maps(3 * features), atol=1e-5)


def test_first_maps_are_nearly_flat_and_weights_come_from_the_generator():
    assert built()(images(16)).std((2, 3)).max() < 0.1
    first, same, other = (built(seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(first[k], same[k]) for k in first) and any(
        not torch.equal(first[k], other[k]) for k in first
    )


@pytest.mark.parametrize("norm", [True, False], ids=["normalized", "not"])
@pytest.mark.parametrize("form", hourglass.FeaturesAndMaps.CANDIDATES["cpu"], ids=str)
def test_every_form_computes_the_same_maps(form, norm):
    net = built(norm=norm)
    literal = net(images(16))
    forms.set_form(net, form)
    assert net.features.conv_form == net.maps.conv_form == form
    apart = (net(images(16)) - literal).abs()
    rounded = form.dtype == torch.bfloat16  # where features are short, scaling them makes more of a digit
    assert apart.mean() <= (0.03 if rounded else 1e-5) * literal.abs().max()
