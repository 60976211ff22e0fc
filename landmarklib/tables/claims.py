"""A paper's sentence as a value: inequalities between cells of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from pydantic.dataclasses import dataclass

from landmarklib.core.kinds import CHECKED, Amount, Decay, Name, Number, Text

EQUIVALENCE_MARGIN = 0.02


@dataclass(frozen=True, config=CHECKED)
class Inequality:
    """`lower` at `fraction` has a smaller value of the metric than `higher` at `against`, plus the margin.

    fraction, against: or numbers of labels, where the table counts.
    higher_metric: that of `higher`, where its predictions are read in another way; empty for the same one.
    other_reading: another metric of `higher` that must not turn the sign; empty for none.
    printed: the lines that tell what the paper measured of the two, where it ran them more than once; empty for
        themselves.
    """

    lower: Text
    higher: Text
    fraction: Amount
    against: Amount
    metric: Text
    margin: Number = 0.0
    higher_metric: str = ""
    other_reading: str = ""
    printed: tuple[str, str] = ("", "")

    @property
    def metrics(self) -> tuple[str, str]:
        """That of `lower` and that of `higher`."""
        return self.metric, self.higher_metric or self.metric


@dataclass(frozen=True, config=CHECKED)
class Claim:
    """A sentence as inequalities: in every comparison, `lower` has the smaller error at each of the fractions.

    The paper's claims have a capital and a number for an id, such as H8 or H25-S5. Other questions are ours, though the
    paper's numbers may answer them.

    equivalence_margin: share of the error within which a mean effect is none.
    void_on: why data of some tiers cannot test the sentence, by tier.
    """

    id: Name
    text: Text
    comparisons: tuple[Inequality, ...]
    equivalence_margin: Decay = EQUIVALENCE_MARGIN
    void_on: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_paper(self) -> bool:
        """Whether the paper claims it."""
        return bool(re.match(r"[A-Z]\d", self.id))

    @property
    def in_points(self) -> bool:
        """Whether it grants a margin, so that its effect is a difference in the metric's unit and not a ratio."""
        return any(c.margin for c in self.comparisons)
