"""Inference of the networks of honari2018: the three of Blocks, and those of 300-W in full, whose speeds its Table 4
has. Images a second.

As test images are predicted for a record (`prediction.predict`: uint8 images in batches, float32, points and classes
back in memory), the same in bfloat16 where the device has it, and the network in plain PyTorch layers, read by the same
method. On an idle machine:

    python benchmarks/evaluation.py [--device cpu] [--threads 2] [--images 640] [--photos 128] [--budget paper]
    [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from contenders import has_bfloat16, printed_layers, synchronize

from landmarklib import loading, methods, tables
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import Crop
from landmarklib.nets import forms
from landmarklib.pages import speed_page
from landmarklib.records import benchmarks, environment
from landmarklib.training import autotune, prediction

NETWORKS = {  # table -> rows, each a network
    "blocks": ("Seq-MT (L)", "Comm-MT (L)", "Heatmap-MT (L)"),
    "w300": ("RCN (L)", "RCN+ (L)", "Seq-MT (L)"),
}
FULL = "paper"  # the budget at which the networks of 300-W are in full
TEXT = (
    "Test images predicted as for a record: uint8 images in, points and classes out. Blocks in 60 x 60; 300-W with "
    "the table's networks in full, RCN and RCN+ on 80 x 80 images with "
    "64 maps a level, Seq-MT on 64 x 64 with 32 maps, on noise in place of photos, which takes as long. The first "
    "line of each network is how test images are predicted. Plain PyTorch is "
    "the printed network in torch's own layers, read by the same method; on a GPU its convolutions may use TF32, "
    "as is torch's default."
)


def experiments(budget: str = FULL) -> dict[str, Experiment]:
    """What is timed, by its group: a row of a table each. budget: of 300-W; where its networks are smaller, their
    groups say so.
    """
    found = {}
    for name, rows in NETWORKS.items():
        table, of = tables.get(name), budget if name == "w300" else None
        smaller = f" at {of}" if of not in (None, FULL) else ""
        for e in table.experiments([1.0], [0], rows, of):
            found[f"{e.row.removesuffix(' (L)')}, {table.title}{smaller}"] = e
    return found


def images_of(e: Experiment, n: int) -> np.ndarray:
    """So many test images of generated sets, of others noise."""
    if loading.get(e.dataset).load:
        return loading.split(e.dataset, "test", Crop(e.size)).images[:n]
    return np.random.default_rng(0).integers(256, size=(n, 1, e.size, e.size), dtype=np.uint8)


def contenders(
    e: Experiment, inference_form: forms.Form, form: forms.Form | None, images: np.ndarray, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Predicting these images with one network, in each way.

    inference_form: of a record's predictions.
    form: of training, where the device has bfloat16.
    """
    method = methods.get(e.method)
    options = methods.complete(method, e.options)
    module = method.build(loading.get(e.dataset), e.size, options, torch.Generator().manual_seed(0)).to(device)

    def predict(form: forms.Form) -> None:
        forms.set_form(module, form)
        prediction.predict(module, method, images, options, device)

    def as_printed() -> None:
        with printed_layers():
            predict(forms.LITERAL)

    ways = {"ours, float32": lambda: predict(inference_form)}
    if form:
        ways["ours, bfloat16"] = lambda: predict(form._replace(dtype=torch.bfloat16, fourier=False))
    return {**ways, "plain PyTorch, float32": as_printed}


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=640, help="of Blocks")
    parser.add_argument("--photos", type=int, default=128, help="of 300-W, whose networks cost far more an image")
    parser.add_argument("--budget", default=FULL, help="of 300-W; only at this one its networks are in full")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    found: list[benchmarks.Timing] = []
    named = {}
    for group, e in experiments(arguments.budget).items():
        images = images_of(e, arguments.images if loading.get(e.dataset).load else arguments.photos)
        network = autotune.network(e)
        inference_form = forms.Form.from_text(autotune.measure(network, str(device)).inference_form)
        form = None
        if has_bfloat16(device):
            form = forms.Form.from_text(autotune.measure(network._replace(dtype="bfloat16"), str(device)).form)
        named[group] = f"{inference_form} and {form}" if form else f"{inference_form}"
        taken = benchmarks.seconds(
            contenders(e, inference_form, form, images, device), arguments.rounds, synchronize(device)
        )
        found += benchmarks.timings(group, {way: [len(images) / s for s in values] for way, values in taken.items()})
    benchmark = benchmarks.Benchmark(
        name=speed_page.INFERENCE,
        title="Inference",
        text=TEXT,
        unit="images/s",
        device=device.type,
        timings=tuple(found),
        facts={
            "forms of the convolutions, for test images and, where there is bfloat16, in training": "; ".join(
                f"{g}: {f}" for g, f in named.items()
            )
        },
        settings={"images": arguments.images, "photos": arguments.photos, "rounds": arguments.rounds},
        provenance=environment.describe(environment.device_name(device)),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
