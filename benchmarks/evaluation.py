"""Inference of the three methods of honari2018 on Blocks: images a second, beside the 487 of its Table 4.

As test images are predicted for a record (`evaluate.predict`: uint8 images in batches, float32, points and classes back in memory), the same in bfloat16, and the network
in plain PyTorch layers, read by the same method. On an idle machine:

    python benchmarks/evaluation.py [--device cpu] [--threads 2] [--images 640] [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from contenders import printed_layers, synchronize

from landmarklib import datasets, evaluate, methods, speed
from landmarklib.compute import device_name, measured_form
from landmarklib.nets import plain

PAPER = 487.0  # images a second of RCN on 300-W, 80 x 80: honari2018, Table 4
TITLES = {"seq_mt": "Seq-MT", "comm_mt": "Comm-MT", "heatmap_mt": "Heatmap-MT"}
TEXT = (
    "Images of Blocks, 60 x 60, predicted as for a record: uint8 images in, points and classes out. The first line of each method is how test images are predicted. Plain PyTorch is "
    "the printed network in torch's own layers, read by the same method; on a GPU its convolutions may use TF32, as is torch's default."
)


def contenders(name: str, form: plain.Form, images, device: torch.device) -> dict[str, Callable[[], object]]:
    """Predicting these images with one method, in each way."""
    method, dataset = methods.get(name), datasets.get("blocks")
    module = method.build(dataset, dataset.size, method.OPTIONS, torch.Generator().manual_seed(0)).to(device)

    def predict(form: plain.Form) -> None:
        plain.set_form(module, form)
        evaluate.predict(module, method, images, method.OPTIONS, device)

    def as_printed() -> None:
        with printed_layers():
            predict(plain.LITERAL)

    return {
        "ours, float32": lambda: predict(form._replace(dtype=torch.float32)),
        "ours, bfloat16": lambda: predict(form._replace(dtype=torch.bfloat16)),
        "plain PyTorch, float32": as_printed,
    }


def main() -> None:
    parser = speed.parser(__doc__, rounds=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=640)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, dataset = torch.device(arguments.device), datasets.get("blocks")
    images = datasets.split("blocks", "test", dataset.size).images[: arguments.images]
    found: list[speed.Timing] = []
    forms = {}
    for name, title in TITLES.items():
        options = methods.get(name).OPTIONS
        shape = tuple((option, options[option]) for option in ("kernel", "depth", "width") if option in options)
        form, _ = measured_form(dataset.name, name, dataset.size, shape, str(device))
        forms[title] = str(form)
        taken = speed.seconds(contenders(name, form, images, device), arguments.rounds, synchronize(device))
        found += speed.timings(title, {way: [len(images) / s for s in values] for way, values in taken.items()})
    benchmark = speed.Benchmark(
        name="evaluation",
        title="Inference",
        text=TEXT,
        unit="images/s",
        device=device.type,
        timings=tuple(found),
        facts={
            "the paper's, honari2018, Table 4": f"{PAPER:g} images/s on a GPU, of another network (RCN, 300-W)",
            "form of the convolutions, but for its number type": ", ".join(f"{t} {f}" for t, f in forms.items()),
        },
        settings={"images": len(images), "rounds": arguments.rounds},
        provenance=speed.origin(__file__, device_name(device)),
    )
    speed.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
