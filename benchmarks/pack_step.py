"""A training step of packs: many runs of Blocks at once against one, for the three networks with all their loss terms.

Images processed a second.

Each pack is trained as `compute.run` does it, in the form that is fastest at its size; on a GPU its step is a captured
graph. On an idle machine:

    python benchmarks/pack_step.py [--device cpu] [--packs 16,4,1] [--budget paper] [--rounds 7] [--results FOLDER]
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from contenders import synchronize

from landmarklib import loading, methods, tables
from landmarklib.core import costs, subsets
from landmarklib.nets import forms
from landmarklib.records import benchmarks, environment
from landmarklib.training import autotune, batches, pack, state

ROWS = ("Seq-MT (L+ELT+A)", "Comm-MT (L+A)", "Heatmap-MT (L+A)")
TEXT = (
    "Whole training steps of runs of Blocks at 20% labelled, with every loss term of the row: forward, backward, "
    "Adam. A pack trains so many runs at once, each with its own "
    "images, weights and random numbers. A step on a GPU is a graph that is captured once."
)


def steps_of(row: str, n: int, budget: str, device: str) -> tuple[partial, float]:
    """A step of n runs of that row, ready to be repeated, and how many images it processes."""
    experiments = tables.get("blocks").experiments([0.2], list(range(n)), [row], budget)
    e, where = experiments[0], torch.device(device)
    (stage,), method = e.stages, methods.get(e.method)
    options = methods.complete(method, e.options)
    form = forms.Form.from_text(autotune.choose(e, device).form)
    annotations = loading.first(loading.split(e.dataset, "train", loading.crops_of(e)["train"]), e.train_images)
    images, runs = torch.from_numpy(np.array(annotations.images)).to(where), []
    for one in experiments:
        chosen = subsets.label_subset(annotations.ids, one.fraction, one.seed, annotations.attributes["class"])
        generator = torch.Generator().manual_seed(one.seed)
        module = method.build(loading.get(e.dataset), e.size, options, generator).to(where)
        forms.set_form(module, form)
        data = state.annotated(annotations, torch.from_numpy(chosen), images, options["attributes"])
        runs.append(state.TrainState(one, module.train(), data, generator))
    packed, last = pack.Pack(runs, method, options, stage), stage.steps - 1
    orders = [batches.image_order(run, stage, costs.unlabelled_from(stage, method, options)) for run in runs]
    step = partial(packed.step, costs.active_terms(stage, last), *batches.next_images(orders, last), 1.0)
    for _ in range(pack.WARM_STEPS + 1):
        step()
    return step, n * packed.images_processed


def main() -> None:
    parser = benchmarks.parser(__doc__, rounds=7)
    parser.add_argument("--packs", type=lambda text: [int(n) for n in text.split(",")], default=[16, 4, 1])
    parser.add_argument("--budget", default="paper")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    found: list[benchmarks.Timing] = []
    for row in ROWS:
        steps = {n: steps_of(row, n, arguments.budget, arguments.device) for n in arguments.packs}
        names = {n: f"a pack of {n}" if n > 1 else "one run" for n in steps}
        actions = {names[n]: step for n, (step, _) in steps.items()}
        taken = benchmarks.seconds(actions, arguments.rounds, synchronize(device))
        rates = {names[n]: [images / s for s in taken[names[n]]] for n, (_, images) in steps.items()}
        found += benchmarks.timings(row, rates)
    benchmark = benchmarks.Benchmark(
        name="pack_step",
        title="Training step of a pack",
        text=TEXT,
        unit="images/s",
        device=device.type,
        timings=tuple(found),
        settings={"budget": arguments.budget, "rounds": arguments.rounds},
        provenance=environment.describe(environment.device_name(device)),
    )
    benchmarks.finish(benchmark, arguments.results)


if __name__ == "__main__":
    main()
