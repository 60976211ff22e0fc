"""What an experiment is made of: stages of training, each with its optimizer and schedule, and an evaluation.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import product
from typing import Literal

from pydantic.dataclasses import dataclass

from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED, AtLeast0, Count, Decay, Flag, Jitter, Part, Positive, Share, Some, Text

ORIGINS = {"centre": "about the centre", "corner": "about the corner", "free": "with a bias"}
BACKWARD = "backward"
ONLY = "train"  # the name of a stage that is alone
# Samples that views of one image count for at most: where outputs follow a similarity, all views of an image are sums
# of its coordinates, of these turned by a right angle, and of shifts along x and y.
VIEWS_APART = 4


@dataclass(frozen=True, config=CHECKED)
class Optimizer:
    """Adam.

    rate: learning rate.
    rates: factors on it, by the method's groups of parameters.
    clip: largest norm of a step's gradient, 0 for any.
    beta2: decay of the squared gradients.
    weight_decay: times each parameter, added to its gradient.
    """

    rate: Positive
    rates: Mapping[str, Positive] = field(default_factory=dict)
    clip: AtLeast0 = 0.0
    beta2: Decay = 0.999
    weight_decay: AtLeast0 = 0.0


@dataclass(frozen=True, config=CHECKED)
class Schedule:
    """Of the learning rate: linear warm-up, a plateau, then down to a floor.

    warmup: steps until the whole rate.
    plateau: share of the stage's steps at which the rate begins to fall.
    kind: how it falls.
    floor: share of the rate at which it ends.
    """

    warmup: Count
    plateau: Share
    kind: Literal["linear", "cosine"] = "linear"
    floor: Share = 0.02


@dataclass(frozen=True, config=CHECKED)
class Stage:
    """A part of training, with its own losses and optimizer.

    Several are trained one after the other, on the same networks.

    images: labelled images seen (unlabelled ones where a step takes no labelled one), so that a budget means the same
        on every machine.
    batch, batch_unlabelled: images a step.
    weights: of the loss terms, for points in [-1, 1].
    onset: share of the stage after which a term joins.
    n_evaluations: how often validation is measured; the best weights are kept. With 0 the last ones are.
    evaluated_from: share of the stage over whose rest these times are evenly spread, the last at its end.
    trains: the group of parameters that is trained, all others frozen; empty for all.
    ema: decay of the moving average of the network, which predicts then and teaches terms that ask it; 0 for none.
    jitter: ranges of the random affine map that a training image is seen under, `warps.random_affine`'s.
    refill: where all images are labelled, labelled ones take the places of unlabelled ones, so that terms over all
        images see as many of them as at any other fraction. Their landmarks do not count there.
    dataset: another data set than the run's, whose training images the stage learns from, all without labels: none of
        its landmarks or attributes is looked at, but where its photos are cut around their points. Empty for the run's.
    afresh: the network begins as it was at the very first, so that all it keeps of the stages before are pseudo-labels.
    pairs: an image comes with another of the same thing in other light (`Dataset.aligned`), which a method takes as its
        second view.
    unlabelled: share of the images without labels that the stage sees; larger shares have the images of smaller ones,
        and all stages of a run the same. An image with pseudo-labels, which is among the labelled ones, too, stays
        there.
    """

    images: Some
    batch: Count
    batch_unlabelled: Count
    weights: Mapping[str, AtLeast0]
    optimizer: Optimizer
    schedule: Schedule
    n_evaluations: Count
    onset: Mapping[str, Share] = field(default_factory=dict)
    name: Text = ONLY
    trains: str = ""
    ema: Decay = 0.0
    jitter: Jitter = field(default_factory=dict)
    refill: Flag = False
    dataset: str = ""
    evaluated_from: Share = 0.3
    pairs: Flag = False
    afresh: Flag = False
    unlabelled: Part = 1.0

    def n_unlabelled(self, n: int) -> int:
        """How many of n images without labels it sees. Raises UserError for none, where there are some."""
        found = round(self.unlabelled * n)
        if n and not found:
            raise UserError(
                f"unlabelled: {self.unlabelled:g} leaves none of {n} images without labels; the least is {1 / n:.2g}"
            )
        return found

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return max(1, self.images // (self.batch or self.batch_unlabelled))


def from_labels(n: int) -> str:
    """What qualifies an error from so few labels."""
    return f"from {n} label{'s' * (n != 1)}"


@dataclass(frozen=True, config=CHECKED)
class Regressor:
    """The linear map of a `regressed` readout, from the coordinates of all outputs to those of the landmarks.

    origin: of the coordinates, which matters without a bias: `centre` or `corner` (top left) of the image. `free` has a
        bias, so that none is needed.
    ridge: weight of the squared coefficients against the squared errors, both summed, for coordinates in [-1, 1]. A
        bias costs nothing.
    views: of each labelled image, jittered as in training, on which it is fitted, or fewer of many images; 0 for the
        image as it is.
    few: numbers of labelled images from which it is fitted, too.
    draws: of so many images at random, over which such errors are a mean.
    split: whose labelled images it is fitted on in the end: those for training, or those for validation, as they are.
        Weights are chosen on validation images by one fitted on training images.
    """

    origin: Literal["centre", "corner", "free"] = "centre"
    ridge: AtLeast0 = 0.0
    views: Count = 0
    few: tuple[Some, ...] = ()
    draws: Some = 10
    split: Literal["train", "val"] = "train"

    def check(self, images: Mapping[str, int], n_outputs: int, jittered: bool) -> None:
        """Raise UserError where there are too few images.

        That is fewer than `few` asks for, or fewer samples than coefficients of a coordinate, and no ridge: no map is
        the best then.

        images: labelled ones, by split.
        n_outputs: K, whose coordinates each have a coefficient; one more is the bias, with which errors are read, too.
        jittered: whether views of an image differ.
        """
        labelled = images[self.split]
        if max(self.few, default=0) > labelled:
            raise UserError(f"regressor: few has {max(self.few)}; there are {labelled} labelled {self.split} images")
        least, unknowns = min([labelled, *self.few]), 2 * n_outputs + 1
        apart = jittered and self.split == "train"
        samples = least * (min(max(1, self.views), VIEWS_APART) if apart else 1)
        if not self.ridge and samples < unknowns:
            raise UserError(
                f"regressor: ridge is 0, and the fewest labels ({least}) give too few samples ({samples}) for "
                f"{unknowns} coefficients; a ridge above 0 decides between the maps that fit"
            )

    @property
    def readings(self) -> list[str]:
        """What qualifies the errors that a run has beside those of this map.

        From few labels an error is a mean over draws, and not over images. `backward` is that of the outputs, regressed
        from the landmarks.
        """
        about = ["" if origin == self.origin else words for origin, words in ORIGINS.items()]
        few = ["", *map(from_labels, self.few)]
        return [BACKWARD, *(" ".join(filter(None, both)) for both in product(few, about) if any(both))]


@dataclass(frozen=True, config=CHECKED)
class Evaluation:
    """How a run is judged.

    select: the metric by which the best weights are chosen on validation images.
    images: of the validation split, per evaluation; 0 for all.
    test_images: of the test split; 0 for all.
    tests: other data sets whose test images are judged, too.
    readout: how outputs become landmarks: `named`, the network was told their names; `matched`, each landmark takes the
        output that is closest on validation images (Hungarian method); `regressed`, a linear map from all outputs,
        fitted on the labelled training images.
    regressor: that map.
    """

    select: Text
    images: Count
    test_images: Count
    tests: Sequence[str] = field(default_factory=list)
    readout: Literal["named", "matched", "regressed"] = "named"
    regressor: Regressor = field(default_factory=Regressor)
