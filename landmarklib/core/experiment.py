"""What to compute, as a value: a frozen `Experiment` of stages and an evaluation, its key, and how it is written.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, field, fields, is_dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from pydantic import Field as Limits
from pydantic.dataclasses import dataclass

from landmarklib.core import amounts
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import (
    CHECKED,
    AtLeast0,
    Count,
    Decay,
    Flag,
    Jitter,
    Options,
    Positive,
    RunLabels,
    Seed,
    Share,
    Some,
    Text,
)
from landmarklib.core.mistakes import checked
from landmarklib.core.stages import Evaluation, Optimizer, Schedule, Stage

DType = Literal["float32", "bfloat16"]
BALANCED_BY = "class"
HEAD = "head"  # the group of parameters that the flat form has a rate of


@dataclass(frozen=True, config=CHECKED)
class Experiment:
    """One run. Everything that may change a number is here, so `key` names the number.

    options: of the method, where they are not its defaults.
    fraction: share of the training images that have landmarks; where `labels` says how many, the share of the whole
        data set's.
    seed: decides which those are, the first weights, and every random number.
    size: side of the images in pixels.
    train_images: of the training split that are used; 0 for all.
    stages: trained one after the other.
    dtype: number type of the costly part of the network in training; everything else is in float32.
    balanced_by: the attribute whose classes the labelled images hold in equal numbers, where the data set has it.
    labels: how many images have landmarks, or "all", where the table counts them; 0 where it has shares.
    """

    table: Text
    row: Text
    dataset: Text
    method: Text
    options: Options
    fraction: Share
    seed: Seed
    budget: Text
    size: Some
    train_images: Count
    stages: Annotated[tuple[Stage, ...], Limits(min_length=1)]
    evaluation: Evaluation
    dtype: DType = "float32"
    balanced_by: Text = BALANCED_BY
    labels: RunLabels = 0

    @property
    def amount(self) -> float:
        """How many images have landmarks, as the table has it (`core.amounts`)."""
        return amounts.count(self.labels) if self.labels else self.fraction

    def share(self, n: int) -> float:
        """The share of n training images that have landmarks: of so many, rounded, is `labels` where that is given."""
        if not self.labels:
            return self.fraction
        return 1.0 if self.labels == amounts.EVERY else self.labels / n

    def n_labelled(self, n: int) -> int:
        """How many of n training images have landmarks.

        Raises UserError for none, where some should, and for more than there are. So many as there are must be called
        all, unless the whole data set has no more: else nothing says that none is left without landmarks.
        """
        found = round(self.share(n) * n)
        if self.labels and (found > n or (found == n and self.fraction < 1)):
            hint = f"write {amounts.EVERY!r}" if found == n else f"the most is {amounts.EVERY!r}"
            raise UserError(f"labels: {found} of {n} training images; {hint}")
        if self.fraction and not found:
            raise UserError(
                f"fractions: {self.fraction:g} labels none of {n} training images; the least is {1 / n:.2g}"
            )
        return found

    @property
    def steps(self) -> int:
        """Optimizer steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def terms(self) -> list[str]:
        """Loss terms that have a weight in some stage."""
        return list(dict.fromkeys(t for stage in self.stages for t, weight in stage.weights.items() if weight))

    @property
    def others(self) -> list[str]:
        """Other data sets that its stages learn from."""
        return list(dict.fromkeys(stage.dataset for stage in self.stages if stage.dataset))

    @property
    def datasets(self) -> list[str]:
        """All data sets that it reads: its own, those of its tests, those that its stages learn from."""
        return list(dict.fromkeys([self.dataset, *self.evaluation.tests, *self.others]))

    @property
    def jitter(self) -> Mapping[str, float]:
        """The ranges of a stage whose images are jittered, if there is one on its own data set; none for no jitter."""
        own_first = sorted(self.stages, key=lambda stage: bool(stage.dataset))
        return next((stage.jitter for stage in own_first if stage.jitter), {})

    @cached_property
    def _flat(self) -> Flat | None:
        return flat(self)

    @cached_property
    def key(self) -> str:
        """Readable slug and 8 hex digits over the canonical JSON: the name of the record."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.row.lower()).strip("-")
        share = f"-{self.fraction:.4%}".rstrip("%").rstrip("0").rstrip(".") + "pc" if self.fraction else ""
        share = f"-{self.labels}-labels" if self.labels else share
        return f"{slug}{share}-seed{self.seed}-{self.budget}-{hashlib.sha256(canonical(self).encode()).hexdigest()[:8]}"


@dataclass(frozen=True, config=CHECKED)
class Flat:
    """An experiment of one stage as its record has it: fields side by side, under the names that its key is made of."""

    table: Text
    row: Text
    dataset: Text
    method: Text
    options: Options
    weights: Mapping[str, AtLeast0]
    starts: Mapping[str, Share]
    fraction: Share
    seed: Seed
    budget: Text
    images: Some
    batch: Count
    batch_unlabelled: Count
    rate: Positive
    head_rate: Positive
    warmup: Count
    hold: Share
    size: Some
    train_images: Count
    n_evaluations: Count
    evaluation_images: Count
    test_images: Count
    select: Text
    clip: AtLeast0 = 0.0
    beta2: Decay = 0.999
    jitter: Jitter = field(default_factory=dict)
    tests: Sequence[str] = field(default_factory=list)
    dtype: DType = "float32"
    refill: Flag = False
    balanced_by: Text = BALANCED_BY
    labels: RunLabels = 0

    @property
    def experiment(self) -> Experiment:
        """The same as stages and evaluation."""
        rates = {} if self.head_rate == 1 else {HEAD: self.head_rate}
        stage = Stage(
            images=self.images,
            batch=self.batch,
            batch_unlabelled=self.batch_unlabelled,
            weights=self.weights,
            onset=self.starts,
            optimizer=Optimizer(self.rate, rates, self.clip, self.beta2),
            schedule=Schedule(self.warmup, self.hold),
            n_evaluations=self.n_evaluations,
            jitter=self.jitter,
            refill=self.refill,
        )
        readout = "named" if self.fraction else "matched"
        evaluation = Evaluation(self.select, self.evaluation_images, self.test_images, self.tests, readout)
        shared = {name: getattr(self, name) for name in SHARED}
        return Experiment(**shared, stages=(stage,), evaluation=evaluation)


SHARED = tuple(f.name for f in fields(Flat) if f.name in {f.name for f in fields(Experiment)})


def flat(experiment: Experiment) -> Flat | None:
    """The experiment with all fields side by side, if nothing is lost by that; else None."""
    e, stage = experiment, experiment.stages[0]
    if len(e.stages) > 1 or set(stage.optimizer.rates) - {HEAD}:
        return None
    o, s, j = stage.optimizer, stage.schedule, e.evaluation
    found = Flat(
        **{name: getattr(e, name) for name in SHARED},
        **{name: getattr(stage, name) for name in ("images", "batch", "batch_unlabelled", "weights", "n_evaluations")},
        starts=stage.onset,
        jitter=stage.jitter,
        refill=stage.refill,
        rate=o.rate,
        head_rate=o.rates.get(HEAD, 1.0),
        clip=o.clip,
        beta2=o.beta2,
        warmup=s.warmup,
        hold=s.plateau,
        evaluation_images=j.images,
        test_images=j.test_images,
        select=j.select,
        tests=j.tests,
    )
    return found if found.experiment == e else None


def to_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain values, as records have it: side by side where it has one stage, else with its stages."""
    return asdict(flat(experiment) or experiment)


def from_json(raw: Any, where: str) -> Experiment:
    """What `to_json` gave. where: file and place, for the message.

    Raises UserError for anything else: what is wrong in which field.
    """
    if isinstance(raw, dict) and "stages" in raw:
        return checked(Experiment, raw, where)
    side_by_side = checked(Flat, raw, where)
    experiment = side_by_side.experiment
    vars(experiment)["_flat"] = side_by_side  # so that its key need not find it out
    return experiment


def canonical(experiment: Experiment) -> str:
    """JSON with sorted keys and numbers in one form (1 and 1.0 are the same number).

    A field that has a default and holds it is left out, so a field added later, with the value that was meant all along
    as its default, renames no record.
    """
    return json.dumps(_plain(experiment._flat or experiment), sort_keys=True, separators=(",", ":"))


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """What the fields of a dataclass hold if nothing is given; MISSING where something must be."""
    return {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(kind)}


def _plain(value: Any) -> Any:
    if isinstance(value, (float, str, bool)):
        return value
    if is_dataclass(value):
        given = {name: (getattr(value, name), default) for name, default in _defaults(type(value)).items()}
        return {name: _plain(v) for name, (v, default) in given.items() if v != default}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return float(value) if isinstance(value, int) else value
