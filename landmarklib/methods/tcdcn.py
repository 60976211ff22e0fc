"""TCDCN and TCDCN-2 (honari2018, Table 5 right): points and attributes by regression from a small network with pooling.

TCDCN's layers are those of its published code. Of TCDCN-2 the numbers of maps are known and the kernels are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landmarklib.core.kinds import Some, Widths
from landmarklib.core.method import Method
from landmarklib.methods import comm_mt, outputs

if TYPE_CHECKING:
    import torch
    from torch import nn


def build(dataset, size: int, options: dict[str, Any], generator: torch.Generator) -> nn.Module:
    from landmarklib.nets.tcdcn import TaskNet, Trunk

    trunk = Trunk(size, options["kernels"], options["widths"], options["shared"], generator)
    return TaskNet(trunk, options["shared"], len(dataset.landmarks), outputs(dataset, options), generator)


METHOD = Method(
    name="tcdcn",
    # DEVIATION: kernels of 5, 3, 3 and 3, in the rows of TCDCN-2, are ours; the paper gives their number of maps alone.
    options={"kernels": [5, 3, 3, 2], "widths": [16, 48, 64, 64], "shared": 100, "attributes": ["class"]},
    kinds={"kernels": Widths, "widths": Widths, "shared": Some},
    shape=("shared", "widths", "kernels", "attributes"),
    terms=comm_mt.TERMS,
    costly="first",
    build=build,
    loss=comm_mt.loss,  # two heads on shared layers, as there
    predict=comm_mt.predict,
)
