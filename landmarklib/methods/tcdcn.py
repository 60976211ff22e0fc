"""TCDCN and TCDCN-2 (honari2018, Table 5 right): points and attributes by regression from one small network with pooling.

TCDCN's layers are those of its published code. Of TCDCN-2 the numbers of maps are known and the kernels are not.
"""

from __future__ import annotations

import torch
from torch import nn

from landmarklib.methods import comm_mt, outputs
from landmarklib.nets.tcdcn import TaskNet, Trunk

# DEVIATION: kernels of 5, 3, 3 and 3, in the rows of TCDCN-2, are ours; the paper gives their number of maps alone.
OPTIONS = {"kernels": [5, 3, 3, 2], "widths": [16, 48, 64, 64], "shared": 100, "attributes": ["class"]}
TERMS = comm_mt.TERMS
loss, predict = comm_mt.loss, comm_mt.predict  # two heads on shared layers, as there


def build(dataset, size: int, options: dict, generator: torch.Generator) -> nn.Module:
    trunk = Trunk(size, options["kernels"], options["widths"], options["shared"], generator)
    return TaskNet(trunk, options["shared"], len(dataset.landmarks), outputs(dataset, options), generator)
