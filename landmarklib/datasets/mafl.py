"""MAFL (Zhang et al. 2014): 20,000 images of CelebA on which landmarks are fitted and scored.

It is read from CelebA's archive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing
from landmarklib.datasets import celeba

N_VALIDATION, SEED = 1000, 0


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training list in two parts, and its test list."""
    return celeba.listings(folder, protocol(folder))


def protocol(folder: Path) -> dict[str, list[str]]:
    """Names of the images of each split. Validation images are in CelebA's val, so that nothing was trained on them."""
    part, (training, test) = celeba.partition(folder), celeba.mafl(folder)
    if unknown := [name for name in training + test if name not in part]:
        raise UserError(f"{folder / 'MAFL'}: {unknown[0]} is no image of CelebA's partition")
    unseen = tuple(name for name in training if part[name] == "val")
    chosen = {unseen[i] for i in subsets.label_order(unseen, None, SEED)[:N_VALIDATION]}
    return {
        "train": [name for name in training if name not in chosen],
        "val": [name for name in training if name in chosen],
        "test": test,
    }


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in CelebA's layout, a tenth of them in its test.

    Training images of CelebA's val are just those for validation; test images are in all splits.
    """
    from landmarklib.drawing import generator

    train, val, test = (counts[split] for split in ("train", "val", "test"))
    codes = [np.arange(train) % 10 // 9 * 2, np.ones(val, int), np.array([2, 0, 1, 0, 0])[np.arange(test) % 5]]
    codes = np.concatenate(codes)  # in CelebA's partition
    order = np.argsort(codes, kind="stable")  # CelebA's images are numbered split by split
    number = np.argsort(order)
    training = generator(seed, 4).permutation(number[: train + val])
    return celeba.publish(folder, codes[order], training, number[train + val :], seed, protocol)


DATASET = replace(
    celeba.DATASET,
    name="mafl",
    title="MAFL",
    counts={"train": 18000, "val": 1000, "test": 1000},
    ids={"train": "5f5e137604a8", "val": "e5d5a2f53473", "test": "c6c753d9c18e"},
    citation="Zhang et al., TPAMI 2016; Liu et al., ICCV 2015",
    assumptions=(
        celeba.DATASET.assumptions[0],
        "Validation images are 1,000 of the 1,810 training images that lie in CelebA's val, chosen by hashing their "
        "names; the papers name none.",
    ),
    read=read,
    write_standin=write_standin,
    known_issues=(
        *celeba.DATASET.known_issues[:2],
        "Test and training share people: 856 of the 959 people of the test images are also in the training list.",
        "15,461 of the 19,000 training images are in CelebA's train, 1,810 in its val and 1,729 in its test.",
        "Other code fits on 17,100 images (its last tenth is for validation) or drops three that it could not find.",
    ),
)
