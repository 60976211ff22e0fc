"""Every method's training step as a GPU would capture it, without a GPU: nothing in it is left on the CPU, copied from
the host or read back.
"""

from __future__ import annotations

import fake
import pytest
import torch
from packs import DATASET, JITTER, OF_POINTS, SIZE, options_of

from landmarklib import methods
from landmarklib.losses import supervised
from landmarklib.nets import forms, layers
from landmarklib.training import optimizer, prediction

# Options that change what a step computes: each decoder on its own, since they exclude one another, and all others at
# once, since each has operations of its own.
DECODERS = [{"decoder": "softmax"}, {"decoder": "soft-argmax"}]
OTHERS = {
    "elt_on_all": True,
    "point_noise": 0.05,
    "final_relu": True,
    "centred": True,
    "standard": True,
    "out_kernel": 9,
    "cells": SIZE // 2,
    "widths": [4, 4, 4, 4],  # of RCN: down to odd sides; TCDCN's own are as many
}


def built(name: str, changes: dict) -> torch.nn.Module:
    return methods.get(name).build(DATASET, SIZE, options_of(name, 0.25) | changes, torch.Generator().manual_seed(0))


def forms_of(name: str) -> list[forms.Form]:
    """What a GPU tries for that method, and what it predicts test images in."""
    costly = built(name, {}).get_submodule(methods.get(name).costly)
    tried = getattr(costly, "CANDIDATES", forms.CANDIDATES)["cuda"]
    return list(dict.fromkeys([*tried, *(form._replace(dtype=torch.float32) for form in tried)]))


def terms_of(name: str, changes: dict) -> tuple[str, ...]:
    only = name == "rcn" and changes.get("decoder") == "softmax"
    return ("landmarks",) if only else tuple(methods.get(name).terms)


def changed() -> list[tuple[str, dict]]:
    """Each method with its defaults, with each decoder that it has, and with all its other options at once."""
    found = []
    for name in OF_POINTS:
        known = methods.get(name).options
        others = {key: value for key, value in OTHERS.items() if key in known}
        decoders = [change for change in DECODERS if change.keys() <= known.keys()]
        found += [(name, change) for change in [{}, *decoders, *filter(None, [others])]]
    return found


PACKS = pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["alone", "packed"])
on_each_device = pytest.mark.parametrize("device", fake.DEVICES)


@on_each_device
@pytest.mark.parametrize(
    "name, form, seeds",
    [
        (name, form, seeds)
        for name in OF_POINTS
        for form in forms_of(name)
        for seeds in ([0], [0, 1])
        # no pack has that layout; packs in float32 are below, on jittered images
        if seeds == [0] or not (form.channels_last or (form.dtype == torch.float32 and form != forms.LITERAL))
    ],
    ids=str,
)
def test_a_step_in_every_form_stays_on_its_device(device, name, form, seeds):
    terms = terms_of(name, {})
    means = fake.step(device, name, seeds, form, terms)
    assert {term: (mean.device.type, mean.shape) for term, mean in means.items()} == dict.fromkeys(
        terms, (device, (len(seeds),))
    )


@on_each_device
@PACKS
@pytest.mark.parametrize("name, changes", changed(), ids=str)
def test_a_step_on_jittered_images_with_every_option_stays_on_its_device(device, seeds, name, changes):
    means = fake.step(device, name, seeds, forms.Form((2, 2)), terms_of(name, changes), JITTER, changes)
    assert means.keys() == set(terms_of(name, changes))


@on_each_device
@pytest.mark.parametrize("name", OF_POINTS)
def test_a_step_of_each_term_alone_stays_on_its_device(device, name):
    for term in methods.get(name).terms:
        assert fake.step(device, name, [0], forms.LITERAL, (term,)).keys() == {term}


@on_each_device
@PACKS
def test_a_step_that_moves_a_teacher_stays_on_its_device(device, seeds):
    assert fake.step(device, "seq_mt", seeds, forms.LITERAL, ("landmarks",), ema=0.9).keys() == {"landmarks"}


@on_each_device
@PACKS
def test_a_fault_in_the_teachers_average_is_refused(monkeypatch, device, seeds):
    average = optimizer.average

    def faulty(teacher, student, decay):
        average(teacher, {name: with_fault("a copy to the CPU", lambda x: x)(x) for name, x in student.items()}, decay)

    monkeypatch.setattr(optimizer, "average", faulty)
    with pytest.raises(fake.Refused):
        fake.step(device, "seq_mt", seeds, forms.LITERAL, ("landmarks",), ema=0.9)


