"""What every data set must keep; a new file of their folder is tested here the moment it exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landmarklib import datasets, loading
from landmarklib.core import coords, subsets
from landmarklib.core.errors import UserError

SIZE = 16

every_dataset = pytest.mark.parametrize("name", datasets.names())
every_generated = pytest.mark.parametrize("name", [n for n in datasets.names() if loading.get(n).load])


def test_an_unknown_name_is_refused_with_the_known_ones():
    assert datasets.names()
    with pytest.raises(UserError, match="'no-such'") as refusal:
        datasets.get("no-such")
    assert all(name in str(refusal.value) for name in datasets.names())


@every_dataset
def test_dataset_description_is_consistent(name):
    d = loading.get(name)
    assert d.name == name
    assert len(d.mirror) == len(d.landmarks) == len(set(d.landmarks))
    assert [d.mirror[k] for k in d.mirror] == list(range(len(d.landmarks)))
    assert all(0 <= k < len(d.landmarks) for edge in d.skeleton for k in edge)
    assert all(a != b for a, b in d.skeleton)
    assert d.counts and min(d.counts.values()) > 0
    assert d.tier in ("paper", "open", "stand-in")
    assert 1 not in d.attributes.values() and d.size > 0
    assert all((d.title, d.unit, d.licence, d.obtain, d.citation))
    assert (d.load is None) != (d.read is None)
    if d.read:
        assert d.folder and d.layout
    else:
        assert {"train", "val", "test"} <= set(d.counts) and d.assumptions


@every_generated
def test_every_split_loads_with_the_shapes_it_promises(name):
    d = loading.get(name)
    ids = set()
    for split, n in d.counts.items():
        a = d.load(None, split, SIZE)
        assert len(a) == n and a.images.shape[1] in (1, 3) and a.images.dtype == np.uint8
        assert (len(a.images), *a.images.shape[2:]) == (n, SIZE, SIZE)
        assert a.points.shape == (n, len(d.landmarks), 2) and a.visible.shape == a.points.shape[:2]
        assert np.isfinite(a.points[a.visible]).all()
        assert coords.inside(coords.to_norm(a.points, (SIZE, SIZE)))[a.visible].all()
        assert a.attributes["class"].dtype == np.int64
        assert set(np.unique(a.attributes["class"])) == set(range(d.attributes["class"]))
        assert len(set(a.ids)) == n and not ids & set(a.ids)
        ids |= set(a.ids)


@every_generated
def test_splits_share_no_image(name):
    d = loading.get(name)
    train, val, test = (
        {image.tobytes() for image in d.load(None, s, 32).images[:500]} for s in ("train", "val", "test")
    )
    assert not train & val and not train & test and not val & test


@pytest.mark.parametrize(
    "path", sorted((Path(datasets.__file__).parent / "splits").glob("*.txt")), ids=lambda p: p.stem
)
def test_a_split_that_was_drawn_here_is_written_down(path):
    name, _, which = path.stem.rpartition("-")
    ids, d = path.read_text(encoding="utf-8").splitlines(), loading.get(name)
    assert len(ids) == len(set(ids)) == d.counts[which]
    assert subsets.ids_hash(ids) == d.ids[which]
