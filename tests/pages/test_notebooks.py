"""The notebooks' form, and that nbval would see a regression: a check nobody has seen fail is worth little."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from landmarklib.core import imports, progress
from landmarklib.core.errors import UserError
from landmarklib.pages import notebooks

ROOT = Path(__file__).parents[2]
NAMES = notebooks.names()


@pytest.fixture(params=NAMES)
def notebook(request):
    return nbformat.read(ROOT / "notebooks" / f"{request.param}.ipynb", as_version=4)


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def test_there_are_notebooks_for_every_table():
    from landmarklib import tables
    from landmarklib.pages import overview

    assert {overview.page_of(name) for name in tables.names()} <= set(NAMES)


def test_is_short_and_defines_nothing(notebook):
    assert len(notebook.cells) <= 10
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source.rstrip(";"))
        assert not any(
            isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While)) for n in ast.walk(tree)
        )
        assert all(name.startswith("landmarklib") for name in imports.imported(tree))


def test_has_one_parameter_cell_with_plain_annotations(notebook):
    cells = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1
    for node in ast.parse(cells[0].source).body:
        assert isinstance(node, ast.AnnAssign) and node.annotation.id in {"str", "int", "float", "bool", "list"}


def test_stores_the_output_of_its_check_cells_and_no_other(notebook):
    checked = [c for c in code_cells(notebook) if notebooks.CHECKED in c.metadata.get("tags", [])]
    assert checked
    for cell in code_cells(notebook):
        assert bool(cell.outputs) == (cell in checked)


def test_every_figure_has_a_text_for_those_who_do_not_see_it(notebook):
    for cell in code_cells(notebook):
        if re.search(r"\b(figures|galleries)\.", cell.source):
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


def nbval(notebook: Path, results: Path, library: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "LANDMARKLIB_RESULTS": str(results), "PYTHONPATH": str(library)}
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120"]
    return subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider", "--rootdir", str(notebook.parent), str(notebook)],
        env=environment,
        cwd=notebook.parent,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def workspace(tmp_path):
    """A copy of the quickstart, its records and the library, free to be damaged."""
    shutil.copytree(ROOT / "results" / "quickstart", tmp_path / "results" / "quickstart")
    shutil.copytree(
        ROOT / "landmarklib", tmp_path / "library" / "landmarklib", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "library" / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "quickstart.ipynb", tmp_path / "library" / "notebooks")
    return tmp_path


def check(workspace) -> subprocess.CompletedProcess:
    return nbval(workspace / "library" / "notebooks" / "quickstart.ipynb", workspace / "results", workspace / "library")


def test_nbval_passes_on_an_untouched_copy(workspace):
    done = check(workspace)
    assert done.returncode == 0, done.stdout


def test_nbval_sees_an_altered_record(workspace):
    path = sorted((workspace / "results" / "quickstart").glob("*.json"))[0]
    content = json.loads(path.read_text())
    content["metrics"]["error_px"]["mean"] *= 1.02
    path.write_text(json.dumps(content))
    assert check(workspace).returncode == 1


def test_nbval_sees_a_changed_metric(workspace):
    path = workspace / "library" / "landmarklib" / "core" / "metrics.py"
    text = path.read_text()
    changed = text.replace(
        "np.linalg.norm(predicted - target, axis=-1)", "1.01 * np.linalg.norm(predicted - target, axis=-1)", 1
    )
    assert changed != text
    path.write_text(changed)
    assert check(workspace).returncode == 1


def executed(**changes):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("1 + 1", execution_count=1)]
    for name, value in changes.items():
        setattr(notebook.cells[0], name, value)
    return notebook


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"outputs": [nbformat.v4.new_output("error", ename="E", evalue="v", traceback=[])]}, "failed"),
        ({"execution_count": None}, "did not run"),
    ],
)
def test_an_unfinished_notebook_is_refused(tmp_path, changes, word):
    path = tmp_path / "x.ipynb"
    nbformat.write(executed(**changes), path)
    with pytest.raises(UserError, match=word):
        notebooks.refuse_unfinished(path)


def test_a_notebook_that_papermill_marked_is_refused(tmp_path):
    notebook = executed()
    notebook.metadata["papermill"] = {"exception": True}
    nbformat.write(notebook, tmp_path / "x.ipynb")
    with pytest.raises(UserError, match="exception"):
        notebooks.refuse_unfinished(tmp_path / "x.ipynb")


def test_a_finished_notebook_is_accepted(tmp_path):
    nbformat.write(executed(), tmp_path / "x.ipynb")
    notebooks.refuse_unfinished(tmp_path / "x.ipynb")


def test_only_papermills_parameters_are_kept_off_the_page(tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in ("seeds = [0]", "seeds = [1]", "print(seeds)")]
    cells[0].metadata["tags"], cells[1].metadata["tags"] = ["parameters"], ["injected-parameters"]
    metadata = {"papermill": {"parameters": {"results": "a folder"}}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "x.ipynb")
    notebooks.hide_parameters(tmp_path / "x.ipynb")
    found = nbformat.read(tmp_path / "x.ipynb", as_version=4)
    assert [c.metadata.get("tags", []) for c in found.cells] == [
        ["parameters"],
        ["injected-parameters", "remove-cell"],
        [],
    ]
    assert [c.source for c in found.cells] == ["seeds = [0]", "", "print(seeds)"] and "papermill" not in found.metadata


def test_storing_keeps_what_the_check_cell_prints_and_tells_which_lines_changed(tmp_path, monkeypatch):
    def notebook(text: str):
        cells = [nbformat.v4.new_code_cell(code, id=code[0], execution_count=1) for code in ("a = 1", "print(a)")]
        cells[1].metadata["tags"] = [notebooks.CHECKED]
        for cell in cells:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        return nbformat.v4.new_notebook(cells=cells)

    def execute(name: str, folder: Path) -> Path:
        nbformat.write(notebook("head\n--2.5\nend\n"), tmp_path / "executed.ipynb")
        return tmp_path / "executed.ipynb"

    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "execute", execute)
    nbformat.write(notebook("head\n1.5\nend\n"), tmp_path / "x.ipynb")
    assert notebooks.store("x") == ["-1.5", "+--2.5"]
    first, checked = nbformat.read(tmp_path / "x.ipynb", as_version=4).cells
    assert first.outputs == [] and checked.outputs[0].text == "head\n--2.5\nend\n"
    assert notebooks.store("x") == []


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UserError, match=r"fractons.*fractions"):
        notebooks.execute("quickstart", {"fractons": [0.1]}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failing_notebook_leaves_no_page(tmp_path):
    with pytest.raises(UserError, match="unknown budget"):
        notebooks.execute("quickstart", {"budget": "huge"}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_after_its_parameters_every_notebook_refuses_names_that_it_does_not_know(notebook, request):
    """Whoever runs it: the first cell that follows does so after its imports, before anything else."""
    first, second, *_ = code_cells(notebook)
    assert first.metadata["tags"][0] == "parameters"
    body = [node for node in ast.parse(second.source).body if not isinstance(node, ast.ImportFrom)]
    assert ast.unparse(body[0]) == f"notebooks.refuse_unknown({request.node.callspec.params['notebook']!r}, globals())"


def namespace(name: str) -> dict[str, object]:
    """What is defined when a notebook has been run, as far as it could be taken for parameters."""
    cells = code_cells(nbformat.read(notebooks.notebook_path(name), as_version=4))
    found = {"In": [""], "Out": {}, "_": "", "_i1": "1 + 1", "exit": print, "ast": ast}
    exec(cells[0].source, found)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_knows_its_parameters(name):
    notebooks.refuse_unknown(name, namespace(name))


def test_a_cell_may_be_run_again(notebook):
    """What a notebook itself defines is nothing that could be a parameter."""
    for cell in code_cells(notebook)[1:]:
        made = [node.value for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Assign)]
        assert all(isinstance(value, (ast.Call, ast.ListComp)) for value in made), cell.source


@pytest.mark.parametrize("value", [[0.5], 0.5, "cpu", None, True, {"a": [1, (2, "b")]}])
def test_an_injected_name_that_a_notebook_does_not_know_is_refused(value):
    with pytest.raises(UserError, match=r"notebook quickstart: .*'fractoins'.* known: fractions, seeds"):
        notebooks.refuse_unknown("quickstart", namespace("quickstart") | {"fractoins": value})
    with pytest.raises(UserError, match="'more'"):  # another notebook's parameter, and a variable of this one
        notebooks.refuse_unknown("shapes", namespace("shapes") | {"more": value})


def test_what_is_no_parameter_and_names_with_an_underscore_may_be_defined():
    own = {"_mine": [0.5], "Path": Path, "figure": object(), "runs_of_mine": [object()]}
    notebooks.refuse_unknown("quickstart", namespace("quickstart") | own)


def test_notebooks_run_in_this_python_whatever_other_kernel_has_the_name(tmp_path, monkeypatch):
    other = tmp_path / "jupyter" / "kernels" / notebooks.KERNEL
    other.mkdir(parents=True)
    spec = {"argv": ["/not/this/python", "-f", "{connection_file}"], "display_name": "other", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    manager = notebooks._kernel_of_this_python()(kernel_name=notebooks.KERNEL)
    assert manager.format_kernel_cmd()[0] == sys.executable
    assert manager.kernel_spec.env == {progress.WHERE: progress.LINES}


@pytest.mark.parametrize("package", ["nbformat", "papermill", "ipykernel"])
def test_a_package_that_is_not_installed_is_named_before_anything_runs(package, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(UserError, match=rf"{package} is not installed .*pip install"):
        notebooks.execute("quickstart", {}, tmp_path / "pages")
    assert not list(tmp_path.iterdir())
