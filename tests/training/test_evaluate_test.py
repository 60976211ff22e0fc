"""What a record shows of test images."""

from __future__ import annotations

import numpy as np

from landmarklib.training.evaluate_test import gallery

NAN = np.nan


def shown(*errors: float) -> list[tuple[str, int]]:
    """Kinds and images of a gallery of as many images."""
    points = np.zeros((len(errors), 2, 2))
    return [(entry["kind"], entry["index"]) for entry in gallery(points, None, np.array(errors), [])]


def test_a_gallery_has_the_first_images_the_best_the_median_and_the_worst():
    chosen = [("best", 3), ("median", 4), ("worst", 1), ("worst", 0), ("worst", 4)]
    assert shown(4.0, 5.0, 2.0, 1.0, 3.0) == [*(("fixed", i) for i in range(4)), *chosen]


def test_an_image_without_an_error_is_in_no_gallery_and_not_the_worst():
    chosen = [("best", 3), ("median", 0), ("worst", 4), ("worst", 0), ("worst", 3)]
    assert shown(4.0, NAN, NAN, 1.0, 5.0) == [("fixed", 0), ("fixed", 3), *chosen]
    assert shown(NAN, NAN, NAN, NAN) == []
