"""Where numbers come from, and the runs that readers are warned of."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from experiments import changed
from made import BLOCKS, HANDS, failed, hands, made, rows_of, some

from landmarklib import tables
from landmarklib.pages import table_page
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.report import provenance


def test_provenance_names_data_device_commit_cost_and_what_is_stale():
    records = [*some(8.0, 9.0, warnings=("map 0 is dead",)), *[failed(r.experiment) for r in some(0.0, fraction=0.5)]]
    shown = rows_of(provenance.origin(BLOCKS, records))
    assert shown["runs"] == ["3, of which 1 failed"] and shown["seeds"] == ["0, 1"]
    assert shown["data"] == ["paper tier, fingerprint f00"]
    assert shown["device"] == ["CPU"] and shown["commit"] == ["abc"] and shown["date"] == ["2026-01-02"]
    assert shown["training time"] == ["0.03 h in all, 36 s a run"]
    assert shown["flagged"][0].startswith("2 runs") and shown["versions since then"] == ["3 stale"]


def test_how_long_runs_took_is_read_from_their_records():
    first, *others = some(8.0, 9.0, 7.0, 6.0, 5.0)
    assert provenance.took([first]) == "36 s a run"
    times = [99.4, 100.0, 150.0, 1065.0]
    others = [replace(r, seconds=seconds) for r, seconds in zip(others, times, strict=True)]
    assert provenance.took(others) == "99 s to 18 min a run, the median 2 min"
    text = re.sub(r"<[^>]*>", "", table_page.bookkeeping(BLOCKS, record.frame(others), others))
    assert "training took 99 s to 18 min a run, the median 2 min." in text


def test_runs_that_ended_with_broken_maps_are_warned_of():
    *sound, last = some(8.0, 9.0, 7.0, 6.0)
    broken = replace(last, warnings=("map 0 is dead: it is constant",))
    (text,) = provenance.warn_locked([*sound, broken])
    assert text.startswith("<b>Beware:</b> 1 of 4 runs ended")
    assert provenance.warn_locked(sound) == provenance.warn_locked([]) == provenance.warn_collapsed([broken]) == []
    runs = record.frame([*sound, broken])
    assert text in table_page.bookkeeping(BLOCKS, runs, [*sound, broken])


def test_collapsed_landmarks_are_warned_of_row_by_row():
    *sound, last = some(8.0, 9.0, 7.0, 6.0)
    line = "by 20,000 images: landmarks 0, 3 do not move with the image (equivariance ratio 0.97)"
    records = [*sound, replace(last, warnings=(line,))]
    (text,) = provenance.warn_collapsed(records)
    assert f"landmarks have collapsed in {last.experiment.row} (1 of 4 runs): some do not move with the image" in text
    assert provenance.warn_locked(records) == provenance.warn_collapsed(sound) == provenance.warn_collapsed([]) == []
    assert "In 1 of these runs that was so early, and no more at the end." in text
    (still,) = provenance.warn_collapsed(
        [*sound, replace(last, warnings=(line, line.removeprefix("by 20,000 images: ")))]
    )
    assert "no more at the end" not in still
    assert text in table_page.bookkeeping(BLOCKS, record.frame(records), records)
    assert line in provenance.flagged(records)
    assert "1 runs with dead or saturated maps or collapsed landmarks" in provenance.origin(BLOCKS, records)


def test_outliers_of_a_cell_are_warned_of():
    records = [*some(8.0, 9.0, 18.1), *some(8.0, 30.0, fraction=0.5), *some(8.0, 9.0, 17.9, fraction=0.2)]
    assert provenance.outliers(records) == {records[2].key: "its error is 2.0 times the median of its cell's 3 seeds"}
    (text,) = provenance.warn_outliers(records)
    assert "in 1 of 8 runs" in text and text in table_page.bookkeeping(BLOCKS, record.frame(records), records)
    assert records[2].key in provenance.flagged(records) and records[7].key not in provenance.flagged(records)
    assert provenance.outliers(records[3:]) == {} and provenance.warn_outliers(records[3:]) == []
    assert "none is an outlier" in provenance.flagged(records[3:])


def test_runs_whose_form_was_chosen_by_timing_are_warned_of():
    timed = some(8.0, 9.0)
    listed = [replace(r, provenance={**r.provenance, "form_chosen": "listed"}) for r in some(7.0, 6.0, 5.0)]
    (text,) = provenance.warn_timed_forms([*timed, *listed])
    assert "in 2 of 5 runs the form of the convolutions was chosen by timing" in text
    assert text in table_page.bookkeeping(BLOCKS, record.frame(timed + listed), [*timed, *listed])
    assert provenance.warn_timed_forms(listed) == provenance.warn_timed_forms([]) == []
    shown = rows_of(provenance.origin(BLOCKS, [*timed, *listed]))
    assert shown["that form was"] == ["looked up by kind of processor (3 runs), chosen by timing in the run (2 runs)"]


def test_a_share_of_right_answers_has_no_outliers():
    shares = [replace(r, experiment=changed(r.experiment, select="accuracy_percent")) for r in some(8.0, 9.0, 99.0)]
    assert provenance.outliers(shares) == {}


@pytest.mark.parametrize(("accuracy", "warns"), [(49.0, True), (51.0, False)])
def test_a_class_head_that_has_not_learnt_is_warned_of(accuracy, warns):
    rows = [*some(8.0, 9.0, row="Seq-MT (L+A)"), *some(8.0)]
    runs = record.frame(rows)
    runs["accuracy_percent"] = runs.accuracy_percent.where(runs.row == "Seq-MT (L)", accuracy)
    text = " ".join(provenance.warn_untrained_heads(BLOCKS, runs))
    assert (f"over all fractions: Seq-MT (L+A) {accuracy:.0f}%, chance 7%." in text) == warns and (
        "Beware" in text
    ) == warns


def test_a_class_head_that_always_gives_one_class_is_warned_of_where_that_is_often_right():
    table = tables.get("multipie")
    records = [made(e, 8.0) for e in table.experiments([0.05, 0.2], [0, 1, 2], ["Seq-MT (L+A)"])]
    runs = record.frame(records).assign(accuracy_percent=[46.0] * 3 + [46.0, 46.0, 60.0])
    (text,) = provenance.warn_untrained_heads(table, runs)
    said = "Seq-MT (L+A) with 5% labelled 46% (every seed always predicts one class), chance 17%."
    assert text.endswith(f"Expression accuracy: {said}")
    assert "20%" not in text
    (text,) = provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=46.0))
    assert "Seq-MT (L+A) with 5%, 20% labelled 46% (every seed" in text
    (text,) = provenance.warn_untrained_heads(
        table, runs.assign(accuracy_percent=runs.fraction.map({0.05: 17.5, 0.2: 20.0}) + runs.seed % 2)
    )
    assert text.endswith(": Seq-MT (L+A) with 5% labelled 18%, Seq-MT (L+A) with 20% labelled 20%, chance 17%.")
    assert provenance.warn_untrained_heads(table, runs[runs.seed < 2]) == []
    assert provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=100.0)) == []


def test_every_attribute_and_every_seed_is_looked_at_by_itself():
    table = tables.get("multipie")
    records = [made(e, 8.0) for e in table.experiments([1.0], [0, 1, 2], ["Seq-MT (L+A)"])]
    runs = record.frame(records).assign(**{"accuracy_percent": 60.0, "accuracy_percent of camera": [92.0, 90.0, 19.0]})
    (text,) = provenance.warn_untrained_heads(table, runs)
    assert text.endswith("Camera accuracy: Seq-MT (L+A) with 100% labelled 19% with 1 of 3 seeds, chance 20%.")
    (text,) = provenance.warn_untrained_heads(table, runs.assign(accuracy_percent=[20.0, 60.0, 22.0]))
    assert "Expression accuracy: Seq-MT (L+A) with 100% labelled 21% with 2 of 3 seeds, chance 17%." in text
    assert "Camera" in text


def test_a_class_head_on_photos_that_stayed_at_chance_is_warned_of_by_cell():
    told = hands("Seq-MT (L+A)", 0.05, nme_percent=50.0, accuracy_percent=70.0)
    assert provenance.warn_untrained_heads(HANDS, record.frame(told)) == []
    told += hands("Seq-MT (L+A)", 1.0, nme_percent=20.0, accuracy_percent=5.0)
    (text,) = provenance.warn_untrained_heads(HANDS, record.frame(told))
    assert text.endswith("Gesture accuracy: Seq-MT (L+A) with 100% labelled 5%, chance 4%.")
    assert "70%" not in text


def test_provenance_says_how_many_images_the_runs_saw_where_they_differ():
    table = tables.get("w300")
    few, many = (Record(experiment=e, status="done") for e in table.experiments([0.05, 1.0], [0], ["RCN+ (L)"], "cpu"))
    assert "cpu: 48,000 images seen" in provenance.origin(table, [few])
    assert "cpu: 48,000 or 96,000 images seen" in provenance.origin(table, [few, many])
