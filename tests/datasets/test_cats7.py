"""Seven points of a cat's head: those of nine without the tips of the ears."""

from __future__ import annotations

import numpy as np

from landmarklib.datasets import cats, cats7


def test_the_seven_are_the_nine_without_the_tips_of_the_ears_and_mirror_as_they_do(tmp_path):
    written = cats7.write_standin(tmp_path, {"train": 12, "val": 2, "test": 2}, 0)
    nine, seven = cats.read(tmp_path), cats7.read(tmp_path)
    dropped = [k for k, name in enumerate(cats.DATASET.landmarks) if "tip" in name]
    assert dropped == [4, 7]
    for split, listing in seven.items():
        assert listing.ids == nine[split].ids and listing.files == nine[split].files
        assert np.array_equal(listing.points, np.delete(nine[split].points, dropped, 1))
        assert listing.visible.shape == (len(listing), 7) and np.array_equal(written[split].points, listing.points)
    names = cats7.DATASET.landmarks
    for one, other in enumerate(cats7.DATASET.mirror):
        assert cats.DATASET.mirror[cats.DATASET.landmarks.index(names[one])] == cats.DATASET.landmarks.index(
            names[other]
        )
    assert not any("tip" in name for name in names) and len(names) == 7
