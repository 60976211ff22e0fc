"""One optimization step of many runs at once.

The parameters and buffers of all runs are stacked, and a method, which is written for one run, is mapped over them by
`torch.func.vmap`: G networks become one with grouped convolutions. Every run has its own images, random numbers, loss
weights and teacher, and Adam works element by element: what its neighbours change is how sums are rounded, so packs of
other sizes give other digits, as other forms do. On a GPU a step is captured as a CUDA graph: nothing in it waits for
the host.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from landmarklib.core import augmentation, coords, costs
from landmarklib.core.method import Method, Models
from landmarklib.core.noise import KINDS, Noise, RecordingNoise, ReplayNoise
from landmarklib.core.stages import Stage
from landmarklib.core.types import NO_CLASS, Batch
from landmarklib.training import optimizer
from landmarklib.training.state import TrainState, pixels, unjittered

WIDE = ("images", "partner", "pixel_classes")  # of a batch: what is cut larger where images are jittered
WARM_STEPS = 3  # eager steps before a graph is captured: libraries initialise and choose algorithms in them


class Caller(nn.Module):
    """Calls a function of the networks, so that `functional_call` can put other parameters and buffers in."""

    def __init__(self, models: Models):
        super().__init__()
        self.student, self.teacher = models

    def forward(self, function, *arguments):
        return function(Models(self.student, self.teacher), *arguments)


class Pack:
    """Runs of one architecture, data set and schedule, trained in step.

    Their networks' parameters and buffers become views of the stacked ones.
    """

    def __init__(self, runs: list[TrainState], method: Method, options: dict, stage: Stage):
        self.method, self.options, self.stage, self.size = method, options, stage, runs[0].experiment.size
        data = [run.data_of(stage) for run in runs]
        self.device = data[0].images.device
        self.wide = bool(runs[0].experiment.jitter)  # images reach beyond the frame, for the stages that jitter them
        self.caller = Caller(runs[0].models)
        self.parameters, self.held = self._stack([Caller(run.models) for run in runs])
        self.optimizer = optimizer.adam(self._of_student(self.parameters), method, stage, self.device)
        self.weights = {
            term: torch.tensor([float(_stage_of(run, stage).weights[term]) for run in runs], device=self.device)
            for term in stage.weights
        }
        seeds = [int(torch.randint(2**62, (), generator=run.generator)) for run in runs]
        self.generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        self.images, self.attributes = data[0].images, data[0].attributes
        self.pixel_classes, self.partners = data[0].pixel_classes, data[0].partners if stage.pairs else None
        self.points, self.visible = (torch.stack([getattr(d, n) for d in data]) for n in ("points", "visible"))
        self.phase: tuple | None = None  # terms, shape of the index, labelled images a step
        self.images_processed = 0  # of each run in the last step

    def _stack(self, callers: list[Caller]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Trained parameters, and all that is held: frozen parameters, the teacher's, and buffers.

        The networks keep views of them.
        """
        trained, held = {}, {}
        for name, first in callers[0].named_parameters():
            stack = torch.stack([caller.get_parameter(name).detach() for caller in callers])
            trains = self.stage.trains in ("", optimizer.group_of(name.partition(".")[2], self.method))
            if name.startswith("student.") and trains and first.is_floating_point():
                trained[name] = stack.requires_grad_()
            else:
                held[name] = stack
            for i, caller in enumerate(callers):
                caller.get_parameter(name).data = stack.detach()[i]
        for name, _ in callers[0].named_buffers():
            held[name] = torch.stack([caller.get_buffer(name) for caller in callers])
            path, _, leaf = name.rpartition(".")
            for i, caller in enumerate(callers):
                caller.get_submodule(path)._buffers[leaf] = held[name][i]
        return trained, held

    @staticmethod
    def _of_student(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name.removeprefix("student."): t for name, t in tensors.items() if name.startswith("student.")}

    def step(self, terms: tuple[str, ...], index: Tensor, n_labelled: int, factor: float) -> None:
        """One update of every run.

        index: its images, runs x B, the labelled ones first.
        n_labelled: how many of them are labelled.
        factor: on the learning rates.
        """
        if self.phase != (terms, index.shape, n_labelled):
            self.phase = terms, index.shape, n_labelled
            self._begin(terms, index, n_labelled)
        self.index.copy_(index)
        for (kind, shape), buffer in zip(self.drawn, self.numbers, strict=True):
            for part, generator in zip(buffer, self.generators, strict=True):
                KINDS[kind](shape, generator=generator, out=part)
        optimizer.set_rate(self.optimizer, factor)
        self._advance()

    def parts(self) -> list[dict[str, float]]:
        """Mean of each loss term of each run, in the last step."""
        values = {term: part.tolist() for term, part in self.means.items()}
        return [dict(zip(values, run, strict=True)) for run in zip(*values.values(), strict=True)]

    def states(self) -> list[dict[str, Tensor]]:
        """Of each run, all that its next steps depend on, on the CPU.

        That is parameters, buffers, teacher, Adam's two means and their age, and random numbers.
        """
        found: list[dict[str, Tensor]] = [{"noise": generator.get_state()} for generator in self.generators]
        for name, stack in {**self.parameters, **self.held}.items():
            adam = self.optimizer.state.get(stack, {})
            for i, state in enumerate(found):
                state[f"value {name}"] = stack.detach()[i].cpu().clone()
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
        for name, stack in {**self.parameters, **self.held}.items():
            stack.copy_(stacked(f"value {name}"))
            if f"updates {name}" in states[0]:
                self.optimizer.state[stack] = {
                    "step": states[0][f"updates {name}"].to(self.device),
                    "exp_avg": stacked(f"mean {name}"),
                    "exp_avg_sq": stacked(f"square {name}"),
                }

    def _begin(self, terms: tuple[str, ...], index: Tensor, n_labelled: int) -> None:
        """A phase with other terms or batch sizes: note which random numbers a step draws, forget the graph."""
        self.terms, self.n_labelled, self.index = terms, n_labelled, index.to(self.device, copy=True)
        recorder = RecordingNoise(torch.Generator(self.device).manual_seed(0))
        parameters, batch, weights = _each(lambda t: t[0], (self.parameters, self._batch(), self.weights))
        held = {name: stack[0].clone() for name, stack in self.held.items()}  # this pass may change no buffer
        with torch.no_grad():
            self._loss(parameters, held, batch, recorder, weights)
        self.drawn = recorder.drawn
        self.numbers = [torch.empty(len(self.generators), *shape, device=self.device) for _, shape in self.drawn]
        unlabelled = index.shape[1] - n_labelled
        self.images_processed = costs.of_step(self.method, terms, self.options, n_labelled, unlabelled)
        self.graph, self.warm = None, 0

    def _batch(self) -> dict[str, Tensor]:
        """The tensors of each run's `Batch`, by field."""
        run, index = torch.arange(len(self.index), device=self.device)[:, None], self.index
        seen = {"images": pixels(self.images[index]), "attributes": self.attributes[index]}
        seen |= {"points": self.points[run, index], "visible": self.visible[run, index]}
        if self.pixel_classes is not None:
            seen["pixel_classes"] = self.pixel_classes[index]
            seen["pixel_classes"][:, self.n_labelled :] = NO_CLASS
        if self.partners is not None:
            seen["partner"] = pixels(self.images[self.partners[index]])
        return seen

    def _loss(self, parameters, held, seen, noise: Noise, weights) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted loss of one run and the mean of each term. seen: its part of `_batch`."""
        batch = Batch(**seen, n_labelled=self.n_labelled)
        if self.stage.jitter:
            batch = augmentation.jitter_batch(batch, noise, self.size, **self.stage.jitter)
        elif self.wide:
            middle = {name: unjittered(seen[name], self.size) for name in WIDE if name in seen}
            batch = replace(batch, visible=batch.visible & coords.inside(batch.points), **middle)
        arguments = (self.method.loss, batch, set(self.terms), self.options, noise)
        values = functional_call(self.caller, {**parameters, **held}, arguments)
        means = {term: values[term].mean() for term in self.terms}
        return sum(weights[term] * mean for term, mean in means.items()), means

    def _over_runs(self, function):
        """The function mapped over runs; a run alone is computed as it is, which leaves it every memory layout."""
        if len(self.generators) > 1:
            return vmap(function)
        return lambda *x: _each(lambda t: t[None], function(*_each(lambda t: t[0], x)))

    def _update(self) -> None:
        def loss(parameters, held, seen, numbers, weights):
            return self._loss(parameters, held, seen, ReplayNoise(numbers), weights)

        mapped = self._over_runs(loss)
        totals, means = mapped(self.parameters, self.held, self._batch(), self.numbers, self.weights)
        self.means = {term: mean.detach() for term, mean in means.items()}
        totals.sum().backward()
        optimizer.clip_gradients(self.parameters.values(), self.stage.optimizer.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.stage.ema:
            teacher = {n.removeprefix("teacher."): t for n, t in self.held.items() if n.startswith("teacher.")}
            optimizer.average(teacher, self._of_student({**self.parameters, **self.held}), self.stage.ema)

    def _advance(self) -> None:
        """Compute the step here, or on a GPU, after a few such steps, capture it once and replay it."""
        if self.device.type != "cuda":
            self._update()
        elif self.warm < WARM_STEPS:
            self.warm += 1
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._update()
            torch.cuda.current_stream().wait_stream(stream)
        else:
            if self.graph is None:
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph):
                    self._update()
            self.graph.replay()


def _stage_of(run: TrainState, stage: Stage) -> Stage:
    """The stage of that name in the run's own experiment, whose loss weights may be others."""
    return next(own for own in run.experiment.stages if own.name == stage.name)


def _each(function, tree):
    """The function of every tensor in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        return {key: _each(function, value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(_each(function, value) for value in tree)
    return function(tree)
