"""Random numbers of one run: a method draws what it needs, and a run's numbers never depend on its neighbours.

A pack of runs is computed by one function over all of them, in which nothing can be drawn. So a method draws from a
`Noise`, of which there are three kinds. `Noise` draws from the run's own generator. `RecordingNoise` notes what is
asked for as well, so that the numbers of the next steps can be drawn beforehand, run by run. `ReplayNoise` hands
those out.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

KINDS = {"uniform": torch.rand, "normal": torch.randn}


class Noise:
    """Numbers from a generator, on its device."""

    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def draw(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        """Float32 numbers of that kind: uniform in [0, 1) or standard normal."""
        return KINDS[kind](shape, generator=self.generator, device=self.generator.device)

    def uniform(self, *shape: int) -> Tensor:
        return self.draw("uniform", shape)

    def normal(self, *shape: int) -> Tensor:
        return self.draw("normal", shape)


class RecordingNoise(Noise):
    """Notes kind and shape of everything that is drawn, in order."""

    def __init__(self, generator: torch.Generator):
        super().__init__(generator)
        self.drawn: list[tuple[str, tuple[int, ...]]] = []

    def draw(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        self.drawn.append((kind, shape))
        return super().draw(kind, shape)


class ReplayNoise(Noise):
    """Hands out tensors that were drawn before, in order."""

    def __init__(self, tensors: Iterable[Tensor]):
        self.tensors = iter(tensors)

    def draw(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        tensor = next(self.tensors)
        assert tensor.shape == shape, (
            f"{kind} numbers of shape {shape} are asked for where {tuple(tensor.shape)} were noted"
        )
        return tensor
