"""Notebooks: their parameters, how they are executed, what of them is checked."""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from landmarklib.core import progress
from landmarklib.core.errors import UserError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PAGES = ROOT / "book" / "tables"  # where the book looks for executed notebooks
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


def need(*packages: str) -> None:
    """Raise UserError for the first of these packages that this Python lacks, before any work is done."""
    if missing := next((package for package in packages if find_spec(package) is None), None):
        raise UserError(f"{missing} is not installed in {sys.prefix}: pip install 'landmarklib[book]', or make setup")


def parameters_of(path: Path) -> dict[str, tuple[str, object]]:
    """Name -> (type, default) from the cell tagged `parameters`: plain annotated assignments."""
    need("nbformat")
    import nbformat

    cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise UserError(f"{path}: {len(cells)} cells are tagged parameters, there must be one")
    found = {}
    for node in ast.parse(cells[0].source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = (ast.unparse(node.annotation), ast.literal_eval(node.value))
    return found


def refuse_unknown(name: str, namespace: Mapping[str, object]) -> None:
    """Raise UserError for a value whose name the notebook does not know, such as an injected, misspelt parameter.

    A notebook's first cell after its parameters calls this, so it holds whichever way the notebook is run.

    namespace: what is defined, `globals()`. Only what could be written as a parameter is looked at, and no name that
        begins with an underscore: such variables are a reader's own.
    """
    known = parameters_of(notebook_path(name))
    given = [key for key, value in namespace.items() if not key.startswith("_") and _is_plain(value)]
    unknown = set(given) - {*known, "In", "Out"}  # the last two are IPython's
    _refuse(name, unknown, known, "; a variable of one's own begins with an underscore")


def _refuse(name: str, unknown: set[str], known: Iterable[str], hint: str = "") -> None:
    if unknown:
        raise UserError(f"notebook {name}: unknown parameter {min(unknown)!r}; known: {', '.join(known)}{hint}")


def _is_plain(value: object) -> bool:
    """Whether a value could be written as a parameter: numbers, texts, and lists and dictionaries of them."""
    if isinstance(value, dict):
        return all(map(_is_plain, [*value, *value.values()]))
    if isinstance(value, (list, tuple, set)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def execute(name: str, parameters: dict[str, object] | None = None, folder: Path | None = None) -> Path:
    """Run a notebook and put it into a folder, in one step and only if it finished. Returns its path.

    parameters: by default the notebook's own.
    folder: by default book/tables.
    """
    need("papermill", "ipykernel")
    import papermill

    source, parameters, folder = notebook_path(name), parameters or {}, folder or PAGES
    known = parameters_of(source)
    _refuse(name, set(parameters) - set(known), known)
    folder.mkdir(parents=True, exist_ok=True)
    part, target = folder / f"{name}.part.ipynb", folder / f"{name}.ipynb"
    try:
        papermill.execute_notebook(
            source,
            part,
            parameters,
            kernel_name=KERNEL,
            kernel_manager_class=_kernel_of_this_python(),
            progress_bar=False,
            stderr_file=sys.stderr,
            cwd=str(ROOT),
            extra_arguments=["--IPKernelApp.log_level=40"],  # else it warns that it listens on this machine's loopback
        )
        refuse_unfinished(part)
        part.replace(target)
    except papermill.exceptions.PapermillExecutionError as error:
        raise UserError(f"notebook {name}: {error.ename}: {error.evalue}") from None
    finally:
        part.unlink(missing_ok=True)  # of a run that failed or was stopped
    return target


def _kernel_of_this_python() -> type:
    """What starts kernels in this Python, whichever one other kernels of the name are of."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    spec = KernelSpec(resource_dir=RESOURCES, env={progress.WHERE: progress.for_kernel()}, **get_kernel_dict())

    class Manager(AsyncKernelManager):
        kernel_spec = spec

    return Manager


def store(name: str) -> list[str]:
    """Execute a notebook with its defaults and store what its check cells print; nbval compares with that.

    No other output is kept. Returns the lines that changed, with - those of before and with + those of now.
    """
    import nbformat

    source = notebook_path(name)
    executed = nbformat.read(execute(name, folder=ROOT / "build" / "store"), as_version=4)
    checked = {cell.id: cell for cell in executed.cells if CHECKED in cell.metadata.get("tags", [])}
    notebook = nbformat.read(source, as_version=4)
    before = _printed(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = checked.get(cell.id)
            cell.outputs, cell.execution_count = (kept.outputs, kept.execution_count) if kept else ([], None)
    nbformat.write(notebook, source)
    _, _, *lines = [*difflib.unified_diff(before, _printed(notebook), n=0, lineterm="")] or ["", ""]  # two heads
    return [line for line in lines if not line.startswith("@@")]


def _printed(notebook) -> list[str]:
    """The lines that a notebook's check cells have printed."""
    checked = [c for c in notebook.cells if c.cell_type == "code" and CHECKED in c.metadata.get("tags", [])]
    return "".join(output.get("text", "") for cell in checked for output in cell.outputs).splitlines()


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


def hide_parameters(path: Path) -> None:
    """Keep papermill's parameters off the page and out of its source: a live run has folders of this machine."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "remove-cell"]
            cell.source = ""
    notebook.metadata.pop("papermill", None)
    nbformat.write(notebook, path)
