"""What a method is, as a value, and what it is given and gives back. Imports no torch where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES, ANGLES = "classes", "angles"  # kinds of attributes


class Prediction(NamedTuple):
    """What a method finds in B images.

    points: B x K x 2 in [-1, 1]; None from a method that is given them or finds classes of pixels.
    attributes: of each one B x classes, logits, or B x 1, an angle in radians.
    maps: B x K x H x W before the softmax, or None.
    beta: the softmax's inverse temperature.
    others: the points as other readings of the same maps have them, by name.
    peaked: whether the loss wants maps as peaked as it can get them, so that none counts as saturated.
    pixel_logits: of the classes of pixels, B x n x H x W, or None.
    """

    points: Tensor | None
    attributes: tuple[Tensor, ...] = ()
    maps: Tensor | None = None
    beta: float = 1.0
    others: Mapping[str, Tensor] = MappingProxyType({})
    peaked: bool = False
    pixel_logits: Tensor | None = None


class Models(NamedTuple):
    """The networks of a run.

    teacher: a moving average of the student, in evaluation mode and without gradient; None where no stage has one.
    """

    student: nn.Module
    teacher: nn.Module | None = None


@dataclass(frozen=True)
class Term:
    """A loss term.

    images: which of a step's images it is formed on.
    passes: how often each of those goes through the network, beside the one pass that all terms share.
    shared: the name of these passes, where other terms share them; they are made once.
    all_if: option that makes it take all images.
    attributes: the kind that it teaches, `classes` or `angles`; empty for none.
    teacher: whether it asks the moving average of the network, so that its stage must have one.
    """

    images: Literal["labelled", "unlabelled", "all"]
    passes: int = 0
    shared: str = ""
    all_if: str = ""
    attributes: str = ""
    teacher: bool = False

    def takes(self, options: Mapping[str, Any]) -> str:
        """Which images it is formed on under these options."""
        return "all" if self.all_if and options.get(self.all_if) else self.images


@dataclass(frozen=True)
class Method:
    """How landmarks are learnt: everything that the engine knows of a method.

    name: that of its file.
    options: every option with its default; an experiment may set no other.
    kinds: of options (`core.kinds`), where more is known of them than their default says.
    shape: options that decide how fast the network is, for which its form is measured.
    terms: loss terms by name.
    build: (data set, image side, options, generator) -> network.
    loss: (Models, `Batch`, names of terms, options, `Noise`) -> term -> a value for each image that it is formed on.
    predict: (network, images in [0, 1] B x C x H x W, options) -> `Prediction`.
    groups: parameters that may have a rate of their own or be trained alone, by name: the path of a part of the
        network.
    costly: path of the part of the network that decides its speed.
    input: what `predict` is given, images or the true points.
    packable: whether many runs may be computed at once, mapped over by vmap.
    named: whether output k is landmark k; else outputs are matched or regressed.
    pairs: whether a stage may give `loss` other photos of its images' things, as second views (`Batch.partner`).
    pixelwise: whether it finds the class of each pixel and no points; labels are these classes then.
    other_readings: options -> names of `Prediction.others`.
    measure: (network, images in [0, 1], options, `Noise`) -> metric -> a value for each image; what needs no
        annotations, such as how far the points are from moving with the image.
    measures: what qualifies the names of those metrics.
    cells: (options, image side) -> places that the maps, pooled where their diversity pools them, have for landmarks.
    represent: (network, images, options) -> B x K x D, what the network sees at each landmark.
    relabel: (network, images, options) -> points B x K x 2 in [-1, 1] and visible B x K; between two stages, labels of
        the images that have none.
    """

    name: str
    options: Mapping[str, Any]
    terms: Mapping[str, Term]
    build: Callable[..., nn.Module]
    loss: Callable[..., dict[str, Tensor]]
    predict: Callable[..., Prediction]
    costly: str
    kinds: Mapping[str, Any] = field(default_factory=dict)
    shape: Sequence[str] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    input: Literal["images", "points"] = "images"
    packable: bool = True
    named: bool = True
    pairs: bool = False
    pixelwise: bool = False
    measure: Callable[..., dict[str, Tensor]] | None = None
    measures: Sequence[str] = ()
    cells: Callable[..., int] | None = None
    represent: Callable[..., Tensor] | None = None
    relabel: Callable[..., tuple[Tensor, Tensor]] | None = None
    other_readings: Callable[[Mapping[str, Any]], Sequence[str]] = lambda options: ()
