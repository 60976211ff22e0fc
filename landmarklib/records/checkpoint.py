"""The state of runs in the middle of training: one file each without pickle, of arrays and one JSON text for the rest.

A run goes on from it on the same kind of device, alone or in another pack than before. A checkpoint of other versions,
of another experiment or kind of device, or a damaged one counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landmarklib.core import files
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.formats import npz
from landmarklib.records import staleness

IDENTITY = "identity"  # key, versions and kind of device


def path_of(folder: Path, experiment: Experiment) -> Path:
    """Where the state of an experiment is kept, beside the records."""
    return folder / ".checkpoints" / experiment.table / f"{experiment.key}.npz"


def save(folder: Path, device: str, experiments: Sequence[Experiment], states: Sequence[dict[str, Any]]) -> None:
    """Write the state of each run in one step.

    NumPy arrays go as arrays, everything else as JSON. Raises UserError where it cannot be written.
    """
    for experiment, state in zip(experiments, states, strict=True):
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        rest = {name: value for name, value in state.items() if name not in arrays}
        text = json.dumps(rest | {IDENTITY: _identity(experiment, device)})
        files.write_in_one_step(path_of(folder, experiment), partial(np.savez, json=np.array(text), **arrays))


def load(folder: Path, experiment: Experiment, device: str) -> dict[str, Any]:
    """A run's state; empty where there is none that this code can go on from."""
    return _read(folder, experiment, device, with_arrays=True)


def step(folder: Path, experiment: Experiment, device: str) -> int:
    """Steps that are done already, 0 without a checkpoint; its arrays are not looked at."""
    return _read(folder, experiment, device, with_arrays=False).get("step", 0)


def delete(folder: Path, experiment: Experiment) -> None:
    """Forget a run's state, and what killed processes left beside it. Raises UserError where it cannot be removed."""
    path = path_of(folder, experiment)
    files.sweep(path.parent)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise files.refusal("remove", path, error, files.RESULTS) from None


def _read(folder: Path, experiment: Experiment, device: str, with_arrays: bool) -> dict[str, Any]:
    identity, path = _identity(experiment, device), path_of(folder, experiment)
    try:
        # A state is not compressed: nothing in it is larger than the file.
        with npz.opened(path, "no state of a run", path.stat().st_size) as file:
            state = json.loads(str(file.load("json", ())))
            if state.pop(IDENTITY) != identity:
                return {}
            return state | {name: file.load(name) for name in file if with_arrays and name != "json"}
    except (OSError, UserError):
        return {}


def _identity(experiment: Experiment, device: str) -> list:
    """Random numbers of one kind of device are not those of another."""
    return [experiment.key, staleness.of(experiment), device.partition(":")[0]]
