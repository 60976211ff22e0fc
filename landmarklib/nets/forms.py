"""How a network is computed: forms of its convolutions that compute the same function, and which is fastest here.

Each rounds in its own way, and training makes much of a little: two forms give two runs with other numbers. So which
one a run takes is looked up (`training/autotune.py`) and never timed within it.
"""

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

    @classmethod
    def from_text(cls, text: str) -> Form:
        """The form that is written so. Raises ValueError or KeyError where none is."""
        block, number_type, *layout = text.split()
        height, _, width = block.partition("x")
        flags = dict.fromkeys(layout, True)
        form = cls((int(height), int(width)), DTYPES[number_type], **flags) if set(flags) <= LAYOUTS else None
        if str(form) != text:
            raise ValueError(text)
        return form


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
LAYOUTS = {"channels_last", "product", "fourier"}
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
# The same for networks of 3 x 3 convolutions, to which blocks of pixels and products of spectra bring nothing.
SMALL_KERNELS = {
    "cpu": (Form(channels_last=True), Form(), Form(dtype=torch.bfloat16, channels_last=True)),
    "cuda": (Form(dtype=torch.bfloat16, channels_last=True), Form(dtype=torch.bfloat16), Form()),
}


def set_form(module: nn.Module, form: Form) -> None:
    """Compute all convolutions inside the module in that form."""
    for part in module.modules():
        if hasattr(part, "conv_form"):
            part.conv_form = form


def candidates(
    module: nn.Module, images: Float[Tensor, "B ..."], dtype: torch.dtype = torch.float32, runs: int = 1
) -> list[Form]:
    """The forms that a network has in that number type on the device of the images.

    They are the module's own `CANDIDATES` where it has some. A network without such convolutions has one form, in
    float32. runs: how many are computed at once.
    """
    if not any(hasattr(part, "conv_form") for part in module.modules()):
        return [LITERAL]
    listed = getattr(module, "CANDIDATES", CANDIDATES)[images.device.type]
    found = dict.fromkeys(f._replace(dtype=dtype) for f in listed if not f.fourier or dtype == torch.float32)
    return [
        form
        for form in found
        if not any(s % b for s, b in zip(images.shape[-2:], form.block, strict=True))
        and not ((form.channels_last or form.fourier) and runs > 1)
    ]


class Stopwatch:
    """Takes the time of a batch in a form: of so many copies of a module at once, each on its own images.

    module: the network, on the device of the images.
    images: B x ..., a batch of inputs.
    runs: how many copies are computed at once, as a pack is.
    inference: forward alone, as test images are predicted; else forward and backward.
    """

    def __init__(self, module: nn.Module, images: Float[Tensor, "B ..."], runs: int = 1, inference: bool = False):
        self.module, self.images, self.runs, self.inference = module, images, runs, inference
        self.parameters = {
            name: torch.stack([p.detach()] * runs).requires_grad_() for name, p in module.named_parameters()
        }

    def seconds(self, form: Form, n_images: int | None = None) -> float:
        """How long the first images take once, all of them without a number."""
        images, module = self.images[:n_images], self.module
        set_form(module, form)
        start = time.perf_counter()
        with torch.set_grad_enabled(not self.inference):
            if self.runs == 1:
                total = module(images).sum()
            else:
                inputs = images.expand(self.runs, *images.shape)
                total = vmap(lambda p, x: functional_call(module, p, (x,)))(self.parameters, inputs).sum()
            if not self.inference:
                total.backward()
        if images.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def rate(self, form: Form, rounds: int = 3) -> float:
        """Images per second in that form, by the least time of so many, after one that prepares it."""
        self.seconds(form)
        least = min(self.seconds(form) for _ in range(rounds))
        self.module.zero_grad(set_to_none=True)
        return self.runs * len(self.images) / least


def fastest_form(
    module: nn.Module,
    images: Float[Tensor, "B ..."],
    dtype: torch.dtype = torch.float32,
    runs: int = 1,
    rounds: int = 5,
    inference: bool = False,
) -> tuple[Form, float]:
    """Measure the candidates of this device; set the fastest form and return it with its images per second.

    Each is tried on one image first: a processor that lacks bfloat16 takes some twenty times as long with it.

    module, images, runs, inference: `Stopwatch`'s.
    dtype: number type of the forms.
    rounds: how often the three that were fastest at first take turns; the least time of each counts.
    """
    watch, forms = Stopwatch(module, images, runs, inference), candidates(module, images, dtype, runs)
    # the first time of a form prepares it
    glance = {form: min(watch.seconds(form, 1) for _ in range(3)) for form in forms}
    forms = [form for form in forms if glance[form] <= HOPELESS * min(glance.values())]
    least = {form: min(watch.seconds(form) for _ in range(3)) for form in forms}
    finalists = sorted(forms, key=lambda form: least[form])[:3]
    for _ in range(rounds):
        least |= {form: min(least[form], watch.seconds(form)) for form in finalists}
    module.zero_grad(set_to_none=True)
    best = min(finalists, key=lambda form: least[form])
    set_form(module, best)
    return best, runs * len(images) / least[best]
