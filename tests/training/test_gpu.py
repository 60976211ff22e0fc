"""What only a GPU can show: the same numbers as on the CPU. `pytest -m gpu` runs these on a machine that has one.

Those that are marked essential are what `benchmarks/gpu.py` spends a minute on. With LANDMARKLIB_TEST_DEVICE=cpu it
rehearses them.
"""

from __future__ import annotations

import os

import pytest
import torch
from experiments import changed
from packs import DATASET, JITTER, OF_POINTS, about, losses_of, options_of

from landmarklib import methods, tables
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.engine import ensure
from landmarklib.nets import forms
from landmarklib.training import compute, pack, train

DEVICE = os.environ.get("LANDMARKLIB_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"),
]
essential = pytest.mark.essential

FORMS = [forms.LITERAL, forms.Form((2, 2)), forms.Form((4, 4)), forms.Form((4, 4), product=True)]
JITTERED = pytest.param(JITTER, id="jittered", marks=essential)


@pytest.fixture(autouse=True)
def full_precision():
    """Products in float32, as on the CPU."""
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    yield
    for backend, allowed in zip(backends, before, strict=True):
        backend.allow_tf32 = allowed


def batch(device: str, n: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 1, 60, 60, generator=generator)
    points = 2 * torch.rand(n, 5, 2, generator=generator) - 1
    labelled = torch.arange(n) < n // 2
    points[~labelled] = torch.nan
    visible = labelled[:, None].expand(n, 5).contiguous()
    attributes = torch.stack([torch.arange(n) % 15, torch.linspace(-1, 1, n)], -1)
    return Batch(*(t.to(device) for t in (images, points, visible, attributes)), n // 2)


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize("form", [pytest.param(f, id=str(f), marks=[essential] * (f in FORMS[::3])) for f in FORMS])
def test_losses_and_gradients_equal_the_cpu(name, form):
    method, options, found = methods.get(name), options_of(name, dropout=0.0), {}
    for where, device, used in (("here", "cpu", forms.LITERAL), ("there", DEVICE, form)):
        module = method.build(DATASET, 60, options, torch.Generator().manual_seed(0)).to(device)
        forms.set_form(module, used)
        noise = Noise(torch.Generator(device).manual_seed(0))
        values = method.loss(Models(module), batch(device), set(method.terms) - {"elt"}, options, noise)
        sum(v.mean() for v in values.values()).backward()
        gradients = {n: p.grad.cpu() for n, p in module.named_parameters() if p.grad is not None}
        # a softmax over pixels cancels the maps' biases: their gradient is rounding
        found[where] = {n: gradient for n, gradient in gradients.items() if not n.endswith("out_bias")}
        found[where] |= {term: v.detach().cpu() for term, v in values.items()}
    assert found["here"].keys() == found["there"].keys()
    for key, value in found["here"].items():
        torch.testing.assert_close(
            found["there"][key], value, rtol=1e-3, atol=1e-4 * float(value.nan_to_num().abs().max()), equal_nan=True
        )


@pytest.mark.parametrize("name", OF_POINTS)
def test_steps_of_a_pack_equal_the_cpu(name):
    terms = list(methods.get(name).terms)
    onset = {**dict.fromkeys(terms, 0.0), terms[-1]: 0.5}
    cpu = losses_of(name, "cpu", [0, 1], forms.LITERAL, onset, dropout=0.0)
    found = losses_of(name, DEVICE, [0, 1], FORMS[-1], onset, dropout=0.0)
    assert len(found) == 16
    for got, expected in zip(found, cpu, strict=True):
        assert got == [about(parts) for parts in expected]


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize(
    "seeds, jitter", [([0], {}), ([0, 1, 2], {}), pytest.param([0, 1, 2], JITTER, marks=essential)]
)
def test_steps_replayed_from_a_graph_equal_eager_ones(monkeypatch, name, seeds, jitter):
    terms = list(methods.get(name).terms)
    onset = {**dict.fromkeys(terms, 0.0), terms[-1]: 0.5}
    replayed = losses_of(name, DEVICE, seeds, FORMS[-1], onset, 0.25, jitter)
    monkeypatch.setattr(pack, "WARM_STEPS", 100)
    eager = losses_of(name, DEVICE, seeds, FORMS[-1], onset, 0.25, jitter)
    for got, expected in zip(replayed, eager, strict=True):
        assert got == [about(parts) for parts in expected]


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize("jitter", [pytest.param({}, id="still"), JITTERED])
def test_runs_of_a_pack_equal_each_trained_alone_with_the_gpus_random_numbers(name, jitter):
    onset = dict.fromkeys(methods.get(name).terms, 0.0)
    packed = losses_of(name, DEVICE, [0, 1, 2], FORMS[-1], onset, 0.25, jitter)
    for i in range(3):
        alone = losses_of(name, DEVICE, [i], FORMS[-1], onset, 0.25, jitter)
        assert [step[i] for step in packed] == [about(parts) for (parts,) in alone]


@pytest.mark.parametrize(
    "row", ["Seq-MT (L+ELT+A)", pytest.param("Comm-MT (L+A)", marks=essential), "Heatmap-MT (L+A)"]
)
def test_a_pack_goes_on_from_a_state_as_if_it_had_never_stopped(monkeypatch, row):
    monkeypatch.setattr(train, "KEEP_EVERY", -1.0)
    changes = {"images": 160, "warmup": 1, "rate": 0.0003, "n_evaluations": 7}
    runs = [changed(e, **changes) for e in tables.get("blocks").experiments([0.1], [0, 1], [row], "smoke")]
    how, kept = {"device": DEVICE, "form": forms.LITERAL}, []
    whole = compute.run(runs, keep=kept.append, **how)
    rest = compute.run(
        runs, states=kept[4], **how
    )  # before the first evaluation, and with steps from a captured graph to come
    for one, expected in zip(rest, whole, strict=True):
        assert [entry["step"] for entry in one.curve] == [8, 10, 12, 14, 16, 18, 20]
        for entry, wanted in zip(one.curve, expected.curve, strict=True):
            assert entry["loss"] == pytest.approx(wanted["loss"], rel=1e-2)


@pytest.mark.parametrize("table", ["blocks", "shapes"])
def test_every_row_runs_on_the_gpu(table, tmp_path):
    found = ensure.ensure(table, seeds=[0], budget="smoke", device=DEVICE, workers=1, results=tmp_path)
    assert (found.runs.status == "done").all()
