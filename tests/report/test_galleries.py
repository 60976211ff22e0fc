"""What galleries show: which runs and images, their labels, and a sentence where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import made

from landmarklib import loading, tables
from landmarklib.core import metrics
from landmarklib.core.types import Annotations, Crop
from landmarklib.datasets import aflw, mtfl
from landmarklib.formats import archive
from landmarklib.loading import at_hand
from landmarklib.records import query, record
from landmarklib.report import galleries

QUICKSTART, FACES = tables.get("quickstart"), tables.get("mtfl")
RUNS, RECORDS = query.read(QUICKSTART, "live")
ROWS = [row.name for row in QUICKSTART.rows]
COUNTS = {"train": 18, "val": 2, "test": 6}
KINDS = ["fixed"] * 4 + ["best", "median"] + ["worst"] * 3
pytestmark = pytest.mark.usefixtures("tables_read")


@pytest.fixture(autouse=True)
def close():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root, for an MTFL of few faces."""
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    monkeypatch.setattr(mtfl, "DATASET", replace(mtfl.DATASET, counts=COUNTS, ids={}))
    loading.forget()
    yield tmp_path
    loading.forget()


@pytest.fixture
def faces(root) -> Annotations:
    """The test faces of such an archive."""
    (root / "mtfl").mkdir()
    mtfl.write_standin(root / "mtfl", COUNTS)
    return loading.split("mtfl", "test", Crop(size_of(FACES)))


def size_of(table: tables.Table) -> int:
    return table.experiments([0.01], [0], ["RCN+ (L)"], "smoke")[0].size


def run(test: Annotations, row: str = "RCN+ (L)", fraction: float = 0.01, off: float = 2.0, **changes) -> record.Record:
    """A run whose points are all so many pixels too far right; 2 more for each further entry of its gallery."""
    (e,) = FACES.experiments([fraction], [0], [row], "smoke")
    entries = []
    for i, kind in enumerate(KINDS):
        points = test.points[i % len(test)] + np.array([off + 2 * i, 0])
        entries.append({"kind": kind, "index": i % len(test), "error_px": off + 2 * i, "points": points.tolist()})
    return made(e, **{"gallery": tuple(entries), **changes})


def labels(figure) -> list[str]:
    """What stands beside each line of images."""
    return [text for axis in figure.axes if (text := axis.get_ylabel())]


def titles(figure) -> list[str]:
    return [axis.get_title() for axis in figure.axes]


def said(figure) -> str:
    """The sentence of a picture without images, which a notebook shows only if it has axes."""
    (text,), (axis,) = figure.texts, figure.axes
    assert not axis.has_data()
    return " ".join(text.get_text().split())


def test_runs_are_found_by_row_fraction_and_seed():
    found = galleries.runs_of(RECORDS, [*ROWS, "no such row"], 0.05)
    assert [(r.experiment.row, r.experiment.fraction) for r in found] == [(row, 0.05) for row in ROWS]
    assert galleries.runs_of(RECORDS, ROWS, 0.05, seed=9) == []


def test_cells_that_have_no_run_are_left_out_and_the_others_keep_their_order():
    asked = [(ROWS[1], 0.2), ("no such row", 0.05), (ROWS[0], 0.05), (ROWS[0], 0.5)]
    found = galleries.of_cells(RECORDS, asked)
    assert [(r.experiment.row, r.experiment.fraction) for r in found] == [(ROWS[1], 0.2), (ROWS[0], 0.05)]


def test_best_and_worst_are_by_validation():
    def reached(error: float) -> record.Record:
        return replace(RECORDS[0], curve=({"step": 1, "validation": {"error_px": error}},))

    records = [reached(2.0), reached(1.0), reached(3.0)]
    row = records[0].experiment.row
    assert galleries.best(records, row) is records[1] and galleries.worst(records, row) is records[2]
    assert galleries.best(records, "no such row") is None and galleries.worst([], row) is None


