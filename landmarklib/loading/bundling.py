"""Bundles of the photos of a table's runs, one file per data set (`datasets.bundle`), for a machine that has no archives. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landmarklib import loading
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import MARGIN, DataMissing, UserError
from landmarklib.loading import bundle, tiers
from landmarklib.loading.bundle import Crops


def write(experiments: Sequence[Experiment], root: str | Path) -> list[Path]:
    """Write what these runs ask for, a file per data set, so that `root` can be the data root elsewhere. Gives the files.

    Raises DataMissing where an archive is not here, and UserError where every image is generated when it is needed.
    """
    wanted = asked_for(experiments)
    if not wanted:
        raise UserError(
            f"table {experiments[0].table}: its images are generated where they are needed; there is nothing to take along"
        )
    loaded = {}
    for name, parts in wanted.items():
        dataset = loading.get(name)
        if path := tiers.bundled(dataset):
            raise DataMissing(f"{name}: only a bundle is on this machine ({path}). {dataset.obtain}")
        loaded[name] = {p: loading.split(name, p.split, p.size, p.enlarge / dataset.recipe.enlarge) for p in parts}
    folder = Path(root) / bundle.FOLDER
    return [bundle.write(loading.get(name), parts, folder, tiers.reading_of(name)) for name, parts in loaded.items()]


def asked_for(experiments: Sequence[Experiment]) -> dict[str, list[Crops]]:
    """Data set -> the crops that `compute.run` takes of it for these runs; generated sets have none."""
    found: dict[str, dict[Crops, None]] = {}

    def ask(name: str, split: str, size: int, margin: float = 1.0) -> None:
        if not loading.get(name).load:
            found.setdefault(name, {})[Crops(split, size, margin * loading.get(name).recipe.enlarge)] = None

    for e in experiments:
        for split in loading.get(e.dataset).counts:
            ask(e.dataset, split, e.size)
        if e.jitter:
            ask(e.dataset, "train", 2 * e.size, MARGIN)
        for other in e.evaluation.tests:
            ask(other, "test", e.size)
    return {name: list(parts) for name, parts in found.items()}


def check(experiments: Sequence[Experiment]) -> None:
    """Every data set of these runs is here, as its archive or in a bundle with the crops that they ask for. Raises DataMissing and UserError."""
    for name, crops in asked_for(experiments).items():
        dataset = loading.get(name)
        if path := tiers.bundled(dataset):
            bundle.check(path, crops, tiers.reading_of(name))
        else:
            dataset.read(tiers.folder(dataset))
