"""The forms of a stack of convolutions, side by side: forward and backward, as the networks of the tables have them.

One thread, as a worker of a table has. On an idle machine:

    python benchmarks/forms.py [--threads 1] [--batch 16] [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

from functools import partial

import torch
from contenders import has_bfloat16

from landmarklib.nets import forms, plain
from landmarklib.records import benchmarks, environment
from landmarklib.records.environment import device_name

TEXT = (
    "Six convolutions with ReLU between them, forward and backward. They are the large layers of Seq-MT on Blocks, "
    "on 300-W at the budget cpu and in full, and on HGR1 at the budget "
    "cpu. Here ours is the convolution as a product of spectra, whose cost does not depend on the kernel. In which "
    "form a network is trained is listed by kind of processor; "
    "a form in bfloat16 is left out where the processor lacks it."
)
STACKS = {  # group -> kernel, maps a layer, size of the image
    "9 x 9, 8 maps, 60 x 60": (9, 8, 60),
    "9 x 9, 16 maps, 32 x 32": (9, 16, 32),
    "9 x 9, 32 maps, 64 x 64": (9, 32, 64),
    "5 x 5, 16 maps, 32 x 32": (5, 16, 32),
}
FORMS = {
    "products of spectra, float32": forms.Form(fourier=True),
    "space-to-depth 1 x 2, float32": forms.Form((1, 2)),
    "space-to-depth 1 x 2, bfloat16": forms.Form((1, 2), torch.bfloat16),
    "channels_last, float32": forms.Form(channels_last=True),
    "as printed, float32": forms.LITERAL,
}


def step(stack: plain.ConvStack, form: forms.Form, images: torch.Tensor) -> None:
    """Forward and backward in that form."""
    forms.set_form(stack, form)
    stack(images).sum().backward()


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=7)
    parser.add_argument("--threads", type=int, default=1, help="a table takes one a process")
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, generator = torch.device(arguments.device), torch.Generator().manual_seed(0)
    forms = {name: form for name, form in FORMS.items() if form.dtype == torch.float32 or has_bfloat16(device)}
    found: list[benchmarks.Timing] = []
    for group, (kernel, width, size) in STACKS.items():
        stack = plain.ConvStack(1, [width] * 6, kernel, generator).to(device)
        images = torch.rand(arguments.batch, 1, size, size, generator=generator).to(device)
        contenders = {name: partial(step, stack, form, images) for name, form in forms.items()}
        taken = benchmarks.seconds(contenders, arguments.rounds)
        found += benchmarks.timings(group, {name: [len(images) / s for s in values] for name, values in taken.items()})
    benchmark = benchmarks.Benchmark(
        name="forms",
        title="Forms of the convolutions",
        text=TEXT,
        unit="images/s",
        device=device.type,
        timings=tuple(found),
        settings={"threads": arguments.threads, "batch": arguments.batch, "rounds": arguments.rounds},
        provenance=environment.describe(device_name(device)),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
