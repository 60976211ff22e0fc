"""Runs that are trained at once: alone on a CPU, on a GPU as many of a kind as it likes."""

from __future__ import annotations

import math
from collections.abc import Callable

from landmarklib.core.experiment import Experiment
from landmarklib.training import autotune


def packed(missing: list[Experiment], step: Callable[[Experiment], int], device: str) -> list[list[Experiment]]:
    """The runs in packs that are trained at once: alone on a CPU, on a GPU as many of a kind as it likes.

    step: how many steps of a run are done.
    Of a kind are runs that agree in `autotune.pack_key` and have done as many steps. They are spread evenly.
    """
    kinds: dict[tuple, list[Experiment]] = {}
    for experiment in missing:
        kind = autotune.pack_key(experiment), step(experiment)
        kinds.setdefault(kind, []).append(experiment)
    packs = []
    for kind in kinds.values():
        n = math.ceil(len(kind) / autotune.choose(kind[0], device).runs)
        packs += [kind[i * len(kind) // n : (i + 1) * len(kind) // n] for i in range(n)]
    place = {e.key: i for i, e in enumerate(missing)}
    return sorted(packs, key=lambda pack: place[pack[0].key])


def group_by_step(pack: list[tuple[Experiment, dict]]) -> list[tuple[list[Experiment], list[dict]]]:
    """The runs and their states, together where they have done as many steps.

    Another process may have taken a run further, or a state may be damaged.
    """
    parts: dict[int, tuple[list[Experiment], list[dict]]] = {}
    for experiment, state in pack:
        runs, states = parts.setdefault(state.get("step", 0), ([], []))
        runs.append(experiment)
        states.append(state)
    return list(parts.values())
