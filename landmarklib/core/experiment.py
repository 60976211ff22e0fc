"""What to compute, as a value: a frozen `Experiment` and its key. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Experiment:
    """One run. Everything that may change a number is here, so `key` names the number.

    images: labelled images seen in training (unlabelled ones where a step takes no labelled one), so that a budget means the same on
    every machine; batch, batch_unlabelled: images a step; weights: of the loss terms (points in [-1, 1]); starts: share of training after
    which a term joins; rate: Adam's, after `warmup` steps and until the share `hold` of training; head_rate: factor on it for a class head of its own
    (`module.head`; Comm-MT's shares its layers); clip: largest norm of a step's gradient, 0 for any; beta2: Adam's, of the squared gradients; jitter: ranges of the random
    affine map that a training image is seen under, `warps.random_affine`'s; tests: other data sets whose test images are judged, too.
    """

    table: str
    row: str
    dataset: str
    method: str
    options: Mapping[str, Any]
    weights: Mapping[str, float]
    starts: Mapping[str, float]
    fraction: float
    seed: int
    budget: str
    images: int
    batch: int
    batch_unlabelled: int
    rate: float
    head_rate: float
    warmup: int
    hold: float
    size: int
    train_images: int  # of the training split that are used; 0 for all
    n_evaluations: int
    evaluation_images: int  # of the validation split, per evaluation
    test_images: int  # of the test split; 0 for all
    select: str
    clip: float = 0.0
    beta2: float = 0.999
    jitter: Mapping[str, float] = field(default_factory=dict)
    tests: Sequence[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return max(1, self.images // (self.batch or self.batch_unlabelled))

    @property
    def passes(self) -> float:
        """About how many images go forward and backward: what a run costs, in a unit that every machine can time."""
        return self.passes_after(0)

    def passes_after(self, step: int) -> float:
        """The same for the steps that are left after so many."""
        n, extra = self.steps, 0.0
        left = {t: n - max(step, self.starts.get(t, 0) * n) for t, w in self.weights.items() if w}
        if self.fraction < 1 and left.keys() & {"classes", "angles", "elt"}:
            extra = max(left.get(term, 0) for term in ("classes", "angles", "elt")) + left.get("elt", 0)
        again = left.get("elt", 0) * self.batch if self.options.get("elt_on_all") else 0
        return float((n - step) * self.batch + extra * self.batch_unlabelled + again)

    @property
    def key(self) -> str:
        """Readable slug and 8 hex digits over the canonical JSON: the name of the record."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.row.lower()).strip("-")
        share = f"-{self.fraction:.4%}".rstrip("%").rstrip("0").rstrip(".") + "pc" if self.fraction else ""
        return f"{slug}{share}-seed{self.seed}-{self.budget}-{hashlib.sha256(canonical(self).encode()).hexdigest()[:8]}"


def canonical(experiment: Experiment) -> str:
    """JSON with sorted keys and numbers in one form (1 and 1.0 are the same number).

    A field that has a default and holds it is left out, so a field added later, with the value that was meant all along as its
    default, renames no record.
    """
    values = asdict(experiment)
    given = {f.name: values[f.name] for f in fields(experiment) if values[f.name] != _default(f)}
    return json.dumps(_plain(given), sort_keys=True, separators=(",", ":"))


def _default(f: Field) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
