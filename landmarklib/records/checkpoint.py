"""The state of runs in the middle of training: one file each without pickle, of arrays and one JSON text for the rest.

A run goes on from it on the same kind of device, in the same form of its convolutions and on the same data, alone or in
another pack than before. A state of other versions, data, kind of device, form or another experiment counts as none,
and so does a damaged one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landmarklib import loading
from landmarklib.core import files, progress
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.formats import npz
from landmarklib.records import staleness

IDENTITY = "identity"  # of what a state is
OTHERS = {
    "key": "another run",
    "versions": "other versions of the library",
    "device": "another kind of device",
    "form": "another form of the convolutions",
    "data": "other data than lie here now",
}


class Device(NamedTuple):
    """What a run is computed on. form: of its convolutions, as text."""

    name: str
    form: str

    @property
    def kind(self) -> str:
        """cpu or cuda."""
        return self.name.partition(":")[0]


def path_of(folder: Path, experiment: Experiment) -> Path:
    """Where the state of an experiment is kept, beside the records."""
    return folder / ".checkpoints" / experiment.table / f"{experiment.key}.npz"


def save(folder: Path, device: Device, experiments: Sequence[Experiment], states: Sequence[dict[str, Any]]) -> None:
    """Write the state of each run in one step.

    NumPy arrays go as arrays, everything else as JSON. Raises UserError where it cannot be written.
    """
    for experiment, state in zip(experiments, states, strict=True):
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        rest = {name: value for name, value in state.items() if name not in arrays}
        text = json.dumps(rest | {IDENTITY: _identity(experiment, device)})
        files.write_in_one_step(path_of(folder, experiment), partial(np.savez, json=np.array(text), **arrays))


def load(folder: Path, experiment: Experiment, device: Device) -> dict[str, Any]:
    """A run's state; empty where there is none that the run can go on from, and a line says why if there is one."""
    state, why_not = _read(folder, experiment, device, with_arrays=True)
    if why_not:
        progress.say(f"{experiment.key}: its kept state {why_not}; the run starts anew")
    return state


def step(folder: Path, experiment: Experiment, device: Device) -> int:
    """Steps that are done already, 0 without a checkpoint; its arrays are not looked at."""
    return _read(folder, experiment, device, with_arrays=False)[0].get("step", 0)


def delete(folder: Path, experiment: Experiment) -> None:
    """Forget a run's state, and what killed processes left beside it. Raises UserError where it cannot be removed."""
    path = path_of(folder, experiment)
    files.sweep(path.parent)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise files.refusal("remove", path, error, files.RESULTS) from None


def _read(folder: Path, experiment: Experiment, device: Device, with_arrays: bool) -> tuple[dict[str, Any], str]:
    """A state; or an empty one, and what is wrong with the one that is there."""
    path = path_of(folder, experiment)
    try:
        most = path.stat().st_size  # a state is not compressed: nothing in it is larger than the file
        with npz.opened(path, "no state of a run", most) as file:
            state = json.loads(str(file.load("json", ())))
            kept = dict(state.pop(IDENTITY))
            arrays = {name: file.load(name) for name in file if with_arrays and name != "json"}
    except FileNotFoundError:
        return {}, ""
    except (OSError, UserError):
        return {}, "cannot be read"
    own = _identity(experiment, device)
    if others := [what for name, what in OTHERS.items() if kept.get(name) != own[name]]:
        return {}, f"is of {others[0]}"
    return state | arrays, ""


def _identity(experiment: Experiment, device: Device) -> dict[str, Any]:
    """What the next steps depend on beside the state: all that a record says of what it was computed on.

    Random numbers of one kind of device are not those of another.
    """
    own = {"key": experiment.key, "versions": staleness.of(experiment), "device": device.kind, "form": device.form}
    return own | {"data": loading.described(experiment)}
