"""How much runs may see and how they train: budgets, and what rows set otherwise. Every field is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, get_type_hints

from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from landmarklib.core.experiment import DType
from landmarklib.core.kinds import (
    CHECKED,
    AtLeast0,
    ByAmount,
    ByFraction,
    Count,
    Decay,
    Flag,
    Jitter,
    Options,
    Positive,
    Share,
    Some,
)


@dataclass(frozen=True, config=CHECKED)
class Training:
    """How a run trains and how much it may see. See `Experiment` for the fields.

    images: labelled images seen where all are labelled.
    images_exponent: with fewer labels it is `images` times fraction ** this: 0 sees as many at every fraction, 1 makes
        as many passes over the labelled images.
    images_processed: images that go through the network, whatever for; where it is given, `images` is scaled so that a
        run comes to it. So rows whose losses look at an image more often see fewer labelled ones.
    """

    images: Some
    batch: Count
    batch_unlabelled: Count
    rate: Positive
    warmup: Count
    plateau: Share
    n_evaluations: Some
    evaluation_images: Count
    train_images: Count = 0
    test_images: Count = 0
    images_exponent: Share = 0.0
    size: Count = 0  # 0: the table's
    clip: AtLeast0 = 0.0
    beta2: Decay = 0.999
    weight_decay: AtLeast0 = 0.0
    schedule: Literal["linear", "cosine"] = "linear"  # how the learning rate falls after the plateau
    floor: Share = 0.02  # of the learning rate, at the end
    jitter: Jitter = field(default_factory=dict)  # none: the table's
    refill: Flag = False
    evaluated_from: Share = 0.3  # of a stage, over whose rest evaluations are spread
    images_processed: Count = 0


Changes = TypedDict("Changes", get_type_hints(Training, include_extras=True), total=False)  # some of these fields
Changes.__pydantic_config__ = CHECKED


class ChangesOfMethod(Changes, total=False):
    """What a method's rows set otherwise at a budget: fields, options, and more fields at one fraction.

    Where the table counts labelled images, `labels` has those at one number of them. `rates` has factors in place of
    those that the rows set themselves; a row that sets none of a group keeps to that.
    """

    __pydantic_config__ = CHECKED
    options: Options
    rates: Mapping[str, Positive]
    fractions: ByFraction[Changes]
    labels: ByAmount[Changes]


@dataclass(frozen=True, config=CHECKED)
class Budget(Training):
    """How much a run may see, and what rows of a method set otherwise where there is less time."""

    methods: Mapping[str, ChangesOfMethod] = field(default_factory=dict)
    note: str = ""
    # DEVIATION: the budget `paper` of most tables trains its large convolutions in bfloat16, for a GPU; the papers name
    # no number type.
    dtype: DType = "float32"  # number type of the networks, one for all rows
