"""How a network is computed on this device: the form of its convolutions, and how many runs at once.

Both change the last digits, and training makes more of these. So they are looked up, by kind of processor and network:
in `forms.json`, which `benchmarks/choose_forms.py` writes, then in what was measured on this machine before. Only a
network that is in neither is measured, once, and that is kept beside the prepared crops.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from landmarklib import loading, methods
from landmarklib.core import costs, files, progress
from landmarklib.core.errors import UserError, shown
from landmarklib.core.experiment import Experiment
from landmarklib.core.kinds import Some
from landmarklib.core.types import whole
from landmarklib.formats import archive
from landmarklib.records import environment

if TYPE_CHECKING:
    import torch

PACKS = (1, 4, 16, 64)  # numbers of runs at once that are tried on a GPU
LIST = Path(__file__).with_name("forms.json")
KEPT = "forms.json"  # below the first data root
BATCH = 16  # images that are timed, unless a step takes fewer than half of it: then as many as that


FormText = Annotated[str, Field(pattern=r"^\d{1,3}x\d{1,3} (float32|bfloat16)( channels_last)?( product)?( fourier)?$")]


class Network(NamedTuple):
    """What decides how fast a network is.

    size: side of its images in pixels.
    shape: the options of the method that set its layers, with their values.
    batch: images that are timed at once.
    """

    dataset: str
    method: str
    size: int
    shape: tuple[tuple[str, Any], ...]
    dtype: str
    batch: int = BATCH

    def __str__(self) -> str:
        shape = "".join(f", {name} {json.dumps(value)}" for name, value in self.shape)
        batch = f", batch {self.batch}" if self.batch != BATCH else ""
        return f"{self.dataset} {self.method}, {self.size} px, {self.dtype}{shape}{batch}"


class Choice(NamedTuple):
    """How a network is computed.

    form: of its convolutions in training (`nets.forms.Form` as text).
    inference_form: of the predictions, in float32.
    runs: how many are trained at once.
    by: `listed` in forms.json, `measured` on this machine, or `given` by hand.
    """

    form: FormText
    inference_form: FormText
    runs: Some = 1
    by: str = "listed"


def pack_key(experiment: Experiment) -> tuple:
    """What the runs of a pack agree in: everything but row, seed, labels and how much a loss term weighs.

    Steps of a run that has no unlabelled image may be smaller, so it is of another kind where steps take such images.
    """
    e, method = experiment, methods.get(experiment.method)
    n = e.train_images or loading.get(e.dataset).counts["train"]
    options = methods.complete(method, e.options)
    takes_unlabelled = costs.takes_unlabelled(method, e.terms, options)
    stages = [replace(s, weights={t: float(bool(w)) for t, w in s.weights.items()}) for s in e.stages]
    values = asdict(replace(e, row="any", seed=0, fraction=0.0, labels=0, stages=tuple(stages)))
    return json.dumps(values, sort_keys=True), takes_unlabelled and round(e.share(n) * n) == n


def network(experiment: Experiment) -> Network:
    """The network of a run. A stand-in's and a part's are the whole data set's."""
    e, method = experiment, methods.get(experiment.method)
    options = methods.complete(method, e.options)
    shape = tuple((n, tuple(v) if isinstance(v := options[n], (list, tuple)) else v) for n in method.shape)
    taken = e.stages[0].batch or e.stages[0].batch_unlabelled
    return Network(whole(e.dataset), e.method, e.size, shape, e.dtype, taken if 2 * taken < BATCH else BATCH)


def choose(experiment: Experiment, device: str, form: str = "") -> Choice:
    """How this run is computed. form: by hand; "" takes what is listed.

    Raises UserError where the form is none of this network's, and where a measured one cannot be kept.
    """
    of = network(experiment)
    if not form:
        return chosen(of, device)
    valid = [str(candidate) for candidate in _candidates(of, device)]
    if form not in valid:
        raise UserError(
            f"form: {shown(form)} is none of the network of {experiment.row!r}, which is computed in {of.dtype}; "
            f"valid: {', '.join(valid)}"
        )
    found = chosen(of, device) if device != "cpu" or of.dtype != "float32" else Choice(form, form)
    return found._replace(form=form, inference_form=form if of.dtype == "float32" else found.inference_form, by="given")


