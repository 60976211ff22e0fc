"""Which images are labelled, which are held out, and what tells one data set from another. numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations


def label_order(ids: tuple[str, ...], classes: Int[np.ndarray, " N"] | None, seed: int) -> Int[np.ndarray, " N"]:
    """All images in the order in which they get their landmarks: prefixes are the labelled subsets, so they nest.

    ids: N different strings. The order hashes (seed, id), so it does not depend on the process, the machine or the
        order of the files.
    classes: of each image; every round takes one image of each class, so any prefix is as balanced as its length and
        the class counts allow. None takes no account of classes.
    seed: another one gives another order.
    """
    digest = np.array([hashlib.sha256(f"{seed}:{i}".encode()).hexdigest() for i in ids])
    order = np.argsort(digest)
    if classes is None:
        return order
    seen: dict[int, int] = {}
    rounds = np.empty(len(ids), np.int64)
    for i in order:
        rounds[i] = seen[classes[i]] = seen.get(classes[i], -1) + 1
    return order[np.argsort(rounds[order], kind="stable")]


def label_subset(
    ids: tuple[str, ...], fraction: float, seed: int, classes: Int[np.ndarray, " N"] | None = None
) -> Int[np.ndarray, " n"]:
    """Indices of the labelled images, sorted: the first round(fraction * N) of `label_order`."""
    return np.sort(label_order(ids, classes, seed)[: round(fraction * len(ids))])


def ids_hash(ids: list[str]) -> str:
    """12 hex digits over a list of names, whatever its order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12]


def fingerprint(annotations: Annotations) -> str:
    """16 hex digits over images, points, ids and classes of pixels: the same for runs that saw the same of all."""
    points: Float[np.ndarray, "N K 2"] = np.round(annotations.points.astype(np.float64), 3)
    digest = hashlib.sha256(annotations.images.tobytes() + points.tobytes() + "\n".join(annotations.ids).encode())
    if annotations.pixel_classes is not None:
        digest.update(annotations.pixel_classes.tobytes())
    return digest.hexdigest()[:16]


def partners(groups: np.ndarray) -> Int[np.ndarray, " N"]:
    """For each image another one of its group: the one half way round the group. Raises UserError for a group of one.

    groups: the name of each image's.
    """
    found = np.empty(len(groups), np.int64)
    for name in np.unique(groups):
        members = np.flatnonzero(groups == name)
        if len(members) == 1:
            raise UserError(f"pairs: {name} has one image; a pair needs two")
        found[members] = np.roll(members, len(members) // 2)
    return found


def held_out(groups: Sequence[str], n: int, seed: int) -> Bool[np.ndarray, " N"]:
    """Which images are held out for validation: n or a few less, in whole groups.

    groups: the group of each image, such as its photo or its person; taken in the hashed order of their names.
    n: number of images.
    seed: another one gives another order.
    """
    names, place, size = np.unique(np.array(groups, str), return_inverse=True, return_counts=True)
    chosen: list[int] = []
    for i in label_order(tuple(names.tolist()), None, seed):
        if size[i] <= n:
            chosen.append(i)
            n -= size[i]
    return np.isin(place, chosen)
