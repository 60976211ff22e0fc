"""LSPET in three parts, for what is trained and judged on it alone; the papers test on LSP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarklib.core import subsets
from landmarklib.core.types import Listing, Recipe
from landmarklib.datasets import lspet

SHARES = {"test": 0.1, "val": 0.1}
SEED = 2011  # of the hashed order of the images


def read(folder: Path) -> dict[str, Listing]:
    """In the order of a hash of their names the first images are for test, the next for validation."""
    return _divide(lspet.read(folder)["train"])


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """LSPET's stand-in in these parts."""
    return _divide(lspet.write_standin(folder, {"train": sum(counts.values())}, seed)["train"])


def _divide(whole: Listing) -> dict[str, Listing]:
    order, splits, start = subsets.label_order(whole.ids, None, SEED), {}, 0
    for split, share in SHARES.items():
        n = round(share * len(whole))
        splits[split], start = whole[np.sort(order[start : start + n])], start + n
    return {"train": whole[np.sort(order[start:])], "val": splits["val"], "test": splits["test"]}


DATASET = replace(
    lspet.DATASET,
    name="lspet_parts",
    title="Leeds Sports Pose Extended, in parts",
    counts={"train": 8000, "val": 1000, "test": 1000},
    ids={"train": "935e5fe6bf7b", "val": "1872fd6d4363", "test": "11fdd4cfb1f1"},
    size=128,
    tier="open",
    recipe=Recipe(margin=1.5, grey=False),
    assumptions=(
        *lspet.DATASET.assumptions[:2],
        "Images are squares around the annotated joints, 1.5 times as wide as these reach, for testing, too.",
        "1,000 images each are for test and for validation, in the order of a hash of their names. The papers judge on "
        "LSP's 1,000 test images.",
    ),
    read=read,
    write_standin=write_standin,
)
