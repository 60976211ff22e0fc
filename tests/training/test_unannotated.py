"""Runs on images without annotated landmarks, from training to the picture: they are measured by what they do alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarklib import loading, methods, tables
from landmarklib.core.method import Method, Prediction
from landmarklib.core.types import Crop
from landmarklib.datasets import mnist_3, zappos
from landmarklib.formats import archive
from landmarklib.nets.forms import Form
from landmarklib.pages import table_page
from landmarklib.records import distributions, query, record
from landmarklib.report import claims, comparison, discovered, galleries
from landmarklib.training import compute, prediction, turned
from landmarklib.training.state import Data, TrainState

TABLE, SHOES = tables.get("digits-3"), tables.get("shoes")
ROW = "FSE, 7 landmarks"
SIZE = 32


@pytest.fixture(scope="module", autouse=True)
def archives(tmp_path_factory, tables_read):
    """Few images of a digit, and few shoes."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "BESIDE", root / "nowhere")
        patch.setenv("LANDMARKLIB_DATA", str(root))
        for module, n in (
            (mnist_3, {"train": 40, "val": 10, "test": 12}),
            (zappos, {"train": 500, "val": 0, "test": 0}),
        ):
            folder = root / module.DATASET.folder
            folder.mkdir()
            counts = {split: len(listing) for split, listing in module.DATASET.write_standin(folder, n).items()}
            patch.setattr(module, "DATASET", replace(module.DATASET, counts=counts, ids={}))
        loading.forget()
        yield
    loading.forget()


def computed(table: tables.Table, row: str) -> record.Record:
    """A run of a table on these."""
    budget = replace(table.budgets["smoke"], images=32, train_images=0, test_images=0, evaluation_images=4)
    small = replace(table, budgets={**table.budgets, "smoke": budget})
    (e,) = small.experiments(seeds=[0], rows=[row], budget="smoke")
    (found,) = compute.run([e], form=Form())
    return found


@pytest.fixture(scope="module")
def done(archives) -> record.Record:
    return computed(TABLE, ROW)


def test_shoes_are_learnt_from_and_shown_on_white(archives):
    import matplotlib.pyplot as plt

    r = computed(SHOES, "FSE, 8 landmarks")
    assert r.status == "done" and set(r.metrics) == {"equivariance_px", "equivariance_ratio"}
    figure = discovered.turned([r])
    assert [axis.get_facecolor()[:3] for axis in figure.axes] == [(1.0, 1.0, 1.0)] * 5
    plt.close("all")


def test_a_record_has_the_metrics_of_the_method_alone(done, tmp_path):
    assert done.status == "done" and set(done.metrics) == {"equivariance_px", "equivariance_ratio"}
    assert all(set(point["validation"]) == set(done.metrics) for point in done.curve)
    errors = distributions.unpacked(done.errors)
    assert len(errors) == done.metrics["equivariance_px"]["n"] == 12
    assert errors.mean() == pytest.approx(done.metrics["equivariance_px"]["mean"], abs=0.02)
    assert len(done.quantiles) == 21 and errors.max() == pytest.approx(done.quantiles[-1], abs=0.02)
    assert done.data["n_labelled"] == 0 and done.assignment == ()
    path = record.save(done, tmp_path)
    assert record.load(path).gallery == done.gallery


def test_a_gallery_has_the_landmarks_on_images_and_on_one_image_turned(done):
    kinds = [g["kind"] for g in done.gallery]
    assert kinds == ["fixed"] * 4 + ["best", "median"] + ["worst"] * 3 + ["turned"] * 4
    assert [g["degrees"] for g in done.gallery if g["kind"] == "turned"] == list(turned.DEGREES)
    assert all(np.shape(g["outputs"]) == (7, 2) and g["points"] == [] for g in done.gallery)
    assert {g["index"] for g in done.gallery if g["kind"] == "turned"} == {0}


def test_its_pictures_and_its_page_are_drawn(done):
    import matplotlib.pyplot as plt

    table, runs = TABLE, record.frame([done])
    assert galleries.lacking(done) == "" and query.test_images(done).points.shape == (12, 0, 2)
    for figure, columns in ((discovered.discovered([done, None]), 4), (discovered.turned([done]), 5)):
        assert [len(axis.collections) for axis in figure.axes] == [7] * columns
        assert all(axis.has_data() for axis in figure.axes)
    (text,) = galleries.gallery(table, [done]).texts
    assert "have no annotated landmarks" in " ".join(text.get_text().split())
    plt.close("all")
    verdicts = claims.evaluate(table, runs)
    page = table_page.overview(table, runs, [done], verdicts) + table_page.details(table, runs, [done], verdicts)
    assert "labelled" not in comparison.side_by_side([(table, runs), (replace(table, name="again"), runs)])
    assert f"{done.metrics['equivariance_px']['mean']:.2f}" in page and "landmarklib notebook digits seeds=0" in page


class Centroid(torch.nn.Module):
    """Finds the middle of what is bright: it follows the image exactly."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        n, side = len(images), images.shape[-1]
        axis = (2 * torch.arange(side) + 1) / side - 1
        mass = images.sum(1)
        total = mass.sum((1, 2))
        return (
            torch.stack([(mass.sum(1) * axis).sum(1), (mass.sum(2) * axis).sum(1)], 1).div(total[:, None]).view(n, 1, 2)
        )


def test_outputs_that_turn_with_the_image_have_no_error(done):
    """Turned by 30 degrees from x towards y about the centre, (r, 0) goes to (r cos 30, r sin 30)."""
    method: Method = replace(methods.get("fse"), predict=lambda module, images, options: Prediction(module(images)))
    image = np.zeros((1, SIZE, SIZE), np.uint8)
    image[0, 14:18, 22:26] = 255  # centre at (23.5, 15.5), 8 pixels right of the image's
    nothing = torch.zeros(1, 0, 2)
    data = Data(torch.from_numpy(image[None]), nothing, nothing[..., 0].bool(), torch.zeros(1).bool(), nothing[..., 0])
    run = TrainState(done.experiment, Centroid(), data, torch.Generator())
    found = prediction.predict(run.predictor, method, image[None], {}, torch.device("cpu")).points[0]
    entries = turned.gallery(run, method, {}, image, found)
    for entry in entries:
        angle = np.deg2rad(entry["degrees"])
        assert entry["error_px"] < 0.05
        assert entry["outputs"][0] == pytest.approx([15.5 + 8 * np.cos(angle), 15.5 + 8 * np.sin(angle)], abs=0.1)


def test_a_picture_is_turned_as_its_image_was(done):
    """matplotlib's transform takes a point where `warps` moves it."""
    from landmarklib.core import coords, warps
    from landmarklib.report import style

    point = torch.tensor([[[25.0, 9.0]]])
    matrix = warps.similarity(torch.tensor([0.5]), torch.ones(1), torch.zeros(1, 2))
    moved = coords.to_pixels(warps.move(coords.to_norm(point, (SIZE, SIZE)), matrix), (SIZE, SIZE))
    assert style.turn(SIZE, np.rad2deg(0.5)).transform(point[0, 0].tolist()) == pytest.approx(
        moved[0, 0].tolist(), abs=1e-4
    )


def test_images_of_a_digit_have_no_points():
    a = loading.split("mnist_3", "test", Crop(SIZE))
    assert a.points.shape == (12, 0, 2) and prediction.main(a) == "equivariance_px"
