"""What the benchmarks share: the printed networks in plain layers, and waiting for a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
import torch.nn.functional as F

from landmarklib.nets import honari, rcn


@contextmanager
def printed_layers() -> Iterator[None]:
    """Within this context 1 x 1 layers are torch's convolutions, too, and RCN's way back has no other form; with `plain.LITERAL` the whole network is then as printed."""
    with (
        mock.patch.object(honari, "pointwise", F.conv2d),
        mock.patch.object(rcn, "pointwise", F.conv2d),
        mock.patch.object(rcn, "beside_coarser", concatenated),
    ):
        yield


def concatenated(level: torch.Tensor, coarser: torch.Tensor, layer: rcn.Conv) -> torch.Tensor:
    """The layer on the level's maps and the coarser ones, each of whose pixels becomes two by two."""
    return layer(torch.cat([level, F.interpolate(coarser, scale_factor=2)], 1))


def synchronize(device: torch.device) -> Callable[[], None]:
    """Waits until that device has done all it was given."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None