@on_each_device
@pytest.mark.parametrize("name, changes", changed(), ids=str)
def test_predicting_stays_on_its_device(device, name, changes):
    method, module = methods.get(name), built(name, changes).eval()
    shape = (4, 1, SIZE, SIZE) if method.input == "images" else (4, len(DATASET.landmarks), 2)
    with fake.tensors(device) as onto, torch.no_grad():
        for key, parameter in module.named_parameters():
            owner, _, last = key.rpartition(".")
            setattr(module.get_submodule(owner), last, torch.nn.Parameter(onto(parameter), requires_grad=False))
        for key, buffer in module.named_buffers():
            owner, _, last = key.rpartition(".")
            module.get_submodule(owner)._buffers[last] = onto(buffer)
        inputs, options = onto(torch.zeros(shape)), options_of(name, 0.25) | changes
        for form in dict.fromkeys(form for form in forms_of(name) if form.dtype == torch.float32):
            forms.set_form(module, form)
            method.predict(module, inputs, options)
            with fake.captured():
                found = method.predict(module, inputs, options)
                read = [prediction.read_attribute(head) for head in found.attributes]
            assert {t.device.type for t in [*read, *filter(lambda t: t is not None, [found.points])]} == {device}


def written(x: torch.Tensor) -> torch.Tensor:
    """Values written by a mask."""
    x = x.clone()
    x[x > 0] = x[x > 0]
    return x


FAULTS = {
    "a constant on the CPU": lambda x: x + torch.ones(len(x)),
    "a number on the CPU": lambda x: x + NUMBER,
    "a list from the host": lambda x: x + torch.tensor([1.0], device=x.device),
    "a list from the host, of x's kind": lambda x: x + x.new_tensor([1.0]),
    "a copy to the CPU": lambda x: x + 0 * x.cpu().to(x.device),
    "item": lambda x: x * x.sum().item(),
    "float": lambda x: x * float(x.detach().sum()),
    "bool": lambda x: x if bool(x.sum() > 0) else -x,
    "tolist": lambda x: x * x.tolist()[0],
    "nonzero": lambda x: x[x.nonzero()[:, 0]],
    "a mask": lambda x: x[x > 0],
    "a mask that is written by": written,
    "a solver that checks": lambda x: x * torch.linalg.inv(torch.eye(2, device=x.device)).sum(),
}
NUMBER = torch.tensor(1.0)


def with_fault(fault: str, function):
    """The function with that fault in what it gives, in the captured step alone: torch itself refuses some of them,
    elsewhere and in other words.
    """

    def faulty(*given):
        found = function(*given)
        return FAULTS[fault](found) if fake.capturing() else found

    return faulty


@on_each_device
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_loss_is_refused(monkeypatch, device, fault):
    monkeypatch.setattr(supervised, "landmark_distance", with_fault(fault, supervised.landmark_distance))
    with pytest.raises(fake.Refused):
        fake.step(device, "seq_mt", [0], forms.LITERAL, ("landmarks",))


@on_each_device
@PACKS
@pytest.mark.parametrize("fault", ["a constant on the CPU", "a list from the host", "a copy to the CPU"])
def test_a_fault_in_a_network_is_refused(monkeypatch, device, seeds, fault):
    faulty = with_fault(fault, lambda layer, x: forward(layer, x).T)
    forward = layers.Linear.forward
    monkeypatch.setattr(layers.Linear, "forward", lambda layer, x: faulty(layer, x).T)
    with pytest.raises(fake.Refused):
        fake.step(device, "seq_mt", seeds, forms.LITERAL, ("classes",))


def test_what_is_not_seen_in_a_captured_step_is_no_fault(monkeypatch):
    """The control of the two tests above."""
    monkeypatch.setattr(supervised, "landmark_distance", with_fault("none", supervised.landmark_distance))
    monkeypatch.setitem(FAULTS, "none", lambda x: x + 0.0)
    assert fake.step("meta", "seq_mt", [0], forms.LITERAL, ("landmarks",)).keys() == {"landmarks"}
