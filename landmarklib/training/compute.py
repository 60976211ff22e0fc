"""One pack of runs, from experiments to records. The only function that trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from landmarklib import loading, methods
from landmarklib.core import subsets
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN
from landmarklib.records.record import Record
from landmarklib.training import autotune


def run(
    experiments: Sequence[Experiment],
    *,
    device: str = "cpu",
    form: Any = None,
    threads: int = 1,
    n_maps: int = 0,
    progress: Callable[[int], None] = lambda images: None,
    states: Sequence[dict[str, Any]] = (),
    keep: Callable[[list[dict[str, Any]]], None] | None = None,
) -> list[Record]:
    """Train a pack of runs, predict the test split with each, and say how good it is.

    experiments: they agree in `autotune.pack_key`.
    form: how convolutions are computed (`nets.forms.Form`); None takes what `autotune` lists for this network.
    threads: on a processor; another number of them gives other digits.
    n_maps: test images whose probability maps go into the record.
    states: where to go on from, a state of each run after the same number of steps.
    keep: gets such states now and then.
    Raises DataMissing where the data set is not on this machine, and UserError for an experiment that its method cannot
    do.
    """
    import torch

    from landmarklib.nets.forms import Form
    from landmarklib.training import numerics, train
    from landmarklib.training.evaluate_test import Computed, Trained, evaluate_test

    one, method = experiments[0], methods.get(experiments[0].method)
    methods.check(one)
    methods.check_attributes(one, loading.get(one.dataset))
    for name in one.others:
        loading.get(one.dataset).check_other(loading.get(name), one.jitter)
    options = methods.complete(method, one.options)
    splits = {name: loading.split(one.dataset, name, crop) for name, crop in loading.crops_of(one).items()}
    splits["train"] = loading.first(splits["train"], one.train_images)
    how = Computed(form, form, "given")
    if not form or form.dtype != torch.float32:  # test images are always in float32
        choice = autotune.choose(one, device)
        form = form or Form.from_text(choice.form)
        how = Computed(form, Form.from_text(choice.inference_form), "given" if how.form else choice.by)
    with numerics.settled(device, threads):
        runs = _begin(experiments, splits["train"], torch.device(device), form, states)
        train.train(runs, method, loading.first(splits["val"], one.evaluation.images), options, progress, keep)
        return [evaluate_test(Trained(r, method, options, splits, how, n_maps)) for r in runs]


def _begin(experiments: Sequence[Experiment], annotations: Any, device: Any, form: Any, states: Sequence[dict]) -> list:
    """Each run with its first weights and its labelled images. annotations: the training images."""
    import torch

    from landmarklib.nets import forms
    from landmarklib.training.state import TrainState, annotated

    one, method = experiments[0], methods.get(experiments[0].method)
    options, dataset, runs = methods.complete(method, one.options), loading.get(one.dataset), []
    images = torch.from_numpy(np.array(annotations.images)).to(device)
    others = _others(one, len(dataset.landmarks), len(methods.attributes(options)), device)
    partners = None
    if any(stage.pairs for stage in one.stages):
        partners = torch.from_numpy(subsets.partners(annotations.attributes[dataset.aligned])).to(device)
    for e, state in zip(experiments, states or [{}] * len(experiments), strict=True):
        share, classes = e.share(len(annotations.ids)), annotations.attributes.get(e.balanced_by)
        chosen = subsets.label_subset(annotations.ids, share, e.seed, classes)
        generator = torch.Generator().manual_seed(e.seed)
        module = method.build(dataset, e.size, options, generator).to(device)
        forms.set_form(module, form)
        margin = MARGIN if e.jitter else 1.0
        data = annotated(annotations, torch.from_numpy(chosen), images, methods.attributes(options), margin)
        data = replace(data, partners=partners)
        teacher = deepcopy(module) if any(stage.ema for stage in e.stages) else None
        runs.append(TrainState(e, module, data, generator, teacher, state=state, others=others, dataset=dataset))
    return runs


def _others(experiment: Experiment, n_points: int, n_attributes: int, device: Any) -> dict[str, Any]:
    """The training images of other data sets, without labels, as many at most as a run takes of its own.

    n_points, n_attributes: how many landmarks and attributes an image of the run's own has.
    """
    import torch

    from landmarklib.training.state import unlabelled

    found = {}
    for name, crops in loading.other_crops(experiment).items():
        annotations = loading.first(loading.split(name, "train", crops["train"]), experiment.train_images)
        found[name] = unlabelled(torch.from_numpy(np.array(annotations.images)).to(device), n_points, n_attributes)
    return found
