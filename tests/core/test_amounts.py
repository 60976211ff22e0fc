"""Shares and numbers of labelled images: in words, and which images a number of them is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from experiments import SEQ_MT, changed

from landmarklib.core import amounts, subsets
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import from_json, to_json

TEN = replace(SEQ_MT, labels=10, fraction=10 / 320)
EVERY = replace(SEQ_MT, labels="all", fraction=1.0)


@pytest.mark.parametrize(
    ("amount", "counted", "short", "labelled"),
    [
        (0.05, False, "5%", "5% labelled"),
        (1.0, False, "100%", "100% labelled"),
        (1.0, True, "1 label", "1 label"),
        (10.0, True, "10 labels", "10 labels"),
        (amounts.ALL, True, "all labels", "all labels"),
        (2_000_000.0, True, "2000000 labels", "2000000 labels"),
    ],
)
def test_an_amount_in_words(amount, counted, short, labelled):
    assert (amounts.short(amount, counted), amounts.labelled(amount, counted)) == (short, labelled)


@pytest.mark.parametrize("value", [1, 10, 3.0, "all", amounts.ALL])
def test_what_is_a_number_of_images(value):
    assert amounts.is_count(value) and amounts.count(value) >= 1


@pytest.mark.parametrize("value", [0, -1, 2.5, 0.5, True, "10", "", None, [1], float("nan"), -amounts.ALL])
def test_what_is_none(value):
    assert not amounts.is_count(value)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 49, 320, 3_200, 10_122, 162_770])
def test_a_number_of_images_is_that_number_of_any_training_set(n):
    counts = np.arange(1, n + 1)
    assert np.array_equal(np.rint(counts / n * n), counts)
    for labels in {1, n // 3 or 1, n - 1 or 1, n}:
        assert round(replace(TEN, labels=labels).share(n) * n) == labels


def test_a_number_of_labels_takes_the_first_images_of_the_order_whatever_their_number():
    ids = tuple(map(str, range(50)))
    for n in (11, 20, 50):
        chosen = subsets.label_subset(ids[:n], TEN.share(n), 3)
        assert chosen.tolist() == sorted(subsets.label_order(ids[:n], None, 3)[:10])


def test_how_many_images_have_landmarks():
    assert [e.n_labelled(320) for e in (SEQ_MT, TEN, EVERY, changed(SEQ_MT, fraction=0.0))] == [16, 10, 320, 0]
    assert [e.n_labelled(100) for e in (SEQ_MT, TEN, EVERY)] == [5, 10, 100]
    assert replace(TEN, fraction=1.0).n_labelled(10) == 10
    assert [e.amount for e in (SEQ_MT, TEN, EVERY)] == [0.05, 10.0, amounts.ALL]


@pytest.mark.parametrize(
    ("e", "n", "words"),
    [
        (TEN, 9, "labels: 10 of 9 training images; the most is 'all'"),
        (TEN, 10, "labels: 10 of 10 training images; write 'all'"),
        (SEQ_MT, 9, "fractions: 0.05 labels none of 9 training images; the least is 0.11"),
    ],
)
def test_more_labels_than_images_are_refused_and_so_are_none(e, n, words):
    with pytest.raises(UserError) as caught:
        e.n_labelled(n)
    assert str(caught.value) == words


def test_the_key_of_a_run_says_how_many_labels_it_has_and_that_of_a_share_is_as_it_was():
    assert [e.key[:-8] for e in (SEQ_MT, TEN, EVERY)] == [
        "seq-mt-l-elt-5pc-seed3-smoke-",
        "seq-mt-l-elt-10-labels-seed3-smoke-",
        "seq-mt-l-elt-all-labels-seed3-smoke-",
    ]
    assert replace(TEN, labels=0).key == changed(SEQ_MT, fraction=10 / 320).key != TEN.key
    assert all(from_json(to_json(e), "here") == e for e in (TEN, EVERY))


@pytest.mark.parametrize("labels", [-1, 2.0, True, "10", "every", None, [1]])
def test_a_record_of_what_is_no_number_of_labels_is_refused(labels):
    with pytest.raises(UserError, match=r"^x, labels: .* is not a number of images: a whole one, or 'all'$"):
        from_json({**to_json(SEQ_MT), "labels": labels}, "x")
