"""What a run sees of its images: the points of unlabelled ones never."""

from __future__ import annotations

import numpy as np
import torch
from small import SIZE, annotations, data_of

from landmarklib.training.state import annotated


def test_points_of_unlabelled_images_never_reach_a_method():
    a = annotations(4, 0)
    a.visible[1, 2] = False
    data = data_of(a, torch.tensor([1, 3]))
    assert data.labelled.tolist() == [False, True, False, True]
    assert data.points[[0, 2]].isnan().all() and not data.visible[[0, 2]].any()
    assert data.points[1].isnan().any(-1).tolist() == [False, False, True, False, False]
    assert np.allclose((data.points[3].numpy() + 1) * SIZE / 2 - 0.5, a.points[3], atol=1e-5)
    assert data_of(a).labelled.all()


def test_runs_share_their_images():
    a = annotations(4, 0)
    images = torch.from_numpy(a.images)
    assert annotated(a, torch.tensor([1]), images).images is annotated(a, None, images).images
