"""What an experiment may ask of a method, and what a step of it costs. No method is run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small import experiment, fake

from landmarklib import loading, methods
from landmarklib.core import costs
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Term
from landmarklib.core.stages import Regressor
from landmarklib.methods import seq_mt


def staged(first: dict | None = None, second: dict | None = None, evaluation: dict | None = None, **more) -> Experiment:
    """An experiment of two stages. first, second: their changes; evaluation: its own; more: of the experiment."""
    e = experiment()
    stages = (replace(e.stages[0], **{"name": n, **(c or {})}) for n, c in (("first", first), ("second", second)))
    return replace(e, stages=tuple(stages), evaluation=replace(e.evaluation, **evaluation or {}), **more)


def alone(evaluation: dict | None = None, stage: dict | None = None, **more) -> Experiment:
    """The same of one stage."""
    e = experiment()
    changed = replace(e.evaluation, **evaluation or {})
    return replace(e, stages=(replace(e.stages[0], **stage or {}),), evaluation=changed, **more)


def rates(**factors: float) -> dict:
    return {"optimizer": replace(experiment().stages[0].optimizer, rates=factors)}


TERMS = "landmarks, classes, angles, elt"
MISFITS = {
    "option": (
        alone(options={"no-such": 1}),
        f"seq_mt: unknown option 'no-such'; known: {', '.join(seq_mt.METHOD.options)}",
    ),
    "term": (alone(stage={"weights": {"no-such": 1.0}}), f"seq_mt: unknown loss term 'no-such'; known: {TERMS}"),
    "term of no weight": (
        staged(second={"weights": {"landmarks": 1.0, "no-such": 0.0}}),
        f"seq_mt: stage second: unknown loss term 'no-such'; known: {TERMS}",
    ),
    "onset": (
        staged(first={"onset": {"no-such": 0.5}}),
        "seq_mt: stage first: unknown onset of the loss term 'no-such'; known: landmarks",
    ),
    "group with a rate": (alone(stage=rates(body=2.0)), "seq_mt: unknown group of parameters 'body'; known: head"),
    "group that is trained": (
        staged(second={"trains": "body"}),
        "seq_mt: stage second: unknown group of parameters 'body'; known: head",
    ),
    "group of a method without": (
        alone(stage={"trains": "head"}, method="comm_mt"),
        "comm_mt: unknown group of parameters 'head'; known: none",
    ),
    "no term": (
        staged(second={"weights": {"landmarks": 0.0}}),
        f"seq_mt: stage second: no loss term has a weight; known: {TERMS}",
    ),
    "no labelled images": (
        alone(stage={"batch": 0}),
        "seq_mt: batch is 0, and the loss term 'landmarks' needs labelled images",
    ),
    "no unlabelled images": (
        staged(first={"weights": {"elt": 1.0}, "batch_unlabelled": 0}),
        "seq_mt: stage first: batch_unlabelled is 0, and the loss term 'elt' needs such images",
    ),
    "no images": (
        alone(stage={"weights": {"classes": 1.0}, "batch": 0, "batch_unlabelled": 0}),
        "seq_mt: batch and batch_unlabelled are both 0; a step takes at least one image",
    ),
    "no measurement": (
        staged(second={"n_evaluations": 0}),
        "seq_mt: n_evaluations is 0; the last stage is measured on validation images",
    ),
    "readout without points": (
        alone({"readout": "matched"}, {"weights": {"classes": 1.0}}, method="from_points"),
        "from_points: readout 'matched', and the method predicts no points",
    ),
    "landmarks without labels": (
        alone({"readout": "matched"}, fraction=0.0),
        "seq_mt: fraction is 0, and the loss term 'landmarks' needs labelled images",
    ),
    "nothing to begin with": (
        alone(stage={"weights": {"landmarks": 1.0}, "onset": {"landmarks": 0.25}}),
        "seq_mt: every loss term has an onset above 0; the first steps would learn nothing",
    ),
    "regressed without labels": (
        alone({"readout": "regressed"}, {"weights": {"elt": 1.0}, "batch": 0}, fraction=0.0),
        "seq_mt: readout 'regressed' needs labelled images, and fraction is 0",
    ),
    "named without labels": (
        alone(stage={"weights": {"elt": 1.0}, "batch": 0}, fraction=0.0),
        "seq_mt: readout 'named', and no image has a landmark; matched fits",
    ),
    "more landmarks than cells": (
        alone(method="fse", options={"n_landmarks": 5}),
        "fse: n_landmarks 5; maps of 16 px images have 4 cells for them, pooled",
    ),
    "one name for two stages": (
        staged(second={"name": "first"}),
        "seq_mt: stages first, first; each needs a name of its own",
    ),
    "unknown method": (
        alone(method="no-such"),
        f"unknown method 'no-such'; known: {', '.join(methods.names())}",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_misfit_of_experiment_and_method_is_refused_in_one_line(misfit):
    wrong, line = MISFITS[misfit]
    with pytest.raises(UserError) as refusal:
        methods.check(wrong)
    assert str(refusal.value) == line


@pytest.mark.parametrize(
    "method, options, size, cells",
    [
        ("fse", {"pool": 5}, 80, 8 * 8),
        ("fse", {"pool": 3}, 48, 8 * 8),
        ("fse", {"pool": 5}, 48, 5 * 5),  # what is left at the edges is a cell
        ("two_step", {"pool": 8, "stride": 1}, 64, 8 * 8),
        ("two_step", {"pool": 8, "stride": 2}, 48, 3 * 3),
        ("imm", {}, 128, 16 * 16),
        ("imm", {}, 16, 8 * 8),
    ],
)
def test_maps_have_a_cell_for_each_landmark(method, options, size, cells):
    found = methods.get(method)
    assert found.cells(methods.complete(found, options), size) == cells
    network = found.build(loading.get("blocks"), size, methods.complete(found, options), torch.Generator())
    maps = found.predict(network.eval(), torch.zeros(1, 1, size, size), found.options).maps
    pooled = F.avg_pool2d(maps, options.get("pool", 1), ceil_mode=True)
    assert pooled[0, 0].numel() == cells


@pytest.mark.parametrize(
    "labelled, regressor, jittered, samples",
    [
        (20, {}, False, 20),
        (21, {}, False, None),
        (1, {"ridge": 0.1}, False, None),
        (100, {"few": (5, 50)}, False, 5),
        (20, {"views": 16}, False, 20),  # the same image 16 times
        (5, {"views": 16}, True, 20),
        (6, {"views": 16}, True, None),
        (11, {"views": 2}, True, None),
        (20, {}, True, 20),  # without views it is seen as it is
        (6, {"views": 16, "split": "val"}, True, 6),  # validation images are not jittered
    ],
)
def test_a_map_of_more_coefficients_than_samples_needs_a_ridge(labelled, regressor, jittered, samples):
    """Of ten outputs: 20 coordinates and a bias."""
    fitted, least = Regressor(**regressor), min(labelled, *regressor.get("few", (labelled,)))
    images = {"train": 0, "val": 0, fitted.split: labelled}
    if samples is None:
        fitted.check(images, 10, jittered)
        return
    words = rf"^regressor: ridge is 0, and the fewest labels \({least}\) give too few samples \({samples}\) for 21 coe"
    with pytest.raises(UserError, match=words):
        fitted.check(images, 10, jittered)


def test_no_map_is_fitted_on_more_labels_than_there_are():
    e = alone({"readout": "regressed", "images": 50, "regressor": Regressor(ridge=1.0, few=(10, 60), split="val")})
    with pytest.raises(UserError, match=r"^regressor: few has 60; there are 50 labelled val images$"):
        methods.check_data(e, loading.get("blocks"))


def test_the_regressor_of_an_experiment_is_checked_with_its_data():
    e = alone({"readout": "regressed", "regressor": Regressor(few=(1,))})
    with pytest.raises(UserError, match=r"^regressor: ridge is 0, .* \(1\) .* \(1\) for 11 coefficients"):
        methods.check_data(e, loading.get("blocks"))
    methods.check_data(replace(e, evaluation=replace(e.evaluation, readout="matched")), loading.get("blocks"))


def test_a_term_with_a_teacher_needs_its_decay_in_its_own_stage(monkeypatch):
    asking = {**seq_mt.METHOD.terms, "elt": replace(seq_mt.METHOD.terms["elt"], teacher=True)}
    monkeypatch.setattr(seq_mt, "METHOD", replace(seq_mt.METHOD, terms=asking))
    weights = {"landmarks": 1.0, "elt": 1.0}
    for first in ({}, {"ema": 0.9}):
        with pytest.raises(UserError) as refusal:
            methods.check(staged(first=first, second={"weights": weights}))
        assert str(refusal.value) == "seq_mt: stage second: ema is 0, and the loss term 'elt' needs a teacher"
    methods.check(staged(second={"weights": weights, "ema": 0.9}))


def test_any_network_may_be_averaged():
    methods.check(alone(stage={"ema": 0.9}))


def test_outputs_without_names_are_regressed_or_matched(monkeypatch):
    monkeypatch.setattr(seq_mt, "METHOD", replace(seq_mt.METHOD, named=False))
    with pytest.raises(UserError, match=r"^seq_mt: readout 'named', and its outputs have no names; regressed fits$"):
        methods.check(alone())
    assert [methods.default_readout(seq_mt.METHOD, fraction) for fraction in (0.5, 0.0)] == ["regressed", "matched"]


@pytest.mark.parametrize(
    "fits",
    [
        alone(stage={"weights": {"landmarks": 1.0, "elt": 0.0}, "batch_unlabelled": 0}),
        alone(stage={"weights": {"elt": 1.0}, "batch": 0}),
        alone({"readout": "matched"}, {"weights": {"elt": 1.0}, "batch": 0}, fraction=0.0),
        alone(stage={"weights": {"elt": 1.0}, "batch_unlabelled": 0}, options={"elt_on_all": True}),
        alone({"readout": "regressed"}),
        alone(stage=rates(head=2.0)),
        alone(stage={"weights": {"classes": 1.0}}, method="from_points"),
        staged(first={"n_evaluations": 0, "trains": "head"}),
    ],
)
def test_what_fits_is_let_through(fits):
    methods.check(fits)


@pytest.mark.parametrize("term, wanted", [("classes", "angle"), ("angles", "class")])
def test_a_term_that_teaches_an_attribute_needs_one_of_its_kind(term, wanted):
    dataset = replace(loading.get("blocks"), attributes={"class": 15, "angle": 0})
    other = {"angle": "class", "class": "angle"}[wanted]
    wrong, right = (alone(stage={"weights": {term: 1.0}}, options={"attributes": [name]}) for name in (wanted, other))
    methods.check_attributes(right, dataset)
    with pytest.raises(
        UserError, match=f"^seq_mt: the loss term '{term}' needs an attribute with {term} in the options$"
    ):
        methods.check_attributes(wrong, dataset)


def test_an_attribute_is_not_learnt_from_images_in_a_mirror():
    dataset, options = loading.get("blocks"), {"attributes": ["class"], "mirrored": 0.5}
    right = alone(stage={"weights": {"heatmaps": 1.0}}, method="hrnet", options=options)
    methods.check_attributes(right, dataset)
    wrong = alone(stage={"weights": {"classes": 1.0}}, method="hrnet", options=options)
    with pytest.raises(UserError, match=r"^hrnet: the loss term 'classes' learns no .* mirror; mirrored = 0$"):
        methods.check_attributes(wrong, dataset)


def test_options_are_the_defaults_with_changes():
    method = fake(options={"a": 1, "b": [2]})
    assert methods.complete(method, {"b": [3]}) == {"a": 1, "b": [3]}
    assert method.options == {"a": 1, "b": [2]}
    with pytest.raises(UserError, match=r"^fake: unknown option 'c'; known: a, b$"):
        methods.complete(method, {"c": 1})


COSTS = fake(
    terms={
        "near": Term("labelled"),
        "again": Term("labelled", passes=1),
        "far": Term("unlabelled", passes=2),
        "both": Term("all", passes=3),
        "free": Term("all"),
        "either": Term("unlabelled", passes=1, all_if="on_all"),
    },
    options={"on_all": False},
)


@pytest.mark.parametrize(
    "terms, on_all, images",
    [
        (["near"], False, 8 + 5),
        (["near", "free"], False, 8 + 5),
        (["again"], False, 8 + 5 + 8),
        (["far"], False, 8 + 5 + 2 * 5),
        (["both"], False, 8 + 5 + 3 * 13),
        (["either"], False, 8 + 5 + 5),
        (["either"], True, 8 + 5 + 13),
        (["near", "again", "far", "both", "either"], True, 13 + 8 + 10 + 39 + 13),
    ],
)
def test_images_that_a_step_processes_by_hand(terms, on_all, images):
    """A step of 8 labelled and 5 unlabelled images: each goes through once for all terms, then as often as each term
    says.
    """
    assert costs.of_step(COSTS, terms, {"on_all": on_all}, 8, 5) == images


@pytest.mark.parametrize(
    "terms, on_all, taken",
    [([], False, False), (["near", "again"], True, False), (["near", "free"], False, True), (["either"], False, True)],
)
def test_unlabelled_images_are_taken_along_for_a_term_that_sees_them(terms, on_all, taken):
    assert costs.takes_unlabelled(COSTS, terms, {"on_all": on_all}) == taken
