"""Weights of a network from a file of the user's: tensors by name, saved by torch, and nothing else. No download."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from landmarklib.core.errors import UserError, shown

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, by which such networks see images


def read(path: Path, option: str, of: str) -> Mapping[str, Tensor]:
    """What the file holds by name. Raises UserError where it is not there or holds something else.

    option: whose value the path is, for the message.
    of: whose weights are expected.
    """
    if not path.is_file():
        raise UserError(f"{option}: there is no file {shown(str(path))}; expected {of} weights, saved by torch")
    try:
        there = torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:
        reason = type(error).__name__
        raise UserError(f"{option}: torch cannot read {shown(str(path))} as weights alone ({reason})") from None
    return there if isinstance(there, Mapping) else {}


def part(
    there: Mapping[str, object], name: str, shapes: set[tuple[int, ...]], option: str, path: Path, of: str
) -> Tensor:
    """One tensor of a file, in float32 and in memory of its own. Raises UserError for one that does not fit.

    shapes: that it may have.
    option, path: whose value the file is, and its path, for the message.
    of: whose names are expected.
    """
    found, path = there.get(name), shown(str(path))
    if not isinstance(found, Tensor):
        raise UserError(f"{option}: {path} has no tensor {name!r}; expected {of}")
    if tuple(found.shape) not in shapes or not found.is_floating_point():
        wanted = " or ".join(str(shape) for shape in sorted(shapes, reverse=True))
        raise UserError(
            f"{option}: {name} in {path} is {found.dtype} of shape {tuple(found.shape)}; "
            f"expected floating point of {wanted}"
        )
    if not found.isfinite().all():
        raise UserError(f"{option}: {name} in {path} has numbers that are not finite")
    return found.detach().float().clone()
