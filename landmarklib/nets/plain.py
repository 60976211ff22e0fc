"""Stacks of same-padding convolutions without pooling, as honari2018 uses them, computed in the fastest exact form.

A k x k convolution on few channels leaves most of a processor idle. Space-to-depth rewrites it, exactly, as a smaller
kernel on more channels: the pixels of a by x bx block become channels. The parameters stay those of the literal
network (k x k, as printed in the paper); only `ConvStack.forward` knows the form. Between layers nothing is
rearranged, since ReLU and zero padding act on blocks as they do on pixels. On a CPU large kernels on more channels
are fastest as products of spectra (`fourier`).

`training/autotune.py` says which form a run takes.
"""

from __future__ import annotations

import itertools
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from landmarklib.nets import forms, layers
from landmarklib.nets.forms import Form
from landmarklib.nets.fourier import Convolution


class ConvStack(nn.Module):
    """Same-padding convolutions, each followed by ReLU: B x C x H x W -> B x widths[-1] x H x W, float32.

    channels: of the input.
    widths: channels of each layer.
    kernel: side of the convolutions in pixels, odd.
    generator: draws the first weights.
    last_relu: whether the last layer has a ReLU, too.
    """

    def __init__(
        self, channels: int, widths: list[int], kernel: int, generator: torch.Generator, last_relu: bool = True
    ):
        super().__init__()
        self.last_relu = last_relu
        inputs = [channels, *widths[:-1]]
        self.weights = nn.ParameterList(
            layers.he_normal((w, c, kernel, kernel), generator) for c, w in zip(inputs, widths, strict=True)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(w)) for w in widths)
        self.conv_form = forms.LITERAL

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        block = (
            self.conv_form.block
            if x.shape[-2] % self.conv_form.block[0] == x.shape[-1] % self.conv_form.block[1] == 0
            else (1, 1)
        )
        kernel = self.weights[0].shape[-1]
        padding = tuple(-tap_range(kernel, b)[0] for b in block)
        crop = any(sum(tap_range(kernel, b)) for b in block)
        assert not crop, f"block {block} of a {kernel} x {kernel} kernel reaches further on one side"
        fourier = self.conv_form.fourier and kernel > 1  # a 1 x 1 convolution is a product already
        x = space_to_depth(x, block).to(self.conv_form.dtype)
        if fourier:
            x = x.permute(2, 3, 0, 1)
        elif self.conv_form.product:
            x = x.movedim(1, -1)
        elif self.conv_form.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        weights = expand_weights(list(self.weights), block, self.conv_form)
        offsets = torch.cat(list(self.biases)).repeat_interleave(block[0] * block[1]).to(self.conv_form.dtype)
        for i, (weight, offset) in enumerate(zip(weights, offsets.split([len(w) for w in weights]), strict=True)):
            if fourier:
                x = Convolution.apply(x, weight, offset)
            elif self.conv_form.product:
                x = Product.apply(x, weight.permute(2, 3, 1, 0), offset)
            else:
                x = F.conv2d(x, weight, offset, padding=padding)
            if self.last_relu or i < len(weights) - 1:
                x = x.relu_()
        if fourier:
            x = x.permute(2, 3, 0, 1)
        elif self.conv_form.product:
            x = x.movedim(-1, 1)
        return depth_to_space(x, block).float()


