"""What a record shows of test images."""

from __future__ import annotations

import numpy as np

from landmarklib.core.types import Annotations
from landmarklib.training.evaluate_test import gallery, within_classes

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


def of_classes(classes: list[int], points: np.ndarray) -> Annotations:
    """Blank images of these classes, all with the same two points."""
    n = len(classes)
    blank = np.zeros((n, 1, 8, 8), np.uint8), np.tile(points, (n, 1, 1)), np.ones((n, 2), bool)
    return Annotations(*blank, tuple(map(str, range(n))), {"class": np.array(classes)})


def test_outputs_are_matched_within_each_class_on_its_validation_images():
    """Class 0 has them as they are, class 1 the other way round and 1 px off, class 2 was not validated."""
    true = np.array([[1.0, 1.0], [5.0, 4.0]])
    validation, test = of_classes([0, 1], true), of_classes([1, 0, 2], true)
    found = np.stack([true[::-1] + [1, 0], true, true])
    error = within_classes(found, test, np.stack([true, true[::-1]]), validation)
    assert error[:2].tolist() == [1.0, 0.0] and np.isnan(error[2])