def test_a_gallery_shows_each_image_cut_to_truth_and_prediction():
    runs = galleries.runs_of(RECORDS, ROWS, 0.05)
    figure = galleries.gallery(QUICKSTART, runs)
    assert len(figure.axes) == 2 * 4
    for axis, entry in zip(figure.axes, [g for r in runs for g in r.gallery if g["kind"] == "fixed"], strict=True):
        points = np.array(entry["points"])
        (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
        assert (points > (left, top)).all() and (points < (right, bottom)).all()
        assert right - left == pytest.approx(bottom - top) and right - left <= 45
        assert axis.get_title() == f"{entry['error_px']:.1f} px"


def test_lines_say_their_label_fraction_where_it_differs(faces):
    few, all_labels = run(faces), run(faces, "RCN (L)", 1.0)
    figure = galleries.gallery(FACES, [all_labels, few])
    assert labels(figure) == ["RCN\n(L)\n100% labelled", "RCN+\n(L)\n1% labelled"]
    assert labels(galleries.gallery(FACES, [few, run(faces, "RCN+ (L+A)")])) == ["RCN+\n(L)", "RCN+\n(L+A)"]


def test_errors_are_those_of_the_table_where_it_divides_them_by_a_length(faces):
    r = run(faces)
    nme = 100 * np.arange(2, 10, 2) / faces.normalizer[:4]
    assert titles(galleries.gallery(FACES, [r])) == [f"{value:.1f}%" for value in nme]
    assert metrics.base(FACES.metrics[0]) == "nme_percent"


def test_several_kinds_stand_side_by_side_and_are_named(faces):
    found = titles(galleries.gallery(FACES, [run(faces)], ["median", "worst"]))
    assert [title.split(":")[0] for title in found] == ["median", "worst", "worst", "worst"]


def test_a_run_that_is_not_computed_is_left_out(faces):
    figure = galleries.gallery(FACES, [None, run(faces), run(faces, "RCN (L)", 1.0, gallery=())])
    assert labels(figure) == ["RCN+\n(L)"]


@pytest.mark.parametrize(
    "draw", [lambda: galleries.gallery(QUICKSTART, [None]), lambda: galleries.probability_maps(QUICKSTART, None)]
)
def test_a_picture_without_runs_says_so(draw):
    assert "no" in said(draw()).lower()


def test_limbs_join_points_that_count_in_truth_and_prediction_where_they_are_asked_for(faces):
    """MTFL's skeleton has five lines; four of them end at the third point."""
    r = run(faces)

    def limbs(**more) -> list:
        axis = galleries.gallery(FACES, [r], **more).axes[0]
        return [line for line in axis.get_lines() if line.get_alpha() == galleries.LIMB]

    assert limbs() == [] and len(limbs(limbs=True)) == 2 * 5
    a, b = faces.points[r.gallery[0]["index"]][[0, 2]]
    of_truth, of_prediction = limbs(limbs=True)[0], limbs(limbs=True)[5]
    assert np.allclose(of_truth.get_xydata(), [a, b])
    assert np.allclose(of_prediction.get_xydata(), np.stack([a, b]) + np.array([2, 0]))


def test_a_limb_needs_both_of_its_ends(monkeypatch):
    test = Annotations(
        np.zeros((1, 1, 9, 9), np.uint8),
        np.full((1, 5, 2), 4.0),
        np.array([[True, True, False, True, True]]),
        ("a",),
        {},
    )
    import matplotlib.pyplot as plt

    axis = plt.figure().add_subplot()
    galleries._draw(axis, test, {"index": 0, "points": np.full((5, 2), 5.0).tolist()}, mtfl.DATASET.skeleton)
    assert sum(line.get_alpha() == galleries.LIMB for line in axis.get_lines()) == 2


def test_points_that_do_not_count_are_not_shown(monkeypatch):
    """Neither marked nor in what the image is cut to; the image has colours, and marks of many points are smaller."""
    points, visible = np.random.default_rng(0).uniform(10, 20, (1, 60, 2)), np.ones((1, 60), bool)
    points[0, 7], visible[0, 7] = np.nan, False
    test = Annotations(np.zeros((1, 3, 32, 32), np.uint8), points.astype(np.float32), visible, ("a",))
    found = test.points[0] + 1.0
    found[7] = 1000.0
    entry = {"kind": "fixed", "index": 0, "error_px": 2**0.5, "points": found.tolist()}
    (few,) = galleries.runs_of(RECORDS, ROWS[:1], 0.05)
    monkeypatch.setattr(query, "test_images", lambda r: test)
    (axis,) = galleries.gallery(QUICKSTART, [replace(few, gallery=(entry,))]).axes
    truth, prediction = axis.collections
    assert len(truth.get_offsets()) == len(prediction.get_offsets()) == 59 and axis.get_xlim()[1] < 32
    assert axis.images[0].get_array().shape == (32, 32, 3)
    assert truth.get_sizes()[0] < galleries.MARKS[0][1]


def test_predictions_are_the_same_images_of_all_and_the_hard_ones_of_some(faces):
    records = [run(faces), run(faces, "RCN (L)", 1.0)]
    cells = [("RCN+ (L)", 0.01), ("RCN (L)", 1.0), ("RCN+ (L)", 1.0)]
    same, hard = galleries.predictions(FACES, records, cells, hard=cells[:1])
    assert len(labels(same)) == 2 and labels(hard) == ["RCN+\n(L)"]
    assert titles(hard)[0].startswith("median") and titles(same)[0].endswith("%")


def test_predictions_without_any_run_are_one_sentence():
    (figure,) = galleries.predictions(FACES, [], [("RCN+ (L)", 0.01)], hard=[("RCN+ (L)", 0.01)])
    assert said(figure) == "The runs of this picture are not computed yet."


def test_predictions_on_photos_that_are_not_here_are_one_sentence(faces, root, monkeypatch):
    r = run(faces)
    monkeypatch.setenv("LANDMARKLIB_DATA", str(root / "empty"))
    loading.forget()
    (figure,) = galleries.predictions(FACES, [r], [("RCN+ (L)", 0.01)], hard=[("RCN+ (L)", 0.01)])
    assert said(figure) == f"The photos of MTFL are not on this machine. {mtfl.DATASET.obtain}"


@pytest.mark.parametrize("change", ["other points", "fewer images", "no photo"])
def test_images_that_are_not_those_of_the_run_are_not_shown(faces, root, change):
    r = run(faces)
    moved = tuple({**g, "error_px": g["error_px"] + 1} for g in r.gallery)
    far = tuple({**g, "index": 9} for g in r.gallery)
    if change == "no photo":
        loading.forget()
        for photo in root.rglob("*.jpg"):
            photo.write_bytes(b"")
    gallery = {"other points": moved, "fewer images": far}.get(change, r.gallery)
    found = said(galleries.gallery(FACES, [replace(r, gallery=gallery)]))
    assert found.startswith("The test images of MTFL that are here cannot be read, or are not those of these runs")
    assert str(root) not in found


def test_a_large_stand_in_is_never_drawn_for_a_picture(root, monkeypatch):
    def refuse(*_):
        raise AssertionError("it is drawn")

    monkeypatch.setattr(aflw, "DATASET", replace(aflw.DATASET, write_standin=refuse))
    table = tables.get("aflw").variants()["stand-in"]
    _, records = query.read(table, "cpu")
    (figure,) = galleries.predictions(table, records, [("RCN+ (L)", 0.01)], hard=[("RCN+ (L)", 0.01)])
    assert said(figure) == at_hand.lacking("stand-in-aflw") != ""
