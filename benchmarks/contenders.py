"""What the benchmarks share: the printed network in plain layers, and waiting for a device."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import torch
import torch.nn.functional as F

from landmarklib.nets import honari


def printed_layers():
    """Within this context, 1 x 1 layers are torch's convolutions, too; with `plain.LITERAL` the whole network is then as printed."""
    return mock.patch.object(honari, "pointwise", F.conv2d)


def synchronize(device: torch.device) -> Callable[[], None]:
    """Waits until that device has done all it was given."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None
