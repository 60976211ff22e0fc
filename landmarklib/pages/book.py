"""From notebooks and records to the book: execute with papermill, refuse what did not finish, build strictly.

Pages under book/ are text. What depends on records is generated into book/_generated/, and the pages include it. No
result is typed into a page.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

from landmarklib import tables
from landmarklib.core import progress
from landmarklib.core.errors import UserError
from landmarklib.pages import catalogue, conventions, notebooks, overlap, overview, speed_page, status, survived
from landmarklib.records import benchmarks, query, record
from landmarklib.report import style

BOOK = notebooks.ROOT / "book"
RUN = "from jupyter_book.cli.main import main; main()"  # in this Python; a script of its own may be missing
LIVE = "quickstart"  # the notebook whose runs fit into a minute


def build(live: bool = False) -> Path:
    """Execute every notebook, generate what depends on records, build strictly. Returns the first page's path.

    live: the quickstart trains on this machine, into a folder of its own, instead of showing its committed records.
    """
    notebooks.need("jupyter_book")
    check_results()
    shutil.rmtree(BOOK / "tables", ignore_errors=True)
    with progress.bar(notebooks.names(), desc="notebooks", unit="notebook") as bar:
        for name in bar:
            bar.set_postfix_str(name)
            trained = (
                {"refresh": True, "results": str(notebooks.ROOT / "build" / "live")} if live and name == LIVE else {}
            )
            path = notebooks.execute(name, trained, BOOK / "tables")
            if trained:
                notebooks.hide_parameters(path)
    generate(BOOK / "_generated")
    for path in sorted((BOOK / "tables").glob("*.ipynb")):
        notebooks.refuse_unfinished(path)
    command = [sys.executable, "-c", RUN, "build", str(BOOK), "--all", "-W", "--keep-going", "-q"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise UserError(f"jupyter-book stopped with status {done.returncode}:\n{tail}")
    return BOOK / "_build" / "html" / "index.html"


def check_results() -> None:
    """Raise UserError for the first record or benchmark that cannot be read, before any work is done."""
    for name in tables.names():
        query.load_all(record.results_folder(), name)
    benchmarks.load_all(record.results_folder())


def generate(folder: Path) -> None:
    """Write every part that depends on records: all tables and claims, deviations, data sets, status, benchmarks."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    measured = overview.read()
    (folder / "survived.md").write_text(survived.page(measured), encoding="utf-8")
    (folder / "summary.md").write_text(overview.summary(measured), encoding="utf-8")
    (folder / "claims.md").write_text(overview.claims_page(measured), encoding="utf-8")
    (folder / "deviations.md").write_text(status.deviations_page(), encoding="utf-8")
    (folder / "status.md").write_text(status.status_page(), encoding="utf-8")
    (folder / "data.md").write_text(catalogue.overview(), encoding="utf-8")
    catalogue.write(folder.parent / "data", folder)
    (folder / "overlap.md").write_text(overlap.page(), encoding="utf-8")
    (folder / "conventions.md").write_text(conventions.page(), encoding="utf-8")
    table, runs = conventions.recorded()
    if conventions.is_recorded(runs):
        style.save(conventions.figure(table, runs), folder / conventions.PICTURE)
    timed = benchmarks.load_all(record.results_folder())
    (folder / "speed.md").write_text(speed_page.page(timed), encoding="utf-8")
    for b in timed:
        style.save(speed_page.ratios(b), folder / f"{b.name}-{b.device}.svg")


def remote_references(folder: Path) -> list[str]:
    """`page: address` of every script, style sheet, font or image that a built page would load from elsewhere."""
    pattern = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["'](https?:)?//([^"']+)["'][^>]*>""")
    found = []
    for page in sorted(folder.rglob("*.html")):
        for match in pattern.finditer(page.read_text(encoding="utf-8")):
            if 'rel="canonical"' not in match[0]:
                found.append(f"{page.relative_to(folder)}: {unescape(match[2])}")
    return found
