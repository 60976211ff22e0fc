"""What a network sees at each landmark: whether neighbours are of one kind, worked by hand, and the embedding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from packs import with_angle

from landmarklib import methods
from landmarklib.core import metrics
from landmarklib.training import representations


def test_neighbours_are_looked_for_in_other_images():
    """On a line: landmark 0 of three images at 0, 1 and 5, landmark 1 at 0.4, 3 and 4.5.

    The second image's 1 is nearest to the third's 1, the third's 0 to the second's 1; both of the first image have the
    second's 0, as the nearer ones are of their own image.
    """
    z = np.array([[0.0, 0.4], [1.0, 3.0], [5.0, 4.5]])[..., None]
    visible = np.ones((3, 2), bool)
    assert representations.neighbours(z, visible).tolist() == [50, 50, 50]
    visible[1, 0] = False
    assert representations.neighbours(z, visible).tolist() == [50, 100, 50]
    visible[0] = False
    assert np.isnan(representations.neighbours(z, visible)[0])


def test_an_embedding_keeps_kinds_apart_and_has_only_what_is_visible():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20, 3, 4)) + 30 * np.eye(3, 4)
    visible = np.ones((20, 3), bool)
    visible[0, 1] = False
    found = representations.embedded(z, visible)
    kinds, x, y = np.array(found).T
    assert [int((kinds == k).sum()) for k in range(3)] == [20, 19, 20] and max(np.abs([*x, *y])) == 1
    centres = np.array([[x[kinds == k].mean(), y[kinds == k].mean()] for k in range(3)])
    nearest = [np.linalg.norm(centres - place, axis=1).argmin() for place in zip(x, y, strict=True)]
    assert nearest == kinds.astype(int).tolist()


def test_a_method_without_representations_has_none():
    given = torch.nn.Identity(), methods.get("seq_mt"), {}, with_angle(4, 0, 16), torch.device("cpu")
    assert representations.found(*given) == ({}, ())


def test_only_the_first_images_are_compared(monkeypatch):
    monkeypatch.setattr(representations, "COMPARED", 5)
    monkeypatch.setattr(representations, "SHOWN", 4)
    monkeypatch.setattr(representations, "BATCH", 2)

    def represent(module, images, options):
        kinds = torch.stack([torch.arange(5.0), torch.arange(5.0) ** 2], -1)
        return images.mean((1, 2, 3))[:, None, None] + 10 * kinds

    method = replace(methods.get("hrnet"), represent=represent)
    given = torch.nn.Identity(), method, {}, with_angle(8, 0, 16), torch.device("cpu")
    values, embedding = representations.found(*given)
    (found,) = values.values()
    assert found[:5].tolist() == pytest.approx([100] * 5) and np.isnan(found[5:]).all()
    assert list(values) == [metrics.NEIGHBOURS] and len(embedding) == 20


def test_what_cannot_be_compared_or_embedded_is_left_out():
    """One image alone, numbers that are not finite, representations that are all alike, and a handful of them."""
    z, visible = np.random.default_rng(0).normal(size=(10, 4, 3)), np.ones((10, 4), bool)
    assert len(representations.embedded(z, visible)) == 40
    assert np.isnan(representations.neighbours(z[:1], visible[:1])).all()
    broken = z.copy()
    broken[3, 1] = np.nan
    assert (
        np.isnan(representations.neighbours(broken, visible)).all()
        and len(representations.neighbours(z, visible)) == 10
    )
    for those, seen in ((broken, visible), (0 * z + 7, visible), (z, visible & False), (z[:3], visible[:3])):
        assert representations.embedded(those, seen) == ()
