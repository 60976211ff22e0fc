"""Pictures of discovered landmarks from hand-made records: what contributes, and how far features follow a warp."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from made import made, some

from landmarklib.report import discovered, galleries
from landmarklib.tables import get

SHARES = {("layer 1", 6): 80.0, ("layer 1", 20): 95.0, ("a static guess", 6): 20.0, ("a static guess", 20): 75.0}


def matching(seed: int, add: float):
    (r,) = some(8.0)
    found = {
        f"feature_match_percent at {d} px of {of}": {"mean": v + add, "low": v, "high": v, "n": 9}
        for (of, d), v in SHARES.items()
    }
    return replace(
        made(replace(r.experiment, row=get("blocks").rows[0].name, seed=seed)), metrics={**r.metrics, **found}
    )


def test_a_line_of_matches_is_the_mean_over_seeds_by_distance():
    figure = discovered.matches(get("blocks"), [matching(0, 0.0), matching(1, 2.0)])
    (axis,) = figure.axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    assert lines.keys() == {"layer 1", "a static guess"}
    for of, line in lines.items():
        assert list(line.get_xdata()) == [6, 20]
        assert np.allclose(line.get_ydata(), [SHARES[of, 6] + 1, SHARES[of, 20] + 1])
    assert lines["a static guess"].get_linestyle() == "--" and axis.get_title() == get("blocks").rows[0].name


def test_without_runs_that_have_it_a_picture_says_so():
    for figure in (discovered.matches(get("blocks"), some(8.0)), discovered.graph([*some(8.0), None])):
        assert "not computed yet" in figure.texts[0].get_text()


@pytest.fixture
def regressed(monkeypatch):
    """A run with three outputs and two landmarks, on an image at hand."""
    entry = {
        "kind": "fixed",
        "index": 0,
        "error_px": 1.0,
        "points": [[1, 1], [5, 5]],
        "outputs": [[0, 0], [3, 3], [7, 7]],
    }
    images = type("Images", (), {"images": np.zeros((1, 1, 8, 8), np.uint8)})
    monkeypatch.setattr(discovered.query, "test_images", lambda r: images)
    monkeypatch.setattr(galleries, "lacking", lambda r: "")
    return replace(some(8.0)[0], gallery=(entry,), contributions=((0.9, 0.0), (0.1, 0.3), (0.0, 0.7)))


def test_an_arrow_goes_from_each_output_of_a_large_share_to_its_landmark(regressed):
    (axis,) = discovered.graph([regressed]).axes
    arrows = {(tuple(a.xyann), tuple(a.xy)): a.arrow_patch.get_linewidth() for a in axis.texts}
    assert arrows == {((0, 0), (1, 1)): pytest.approx(12 * 0.9), ((7, 7), (5, 5)): pytest.approx(12 * 0.7)}


def test_long_names_of_rows_do_not_run_into_one_another(regressed):
    names = [
        "A row with a name that is far longer than a picture is high",
        "Another one like it, with a comma",
        "Third",
    ]
    experiments = (replace(regressed.experiment, row=name) for name in names)
    runs = [replace(regressed, experiment=e, gallery=4 * regressed.gallery) for e in experiments]
    figure = discovered.discovered(runs)
    figure.draw_without_rendering()
    boxes = [axis.yaxis.label.get_window_extent() for axis in figure.axes if axis.yaxis.label.get_text()]
    assert [" ".join(axis.yaxis.label.get_text().split()) for axis in figure.axes if axis.get_ylabel()] == names
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
