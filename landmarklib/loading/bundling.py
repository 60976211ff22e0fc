"""Bundles of the photos of a table's runs, one file per data set (`bundle`), for machines without archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landmarklib import loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.types import Crop
from landmarklib.loading import bundle, photos, tiers
from landmarklib.loading.bundle import Part


def write(experiments: Sequence[Experiment], root: str | Path) -> list[Path]:
    """Write what these runs ask for, a file per data set, and return the files. `root` can be the data root elsewhere.

    Raises DataMissing where an archive is not here, and UserError where every image is generated when it is needed.
    """
    wanted = asked_for(experiments)
    if not wanted:
        raise UserError(
            f"table {experiments[0].table}: its images are generated where they are needed; "
            "there is nothing to take along"
        )
    loaded = {}
    for name, parts in wanted.items():
        dataset = loading.get(name)
        if path := tiers.bundled(dataset):
            raise DataMissing(f"{name}: only a bundle is on this machine ({path}). {dataset.obtain}")
        loaded[name] = {part: loading.split(name, part.split, part.crop) for part in parts}
    folder = Path(root) / bundle.FOLDER
    return [bundle.write(loading.get(name), parts, folder, tiers.reading_of(name)) for name, parts in loaded.items()]


def asked_for(experiments: Sequence[Experiment]) -> dict[str, list[Part]]:
    """Data set -> what `compute.run` takes of it for these runs; generated sets have none."""
    found: dict[str, dict[Part, None]] = {}
    for e in experiments:
        crops = {e.dataset: loading.crops_of(e), **loading.other_crops(e)}
        taken = [(name, Part(*part)) for name, of_splits in crops.items() for part in of_splits.items()]
        for name, part in [*taken, *((other, Part("test", Crop(e.size))) for other in e.evaluation.tests)]:
            if not loading.get(name).load:
                found.setdefault(name, {})[part] = None
    return {name: list(parts) for name, parts in found.items()}


def check(experiments: Sequence[Experiment]) -> None:
    """Every data set of these runs is here, as its archive with its photos or in a bundle with what they ask for.

    Raises DataMissing and UserError.
    """
    for name, parts in asked_for(experiments).items():
        dataset = loading.get(name)
        if path := tiers.bundled(dataset):
            bundle.check(path, parts, tiers.reading_of(name))
        else:
            folder = tiers.folder(dataset)
            splits = dataset.read(folder)
            for split in {part.split for part in parts} & splits.keys():
                photos.present(folder, split, splits[split])
