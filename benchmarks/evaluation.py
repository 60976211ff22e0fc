"""Inference of the three methods of honari2018 on Blocks: images a second, beside the 487 of its Table 4.

As test images are predicted for a record (`evaluate.predict`: uint8 images in batches, float32, points and classes back in memory), the same in bfloat16, and the network
in plain PyTorch layers, read by the same method. Run on an idle machine:

    python benchmarks/evaluation.py [--device cpu] [--threads 2] [--images 640] [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F

from landmarklib import datasets, evaluate, methods, record, speed
from landmarklib.compute import device_name, measured_form
from landmarklib.nets import honari, plain

PAPER = 487.0  # images a second of RCN on 300-W, 80 x 80: honari2018, Table 4
TITLES = {"seq_mt": "Seq-MT", "comm_mt": "Comm-MT", "heatmap_mt": "Heatmap-MT"}


def contenders(name: str, images, device: torch.device) -> dict[str, Callable[[], object]]:
    """Predicting these images with one method, in each way."""
    method, dataset = methods.get(name), datasets.get("blocks")
    module = method.build(dataset, dataset.size, method.OPTIONS, torch.Generator().manual_seed(0)).to(device)
    shape = tuple(
        (option, method.OPTIONS[option]) for option in ("kernel", "depth", "width") if option in method.OPTIONS
    )
    form, _ = measured_form(dataset.name, name, dataset.size, shape, str(device))

    def predict(form: plain.Form) -> None:
        plain.set_form(module, form)
        evaluate.predict(module, method, images, method.OPTIONS, device)

    def as_printed() -> None:
        with mock.patch.object(honari, "pointwise", F.conv2d):
            predict(plain.LITERAL)

    return {
        "ours, float32": lambda: predict(form._replace(dtype=torch.float32)),
        "ours, bfloat16": lambda: predict(form),
        "plain PyTorch, float32": as_printed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, default=record.results_folder() / speed.FOLDER)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    images = datasets.split("blocks", "test", datasets.get("blocks").size).images[: arguments.images]
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    found: list[speed.Timing] = []
    for name, title in TITLES.items():
        taken = speed.seconds(contenders(name, images, device), arguments.rounds, synchronize)
        found += speed.timings(title, {way: [len(images) / s for s in values] for way, values in taken.items()})
    benchmark = speed.Benchmark(
        name="evaluation",
        title="Inference",
        text="Images of Blocks, 60 x 60, predicted as for a record: uint8 images in, points and classes out. The first line of each method is how test images are predicted.",
        unit="images/s",
        device=device.type,
        timings=tuple(found),
        facts={"the paper's, honari2018, Table 4": f"{PAPER:g} images/s on a GPU, of another network (RCN, 300-W)"},
        settings={"images": len(images), "rounds": arguments.rounds},
        provenance=record.circumstances(
            [Path(__file__), Path(evaluate.__file__), Path(plain.__file__)], device_name(device)
        ),
    )
    print(speed.show(benchmark))
    print(speed.save(benchmark, arguments.results))


if __name__ == "__main__":
    main()
