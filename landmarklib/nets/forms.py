"""How a network is computed: forms of its convolutions that give the same result, and which is fastest here."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap


class Form(NamedTuple):
    """How the convolutions of a network are computed.

    block: height and width of a block of space-to-depth, in pixels.
    dtype: number type.
    channels_last: memory layout.
    product: as matrix products.
    fourier: as products of spectra.
    """

    block: tuple[int, int] = (1, 1)
    dtype: torch.dtype = torch.float32
    channels_last: bool = False
    product: bool = False
    fourier: bool = False

    def __str__(self) -> str:
        layout = " channels_last" * self.channels_last + " product" * self.product + " fourier" * self.fourier
        return f"{self.block[0]}x{self.block[1]} {str(self.dtype).removeprefix('torch.')}{layout}"


HOPELESS = 4  # times the least: a form that takes longer on one image is not tried on more
LITERAL = Form()
CANDIDATES = {
    "cpu": (
        Form(fourier=True),
        Form((1, 2)),
        Form((2, 1), channels_last=True),
        Form((2, 1), torch.bfloat16),
        Form((2, 1), torch.bfloat16, channels_last=True),
        Form((1, 2), torch.bfloat16),
        Form((1, 2), torch.bfloat16, channels_last=True),
        Form((2, 2), torch.bfloat16),
        Form((1, 4), torch.bfloat16),
        Form(channels_last=True),
        Form((1, 1), torch.bfloat16, channels_last=True),
    ),
    "cuda": (
        Form((4, 4), torch.bfloat16, product=True),
        Form((4, 4), torch.bfloat16),
        Form((2, 2), torch.bfloat16),
        Form((4, 4), torch.bfloat16, channels_last=True),
        Form((2, 2), torch.bfloat16, channels_last=True),
        Form((1, 1), torch.bfloat16, channels_last=True),
    ),
}


def set_form(module: nn.Module, form: Form) -> None:
    """Compute all convolutions inside the module in that form."""
    for part in module.modules():
        if hasattr(part, "conv_form"):
            part.conv_form = form


def fastest_form(
    module: nn.Module, images: Float[Tensor, "B ..."], runs: int = 1, rounds: int = 5, inference: bool = False
) -> tuple[Form, float]:
    """Measure the candidates of this device; set the fastest form and return it with its images per second.

    The candidates are the module's own `CANDIDATES` where it has some. Each is tried on one image first: a processor
    that lacks bfloat16 takes some twenty times as long with it.

    module: the network, on the device of the images.
    images: B x ..., a batch of inputs.
    runs: how many copies of the module are computed at once, as a pack is, each on its own images.
    rounds: how often the three that were fastest at first take turns; the least time of each counts.
    inference: measure candidates in float32, forward alone, as test images are predicted; else in training, forward
        and backward. A form that is fast in bfloat16 may take four times as long as another in float32.
    """
    parameters = {name: torch.stack([p.detach()] * runs).requires_grad_() for name, p in module.named_parameters()}

    @torch.set_grad_enabled(not inference)
    def seconds(form: Form, images: Tensor = images) -> float:
        set_form(module, form)
        start = time.perf_counter()
        if runs == 1:
            total = module(images).sum()
        else:
            inputs = images.expand(runs, *images.shape)
            total = vmap(lambda p, x: functional_call(module, p, (x,)))(parameters, inputs).sum()
        if not inference:
            total.backward()
        if images.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    candidates = getattr(module, "CANDIDATES", CANDIDATES)[images.device.type]
    forms = [
        form
        for form in dict.fromkeys(f._replace(dtype=torch.float32) if inference else f for f in candidates)
        if not any(s % b for s, b in zip(images.shape[-2:], form.block, strict=True))
        and not ((form.channels_last or form.fourier) and runs > 1)
    ]
    # the first time of a form prepares it
    glance = {form: min(seconds(form, images[:1]) for _ in range(3)) for form in forms}
    forms = [form for form in forms if glance[form] <= HOPELESS * min(glance.values())]
    least = {form: min(seconds(form) for _ in range(3)) for form in forms}
    finalists = sorted(forms, key=lambda form: least[form])[:3]
    for _ in range(rounds):
        least |= {form: min(least[form], seconds(form)) for form in finalists}
    module.zero_grad(set_to_none=True)
    best = min(finalists, key=lambda form: least[form])
    set_form(module, best)
    return best, runs * len(images) / least[best]
