"""The book's pages of data sets, one each and a table of all, from the constants in `datasets/`. No torch.

Pictures are of the generated sets and of stand-ins; photos of the others may not be passed on.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import datasets, loading
from landmarklib.core.dataset import Dataset
from landmarklib.loading import inspection
from landmarklib.loading.tiers import SEED
from landmarklib.report import contact_sheet, markup, style

SHOWN = 8  # pictures of a page
TIERS = {
    "paper": "one of the four papers used it",
    "open": "freely available, of the same kind as one of the papers'",
}


def write(pages: Path, pictures: Path) -> None:
    """A page per data set, which the table of contents lists by the folder, with its picture."""
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    for name in datasets.names():
        d = loading.get(name)
        if shown := samples(d):
            style.save(contact_sheet.draw(d, shown, titled=False), pictures / f"{name}.png")
        (pages / f"{name}.md").write_text(page(d, bool(shown), pictures.name), encoding="utf-8")


def samples(d: Dataset) -> list[inspection.Sample]:
    """Pictures that may be shown: generated ones, or stand-ins; none where there is neither.

    Stand-ins are written into a small archive in the publisher's layout and read from it.
    """
    if d.load:
        return inspection.samples(d.name, SHOWN, "test")
    if d.write_standin is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        d.write_standin(Path(folder), dict.fromkeys(d.counts, -(-SHOWN // len(d.counts))), SEED)
        found = [
            sample
            for split, listing in d.read(Path(folder)).items()
            for sample in inspection.pictures(d, Path(folder), split, listing, np.arange(len(listing)))
        ]
    return found[:SHOWN]


def overview() -> str:
    """A line per data set, linked to its page."""
    lines = []
    for name in datasets.names():
        d = loading.get(name)
        link = markup.link(f"data/{name}.html", d.title)
        drawn = "yes" if d.write_standin else "not needed" if d.load else "no"
        lines.append(
            {"data set": link, "tier": d.tier, "images": f"{sum(d.counts.values()):,}", "landmarks": len(d.landmarks)}
            | {"attributes": ", ".join(d.attributes) or "none", "stand-in": drawn}
        )
    return f"{markup.to_html(pd.DataFrame(lines, dtype=object), kind='sets')}\n"


def page(d: Dataset, pictured: bool, pictures: str = "_generated") -> str:
    """What it is, whose, how to get it, its layout and splits, what is assumed, and its known issues."""
    counts = ", ".join(f"{n:,} {split}" for split, n in d.counts.items())
    facts = {
        "images": f"{counts}; used at {d.size} x {d.size} px",
        "landmarks": named(d.landmarks),
        "attributes": ", ".join(f"{a} ({n or 'a real number'})" for a, n in d.attributes.items()) or "none",
        "errors are in": d.unit,
        "tier": f"{d.tier}: {TIERS[d.tier]}",
        "licence": d.licence,
        "how to get it": d.obtain,
        "source": d.citation,
    }
    if d.pixel_names:
        facts["classes of pixels"] = "; ".join(d.pixel_names)
    if d.read:
        facts["layout"] = f"{d.folder}/: {d.layout}"
    if d.ids:
        facts["splits"] = "hashes of the images' names: " + ", ".join(f"{s} {h}" for s, h in d.ids.items())
    frame = pd.DataFrame(
        [(what, markup.code(fact)) for what, fact in facts.items()], columns=["what", d.title], dtype=object
    )
    parts = [f"# {markup.plain(d.title)}", ""]
    if pictured:
        what = "Test images" if d.load else "Stand-ins, generated in this set's layout; none of its own images"
        alt = f"{SHOWN} {'test images' if d.load else 'stand-ins'} of {d.title}" + " with true landmarks" * bool(
            d.landmarks
        )
        parts += [markup.picture(f"../{pictures}/{d.name}.png", alt, f"{what}{_caption(d)}."), ""]
    parts += [markup.to_html(frame, sortable=False, kind="facts"), ""]
    for title, texts in (("Assumed here", d.assumptions), ("Known issues", d.known_issues)):
        parts += [f"## {title}", "", *(f"- {markup.markdown(text)}" for text in texts), ""] if texts else []
    if d.read:
        commands = [
            f"landmarklib data {word} {d.name}" for word in (["fetch"] if d.sources else []) + ["check", "show"]
        ]
        parts += ["## On your machine", "", "```sh", *commands, "```", ""]
    return "\n".join(parts)


def named(landmarks: Sequence[str], most: int = 25) -> str:
    """The landmarks in words: by name, or, if they are many, how many of which part."""
    if len(landmarks) <= most:
        return "; ".join(landmarks) or "none"
    parts = Counter(re.sub(r"\s*\d+$", "", name) for name in landmarks)
    return f"{len(landmarks)}: " + "; ".join(f"{part} ({n})" if n > 1 else part for part, n in parts.items())


def _caption(d: Dataset) -> str:
    if not d.landmarks:
        return ""
    pairs = any(k != m for k, m in enumerate(d.mirror))
    return (
        ". Landmarks that mirror each other have one colour, round on one side and square on the other"
        if pairs
        else ", with true landmarks"
    )
