"""Which images are labelled, and what tells one data set from another."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

from landmarklib.core import subsets
from landmarklib.core.errors import UserError
from landmarklib.datasets import shapes

IDS = tuple(f"train-{i:05d}" for i in range(10))


def test_labelled_images_are_the_same_in_every_process():
    assert subsets.label_order(IDS, None, 0).tolist() == [0, 7, 8, 9, 5, 1, 4, 3, 6, 2]
    assert subsets.label_subset(IDS, 0.3, 0).tolist() == [0, 7, 8]
    assert subsets.label_subset(IDS, 0.3, 1).tolist() == [1, 3, 8]


def test_labelled_images_with_classes_take_turns():
    classes = np.arange(10) % 2
    assert subsets.label_order(IDS, classes, 0).tolist() == [0, 7, 8, 9, 5, 4, 1, 6, 3, 2]
    assert subsets.label_subset(IDS, 0.6, 0, classes).tolist() == [0, 4, 5, 7, 8, 9]


@pytest.mark.parametrize("fraction, n", [(0.0, 0), (0.01, 3), (0.05, 15), (0.333, 100), (0.5, 150), (1.0, 300)])
def test_subset_is_the_rounded_share_and_balanced_within_one(fraction, n):
    classes = np.random.default_rng(0).permutation(np.arange(300) % 15)
    chosen = subsets.label_subset(tuple(map(str, range(300))), fraction, 0, classes)
    assert len(chosen) == len(set(chosen.tolist())) == n
    assert chosen.tolist() == sorted(chosen.tolist())
    counts = np.bincount(classes[chosen], minlength=15)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("balanced", [False, True])
def test_subsets_of_growing_fractions_are_nested(balanced):
    ids, classes = tuple(map(str, range(301))), np.arange(301) % 7 if balanced else None
    nested = [set(subsets.label_subset(ids, f, 0, classes).tolist()) for f in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)]
    for small, large in itertools.pairwise(nested):
        assert small < large


@pytest.mark.parametrize("balanced", [False, True])
def test_subset_does_not_depend_on_the_order_of_the_images(balanced):
    ids, classes = tuple(map(str, range(200))), np.arange(200) % 7
    shuffled = np.random.default_rng(0).permutation(200)

    def chosen(order: np.ndarray) -> set[str]:
        here = tuple(ids[i] for i in order)
        return {here[i] for i in subsets.label_subset(here, 0.1, 0, classes[order] if balanced else None)}

    assert chosen(shuffled) == chosen(np.arange(200))


def test_subset_depends_on_the_seed():
    ids = tuple(map(str, range(200)))
    drawn = [frozenset(subsets.label_subset(ids, 0.1, seed).tolist()) for seed in range(5)]
    assert len(set(drawn)) == 5


def test_a_rare_class_is_used_up_before_the_rest_grows():
    classes = np.array([0] * 8 + [1] * 2)
    assert np.bincount(classes[subsets.label_subset(IDS, 0.6, 0, classes)]).tolist() == [4, 2]


def test_hash_of_ids_ignores_their_order():
    assert subsets.ids_hash(["b", "a"]) == hashlib.sha256(b"a\nb").hexdigest()[:12]
    assert subsets.ids_hash(["a", "b"]) == subsets.ids_hash(["b", "a"]) != subsets.ids_hash(["a", "c"])


def test_fingerprint_tells_pixels_points_and_ids_apart():
    a = shapes.generate(3, 0, 16)
    images, points = a.images.copy(), a.points.copy()
    images[2, 0, 15, 15] += 1
    points[0, 0, 0] += 0.01
    changed = [replace(a, images=images), replace(a, points=points), replace(a, ids=("x", *a.ids[1:]))]
    prints = [subsets.fingerprint(b) for b in (a, *changed)]
    assert len(set(prints)) == 4 and all(len(p) == 16 for p in prints)
    assert subsets.fingerprint(replace(a, images=a.images.copy())) == prints[0]


def test_a_partner_is_half_way_round_the_group():
    assert subsets.partners(np.array(["a", "b", "a", "b", "a", "a", "b"])).tolist() == [4, 6, 5, 1, 0, 2, 3]
    with pytest.raises(UserError, match=r"^pairs: c has one image; a pair needs two$"):
        subsets.partners(np.array(["a", "a", "c"]))
