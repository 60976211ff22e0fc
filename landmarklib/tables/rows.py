"""The lines of a table: rows that are run here, in one stage or several, and references that others measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from pydantic.dataclasses import dataclass

from landmarklib.core.kinds import (
    CHECKED,
    AtLeast0,
    ByAmount,
    Decay,
    Flag,
    Labels,
    Name,
    Options,
    Part,
    Positive,
    Share,
    Text,
)
from landmarklib.tables.budgets import Changes


@dataclass(frozen=True, config=CHECKED)
class RowStage:
    """One of several stages of a row.

    See `Stage` for the fields. On another data set, where no image is labelled, a step takes as many unlabelled images
    as it would take labelled ones.

    share: of the budget's images, which it sees.
    training: fields of the budget that it sets otherwise.
    """

    name: Name
    weights: Mapping[str, AtLeast0]
    onset: Mapping[str, Share] = field(default_factory=dict)
    rates: Mapping[str, Positive] = field(default_factory=dict)
    trains: str = ""
    ema: Decay = 0.0
    share: Part = 1.0
    measured: Flag = True  # on validation images, by which the best weights are kept
    training: Changes = field(default_factory=dict)
    dataset: str = ""
    pairs: Flag = False
    afresh: Flag = False
    unlabelled: Part = 1.0


@dataclass(frozen=True, config=CHECKED)
class Row:
    """One line of a table: a method with its options and loss weights, and what the paper measured, by fraction.

    Where the table counts labelled images, everything that is by fraction here is by their number, or `all`.
    """

    name: Name
    method: Text
    options: Options = field(default_factory=dict)
    weights: Mapping[str, AtLeast0] = field(default_factory=dict)
    onset: Mapping[str, Share] = field(default_factory=dict)
    training: Changes = field(default_factory=dict)  # fields of the budget that this row sets otherwise
    rates: Mapping[str, Positive] = field(default_factory=dict)  # factors on the rate, by group of parameters
    stages: tuple[RowStage, ...] = ()  # of training, where there are several; each has weights of its own
    readout: Literal["named", "matched", "regressed", ""] = ""  # empty: named, or matched without landmark labels
    needs_unlabelled: Flag = False
    fractions: tuple[Share, ...] = ()  # those of the table that the row is run at; all without
    labels: tuple[Labels, ...] = ()  # the same where the table counts
    published: ByAmount[AtLeast0] = field(default_factory=dict)  # of the table's first metric
    published_also: Mapping[str, ByAmount[AtLeast0]] = field(default_factory=dict)  # of others, by metric
    # the metric by which its checkpoint is chosen, where it has no value of the table's own; it has none of the first
    # metric either
    select: str = ""
    note: str = ""

    @property
    def amounts(self) -> tuple[float, ...]:
        """The fractions, or numbers of labels, that it is run at; () for all of the table."""
        return self.fractions or self.labels

    def has(self, fraction: float | int, everything: float = 1.0) -> bool:
        """Whether there is such a cell: without unlabelled images there is nothing for a row that needs some.

        everything: the table's, at which no image is unlabelled.
        """
        return not (self.needs_unlabelled and fraction == everything) and fraction in (self.amounts or (fraction,))


@dataclass(frozen=True, config=CHECKED)
class Reference:
    """A line of the paper's table that nothing here runs: measured by others, or by an unknown network."""

    name: Name
    published: ByAmount[AtLeast0] = field(default_factory=dict)
    published_also: Mapping[str, ByAmount[AtLeast0]] = field(default_factory=dict)
    note: str = ""

    def has(self, fraction: float | int, everything: float = 1.0) -> bool:
        """Whether there is such a cell, by whatever metric."""
        return any(fraction in numbers for numbers in (self.published, *self.published_also.values()))
