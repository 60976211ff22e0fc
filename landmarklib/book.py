"""From notebooks and records to pages: execute with papermill, refuse what did not finish, build strictly with Jupyter Book.

Pages under book/ are text; what depends on records is generated into book/_generated/ and included by them. Nothing typed into a page is a
result.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from landmarklib import catalogue, conventions, html, overlap, overview, query, record, speed, speed_page, staleness, style, tables
from landmarklib.types import UserError

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
BOOK = ROOT / "book"
LIVE = "quickstart"  # the notebook whose runs fit into a minute
KERNEL = "python3"
CHECKED = "nbval-check-output"  # tag of the cells whose output is a regression check


def names() -> list[str]:
    """All notebooks."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def notebook_path(name: str) -> Path:
    """The source notebook of that name. Raises UserError that lists the known ones."""
    if name not in names():
        known = ", ".join(names()) or f"none, {NOTEBOOKS} is not a checkout of this project"
        raise UserError(f"unknown notebook {name!r}; known: {known}")
    return NOTEBOOKS / f"{name}.ipynb"


def parameters_of(path: Path) -> dict[str, tuple[str, object]]:
    """Name -> (type, default) from the cell tagged `parameters`: plain annotated assignments."""
    import nbformat

    cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise UserError(f"{path}: {len(cells)} cells are tagged parameters, there must be one")
    found = {}
    for node in ast.parse(cells[0].source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = (ast.unparse(node.annotation), ast.literal_eval(node.value))
    return found


def execute(name: str, parameters: dict[str, object] | None = None, folder: Path | None = None) -> Path:
    """Run a notebook and put it into the folder (book/tables), in one step and only if it finished. Returns its path."""
    import papermill

    source, parameters, folder = notebook_path(name), parameters or {}, folder or BOOK / "tables"
    known = parameters_of(source)
    if unknown := set(parameters) - set(known):
        raise UserError(f"notebook {name}: unknown parameter {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    folder.mkdir(parents=True, exist_ok=True)
    part, target = folder / f"{name}.part.ipynb", folder / f"{name}.ipynb"
    try:
        papermill.execute_notebook(
            source,
            part,
            parameters,
            kernel_name=KERNEL,
            progress_bar=False,
            stderr_file=sys.stderr,
            cwd=str(ROOT),
            extra_arguments=["--IPKernelApp.log_level=40"],  # else it warns that it listens on this machine's loopback
        )
        refuse_unfinished(part)
    except papermill.exceptions.PapermillExecutionError as error:
        raise UserError(f"notebook {name}: {error.ename}: {error.evalue}") from None
    part.replace(target)
    return target


def store(name: str) -> Path:
    """Execute a notebook with its defaults and store what its check cells print; nbval compares with that. No other output is kept."""
    import nbformat

    source = notebook_path(name)
    executed = nbformat.read(execute(name, folder=ROOT / "build" / "store"), as_version=4)
    checked = {cell.id: cell for cell in executed.cells if CHECKED in cell.metadata.get("tags", [])}
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = checked.get(cell.id)
            cell.outputs, cell.execution_count = (kept.outputs, kept.execution_count) if kept else ([], None)
    nbformat.write(notebook, source)
    return source


def refuse_unfinished(path: Path) -> None:
    """Raise UserError if a cell failed or did not run: Jupyter Book would publish it without a word."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("papermill", {}).get("exception"):
        raise UserError(f"{path.name}: its run ended with an exception; it is not published")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if any(output.output_type == "error" for output in cell.outputs):
            raise UserError(f"{path.name}: cell {number} failed; it is not published")
        if cell.execution_count is None:
            raise UserError(f"{path.name}: cell {number} did not run; it is not published")


def build(live: bool = False) -> Path:
    """Execute every notebook, generate what depends on records, build strictly. Returns the first page's path.

    live: the quickstart trains on this machine, into a folder of its own, instead of showing its committed records.
    """
    check_results()
    shutil.rmtree(BOOK / "tables", ignore_errors=True)
    with tqdm(names(), desc="notebooks", unit="notebook") as bar:
        for name in bar:
            bar.set_postfix_str(name)
            trained = {"refresh": True, "results": str(ROOT / "build" / "live")} if live and name == LIVE else {}
            path = execute(name, trained)
            if trained:
                hide_parameters(path)
    generate(BOOK / "_generated")
    for path in sorted((BOOK / "tables").glob("*.ipynb")):
        refuse_unfinished(path)
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        str(BOOK),
        "--all",
        "-W",
        "--keep-going",
        "-q",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise UserError(f"jupyter-book stopped with status {done.returncode}:\n{tail}")
    return BOOK / "_build" / "html" / "index.html"


def hide_parameters(path: Path) -> None:
    """Keep papermill's parameters off the page and out of its source: those of the live run are folders of this machine."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "remove-cell"]
            cell.source = ""
    notebook.metadata.pop("papermill", None)
    nbformat.write(notebook, path)


def check_results() -> None:
    """Raise UserError for the first record or benchmark that cannot be read, before any work is done."""
    for name in tables.names():
        record.load_all(record.results_folder(), name)
    speed.load_all(record.results_folder())


def generate(folder: Path) -> None:
    """Write every included part: summary of all tables and claims, deviations, data sets with example images, status, conventions, benchmarks."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    measured = overview.read()
    (folder / "summary.md").write_text(overview.summary(measured), encoding="utf-8")
    (folder / "claims.md").write_text(overview.claims_page(measured), encoding="utf-8")
    (folder / "deviations.md").write_text(deviations_page(), encoding="utf-8")
    (folder / "status.md").write_text(status_page(), encoding="utf-8")
    (folder / "data.md").write_text(catalogue.overview(), encoding="utf-8")
    catalogue.write(folder.parent / "data", folder)
    (folder / "overlap.md").write_text(overlap.page(), encoding="utf-8")
    (folder / "conventions.md").write_text(conventions.page(), encoding="utf-8")
    table, runs = conventions.recorded()
    if conventions.is_recorded(runs):
        style.save(conventions.figure(table, runs), folder / conventions.PICTURE)
    timed = speed.load_all(record.results_folder())
    (folder / "speed.md").write_text(speed_page.page(timed), encoding="utf-8")
    for b in timed:
        style.save(speed_page.ratios(b), folder / f"{b.name}-{b.device}.png")


def deviations() -> list[tuple[str, str]]:
    """(file, sentence) of every comment in the library that starts with DEVIATION:, with its continuation lines."""
    found = []
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for i, line in enumerate(lines):
            if not line.strip().startswith("# DEVIATION:"):
                continue
            words = [line.strip().removeprefix("# DEVIATION:").strip()]
            for following in lines[i + 1 :]:
                if not following.strip().startswith("# "):
                    break
                words.append(following.strip()[2:])
            found.append((path.relative_to(ROOT).as_posix(), " ".join(words)))
    return found


def deviations_page() -> str:
    """The deviations as a list, then each table's training protocol: what the papers leave open or we do otherwise."""
    lines = [f"- {html.markdown(text[0].upper() + text[1:])} (`{path}`)" for path, text in deviations()]
    for name in tables.names():
        table = tables.get(name)
        if not table.protocol:
            continue
        lines += ["", f"**{html.markdown(table.title)}** ({table.paper}, {table.where})", ""]
        lines += [f"- {html.markdown(text)}" for text in table.protocol]
    return "\n".join(lines) + "\n"


def status() -> pd.DataFrame:
    """A line per table and budget: runs, seeds, failures, flags, staleness of the records, dates, hours."""
    lines = []
    for name in tables.names():
        table = tables.get(name)
        _, records = query.read(query.recorded(table) or table)
        for budget in table.budgets:
            part = [r for r in records if r.experiment.budget == budget]
            dates = sorted({r.provenance.get("date", "") for r in part})
            lines.append(
                {"table": name, "budget": budget, "runs": len(part), "seeds": len({r.experiment.seed for r in part})}
                | {"failed": sum(r.status == "failed" for r in part), "flagged": sum(bool(r.warnings) for r in part)}
                | {
                    "versions since then": staleness.standings(part),
                    "hours": round(sum(r.seconds for r in part) / 3600, 2),
                }
                | {"computed": " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "never"}
            )
    return pd.DataFrame(lines)


def status_page() -> str:
    """The status table without the lines that have no run, and a sentence that names those."""
    frame = status()
    empty = [f"{line.table} at {line.budget}" for line in frame[frame.runs == 0].itertuples()]
    missing = f"\nNo run is recorded yet of {html.markdown(', '.join(empty))}.\n" if empty else ""
    shown = frame[frame.runs > 0].assign(hours=frame.hours.map("{:.2f}".format))
    return f"{html.to_html(shown, kind='status')}\n{missing}"


def remote_references(folder: Path) -> list[str]:
    """`page: address` of every script, style sheet, font or image that a built page would load from elsewhere."""
    pattern = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["'](https?:)?//([^"']+)["'][^>]*>""")
    found = []
    for page in sorted(folder.rglob("*.html")):
        for match in pattern.finditer(page.read_text(encoding="utf-8")):
            if 'rel="canonical"' not in match[0]:
                found.append(f"{page.relative_to(folder)}: {unescape(match[2])}")
    return found
