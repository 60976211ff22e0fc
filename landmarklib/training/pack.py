"""One optimisation step of many runs at once.

The parameters of all runs are stacked, and a method, which is written for one run, is mapped over them by `torch.func.vmap`: G networks become one
with grouped convolutions. Every run has its own images, random numbers and loss weights, and Adam works element by element, so a run's result does
not depend on its neighbours beyond rounding. On a GPU a step is captured as a CUDA graph: nothing in it waits for the host.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from landmarklib.core import augmentation
from landmarklib.core.noise import KINDS, Noise, RecordingNoise, ReplayNoise
from landmarklib.core.types import Batch

if TYPE_CHECKING:
    from landmarklib.training.train import Run

WARM_STEPS = 3  # eager steps before a graph is captured: libraries initialise and choose algorithms in them


class Caller(nn.Module):
    """Calls a function of the module, so that `functional_call` can put other parameters in."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, function, *arguments):
        return function(self.module, *arguments)


class Pack:
    """Runs of one architecture, data set and schedule, trained in step. Their modules' parameters become views of the stacked ones."""

    def __init__(self, runs: list[Run], method: ModuleType, options: dict):
        self.method, self.options = method, options
        self.device = runs[0].data.images.device
        self.caller = Caller(runs[0].module)
        modules = [dict(Caller(run.module).named_parameters()) for run in runs]
        self.parameters = {
            name: torch.stack([m[name].detach() for m in modules]).requires_grad_() for name in modules[0]
        }
        for i, module in enumerate(modules):
            for name, parameter in module.items():
                parameter.data = self.parameters[name].detach()[i]
        self.optimizer = self._adam(runs[0].experiment)
        self.clip, self.jitter, self.size = (getattr(runs[0].experiment, n) for n in ("clip", "jitter", "size"))
        self.weights = {
            term: torch.tensor([float(run.experiment.weights[term]) for run in runs], device=self.device)
            for term in runs[0].experiment.weights
        }
        seeds = [int(torch.randint(2**62, (), generator=run.generator)) for run in runs]
        self.generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        self.images = runs[0].data.images
        self.points, self.visible = (torch.stack([getattr(run.data, n) for run in runs]) for n in ("points", "visible"))
        self.attributes = runs[0].data.attributes
        self.phase: tuple | None = None  # terms, shape of the index, labelled images a step
        self.passes = 0  # of each run in the last step

    def _adam(self, experiment) -> torch.optim.Adam:
        """Adam with rates as tensors, which a captured step reads; a class head of its own has its own."""
        body, head = (
            [p for name, p in self.parameters.items() if name.startswith("module.head.") == is_head]
            for is_head in (False, True)
        )
        groups = [
            {"params": parameters, "base": experiment.rate * factor, "lr": torch.tensor(0.0, device=self.device)}
            for parameters, factor in ((body, 1), (head, experiment.head_rate))
            if parameters
        ]
        # DEVIATION: the squared weights are not punished; honari2018 adds 1e-5 times their sum to the loss of Seq-MT on photos (Eq. 2, S12, S13).
        return torch.optim.Adam(
            groups, betas=(0.9, experiment.beta2), fused=True, capturable=self.device.type == "cuda"
        )

    def step(self, terms: tuple[str, ...], index: Tensor, n_labelled: int, factor: float) -> None:
        """One update of every run. index: its images, runs x B, of which the first n_labelled are labelled; factor: on the rates."""
        if self.phase != (terms, index.shape, n_labelled):
            self.phase = terms, index.shape, n_labelled
            self._begin(terms, index, n_labelled)
        self.index.copy_(index)
        for (kind, shape), buffer in zip(self.drawn, self.numbers, strict=True):
            for part, generator in zip(buffer, self.generators, strict=True):
                KINDS[kind](shape, generator=generator, out=part)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(group["base"] * factor)
        self._advance()

    def parts(self) -> list[dict[str, float]]:
        """Mean of each loss term of each run, in the last step."""
        values = {term: part.tolist() for term, part in self.means.items()}
        return [dict(zip(values, run, strict=True)) for run in zip(*values.values(), strict=True)]

    def states(self) -> list[dict[str, Tensor]]:
        """Of each run, all that its next steps depend on, on the CPU: parameters, Adam's two means and their age, random numbers."""
        found: list[dict[str, Tensor]] = [{"noise": generator.get_state()} for generator in self.generators]
        for name, parameter in self.parameters.items():
            adam = self.optimizer.state.get(parameter, {})
            for i, state in enumerate(found):
                state[f"parameter {name}"] = parameter.detach()[i].cpu().clone()
                if adam:
                    state[f"updates {name}"] = adam["step"].cpu().clone()
                    state[f"mean {name}"] = adam["exp_avg"][i].cpu().clone()
                    state[f"square {name}"] = adam["exp_avg_sq"][i].cpu().clone()
        return found

    @torch.no_grad()
    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Go on from states that `states` gave, all after the same number of steps; before the first step only."""

        def stacked(name: str) -> Tensor:
            return torch.stack([state[name] for state in states]).to(self.device)

        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state["noise"])
        for name, parameter in self.parameters.items():
            parameter.copy_(stacked(f"parameter {name}"))
            if f"updates {name}" in states[0]:
                self.optimizer.state[parameter] = {
                    "step": states[0][f"updates {name}"].to(self.device),
                    "exp_avg": stacked(f"mean {name}"),
                    "exp_avg_sq": stacked(f"square {name}"),
                }

    def _begin(self, terms: tuple[str, ...], index: Tensor, n_labelled: int) -> None:
        """A phase with other terms or batch sizes: note what random numbers a step draws, and forget the captured graph."""
        self.terms, self.n_labelled, self.index = terms, n_labelled, index.to(self.device, copy=True)
        recorder = RecordingNoise(torch.Generator(self.device).manual_seed(0))
        parameters, batch, weights = _each(lambda t: t[0], (self.parameters, self._batch(), self.weights))
        with torch.no_grad():
            self._loss(parameters, *batch, recorder, weights)
        self.drawn = recorder.drawn
        self.numbers = [torch.empty(len(self.generators), *shape, device=self.device) for _, shape in self.drawn]
        again = 0 if self.options.get("elt_on_all") else n_labelled
        self.passes = index.shape[1] + (index.shape[1] - again if "elt" in terms else 0)
        self.graph, self.warm = None, 0

    def _batch(self) -> tuple[Tensor, ...]:
        run = torch.arange(len(self.index), device=self.device)[:, None]
        images = self.images[self.index].float() / 255
        return images, self.points[run, self.index], self.visible[run, self.index], self.attributes[self.index]

    def _loss(self, parameters, images, points, visible, attributes, noise: Noise, weights) -> tuple[Tensor, dict]:
        """Weighted loss of one run and the mean of each term."""
        batch = Batch(images, points, visible, attributes, self.n_labelled)
        if self.jitter:
            batch = augmentation.jitter_batch(batch, noise, self.size, **self.jitter)
        arguments = (self.method.loss, batch, set(self.terms), self.options, noise)
        values = functional_call(self.caller, parameters, arguments)
        means = {term: values[term].mean() for term in self.terms}
        return sum(weights[term] * mean for term, mean in means.items()), means

    def _over_runs(self, function):
        """The function mapped over runs; a run alone is computed as it is, which leaves it every memory layout."""
        if len(self.generators) > 1:
            return vmap(function)
        return lambda *x: _each(lambda t: t[None], function(*_each(lambda t: t[0], x)))

    def _update(self) -> None:
        def loss(parameters, images, points, visible, attributes, numbers, weights):
            return self._loss(parameters, images, points, visible, attributes, ReplayNoise(numbers), weights)

        totals, means = self._over_runs(loss)(self.parameters, *self._batch(), self.numbers, self.weights)
        self.means = {term: mean.detach() for term, mean in means.items()}
        totals.sum().backward()
        self._clip()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _clip(self) -> None:
        """Shorten each run's gradient, over all its parameters, to the experiment's largest norm."""
        if not self.clip:
            return
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = torch.stack([torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients]).norm(dim=0)
        factor = (self.clip / norm).clamp(max=1.0)
        for g in gradients:
            g *= factor.view(-1, *[1] * (g.dim() - 1))

    def _advance(self) -> None:
        """Compute the step here, or on a GPU, after a few such steps, capture it once and replay it."""
        if self.device.type != "cuda":
            return self._update()
        if self.warm < WARM_STEPS:
            self.warm += 1
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._update()
            torch.cuda.current_stream().wait_stream(stream)
            return None
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self._update()
        self.graph.replay()
        return None


def _each(function, tree):
    """The function of every tensor in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        return {key: _each(function, value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(_each(function, value) for value in tree)
    return function(tree)
