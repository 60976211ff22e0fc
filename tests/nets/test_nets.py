"""Networks: every form computes the literal network, weights come from the generator, sizes are the paper's."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F

from landmarklib import loading
from landmarklib.core.noise import Noise
from landmarklib.methods import seq_mt
from landmarklib.nets import forms, fourier, honari, layers, plain
from landmarklib.nets.forms import CANDIDATES, LITERAL, Form
from landmarklib.nets.plain import ConvStack

BLOCKS = [(1, 2), (2, 1), (2, 2), (1, 4), (4, 4)]
KERNELS = [5, 7, 9]
COMMON = honari.CommonLayout(16, kernel=5, width=4)
SMALL = honari.Layout(kernel=5, depth=2, width=4)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stack_of(kernel: int, seed: int = 0) -> ConvStack:
    stack = ConvStack(2, [3, 4], kernel, seeded(seed))
    with torch.no_grad():
        for bias in stack.biases:
            bias.normal_(generator=seeded(1))
    return stack


def outputs_and_gradients(stack: ConvStack, images: torch.Tensor, form: Form) -> list[torch.Tensor]:
    stack.conv_form = form
    stack.zero_grad()
    y = stack(images)
    (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    return [y.detach(), *(p.grad.clone() for p in stack.parameters())]


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def n_parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("kernel", KERNELS)
def test_literal_form_is_a_chain_of_plain_convolutions(kernel):
    stack = stack_of(kernel)
    images = torch.randn(2, 2, 8, 10, generator=seeded(2))
    expected = images
    for weight, bias in zip(stack.weights, stack.biases, strict=True):
        expected = F.relu(F.conv2d(expected, weight, bias, padding=kernel // 2))
    assert torch.equal(stack(images), expected)
    assert expected.shape == (2, 4, 8, 10)


def test_convolution_is_padded_with_black_and_not_flipped():
    stack = ConvStack(1, [1], 3, seeded())
    with torch.no_grad():
        stack.weights[0].copy_(torch.arange(9.0).view(1, 1, 3, 3))
        stack.biases[0].fill_(-1)
    images = torch.tensor([[[[1.0, 0.0], [0.0, 10.0]]]])
    for form in (LITERAL, Form((2, 2)), Form((1, 2))):
        stack.conv_form = form
        assert stack(images).tolist() == [[[[83, 72], [50, 39]]]]
    stack.conv_form = Form(fourier=True)
    assert stack(images)[0, 0].tolist() == [pytest.approx([83, 72]), pytest.approx([50, 39])]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_block_gives_the_literal_outputs_and_gradients(block, kernel):
    stack = stack_of(kernel)
    images = torch.randn(2, 2, 12, 16, generator=seeded(2))
    literal = outputs_and_gradients(stack, images, LITERAL)
    for got, expected in zip(outputs_and_gradients(stack, images, Form(block)), literal, strict=True):
        assert relative_difference(got, expected) < 1e-5


@pytest.mark.parametrize("kernel", KERNELS)
def test_channels_last_gives_the_literal_outputs_and_gradients(kernel):
    stack = stack_of(kernel)
    images = torch.randn(2, 2, 12, 12, generator=seeded(2))
    literal = outputs_and_gradients(stack, images, LITERAL)
    for got, expected in zip(
        outputs_and_gradients(stack, images, Form((2, 2), channels_last=True)), literal, strict=True
    ):
        assert relative_difference(got, expected) < 1e-5


@pytest.mark.parametrize("block", [(1, 1), *BLOCKS])
@pytest.mark.parametrize("kernel", KERNELS)
def test_matrix_products_give_the_literal_outputs_and_gradients(block, kernel):
    stack = stack_of(kernel)
    images = torch.randn(2, 2, 12, 16, generator=seeded(2))
    literal = outputs_and_gradients(stack, images, LITERAL)
    found = outputs_and_gradients(stack, images, Form(block, product=True))
    for got, expected in zip(found, literal, strict=True):
        assert relative_difference(got, expected) < 1e-5


@pytest.mark.parametrize(
    "size, block",
    [((12, 16), (1, 1)), ((7, 10), (1, 1)), ((3, 2), (1, 1)), *(((12, 16), block) for block in BLOCKS)],
    ids=str,
)
@pytest.mark.parametrize("kernel", [1, 3, *KERNELS])
def test_products_of_spectra_give_the_literal_outputs_and_gradients(kernel, size, block):
    stack = stack_of(kernel)
    images = torch.randn(2, 2, *size, generator=seeded(2))
    literal = outputs_and_gradients(stack, images, LITERAL)
    for got, expected in zip(outputs_and_gradients(stack, images, Form(block, fourier=True)), literal, strict=True):
        assert relative_difference(got, expected) < 1e-5


def test_gradient_of_a_product_of_spectra():
    x, weight = torch.randn(5, 4, 2, 3, generator=seeded()), torch.randn(2, 3, 5, 5, generator=seeded(1))
    inputs = [t.double().requires_grad_() for t in (x, weight, torch.randn(2, generator=seeded(2)))]
    assert torch.autograd.gradcheck(fourier.Convolution.apply, inputs)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)], ids=str)
def test_a_spectrum_is_the_fourier_transform_of_the_image_and_its_shares_bring_it_back(size):
    x, periods = torch.randn(*size, 2, 3, generator=seeded(), dtype=torch.float64), [n + n % 2 for n in size]
    rows, columns = (fourier.waves(n, 0, period) for n, period in zip(size, periods, strict=True))
    found = fourier.spectrum(x, rows, columns)
    full = torch.fft.fft2(x, s=periods, dim=(0, 1)).conj()
    half = [period // 2 + 1 for period in periods]
    for sign, values in zip((1, -1), found, strict=True):
        index = sign * torch.arange(half[0])
        torch.testing.assert_close(values.transpose(0, 1), full[index][:, : half[1]])
    share = fourier.shares(periods[1])[:, None] * fourier.shares(periods[0]) / 2
    torch.testing.assert_close(fourier.adjoint(found * share[..., None, None], rows, columns), x)


def test_gradient_of_a_product_reaches_its_input():
    x, weight = torch.randn(2, 5, 6, 3, generator=seeded()), torch.randn(3, 5, 3, 4, generator=seeded(1))
    inputs = [t.double().requires_grad_() for t in (x, weight, torch.randn(4, generator=seeded(2)))]
    assert torch.autograd.gradcheck(plain.Product.apply, inputs)


def test_columns_by_hand():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 2, 1)
    assert plain.columns(x, (1, 3)).tolist() == [[[[0, 1, 2], [1, 2, 0]], [[0, 3, 4], [3, 4, 0]]]]
    assert plain.columns(x, (3, 1)).tolist() == [[[[0, 1, 3], [0, 2, 4]], [[1, 3, 0], [2, 4, 0]]]]


@pytest.mark.parametrize(
    "form",
    [
        Form((1, 1), torch.bfloat16),
        Form((2, 2), torch.bfloat16, channels_last=True),
        Form((2, 2), torch.bfloat16, product=True),
    ],
)
def test_bfloat16_is_close_and_returns_float32(form):
    stack = stack_of(5)
    images = torch.randn(2, 2, 12, 12, generator=seeded(2))
    literal = outputs_and_gradients(stack, images, LITERAL)
    found = outputs_and_gradients(stack, images, form)
    assert found[0].dtype == torch.float32
    for got, expected in zip(found, literal, strict=True):
        assert relative_difference(got, expected) < 0.05
    assert relative_difference(found[0], literal[0]) > 1e-5


def test_images_that_do_not_divide_into_blocks_are_computed_literally():
    stack = stack_of(5)
    images = torch.randn(1, 2, 9, 12, generator=seeded(2))
    expected = stack(images)
    stack.conv_form = Form((2, 2))
    assert torch.equal(stack(images), expected)


def test_a_first_use_in_inference_mode_leaves_training_possible():
    stack, images = stack_of(3), torch.randn(1, 2, 10, 10, generator=seeded(2))
    stack.conv_form = Form((2, 5))  # blocks that no other test has, so that nothing is kept from one
    with torch.inference_mode():
        stack(images)
    stack(images).sum().backward()
    assert all(weight.grad.any() for weight in stack.weights)


def test_space_to_depth_by_hand():
    x = torch.arange(16.0).view(1, 2, 2, 4)
    expected = [[[0, 2]], [[1, 3]], [[4, 6]], [[5, 7]], [[8, 10]], [[9, 11]], [[12, 14]], [[13, 15]]]
    assert plain.space_to_depth(x, (2, 2)).tolist() == [expected]


@pytest.mark.parametrize("block", [(1, 1), *BLOCKS])
def test_depth_to_space_undoes_space_to_depth(block):
    x = torch.randn(2, 3, 8, 4, generator=seeded())
    deep = plain.space_to_depth(x, block)
    assert deep.shape == (2, 3 * block[0] * block[1], 8 // block[0], 4 // block[1])
    assert torch.equal(plain.depth_to_space(deep, block), x)


@pytest.mark.parametrize("kernel, block, last", [(9, 1, 4), (9, 2, 2), (9, 4, 1), (5, 4, 1), (7, 2, 2), (1, 4, 0)])
def test_tap_range_by_hand(kernel, block, last):
    assert plain.tap_range(kernel, block) == (-last, last)


def test_tap_range_is_symmetric_for_every_odd_kernel():
    for kernel, block in itertools.product(range(1, 16, 2), range(1, 9)):
        first, last = plain.tap_range(kernel, block)
        touched = {(p + t) // block for p in range(block) for t in range(-(kernel // 2), kernel // 2 + 1)}
        assert -first == last and (first, last) == (min(touched), max(touched))


def test_weights_are_he_normal():
    weight = layers.he_normal((64, 8, 5, 5), seeded())
    assert weight.shape == (64, 8, 5, 5) and weight.requires_grad
    assert weight.std().item() == pytest.approx(0.1, rel=0.02)
    assert abs(weight.mean().item()) < 0.003
    assert layers.he_normal((2000, 50), seeded()).std().item() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(
    "build",
    [
        lambda g: honari.Localizer(SMALL, 3, g),
        lambda g: honari.CommonNet(COMMON, 3, [2], 0.25, g),
        lambda g: honari.MapClassifier(16, 5, 4, 3, [2], 0.25, g),
        lambda g: layers.Perceptron([4, 8, 2], 0.25, g),
    ],
    ids=["Localizer", "CommonNet", "MapClassifier", "Perceptron"],
)
def test_weights_are_decided_by_the_generator(build):
    first, same, other = (build(seeded(seed)).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    for name, value in first.items():
        assert torch.equal(value, other[name]) == ("bias" in name), name
        assert "bias" not in name or not value.any()


def test_perceptron_by_hand():
    net = layers.Perceptron([2, 2, 1], 0.5, seeded()).eval()
    with torch.no_grad():
        net.layers[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        net.layers[0].bias.copy_(torch.tensor([0.5, 0.0]))
        net.layers[1].weight.copy_(torch.tensor([[2.0, 3.0]]))
        net.layers[1].bias.fill_(-10)
    assert net(torch.tensor([[1.0, -4.0], [-1.0, 2.0]])).tolist() == [[-7], [-4]]


@pytest.mark.parametrize(
    "outputs, shares",
    [
        ([6, 5], [[0], [1]]),
        ([1, 1, 1], [[0, 1, 2]]),
        ([1, 6, 1, 5], [[1], [3], [0, 2]]),
        ([2], [[0]]),
        ([], [[]]),
    ],
    ids=str,
)
def test_a_classifier_has_a_branch_for_each_attribute_with_classes_and_one_for_angles(outputs, shares):
    net = honari.Classifier([4, 8], outputs, 0.0, seeded())
    x = torch.randn(3, 4, generator=seeded(1))
    found = net(x)
    assert [head.shape for head in found] == [(3, n) for n in outputs]
    assert net.shares == shares and len(net.branches) == len(shares)
    for branch, share in zip(net.branches, shares, strict=True):
        assert torch.equal(branch(x), torch.cat([found[i] for i in share], 1) if share else torch.zeros(3, 0))


def test_branches_share_no_weight():
    net = honari.Classifier([4, 8, 8], [6, 5], 0.0, seeded())
    first, second = net.branches
    for mine, other in zip(first.layers, second.layers, strict=True):
        assert mine.weight.shape != other.weight.shape or not torch.equal(mine.weight, other.weight)
    net(torch.randn(3, 4, generator=seeded(1)))[1].square().sum().backward()
    assert all(p.grad is None for p in first.parameters())
    assert all(p.grad.any() for p in second.parameters())


def test_the_first_branch_draws_what_a_perceptron_does_and_the_others_change_nothing_after_them():
    def drawn(module: type, outputs) -> tuple[dict, torch.Tensor]:
        generator = seeded()
        net = module([136, 256, 256], outputs, 0.25, generator)
        return net.state_dict(), torch.rand(3, generator=generator)

    def perceptron(widths, outputs, dropout, generator):
        return layers.Perceptron([*widths, sum(outputs)], dropout, generator)

    for outputs in ([27], [1, 1, 1], []):
        (of_branch, after), (alone, after_alone) = drawn(honari.Classifier, outputs), drawn(perceptron, outputs)
        assert torch.equal(after, after_alone)
        assert all(torch.equal(of_branch[f"branches.0.{name}"], value) for name, value in alone.items())
    (of_two, after), (_, after_alone) = drawn(honari.Classifier, [6, 5]), drawn(perceptron, [6, 5])
    assert torch.equal(after, after_alone)
    of_one, _ = drawn(honari.Classifier, [6])
    assert all(torch.equal(of_two[name], value) for name, value in of_one.items())


def test_dropout_is_off_in_evaluation():
    net, x = layers.Perceptron([4, 64, 3], 0.5, seeded()), torch.randn(5, 4, generator=seeded(1))
    assert torch.equal(net.eval()(x), net.eval()(x))
    assert not torch.equal(net.train()(x, Noise(seeded(2))), net.eval()(x))


def test_dropout_mask_is_decided_by_the_generator():
    net, x = layers.Perceptron([4, 64, 3], 0.5, seeded()), torch.randn(5, 4, generator=seeded(1))
    before = torch.get_rng_state()
    assert torch.equal(net(x, Noise(seeded(2))), net(x, Noise(seeded(2))))
    assert not torch.equal(net(x, Noise(seeded(2))), net(x, Noise(seeded(3))))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_keeps_the_mean():
    kept = layers.dropout(torch.full((100, 100), 3.0), 0.25, Noise(seeded()))
    assert kept.unique().tolist() == [0, 4]
    assert kept.mean().item() == pytest.approx(3, rel=0.02)


def test_from_points_gives_the_outputs_of_its_classifier_and_takes_an_unknown_point_for_the_centre():
    net, alone = (build([6, 8], [4, 1], 0.25, seeded()).eval() for build in (honari.FromPoints, honari.Classifier))
    points = torch.rand(2, 3, 2, generator=seeded(1))
    points[0, 1] = 0
    expected = alone(points.flatten(1))
    points[0, 1] = torch.nan
    found = net(points)
    assert [of_one.shape for of_one in found] == [(2, 4), (2, 1)]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_localizer_and_its_head_are_parts_of_one_module():
    localizer, head = honari.Localizer(SMALL, 3, seeded()), honari.Classifier([6, 8], [4], 0.0, seeded())
    both = honari.LocalizerAndHead(localizer, head)
    assert both.localizer is localizer and both.head is head
    assert n_parameters(both) == n_parameters(localizer) + n_parameters(head)


@pytest.mark.parametrize("size", [60, 32])
def test_localizer_gives_one_map_per_landmark_at_image_size(size):
    net = honari.Localizer(SMALL, 5, seeded())
    maps = net(torch.rand(2, 1, size, size, generator=seeded(1)))
    assert maps.shape == (2, 5, size, size) and maps.min() < 0
    net.final_relu = True
    assert torch.equal(net(torch.rand(2, 1, size, size, generator=seeded(1))), maps.clamp(min=0))


def test_a_centred_localizer_sees_images_between_minus_one_and_one():
    plain_net, centred = (honari.Localizer(replace(SMALL, centred=c), 5, seeded()) for c in (False, True))
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    assert torch.equal(centred(images), plain_net(2 * images - 1))


def test_out_gain_scales_the_first_maps():
    ordinary, flat = (honari.Localizer(replace(SMALL, out_gain=g), 5, seeded()) for g in (1.0, 0.1))
    images = torch.rand(2, 1, 16, 16, generator=seeded(1))
    assert torch.allclose(flat(images), 0.1 * ordinary(images), rtol=1e-5)


@pytest.mark.parametrize(
    "size, pools, cells", [(60, 2, 15), (32, 2, 8), (30, 2, 7), (60, 0, 60), (60, 4, 3), (32, 4, 2)]
)
def test_common_net_gives_points_and_class_logits(size, pools, cells):
    net = honari.CommonNet(replace(COMMON, size=size, pools=pools), 5, [15], 0.25, seeded()).eval()
    points, (logits,) = net(torch.rand(2, 1, size, size, generator=seeded(1)))
    assert points.shape == (2, 5, 2) and logits.shape == (2, 15)
    assert net.shared[0].weight.shape == (256, 4 * cells**2)
    assert len(net.later) == max(1, pools - 1)


def test_common_net_starts_with_points_near_the_centre():
    net = honari.CommonNet(COMMON, 5, [15], 0.25, seeded())
    assert net.points.weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / 256), rel=0.05)
    assert net.attributes.weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.05)


@pytest.mark.parametrize("size", [60, 32, 30])
def test_a_wide_last_layer_is_one_more_convolution_without_relu(size):
    net = honari.Localizer(replace(SMALL, out_kernel=3, standard=True), 3, seeded())
    images = torch.rand(2, 1, size, size, generator=seeded(1))
    x = layers.standardised(images)
    for stack, last in ((net.stack, False), (net.out_stack, True)):
        for weight, bias in zip(stack.weights, stack.biases, strict=True):
            x = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
            x = x if last else F.relu(x)
    maps = net(images)
    assert torch.allclose(maps, x, atol=1e-5) and maps.min() < 0
    assert not hasattr(net, "mix")
    assert honari.Localizer(replace(SMALL, final_relu=True, out_kernel=3), 3, seeded())(images).min() == 0


@pytest.mark.parametrize("size", [60, 32, 30])
def test_map_classifier_gives_class_logits(size):
    net = honari.MapClassifier(size, 5, 4, 5, [15, 2], 0.25, seeded())
    logits = net.eval()(torch.rand(2, 5, size, size, generator=seeded(1)))
    assert [of_one.shape for of_one in logits] == [(2, 15), (2, 2)]


def test_blocks_networks_have_the_sizes_of_the_supplement():
    module = seq_mt.build(loading.get("blocks"), 60, seq_mt.METHOD.options, seeded())
    assert n_parameters(module.localizer) == 26733
    assert n_parameters(module.head) == 72463


def test_multipies_classifier_has_the_size_of_the_supplement():
    """Two branches on the 136 coordinates: 256, 256, then 6 expressions and 5 cameras (S12)."""
    options = {**seq_mt.METHOD.options, "attributes": ["expression", "camera"]}
    head = seq_mt.build(loading.get("multipie"), 64, options, seeded()).head
    assert n_parameters(head) == 2 * (137 * 256 + 257 * 256) + 257 * (6 + 5)


def test_set_form_reaches_every_stack_inside():
    net = honari.CommonNet(COMMON, 3, [2], 0.25, seeded())
    forms.set_form(net, Form((2, 2)))
    assert [part.conv_form for part in (net.first, *net.later, net.last)] == [Form((2, 2))] * 3


@pytest.mark.parametrize("size, blocks", [(8, {form.block for form in CANDIDATES["cpu"]}), (9, {(1, 1)})])
def test_fastest_form_sets_a_candidate_that_fits_and_leaves_no_gradient(size, blocks):
    stack = ConvStack(1, [2], 5, seeded())
    form, images_per_second = forms.fastest_form(stack, torch.rand(2, 1, size, size, generator=seeded()), rounds=1)
    assert form in CANDIDATES["cpu"] and form.block in blocks
    assert stack.conv_form == form
    assert 0 < images_per_second < math.inf
    assert all(p.grad is None for p in stack.parameters())


def test_fastest_form_of_several_runs_counts_all_their_images_and_takes_no_channels_last(monkeypatch):
    stack, tried, forward = ConvStack(1, [2], 5, seeded()), [], ConvStack.forward
    ticks = itertools.count()
    monkeypatch.setattr(forms, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    monkeypatch.setattr(ConvStack, "forward", lambda self, x: tried.append(self.conv_form) or forward(self, x))
    _, images_per_second = forms.fastest_form(stack, torch.rand(2, 1, 8, 8, generator=seeded()), runs=3, rounds=1)
    assert images_per_second == 6
    known = {form._replace(dtype=torch.float32) for form in CANDIDATES["cpu"]}
    assert set(tried) == {form for form in known if not (form.channels_last or form.fourier)}
    assert all(p.grad is None for p in stack.parameters())


def test_a_form_that_one_image_shows_to_be_hopeless_is_tried_on_no_more(monkeypatch):
    slow, clock, seen = Form((1, 2)), [0.0], []

    class Net(torch.nn.Module):
        """Takes a second an image, and ten seconds in the slow form."""

        CANDIDATES: ClassVar = {"cpu": (slow, LITERAL)}

        def __init__(self):
            super().__init__()
            self.conv_form, self.weight = LITERAL, torch.nn.Parameter(torch.ones(()))

        def forward(self, x):
            seen.append((self.conv_form, len(x)))
            clock[0] += len(x) * (10 if self.conv_form == slow else 1)
            return self.weight * x

    monkeypatch.setattr(forms, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    assert forms.fastest_form(Net(), torch.rand(4, 1, 2, 2)) == (LITERAL, 1.0)
    assert {n for form, n in seen if form == slow} == {1}
    assert {n for form, n in seen if form == LITERAL} == {1, 4}


def test_the_form_for_inference_is_in_float32_and_is_measured_without_a_backward_pass(monkeypatch):
    stack, tried, forward = ConvStack(1, [2], 5, seeded()), [], ConvStack.forward

    def noted(self, x):
        tried.append(self.conv_form)
        y = forward(self, x)
        assert not y.requires_grad
        return y

    monkeypatch.setattr(ConvStack, "forward", noted)
    form, _ = forms.fastest_form(stack, torch.rand(2, 1, 8, 8, generator=seeded()), rounds=1, inference=True)
    assert form in tried and {f.dtype for f in tried} == {torch.float32}
    assert set(tried) == {f._replace(dtype=torch.float32) for f in CANDIDATES["cpu"]}


def test_forms_have_names():
    names = [str(f) for f in (LITERAL, Form((2, 4), torch.bfloat16, channels_last=True), Form((4, 4), product=True))]
    assert [Form.from_text(name) for name in names][1] == Form((2, 4), torch.bfloat16, channels_last=True)
    assert names == ["1x1 float32", "2x4 bfloat16 channels_last", "4x4 float32 product"]