class Product(torch.autograd.Function):
    """A same-padding convolution as one matrix product: B x H x W x C, u x v x C x D, D -> B x H x W x D.

    Over many runs at once it becomes a batched product, where a convolution would become a grouped one. The gathered
    columns are made anew in the backward pass, which costs less than keeping them.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x, weight, bias):
        return columns(x, weight.shape[:2]) @ weight.flatten(0, 2) + bias

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        taps, flat = weight.shape[:2], gradient.flatten(0, 2)
        of_weight = (columns(x, taps).flatten(0, 2).T @ flat).view_as(weight)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = columns(gradient, taps) @ weight.flip(0, 1).transpose(2, 3).flatten(0, 2)
        return of_x, of_weight, flat.sum(0)


def columns(x: Float[Tensor, "B H W C"], taps: tuple[int, int]) -> Float[Tensor, "B H W uvC"]:
    """What each tap of an odd kernel sees, zeros beyond the edge."""
    (rows, cols), (height, width) = taps, x.shape[1:3]
    padded = F.pad(x, (0, 0, cols // 2, cols // 2, rows // 2, rows // 2))
    return torch.cat(
        [padded[:, i : i + height, j : j + width] for i, j in itertools.product(range(rows), range(cols))], -1
    )


def space_to_depth(x: Float[Tensor, "B C H W"], block: tuple[int, int]) -> Float[Tensor, "B D h w"]:
    """Pixels of each block become channels, ordered (channel, row in block, column in block)."""
    if block == (1, 1):
        return x
    (b, c, h, w), (r, s) = x.shape, block
    return x.view(b, c, h // r, r, w // s, s).permute(0, 1, 3, 5, 2, 4).reshape(b, c * r * s, h // r, w // s)


def depth_to_space(x: Float[Tensor, "B D h w"], block: tuple[int, int]) -> Float[Tensor, "B C H W"]:
    """The inverse of `space_to_depth`."""
    if block == (1, 1):
        return x
    (b, d, h, w), (r, s) = x.shape, block
    return x.reshape(b, d // (r * s), r, s, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, d // (r * s), h * r, w * s)


def expand_weights(weights: list[Tensor], block: tuple[int, int], form: Form = forms.LITERAL) -> list[Tensor]:
    """The kernels on blocks, E x G x u x v, that equal `weights` on pixels.

    Differentiable, so training sees the literal parameters only. All layers are expanded at once, since each
    operation costs more than its arithmetic.

    weights: D x C x k x k, of one k.
    block: height and width of a block, in pixels.
    form: its number type and memory layout are the result's.
    """
    if block == (1, 1):
        layout = torch.channels_last if form.channels_last else torch.contiguous_format
        return [w.to(form.dtype).contiguous(memory_format=layout) for w in weights]
    taps = _taps(weights[0].shape[-1], block, weights[0].device)
    wide = (torch.cat([w.flatten(0, 1) for w in weights]).flatten(1) @ taps.flatten(1)).to(form.dtype)
    found = []
    for part, weight in zip(wide.split([w.shape[0] * w.shape[1] for w in weights]), weights, strict=True):
        part = part.view(*weight.shape[:2], *taps.shape[1:])  # D C, rows and columns of a block out, the same in, taps
        if form.channels_last:
            found.append(part.permute(0, 2, 3, 6, 7, 1, 4, 5).flatten(5).flatten(0, 2).movedim(-1, 1))
        else:
            found.append(part.permute(0, 2, 3, 1, 4, 5, 6, 7).flatten(3, 5).flatten(0, 2))
    return found


def tap_range(kernel: int, block: int) -> tuple[int, int]:
    """First and last block offset that a kernel of that size touches from anywhere in a block."""
    half = kernel // 2
    return -half // block, (block - 1 + half) // block


@cache
@torch.inference_mode(False)  # else a first use in inference mode would leave a tensor that training cannot use
def _taps(kernel: int, block: tuple[int, int], device: torch.device) -> Float[Tensor, "kk p r q s u v"]:
    """One-hot: the tap of the kernel between two pixels.

    Output pixel (p, r) of a block takes input pixel (q, s) of the block at offset (u, v) with that tap.
    """
    axes = []
    for side in block:
        first, last = tap_range(kernel, side)
        taps = torch.zeros(kernel, side, side, last - first + 1)
        for p, q, u in itertools.product(range(side), range(side), range(first, last + 1)):
            tap = u * side + q - p + kernel // 2
            if 0 <= tap < kernel:
                taps[tap, p, q, u - first] = 1
        axes.append(taps)
    return torch.einsum("tpqu,yrsv->typrqsuv", *axes).flatten(0, 1).to(device)
