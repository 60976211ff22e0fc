"""Tables that count labelled images: what they are read as, the runs that they make, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import counting
import numpy as np
import pandas as pd
import pytest

from landmarklib import loading, methods, tables
from landmarklib.core.amounts import ALL
from landmarklib.core.errors import UserError
from landmarklib.report import claims
from landmarklib.tables import selection


@pytest.fixture
def few(tmp_path) -> tables.Table:
    return counting.read(tmp_path)


def test_everything_is_by_the_number_of_labels(few):
    assert (few.counts, few.amounts, few.everything, few.uses_labels) == (True, (1, 10, 40, ALL), ALL, True)
    assert dict(few.row("Supervised").published) == {1: 28.87, 10: 22.31, ALL: 14.25}
    assert few.paper_value("FSE", ALL, "error_px from 10 labels") == 13.85
    assert np.isnan(few.paper_value("Supervised", 40, "error_px")) and few.paper_value("TCDCN", ALL, "error_px") == 7.65
    blocks = tables.get("blocks")
    assert (blocks.counts, blocks.amounts, blocks.everything) == (False, blocks.fractions, 1.0)


def test_a_row_that_needs_unlabelled_images_has_a_cell_of_one_label_and_none_of_all(few, tmp_path):
    assert [few.has(few.row("With ELT"), n) for n in (1, 10, 40, ALL)] == [True, True, False, False]
    everywhere = counting.read(tmp_path / "b", ("labels = [1, 10]\n\n[[ref", "\n[[ref"))
    assert [everywhere.has(everywhere.row("With ELT"), n) for n in (1, 10, 40, ALL)] == [True, True, True, False]


@pytest.mark.parametrize(("budget", "n"), [("smoke", 320), ("cpu", 3200)])
def test_a_run_has_its_number_of_labels_whatever_the_budget_lets_it_see(few, budget, n):
    runs = few.experiments(seeds=[0], rows=["Supervised"], budget=budget)
    assert [(e.labels, e.fraction, e.amount) for e in runs] == [
        (1, 1 / n, 1.0),
        (10, 10 / n, 10.0),
        (40, 40 / n, 40.0),
        ("all", 1.0, ALL),
    ]
    assert [e.n_labelled(n) for e in runs] == [1, 10, 40, n]
    assert few.n_train(budget) == n and all(map(few.makes, runs))


def test_images_seen_follow_the_share_that_the_labels_are_and_a_budget_may_set_them_for_a_number(few):
    seen = {e.labels: e.stages[0].images for e in few.experiments(seeds=[0], rows=["Supervised"], budget="cpu")}
    by_hand = {labels: round((320 if labels == 10 else 640) * (labels / 3200) ** 0.5) for labels in (1, 10, 40)}
    assert seen == {**by_hand, "all": 640}


def test_a_run_by_number_is_none_of_a_table_of_shares_and_the_reverse(few):
    (e,) = few.experiments([10], [0], ["Supervised"])
    assert not few.makes(replace(e, labels=0)) and not few.makes(replace(e, fraction=0.5))
    assert not replace(few, labels=(), fractions=(0.5,)).makes(e)


@pytest.mark.parametrize("kind", ["part", "stand-in"])
def test_numbers_stay_numbers_on_other_data(few, kind):
    other = replace(few, dataset="mtfl").variants()[kind]
    (e,) = other.experiments([10], [0], ["Supervised"], "cpu")
    assert e.labels == 10 and e.n_labelled(300) == 10 and e.n_labelled(9_000) == 10


def test_a_number_is_checked_against_the_images_that_there_are():
    standin = loading.get("stand-in-mtfl")
    n = standin.counts["train"]
    (e,) = tables.get("mtfl").experiments([0.5], [0], ["RCN+ (L)"], "cpu")
    few = replace(e, dataset="stand-in-mtfl", train_images=0, fraction=0.1)
    methods.check_data(replace(few, labels=n - 1), standin)
    with pytest.raises(UserError, match=rf"^labels: {n} of {n} training images; write 'all'$"):
        methods.check_data(replace(few, labels=n), standin)
    with pytest.raises(UserError, match=rf"^labels: {n + 1} of {n} training images; the most is 'all'$"):
        methods.check_data(replace(few, labels=n + 1), standin)


def test_all_labelled_leaves_none_for_a_row_that_needs_some():
    (e,) = tables.get("blocks").experiments([0.5], [0], ["Seq-MT (L+ELT)"], "smoke")
    with pytest.raises(UserError, match=r"^labels: all are all of 320 training images, and Seq-MT"):
        methods.check_data(replace(e, labels="all", fraction=1.0), loading.get("blocks"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [(None, (1, 10, 40, ALL)), ([10, 1], (1, 10)), (["all", 5], (5, ALL)), ([ALL, 2.0, 2], (2, ALL))],
)
def test_numbers_that_are_asked_for_are_sorted_and_different(few, values, expected):
    assert selection.check_fractions(few, values) == expected


@pytest.mark.parametrize("value", [0, -1, 0.05, 2.5, "10", True, None, float("nan")])
def test_what_is_no_number_of_images_is_refused_in_a_line(few, value):
    with pytest.raises(UserError) as caught:
        selection.cells(few, [10, value], None)
    message = str(caught.value)
    assert message.startswith("labels: ") and "is not a number of images, a whole one from 1 or 'all'" in message
    assert message.endswith("table few counts labelled images: 1, 10, 40, all") and "\n" not in message


@pytest.mark.parametrize("values", ["10", [], 10, {10}])
def test_numbers_that_are_no_list_are_refused(few, values):
    with pytest.raises(UserError, match=r'^labels: .*; write labels = \[10, "all"\]$'):
        selection.cells(few, values, None)


def test_more_than_the_training_images_are_refused_before_anything_runs(few):
    with pytest.raises(UserError, match=r"^labels: 321 of 320 training images; the most is 'all'$"):
        few.experiments([321], [0], ["Supervised"], "smoke")
    assert few.experiments([321], [0], ["Supervised"], "cpu")[0].labels == 321


def test_a_number_that_no_row_has_is_answered_with_those_that_it_has(few):
    with pytest.raises(UserError, match=r"^labels: no cell at 10: FSE has all$"):
        few.experiments([10], [0], ["FSE"])


LABELS = 'labels = [1, 10, 40, "all"]'
OWN = 'labels = ["all"]\nweights'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (LABELS, "labels = [0, 10]", "labels: 0 is not a number of images: a whole one from 1, or 'all'"),
        (LABELS, "labels = [2.5, 10]", "labels: 2.5 is not a number of images"),
        (LABELS, 'labels = ["10"]', "labels: '10' is not a number of images"),
        (LABELS, "labels = [true]", "labels: True is not a number of images"),
        (LABELS, "labels = [10, 10]", "2 labels are 10.0; all must differ"),
        (LABELS, "labels = []", "'fractions' is missing: shares, or 'labels', numbers of labelled images"),
        (LABELS, f"{LABELS}\nfractions = [0.5]", "fractions beside labels; a table has shares or numbers"),
        (LABELS, 'labels = [1, 10, 40, 321, "all"]', "smoke, row Supervised: labels: 321 of 320 training images"),
        (OWN, "labels = [5]\nweights", "row FSE: labels 5 is not one of the table's"),
        (OWN, "fractions = [1.0]\nweights", "row FSE: fractions, where the table has labels"),
        (OWN, "labels = [10]\nweights", "row FSE, published: it has no cell at labels all"),
        ('"10" = 22.31', '"11" = 22.31', "row Supervised, published: labels 11 is not one of the table's"),
        ('"10" = 22.31', '"ten" = 22.31', "row Supervised, published: 'ten' is not a number"),
        ('"10" = 22.31', '"1.0" = 22.31', "row Supervised, published: 1, 1.0, all: one fraction is there twice"),
        ("labels.10.images", "labels.11.images", "methods.fse_supervised: labels 11 is not one of the table's"),
        ("labels.10.images", "labels.10.image", "methods.fse_supervised, labels 10: unknown key 'image'"),
        ("labels.10.images", "fractions.1.images", "methods.fse_supervised: fractions, where the table has labels"),
        ("against = [10]", "against = [11]", "claim T5: labels 11 is not one of the table's"),
        ("against = [10]", "against = ['ten']", "claim T5, comparison 2, against: 'ten' is not a number, or 'all'"),
        ("against = [1, 10]", "against = [1]", "claim T6: 2 labels against 1; expected as many"),
        ('labels = [10, "all"]', "fractions = [0.1, 1]", "claim T6: fractions, where the table has labels"),
        ('higher_metrics = ["error_px"]', 'higher_metrics = ["error_px from 1 label"]', "claim T5: Supervised has no 'error_px from 1 label'; its landmarks are not regressed"),  # noqa: E501
        ('"error_px from 10 labels"]\nunit', '"error_px from 11 labels"]\nunit', "row FSE, published_also: unknown key 'error_px from 10 labels'"),  # noqa: E501
        ('[1, 10], draws', "[1], draws", "metrics, error_px from 10 labels: unknown qualifier 'from 10 labels'; did"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_where_the_table_is_read(tmp_path, old, new, words):
    with pytest.raises(UserError) as caught:
        counting.read(tmp_path, (old, new))
    message = str(caught.value)
    assert message.startswith("t2017/few.toml") and words in message and "\n" not in message


def test_a_table_of_shares_has_no_numbers(refused):
    blocks = "fractions = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0]"
    assert "'fractions' is missing" in refused("blocks", blocks, "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("weights = { landmarks = 900 }", "weights = { landmarks = 900 }\nlabels = [10]", "row Seq-MT (L): labels, wh"),
        ("fractions = [0.01, 0.05]", "labels = [10]", "claim H7: labels, where the table has fractions"),
    ],
)
def test_numbers_in_a_table_of_shares_are_refused(refused, old, new, words):
    assert words in refused("blocks", old, new)


def test_a_claim_holds_an_error_from_few_labels_against_a_network_of_as_many(few):
    first, second = few.claims[0].comparisons
    assert (first.lower, first.fraction, first.higher, first.against) == ("FSE", ALL, "Supervised", 1)
    assert (second.against, second.metrics) == (10, ("error_px from 10 labels", "error_px"))
    verdicts = {v.claim.id: v for v in claims.evaluate(few, pd.DataFrame())}
    paper = [c.paper for c in verdicts["T5"].comparisons]
    assert paper == pytest.approx([np.log(28.87 / 14.79), np.log(22.31 / 13.85)]) and verdicts["T5"].paper_holds
    assert [(c.fraction, c.against) for c in few.claims[1].comparisons] == [(10, 1), (ALL, 10)]


def test_other_kinds_of_errors_are_no_other_reading(tmp_path):
    swapped = ('higher_metrics = ["error_px"]', 'higher_metrics = ["accuracy_percent"]')
    known = ('metrics = ["error_px",', 'metrics = ["error_px", "accuracy_percent",')
    with pytest.raises(UserError, match="'accuracy_percent' is not another reading of 'error_px from 1 label'"):
        counting.read(tmp_path, swapped, known)


def test_a_regressed_row_has_its_error_about_every_origin_and_from_every_few_labels(few):
    assert few.regressor.readings == [
        "backward",
        "about the centre",
        "with a bias",
        "from 1 label about the centre",
        "from 1 label",
        "from 1 label with a bias",
        "from 10 labels about the centre",
        "from 10 labels",
        "from 10 labels with a bias",
    ]


def test_rows_are_asked_of_those_of_several_tables_that_have_them():
    found = [tables.get("axis-faces"), tables.get("axis-w300")]
    asked = selection.rows_of_each(found, ["Attributes", "Ours"])
    assert [(table.name, names) for table, names in asked] == [
        ("axis-faces", ["Attributes", "Ours"]),
        ("axis-w300", ["Ours"]),
    ]
    assert [table.name for table, _ in selection.rows_of_each(found, ["Attributes"])] == ["axis-faces"]
    for wrong, said in (
        (["Our"], "rows: unknown row 'Our'; known: Supervised, Attributes, ELT"),
        ("Ours", "rows: 'Ours' is not a list"),
    ):
        with pytest.raises(UserError, match=said):
            selection.rows_of_each(found, wrong)
