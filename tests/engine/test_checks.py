"""What must hold before anything is computed, and the one line where it does not."""

from __future__ import annotations

import pytest
from filling import runs

from landmarklib import tables
from landmarklib.core.errors import UserError
from landmarklib.engine import checks


@pytest.mark.parametrize(("value", "kind"), [(0, int), (2, int), (0, float), (1.5, float), (float("inf"), float)])
def test_numbers_from_0_on_will_do(value, kind):
    checks.number("workers", value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (-1, int, "workers: -1 is not a whole number >= 0"),
        (1.0, int, "workers: 1.0 is not a whole number >= 0"),
        (True, int, "workers: True is not a whole number >= 0"),
        ("2", float, "workers: '2' is not a number >= 0"),
        (float("nan"), float, "workers: nan is not a number >= 0"),
        (None, float, "workers: None is not a number >= 0"),
    ],
)
def test_what_is_no_such_number_is_refused(value, kind, words):
    with pytest.raises(UserError, match=f"^{words}$"):
        checks.number("workers", value, kind)


def test_a_device_that_is_not_here_is_refused_with_those_that_are():
    checks.device("cpu")
    with pytest.raises(UserError, match=r"^device: 'cuda:99' is not here; valid: cpu"):
        checks.device("cuda:99")


@pytest.mark.parametrize(
    ("fraction", "row", "words"),
    [
        (0.001, "Seq-MT (L)", r"fractions: 0.001 labels none of 320 training images; the least is 0.0031"),
        (0.999, "Seq-MT (L+ELT)", r"fractions: 0.999 labels all of 320 training images, and Seq-MT \(L\+ELT\) needs"),
    ],
)
def test_labels_for_no_image_or_for_all_where_some_must_have_none_are_refused(fraction, row, words):
    with pytest.raises(UserError, match=words):
        checks.labels(tables.get("blocks").experiments([fraction], [0], [row], "smoke"))


def test_labels_for_all_will_do_where_no_term_needs_unlabelled_images():
    checks.labels(tables.get("blocks").experiments([0.999, 1.0], [0], ["Seq-MT (L)", "Seq-MT (L+A)"], "smoke"))
    checks.labels(runs(3))


def test_a_deadline_is_held_against_the_shortest_run():
    checks.time([20.0, 10.5, 30.0], "cpu", 10.5)
    words = "deadline: 10 s is too short for any of the 3 runs to compute; the shortest needs about 11 s on cpu"
    with pytest.raises(UserError, match=f"^{words}$"):
        checks.time([20.0, 10.5, 30.0], "cpu", 10.0)
