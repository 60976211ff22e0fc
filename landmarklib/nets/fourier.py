"""Same-padding convolutions as products of spectra, for large kernels on a CPU.

Per frequency a convolution is one product over its channels, whatever the kernel's size. What remains are the
transforms there and back, whose cost grows with the number of maps, where that of a convolution grows with its
square. On images of this size a transform is two products with a dense matrix of cosines and sines, which come closer
to a processor's peak than an FFT does and leave out the padding and the mirrored half. With the maps last (H x W x B x
C) nothing is transposed on the way.

A spectrum holds, for either sign of the vertical frequency, the horizontal and the vertical frequencies from 0 to
half the period: 2 x V x U x B x C, the sum of x exp(i (u y + v x)). A period of n pixels and half a kernel, at least,
keeps what wraps around in the padding.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Complex, Float
from torch import Tensor


class Convolution(torch.autograd.Function):
    """`conv2d` with k // 2 and l // 2 pixels of zeros around: H x W x B x C, D x C x k x l, D -> H x W x B x D.

    k and l are odd. Not in bfloat16.
    Where the formula has a conjugate, a spectrum is taken with waves that turn the other way, which spares the copies.
    """

    @staticmethod
    def forward(ctx, x, weight, bias):
        of_image, of_kernel_back, *ctx.turned = bases(tuple(x.shape[:2]), tuple(weight.shape[2:]), x.dtype)
        found, taps = spectrum(x, *of_image), spectrum(weight.permute(2, 3, 1, 0), *of_kernel_back)
        ctx.save_for_backward(found, taps)
        y = found @ taps
        y.real[0, 0, 0] += bias
        return adjoint(y, *of_image)

    @staticmethod
    def backward(ctx, gradient):
        (found, taps), (of_image_back, of_kernel) = ctx.saved_tensors, ctx.turned
        gradient = spectrum(gradient, *of_image_back)
        of_weight = adjoint(found.mT @ gradient, *of_kernel).permute(3, 2, 0, 1)
        of_x = adjoint(gradient @ taps.mT, *of_image_back) if ctx.needs_input_grad[0] else None
        return of_x, of_weight, gradient.real[0, 0, 0].sum(0)


def spectrum(
    x: Float[Tensor, "H W B C"], rows: Float[Tensor, "u H"], columns: Float[Tensor, "v W"]
) -> Complex[Tensor, "2 V U B C"]:
    """The spectrum of images, from the `waves` of their rows and columns."""
    y = columns.expand(len(x), -1, -1) @ x.flatten(2)
    y = y.unflatten(1, (-1, 2)).flatten(2).transpose(0, 1)  # V x H x (2 B C)
    y = rows.expand(len(y), -1, -1) @ y
    (cc, cs), (sc, ss) = (part.unbind(2) for part in y.view(len(y), -1, 2, 2, *x.shape[2:]).unbind(2))
    out = x.new_empty(2, *cc.shape, dtype=x.dtype.to_complex())
    (real, mirrored_real), (imaginary, mirrored_imaginary) = out.real, out.imag
    torch.sub(cc, ss, out=real)
    torch.add(cc, ss, out=mirrored_real)
    torch.add(cs, sc, out=imaginary)
    torch.sub(cs, sc, out=mirrored_imaginary)
    return out


def adjoint(
    z: Complex[Tensor, "2 V U B C"], rows: Float[Tensor, "u H"], columns: Float[Tensor, "v W"]
) -> Float[Tensor, "H W B C"]:
    """The transpose of `spectrum`; of a spectrum times its `shares`, the images."""
    (real, mirrored_real), (imaginary, mirrored_imaginary) = z.real, z.imag
    y = rows.new_empty(*z.shape[1:3], 2, 2, *z.shape[3:])
    torch.add(real, mirrored_real, out=y[:, :, 0, 0])
    torch.add(imaginary, mirrored_imaginary, out=y[:, :, 0, 1])
    torch.sub(imaginary, mirrored_imaginary, out=y[:, :, 1, 0])
    torch.sub(mirrored_real, real, out=y[:, :, 1, 1])
    y = rows.T.expand(len(y), -1, -1) @ y.flatten(3).flatten(1, 2)  # V x H x (2 B C)
    y = y.transpose(0, 1).reshape(rows.shape[1], len(columns), -1)
    images = rows.new_empty(rows.shape[1], columns.shape[1], *z.shape[3:])
    torch.bmm(columns.T.expand(len(y), -1, -1), y, out=images.flatten(2))
    return images


@cache
def bases(
    sides: tuple[int, int], kernel: tuple[int, int], dtype: torch.dtype
) -> tuple[tuple[Float[Tensor, "u H"], Float[Tensor, "v W"]], ...]:
    """The `waves` of an image's rows and columns, those of a kernel turning back, and both the other way round.

    A kernel's carry their `shares` in an image.

    sides: of the image, in pixels.
    kernel: its sides in pixels, odd.
    dtype: of the result.
    """
    periods = [n + k // 2 + (n + k // 2) % 2 for n, k in zip(sides, kernel, strict=True)]
    of_image = [waves(n, 0, period) for n, period in zip(sides, periods, strict=True)]
    # both signs of the vertical frequency stand for one where the other is its mirror image
    of_kernel = [
        waves(k, -(k // 2), period) * shares(period).repeat_interleave(2)[:, None] / signs
        for k, period, signs in zip(kernel, periods, (2, 1), strict=True)
    ]
    back = [[w * torch.tensor([1, -1]).repeat(len(w) // 2)[:, None] for w in pair] for pair in (of_image, of_kernel)]
    return tuple(tuple(w.to(dtype) for w in pair) for pair in (of_image, back[1], back[0], of_kernel))


def waves(n: int, first: int, period: int) -> Float[Tensor, "waves n"]:
    """Cosine and sine, in turn, of each frequency from 0 to half an even period, at n pixels from `first` on."""
    turns = torch.arange(period // 2 + 1, dtype=torch.float64)[:, None] * torch.arange(first, first + n) / period
    return torch.stack([(2 * math.pi * turns).cos(), (2 * math.pi * turns).sin()], 1).flatten(0, 1)


def shares(period: int) -> Float[Tensor, " frequencies"]:
    """What each frequency adds to a signal of that even period: all but the first and the last stand for two."""
    found = torch.full((period // 2 + 1,), 2 / period, dtype=torch.float64)
    found[0] = found[-1] = 1 / period
    return found
