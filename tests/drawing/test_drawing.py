"""Drawing on all cores: what comes back, in which order, and what the bar counts and tells."""

from __future__ import annotations

import joblib
import numpy as np
import pytest

from landmarklib import drawing
from landmarklib.drawing import publish
from landmarklib.standins import digits


def pictures(first: int, n: int) -> list[int]:
    """Which n pictures are drawn from the first on."""
    for _ in range(n):
        drawing.tick()
    return [*range(first, first + n)]


JOBS = [(0, 3), (3, 1), (4, 5), (9, 2)]


@pytest.mark.parametrize("alone", [0, drawing.ALONE])
def test_jobs_come_back_in_order_and_their_pictures_are_counted(alone, monkeypatch):
    monkeypatch.setattr(drawing, "ALONE", alone)
    with joblib.parallel_config(backend="threading", n_jobs=2), drawing.progress("stand-in", 11) as bar:
        found = list(drawing.spread(pictures, JOBS, 11))
    assert found == [[0, 1, 2], [3], [4, 5, 6, 7, 8], [9, 10]]
    assert bar.disable or bar.n == 11


def test_many_pictures_are_told_of_before_and_few_are_not(monkeypatch, capsys, tmp_path):
    with drawing.progress("stand-in-few", drawing.FEW - 1, tmp_path):
        pass
    assert capsys.readouterr().err == ""
    with drawing.progress("stand-in-many", 3508, tmp_path):
        assert (
            capsys.readouterr().err == f"stand-in-many: 3,508 pictures are drawn, this once, and kept in {tmp_path}\n"
        )


def test_on_all_cores_the_same_files_are_written(monkeypatch, tmp_path):
    monkeypatch.setattr(publish, "FEW", 2)
    names, found = [f"{i}.png" for i in range(5)], []
    for alone in (drawing.ALONE, 0):
        monkeypatch.setattr(drawing, "ALONE", alone)
        folder = tmp_path / str(alone)
        with joblib.parallel_config(backend="threading", n_jobs=2):
            drawn = publish.photos(folder, names, digits.draw, 16, 7, first=3)
        found.append(([(folder / name).read_bytes() for name in names], drawn))
    (bytes_here, here), (bytes_spread, spread) = found
    assert bytes_here == bytes_spread and here.ids == spread.ids
    np.testing.assert_array_equal(here.points, spread.points)
