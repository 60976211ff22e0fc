"""Records and benchmarks of another machine: checked as a whole, then imported. No torch."""

from __future__ import annotations

from pathlib import Path

from landmarklib import tables
from landmarklib.core.errors import UserError
from landmarklib.records import benchmarks, record, staleness


def import_records(source: Path, folder: Path) -> tuple[int, int]:
    """Import the records of another machine. Returns how many are new here, and how many were here.

    All are checked before anything is written: each can be read, is of a run that its table makes today, and has
    today's versions. A record that is here stays, unless it is stale; a benchmark replaces the one that is here.

    source: folder with TABLE/KEY.json.
    folder: the results here.
    Raises UserError that names the first file refused and counts the others.
    """
    measured = benchmarks.load_all(source)
    paths = sorted(
        path for path in source.glob("*/*.json") if path.parent.name not in (benchmarks.FOLDER, record.OVERLAP)
    )
    if not paths and not measured:
        raise UserError(f"{source}: no records there; expected a folder with TABLE/KEY.json")
    new, here, refused = [], 0, []
    for path in paths:
        try:
            one = record.load(path)
            check_of_today(one)
            own = record.path_of(folder, one.experiment)
            if own.exists() and staleness.staleness(record.load(own)) == staleness.CURRENT:
                here += 1
            else:
                new.append(one)
        except UserError as error:
            text = str(error)
            refused.append(text if str(path) in text else f"{path}: {text}")
    if refused:
        others = f" (and {len(refused) - 1} more of {len(paths)} files)" if len(refused) > 1 else ""
        raise UserError(f"nothing was imported: {refused[0]}{others}")
    for one in new:
        record.save(one, folder)
    for benchmark in measured:
        benchmarks.save(benchmark, folder / benchmarks.FOLDER)
    return len(new) + len(measured), here


def check_of_today(one: record.Record) -> None:
    """Raise UserError unless the record is of a run that its table makes today, with versions of today."""
    table = tables.get(one.experiment.table)
    if not any(variant.makes(one.experiment) for variant in table.variants().values()):
        raise UserError(f"table {table.name} makes this run with other settings today")
    if outdated := staleness.outdated(one):
        raise UserError(f"computed with other versions than this library's ({'; '.join(outdated)})")
