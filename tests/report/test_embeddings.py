"""The picture of what a network sees at each landmark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made import some

from landmarklib.core import metrics
from landmarklib.report import embeddings


def test_each_run_has_a_panel_with_a_mark_for_every_visible_landmark():
    (r,) = some(8.0)
    share = {metrics.NEIGHBOURS: {"mean": 61.4, "low": 50.0, "high": 70.0, "n": 9}}
    places = ((0, 0.5, -1.0), (2, 0.25, 0.0), (0, -0.5, 1.0))
    with_them = replace(r, metrics={**r.metrics, **share}, embedding=places)
    figure = embeddings.embeddings([with_them, r, None, with_them, with_them])
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert len(panels) == 3 and "61% beside their own kind" in panels[0].get_title()
    found = {c.get_label(): np.asarray(c.get_offsets()).tolist() for c in panels[0].collections if len(c.get_offsets())}
    assert list(found.values()) == [[[0.5, -1.0], [-0.5, 1.0]], [[0.25, 0.0]]]


def test_without_runs_the_picture_says_so():
    (text,) = embeddings.embeddings([None, *some(8.0)]).texts
    assert "not computed yet" in text.get_text()
