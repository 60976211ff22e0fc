"""Every stand-in that writes itself in a publisher's layout is read back as it was drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from landmarklib import datasets, drawing, loading
from landmarklib.core.progress import Bar
from landmarklib.core.types import Listing
from landmarklib.loading import inspection

IMITATED = [name for name in datasets.names() if loading.get(name).write_standin]


def few(dataset, n: int = 3) -> dict[str, int]:
    """A handful of images for each split that the publisher's archive has."""
    return {split: min(count, n + i) for i, (split, count) in enumerate(dataset.counts.items())}


@pytest.mark.parametrize("name", IMITATED)
def test_what_is_written_is_read_back(name, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "FEW", 0)
    monkeypatch.setattr(drawing, "bar", partial(Bar, file=io.StringIO()))
    dataset = loading.get(name)
    folder = tmp_path / dataset.folder
    folder.mkdir(parents=True)
    counts = few(dataset)
    with drawing.progress(name, sum(counts.values())) as bar:
        written = dataset.write_standin(folder, counts, seed=1)
    assert bar.n == bar.total > 0
    read = dataset.read(folder)
    assert list(read) == list(written) == list(dataset.counts)
    for split, expected in written.items():
        found = read[split]
        assert found.ids == expected.ids, split
        assert found.files == expected.files
        np.testing.assert_array_equal(found.visible, expected.visible)
        np.testing.assert_allclose(found.points[found.visible], expected.points[expected.visible], atol=1e-3, rtol=0)
        assert found.attributes.keys() == expected.attributes.keys()
        for attribute, values in expected.attributes.items():
            np.testing.assert_array_equal(found.attributes[attribute], values, attribute)
        assert (found.boxes is None) == (expected.boxes is None)
        if expected.boxes is not None:
            np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3, rtol=0)
        if dataset.normalizer:
            lengths = dataset.normalizer(found)[found.visible.any(1)]
            assert lengths.shape == (found.visible.any(1).sum(),)
            assert (lengths > 0).all()
    assert "all decode" in inspection.check(name, tmp_path)
    if not dataset.images:
        one_photo_less(name, tmp_path, written)


def one_photo_less(name: str, root: Path, written: Mapping[str, Listing]) -> None:
    """A photo that is damaged, then gone, is listed as before, and counted by the check."""
    dataset = loading.get(name)
    split, listing = next((split, listing) for split, listing in written.items() if len(listing))
    photo = root / dataset.folder / listing.files[0]
    for harm in (lambda: photo.write_bytes(photo.read_bytes()[:30]), photo.unlink):
        harm()
        found = dataset.read(root / dataset.folder)
        if harm == photo.unlink and name in ("zappos", "multipie"):  # listed by what is in the folders
            continue
        assert {s: (x.ids, x.files) for s, x in found.items()} == {s: (x.ids, x.files) for s, x in written.items()}
        said = inspection.check(name, root, missing=0.99)
        assert re.search(rf"warning: {split}: [1-9] of {len(listing)} images ha(s|ve) no photo .*{photo.name}: ", said)


def test_every_set_that_is_not_generated_has_a_stand_in():
    assert set(IMITATED) == {name for name in datasets.names() if loading.get(name).load is None}


@pytest.mark.parametrize("name", datasets.names())
def test_a_unit_that_is_no_pixel_has_a_length(name):
    dataset = loading.get(name)
    assert (dataset.normalizer is not None) == dataset.unit.startswith("%")


@pytest.mark.parametrize("name", IMITATED)
def test_the_same_seed_writes_the_same_bytes_and_another_one_others(name, tmp_path):
    dataset = loading.get(name)
    contents = []
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / place / dataset.folder
        folder.mkdir(parents=True)
        dataset.write_standin(folder, few(dataset, 1), seed=seed)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    assert contents[0] == contents[1] != contents[2]
