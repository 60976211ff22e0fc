"""What a run has while it trains: images and labels, networks, random numbers, and what came of it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landmarklib.core import coords, metrics, warps
from landmarklib.core.dataset import Dataset
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Models
from landmarklib.core.stages import Stage
from landmarklib.core.types import MARGIN, Annotations

KEPT = ("curve", "best", "best_step", "failure", "images_processed", "warnings")  # of a run, beside its tensors
LABELS = ("points", "visible", "labelled")  # of the data, which pseudo-labels change


@dataclass(frozen=True)
class Data:
    """One split on the device.

    images: uint8; where they are jittered they are `types.MARGIN` times as wide as the frame in which the points are.
    points: in [-1, 1], NaN for unlabelled images.
    visible, labelled: masks of points and of images.
    attributes: N x A (`Batch`).
    pixel_classes: of all images, labelled or not (`Annotations`); on other data sets' images, None.
    partners: for each image the index of another of the same thing, where a stage has pairs.
    """

    images: Tensor
    points: Tensor
    visible: Tensor
    labelled: Tensor
    attributes: Tensor
    pixel_classes: Tensor | None = None
    partners: Tensor | None = None


def pixels(images: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1]."""
    return images.float() / 255


def frames(run: TrainState, index: Tensor) -> Tensor:
    """Images of a run as its network sees them without jitter, in [0, 1]. index: of the images."""
    images = pixels(run.data.images[index])
    return unjittered(images, run.experiment.size) if run.experiment.jitter else images


def unjittered(images: Tensor, size: int) -> Tensor:
    """The middle of images that are cut `MARGIN` times too wide for jitter, B x C x size x size.

    images: or classes of pixels, B x H x W.
    """
    still = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    warp = warps.warp_images if images.is_floating_point() else warps.warp_classes
    return warp(images, still, size, MARGIN)


def annotated(
    annotations: Annotations,
    labelled: Tensor | None,
    images: Tensor,
    attributes: Sequence[str] = ("class",),
    margin: float = 1.0,
) -> Data:
    """A split on the device of its images, which are shared.

    labelled: indices of the images that keep their points; None keeps all.
    margin: how many times as wide as the frame of the network the images are.
    """
    n, (height, width) = len(annotations), images.shape[-2:]
    mask = torch.full((n,), labelled is None)
    if labelled is not None:
        mask[labelled] = True
    points = margin * coords.to_norm(torch.from_numpy(annotations.points).float(), (width, height))
    visible = torch.from_numpy(annotations.visible) & mask[:, None]
    points = points.where(visible[..., None], torch.nan)
    given = [annotations.attributes[name] for name in attributes]
    given = [np.deg2rad(v) if metrics.is_angle(v) else v for v in given]
    values = torch.from_numpy(np.array(given, np.float32).reshape(-1, n).T.copy())
    parts = [points, visible, mask, values]
    if annotations.pixel_classes is not None:
        parts.append(torch.from_numpy(np.array(annotations.pixel_classes)))
    return Data(images, *(part.to(images.device) for part in parts))


def unlabelled(images: Tensor, n_points: int, n_attributes: int) -> Data:
    """Images of which no landmark and no attribute is known. n_points, n_attributes: how many there would be."""
    n, device = len(images), images.device
    points = torch.full((n, n_points, 2), torch.nan, device=device)
    attributes = torch.full((n, n_attributes), torch.nan, device=device)
    nothing = torch.zeros(n, n_points, dtype=torch.bool, device=device)
    return Data(images, points, nothing, nothing.any(1), attributes)


@dataclass
class TrainState:
    """One run of a pack: what to train on which labels with whose random numbers, and what came of it.

    module, teacher: trained in place; the teacher is None where no stage has one.
    generator: decides everything that is random in training.
    best, best_step, best_weights: of the present stage.
    state: what `snapshot` gave of the same run, to go on from.
    stage_start: state of the generator when the present stage began: what the stage draws, it can draw again.
    averaged: whether the present stage has a teacher.
    others: images of other data sets, without labels, that stages learn from; by name.
    dataset: whose measures of validation images are wanted beside those that every data set has; None for none.
    first_weights: those that training began with, where a stage begins with them again.
    given: the images whose landmarks are true ones, where later stages have pseudo-labels as well.
    """

    experiment: Experiment
    module: nn.Module
    data: Data
    generator: torch.Generator
    teacher: nn.Module | None = None
    curve: list[dict] = field(default_factory=list)
    best: float = float("inf")
    best_step: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    failure: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    images_processed: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    stage_start: Tensor | None = None
    averaged: bool = False
    others: Mapping[str, Data] = field(default_factory=dict)
    dataset: Dataset | None = None
    first_weights: dict[str, Tensor] = field(init=False)
    given: Tensor = field(init=False)

    def __post_init__(self):
        self.given = self.data.labelled
        self.first_weights = self.weights() if any(stage.afresh for stage in self.experiment.stages) else {}

    def data_of(self, stage: Stage) -> Data:
        """What a stage learns from."""
        return self.others[stage.dataset] if stage.dataset else self.data

    @property
    def models(self) -> Models:
        """Student and teacher."""
        return Models(self.module, self.teacher)

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the teacher in a stage that has one."""
        return self.teacher if self.averaged else self.module

    def is_finite(self) -> bool:
        """Whether all parameters and buffers are finite numbers."""
        tensors = (t for model in filter(None, self.models) for t in model.state_dict().values())
        return all(bool(t.isfinite().all()) for t in tensors)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the networks' parameters and buffers; in a pack they are views, and a deep copy is of the pack."""
        return {
            f"{name} {key}": value.clone()
            for name, model in self.models._asdict().items()
            if model is not None
            for key, value in model.state_dict().items()
        }

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up what `weights` gave."""
        for name, model in self.models._asdict().items():
            if model is not None:
                own = {k.removeprefix(f"{name} "): v for k, v in weights.items() if k.startswith(f"{name} ")}
                model.load_state_dict(own)

    def snapshot(self, tensors: dict[str, Tensor], step: int, seconds: float) -> dict[str, Any]:
        """All that the record will need and the next steps depend on: arrays and plain values, by name.

        tensors: the pack's, of this run. step: of the whole training. seconds: since the run was taken up.
        """
        kept = {f"best {name}": value for name, value in self.best_weights.items()}
        kept |= {name: getattr(self.data, name) for name in LABELS} | {"generator": self.stage_start}
        arrays = {name: value.cpu().numpy() for name, value in (tensors | kept).items()}
        plain = {name: copy(getattr(self, name)) for name in KEPT}
        return arrays | plain | {"step": step, "seconds": self.seconds + seconds}
