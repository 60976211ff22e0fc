"""What must hold before anything is computed.

Each function states it, and raises UserError, one line that says what is wrong, where it does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec

from landmarklib import loading, methods
from landmarklib.core.errors import DataMissing, UserError, shown
from landmarklib.core.experiment import Experiment
from landmarklib.loading import bundling
from landmarklib.records.record import Record


def number(name: str, value: object, kind: type) -> None:
    """A number >= 0 of that kind."""
    numeric = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, numeric) or not value >= 0:
        raise UserError(f"{name}: {shown(value)} is not {'a whole number' if kind is int else 'a number'} >= 0")


def device(name: str) -> None:
    """torch is here and has that device."""
    if find_spec("torch") is None:
        raise UserError(
            "some runs are not computed yet and torch is not installed: pip install 'landmarklib[train]', "
            "or read with make read"
        )
    import torch

    valid = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda"] * torch.cuda.is_available()
    if name not in valid:
        raise UserError(f"device: {shown(name)} is not here; valid: {', '.join(valid)}")


def labels(experiments: list[Experiment]) -> None:
    """Every fraction labels an image, and not all of them where a row needs unlabelled ones. Other data sets fit."""
    for e in experiments:
        methods.check_data(e, loading.get(e.dataset))
        for name in e.others:
            loading.get(e.dataset).check_other(loading.get(name), e.jitter)


def data(missing: list[Experiment], there: list[Record]) -> None:
    """Every data set is here, else DataMissing, and is the one that the records which are there were made on."""
    try:
        bundling.check(missing)
    except DataMissing as error:
        raise DataMissing(f"{error} Or run on generated pictures with data=stand-in.") from None
    made_on = {}
    for r in there:
        for name, known in {r.experiment.dataset: r.data, **r.data.get("others", {})}.items():
            if known.get("fingerprint"):
                made_on[name, r.experiment.size] = r.key, known
    for name, size in dict.fromkeys((name, e.size) for e in missing for name in (e.dataset, *e.others)):
        if loading.get(name).read and (name, size) in made_on:
            key, known = made_on[name, size]
            try:
                found = loading.fingerprint(name, loading.covered(known, name, size))
            except DataMissing:
                raise DataMissing(
                    f"results: {key} was made on crops of {name} that its bundle lacks; "
                    "give a results folder of its own"
                ) from None
            if found != known["fingerprint"]:
                raise UserError(
                    f"results: {key} was made on other data of {name} (fingerprint "
                    f"{known['fingerprint']}, here {found}); give a results folder of its own"
                )


def time(needed: Sequence[float], device: str, deadline: float) -> None:
    """The deadline leaves time for one of the runs at least. needed: seconds of each; deadline: from now."""
    shortest = min(needed)
    if deadline < shortest:
        raise UserError(
            f"deadline: {deadline:g} s is too short for any of the {len(needed)} runs to compute; "
            f"the shortest needs about {math.ceil(shortest)} s on {device}"
        )
