"""LSPET in parts: each image in one of them, by its name alone."""

from __future__ import annotations

import numpy as np

from landmarklib.datasets import lspet, lspet_parts


def test_every_image_is_in_one_part_and_keeps_its_joints(tmp_path):
    written = lspet_parts.write_standin(tmp_path, {"train": 24, "val": 3, "test": 3}, 0)
    read, whole = lspet_parts.read(tmp_path), lspet.read(tmp_path)["train"]
    assert {split: len(listing) for split, listing in read.items()} == {"train": 24, "test": 3, "val": 3}
    assert sorted(i for listing in read.values() for i in listing.ids) == list(whole.ids)
    for split, listing in read.items():
        places = [whole.ids.index(i) for i in listing.ids]
        assert list(listing.ids) == sorted(listing.ids) == list(written[split].ids)
        assert np.array_equal(listing.points, whole.points[places], equal_nan=True)
        assert np.array_equal(listing.visible, whole.visible[places])


def test_parts_do_not_follow_the_order_of_the_images():
    n = 1000
    ids = tuple(f"im{i:05d}" for i in range(n))
    whole = lspet.layout.listing([f"images/{i}.jpg" for i in ids], ids, np.zeros((n, 14, 2)))
    parts = lspet_parts._divide(whole)
    places = [int(i[2:]) for i in parts["test"].ids]
    assert len(places) == 100 and 0.4 < np.mean(places) / n < 0.6
