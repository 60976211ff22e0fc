"""What the benchmarks share: the printed networks in plain layers, waiting for a device, and whether a processor has
bfloat16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

import torch
import torch.nn.functional as F

from landmarklib.nets import forms, honari, rcn


@contextmanager
def printed_layers() -> Iterator[None]:
    """Within this context 1 x 1 layers are torch's convolutions, too, and RCN's way back has no other form; with
    `plain.LITERAL` the whole network is then as printed.
    """
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


@cache
def has_bfloat16(device: torch.device) -> bool:
    """Whether a convolution in bfloat16 keeps up with float32; a processor that has to imitate it takes some twenty
    times as long.
    """
    if device.type == "cuda":
        return True
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        image, weight = torch.ones(1, 8, 60, 60, dtype=dtype), torch.ones(8, 8, 9, 9, dtype=dtype)
        for _ in range(3):
            start = time.perf_counter()
            F.conv2d(image, weight, padding=4)
            seconds[dtype] = min(time.perf_counter() - start, seconds.get(dtype, float("inf")))
    return seconds[torch.bfloat16] <= forms.HOPELESS * seconds[torch.float32]
