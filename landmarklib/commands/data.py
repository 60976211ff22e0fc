"""Commands on data sets."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from landmarklib.core.types import UserError


def list_data(arguments: argparse.Namespace) -> None:
    """Print every data set, where it is, and how to get it."""
    from landmarklib.loading import inspection

    frame = inspection.overview(arguments.data)
    if arguments.json:
        print(json.dumps(frame.to_dict("records"), indent=1))
        return
    for line in frame.itertuples():
        print(f"{line.name:<12} {line.tier:<9} {line.here}\n{'':<12} licence: {line.licence}")
        if line.here == "missing":
            print(f"{'':<12} to get it: {line.obtain}")


def check_data(arguments: argparse.Namespace) -> None:
    """Check one archive."""
    from landmarklib.loading import inspection

    print(inspection.check(arguments.name, arguments.data))


def fetch_data(arguments: argparse.Namespace) -> None:
    """Download a data set, read all of it, and print what is there."""
    from landmarklib.loading import fetch, inspection

    fetch.fetch(arguments.name, arguments.data)
    print(inspection.check(arguments.name, arguments.data))


def show_data(arguments: argparse.Namespace) -> None:
    """Draw a contact sheet."""
    from landmarklib import loading
    from landmarklib.core import files
    from landmarklib.loading import inspection
    from landmarklib.report import contact_sheet

    shown = inspection.samples(arguments.name, 12, arguments.split, arguments.data)
    figure = contact_sheet.draw(loading.get(arguments.name), shown)
    out = Path(arguments.out)
    if out.suffix.lower() not in (".png", ".pdf", ".svg", ".jpg"):
        raise UserError(f"--out: {out} is no picture; write .png, .pdf, .svg or .jpg")
    files.write_in_one_step(out, lambda file: figure.savefig(file, format=out.suffix[1:]))
    print(out)
