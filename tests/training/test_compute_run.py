"""From experiments to records: the same seed gives the same record, which says how it was made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from experiments import changed

from landmarklib import loading, tables
from landmarklib.core import subsets
from landmarklib.core.types import Crop
from landmarklib.nets import forms
from landmarklib.records import distributions, staleness
from landmarklib.training import autotune, compute, prediction

ROW = "Seq-MT (L)"


@pytest.mark.parametrize("dtype, exact", [(torch.bfloat16, forms.Form((1, 2))), (torch.float32, forms.Form((2, 2)))])
def test_test_images_are_predicted_in_the_form_that_is_fastest_in_float32(monkeypatch, dtype, exact):
    asked, seen, predict = [], [], prediction.predict

    def listed(*_):
        asked.append(True)
        return autotune.Choice("2x1 bfloat16", "1x2 float32")

    def noted(module, method, images, *rest):
        seen.append((len(images), module.localizer.stack.conv_form))
        return predict(module, method, images, *rest)

    monkeypatch.setattr(autotune, "choose", listed)
    monkeypatch.setattr(prediction, "predict", noted)
    (e,) = tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")
    compute.run(
        [changed(e, images=8, n_evaluations=1, evaluation_images=4, test_images=7)], form=forms.Form((2, 2), dtype)
    )
    assert {form for n, form in seen if n != 7} == {forms.Form((2, 2), dtype)}
    assert [form for n, form in seen if n == 7] == [exact]
    assert asked == [True] * (dtype == torch.bfloat16)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    e = tables.get("blocks").experiments([0.1], [3], ["Seq-MT (L+ELT+A)"], "smoke")[0]
    (first,), (again,) = (compute.run([e], form=forms.LITERAL) for _ in range(2))
    assert replace(again, seconds=first.seconds) == first
    (other,) = compute.run([replace(e, seed=4)], form=forms.LITERAL)
    assert other.metrics["error_px"]["mean"] != first.metrics["error_px"]["mean"]
    assert other.data["labelled"] != first.data["labelled"]
    assert other.data["fingerprint"] == first.data["fingerprint"]


@pytest.mark.parametrize("attribute, balanced", [("class", True), ("gesture", False)])
def test_labelled_images_are_balanced_by_the_attribute_that_is_named(attribute, balanced):
    (e,) = tables.get("blocks").experiments([0.1], [0], [ROW], "smoke")
    (r,) = compute.run([replace(e, balanced_by=attribute)], form=forms.LITERAL)
    train = loading.first(loading.split("blocks", "train", Crop(e.size)), e.train_images)
    chosen = subsets.label_subset(train.ids, 0.1, 0, train.attributes["class"] if balanced else None)
    assert r.data["labelled"] == subsets.ids_hash([train.ids[i] for i in chosen])


def test_the_record_of_a_run_says_how_it_was_made():
    (r,) = compute.run(tables.get("blocks").experiments([0.1], [0], [ROW], "smoke"), form=forms.LITERAL)
    assert (r.images_processed, r.data["tier"], r.data["n_labelled"]) == (64, "stand-in", 32)
    assert len(r.quantiles) == 21 and list(r.quantiles) == sorted(r.quantiles)
    errors = distributions.unpacked(r.errors)
    assert errors[0] == pytest.approx(r.gallery[0]["error_px"], abs=0.011)
    assert np.quantile(errors, np.linspace(0, 1, 21)) == pytest.approx(r.quantiles, abs=0.011)
    assert errors.mean() == pytest.approx(r.metrics["error_px"]["mean"], abs=0.011) and "auc_percent" not in r.metrics
    assert r.metrics["error_px"]["n"] == 64 and len(r.curve) == 2
    assert [g["kind"] for g in r.gallery] == ["fixed"] * 4 + ["best", "median"] + ["worst"] * 3
    assert staleness.staleness(r) == "current"