@cache
def chosen(network: Network, device: str) -> Choice:
    """What is listed for this network, or was measured on this machine; measured and kept where neither is."""
    processor, kept = environment.processor(device), archive.roots()[0] / KEPT
    if found := _listed(LIST, processor, network):
        return found
    if found := _listed(kept, processor, network):
        return found._replace(by="measured")
    with files.lock(kept.with_suffix(".lock"), files.DATA, waiting=f"another process measures {network}"):
        if found := _listed(kept, processor, network):  # by the process that held the lock
            return found._replace(by="measured")
        progress.say(f"landmarklib: no form is listed for {network} on {processor}; measuring, once on this machine")
        found = measure(network, device)
        write(kept, processor, {network: found})
    return found._replace(by="measured")


def _listed(path: Path, processor: str, network: Network) -> Choice | None:
    return of.get(str(network)) if (of := read(path).get(processor)) else None


def read(path: Path) -> dict[str, dict[str, Choice]]:
    """By processor and network; nothing where there is no such file, or one that is damaged."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(dict[str, dict[str, Choice]]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def write(path: Path, processor: str, found: dict[Network, Choice]) -> None:
    """Add choices to a file. Raises UserError where it cannot be written."""
    there = {name: {n: list(c[:3]) for n, c in of.items()} for name, of in read(path).items()}
    there[processor] = there.get(processor, {}) | {str(n): list(c[:3]) for n, c in found.items()}
    text = files.compact(json.dumps(there, indent=1, sort_keys=True))
    files.write_in_one_step(path, lambda file: file.write(f"{text}\n".encode()), files.DATA)


def measure(network: Network, device: str) -> Choice:
    """The fastest forms in training and for test images, and on a GPU how many runs at once.

    That is the least number which is nearly as fast as any that fits. A processor gains nothing from a pack: there,
    each core trains a run of its own.
    """
    import torch

    from landmarklib.nets import forms
    from landmarklib.training import numerics

    module, images = _costly(network, device)
    packs = PACKS if device != "cpu" and methods.get(network.method).packable else (1,)
    rates: dict[int, tuple[str, float]] = {}
    with numerics.settled(device):
        for runs in packs:
            try:
                form, rate = forms.fastest_form(module, images, forms.DTYPES[network.dtype], runs)
            except torch.OutOfMemoryError:
                break
            finally:
                if device != "cpu":
                    torch.cuda.empty_cache()
            rates[runs] = str(form), rate
        if not rates:
            free, total = (n / 2**30 for n in torch.cuda.mem_get_info(device))
            raise UserError(
                f"device: {device} has {free:.1f} of {total:.1f} GiB free, too little for one run of {network.method}"
            )
        runs = next(n for n, (_, rate) in rates.items() if rate > 0.9 * max(rate for _, rate in rates.values()))
        form = inference_form = rates[runs][0]
        if network.dtype != "float32":
            inference_form = str(forms.fastest_form(module, images, inference=True)[0])
    return Choice(form, inference_form, runs)


@cache
def rate(network: Network, device: str, form: str, runs: int) -> float:
    """Images per second, forward and backward, of a pack in that form: how long a run takes here.

    No digit hangs on it.
    """
    from landmarklib.nets.forms import Form, Stopwatch
    from landmarklib.training import numerics

    with numerics.settled(device):
        return Stopwatch(*_costly(network, device), runs).rate(Form.from_text(form))


def _candidates(network: Network, device: str) -> list[Any]:
    from landmarklib.nets import forms

    found = forms.candidates(*_costly(network, device), forms.DTYPES[network.dtype])
    literal = [forms.LITERAL] if network.dtype == "float32" else []  # nobody's fastest, but what golden runs take
    return [*dict.fromkeys([*literal, *found])]


def _costly(network: Network, device: str) -> tuple[torch.nn.Module, torch.Tensor]:
    """The costly part of a network, and a batch for it."""
    import torch

    generator, spec = torch.Generator().manual_seed(0), methods.get(network.method)
    dataset, options = loading.get(network.dataset), {**spec.options, **dict(network.shape)}
    module = spec.build(dataset, network.size, options, generator).to(device).eval()
    seen = (dataset.channels, network.size, network.size) if spec.input == "images" else (len(dataset.landmarks), 2)
    part = attrgetter(spec.costly)(module) if spec.costly else module
    return part, torch.rand(network.batch, *seen, generator=generator).to(device)
