"""A training step on tensors without values, held to what a CUDA graph may hold.

Such tensors are on torch's meta device, where a step goes forward and backward. A torch that was built for CUDA also
makes fake ones on `cuda`, with no GPU in the machine, under its `FakeTensorMode`; there the backward pass is stood in
for, since it asks for a real device.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace

import torch
from packs import runs_of
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves

from landmarklib import methods
from landmarklib.nets import forms
from landmarklib.training.pack import Pack

DEVICES = ["meta", "cuda"] if torch.version.cuda else ["meta"]
aten = torch.ops.aten
HOST = {  # operations that wait for the device or copy from the host -> what does so, in words
    aten._local_scalar_dense: "a value is read back",
    aten.is_nonzero: "a value is read back",
    aten.equal: "a value is read back",
    aten.nonzero: "a shape depends on values",
    aten.masked_select: "a shape depends on values",
    aten._linalg_check_errors: "an error code is read back",
    aten.lift_fresh: "a tensor is made of numbers on the host",
}
CALLS = (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor, Tensor.tolist, Tensor.numpy)


class Refused(AssertionError):
    """An operation that a captured step must not have."""


@contextmanager
def captured(numbers: bool = False) -> Iterator[None]:
    """Within it nothing waits for the device, copies from the host or has a tensor on the CPU. Raises Refused.

    numbers: a CPU tensor without dimensions may take part. Within vmap a Python number is one.
    """
    with Calls(), Operations(numbers):
        yield


class Calls(TorchFunctionMode):
    """Refuses what does not show in operations on the meta device."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        if function in CALLS:
            raise Refused(f"{function.__name__}: it has its numbers on the host")
        return function(*arguments, **(options or {}))


class Operations(TorchDispatchMode):
    """Refuses operations."""

    def __init__(self, numbers: bool):
        super().__init__()
        self.numbers = numbers

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        packet = function.overloadpacket
        if packet in HOST:
            raise Refused(f"{function}: {HOST[packet]}")
        if packet in (aten.index, aten.index_put, aten.index_put_) and _masked(arguments[1]):
            raise Refused(f"{function}: a shape depends on values")
        self.check(function, (arguments, options))
        result = function(*arguments, **(options or {}))
        self.check(function, result)
        return result

    def check(self, function, tensors) -> None:
        """None of these tensors is on the CPU, and none goes there."""
        for t in tree_leaves(tensors):
            if isinstance(t, torch.device) and t.type == "cpu":
                raise Refused(f"{function}: its result is to be on the CPU")
            if isinstance(t, Tensor) and t.device.type == "cpu" and not (self.numbers and t.dim() == 0):
                raise Refused(f"{function}: a tensor of shape {tuple(t.shape)} is on the CPU")


def capturing() -> bool:
    """Whether this is within a step that is held to that."""
    return any(isinstance(mode, Operations) for mode in _get_current_dispatch_mode_stack())


def _masked(indices) -> bool:
    return any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in indices)


@contextmanager
def tensors(device: str) -> Iterator[Callable[[Tensor], Tensor]]:
    """Gives what takes a tensor to that device, where it has no values.

    What the library keeps for its next step is forgotten before and after.
    """
    forget()
    try:
        with FakeTensorMode() if device == "cuda" else nullcontext() as mode:
            yield lambda t: (mode.from_tensor(t) if mode else t).detach().to(device)
    finally:
        forget()


def forget() -> None:
    """Empty the library's caches: a tensor without values must not meet the next test."""
    for name, module in list(sys.modules.items()):
        if name.startswith("landmarklib"):
            for kept in vars(module).values():
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()


def step(
    device: str,
    name: str,
    seeds: list[int],
    form: forms.Form,
    terms: tuple[str, ...],
    jitter: dict[str, float] | None = None,
    changes: dict | None = None,
    ema: float = 0.0,
) -> dict[str, Tensor]:
    """One whole step of a pack, after a first one; returns the mean of each term. Raises Refused.

    changes: to the method's options.
    """
    runs, options = runs_of(name, "cpu", seeds, forms.Form((2, 2)), dict.fromkeys(terms, 0.0), 0.25, jitter, changes)
    stage = runs[0].experiment.stages[0]
    ema = ema or stage.ema
    for run in runs if ema else []:
        run.teacher = deepcopy(run.module)
    pack = Pack(runs, methods.get(name), options, replace(stage, optimizer=replace(stage.optimizer, clip=1.0), ema=ema))
    pack._begin(terms, torch.zeros(len(seeds), 12, dtype=torch.long), 8)  # 8 of 12 images are labelled
    forms.set_form(pack.caller, form)
    with tensors(device) as onto:
        pack.device = torch.device(device)
        for field in ("images", "points", "visible", "attributes", "index"):
            setattr(pack, field, onto(getattr(pack, field)))
        pack.numbers = [onto(numbers) for numbers in pack.numbers]
        pack.weights = {term: onto(weight) for term, weight in pack.weights.items()}
        pack.held = {n: onto(t) for n, t in pack.held.items()}
        pack.parameters = {n: onto(p).requires_grad_(device == "meta") for n, p in pack.parameters.items()}
        pack.optimizer = torch.optim.SGD(pack.parameters.values())  # fused Adam has no form for such tensors
        forward = _without_backward(pack)
        forward()  # keeps what the next one may use, as eager steps do before a graph is captured
        update = pack._update if device == "meta" else forward
        with captured(numbers=len(seeds) > 1):
            update()
    return pack.means


def _without_backward(pack: Pack) -> Callable[[], None]:
    """The pack's update with gradients of zeros."""

    def backward(total: Tensor) -> None:
        for p in pack.parameters.values():
            p.grad = torch.zeros_like(p)

    @torch.no_grad()
    def update() -> None:
        before, Tensor.backward = Tensor.backward, backward
        try:
            pack._update()
        finally:
            Tensor.backward = before

    return update
