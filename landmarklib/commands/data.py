"""Commands on data sets."""

from __future__ import annotations

import argparse
import json

from landmarklib.commands.arguments import command, group
from landmarklib.core.errors import UserError

ROOT = "folder of the archives; else LANDMARKLIB_DATA, else ~/.local/share/landmarklib"
MISSING = "of a split's images whose photos may be missing or unreadable; else LANDMARKLIB_MISSING, else 0.01"


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this file to the parser."""
    data = group(commands, "data", "The data sets on this machine.")
    for name, function, text in (
        ("list", list_data, "The data sets: which are here, their licence, how to get the rest."),
        ("check", check_data, "Read a whole archive: lists, counts, every image, every point."),
        ("fetch", fetch_data, "Download a data set that is openly available, and check it."),
        ("show", show_data, "Draw images of a data set with their points, mirror pairs and skeleton."),
    ):
        sub = command(data, name, function, text)
        sub.add_argument("--data", help=ROOT)
        if name == "list":
            sub.add_argument("--json", action="store_true", help="for programs")
        else:
            sub.add_argument("name")
        if name == "check":
            sub.add_argument("--missing", type=float, metavar="SHARE", help=MISSING)
        if name == "show":
            sub.add_argument("--split", help="by default the first one")
            picture = "contact-sheet.png"
            sub.add_argument("--out", default=picture, help=f"picture to write, by default {picture}")


def list_data(arguments: argparse.Namespace) -> None:
    """Print every data set, where it is, and how to get it."""
    from landmarklib.loading import inspection

    frame = inspection.overview(arguments.data)
    if arguments.json:
        print(json.dumps(frame.to_dict("records"), indent=1))
        return
    for line in frame.itertuples():
        print(f"{line.name:<12} {line.tier:<9} {line.here}\n{'':<12} licence: {line.licence}")
        if line.here.startswith((inspection.MISSING, inspection.LISTS)):
            print(f"{'':<12} to get it: {line.obtain}")


def check_data(arguments: argparse.Namespace) -> None:
    """Check one archive."""
    from landmarklib.loading import inspection

    print(inspection.check(arguments.name, arguments.data, arguments.missing))


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

    out = files.named("--out", arguments.out)
    if out.suffix.lower() not in (".png", ".pdf", ".svg", ".jpg"):
        raise UserError(f"--out: {out} is no picture; write .png, .pdf, .svg or .jpg")
    files.writable("--out", out.parent)
    shown = inspection.samples(arguments.name, 12, arguments.split, arguments.data)
    figure = contact_sheet.draw(loading.get(arguments.name), shown)
    advice = "choose another file with --out"
    files.write_in_one_step(out, lambda file: figure.savefig(file, format=out.suffix[1:]), advice)
    print(out)
