"""Imports go downwards only, and the reading side never reaches torch."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "landmarklib"
READING = (
    "types",
    "experiment",
    "tables",
    "record",
    "importing",
    "claims",
    "claim_tables",
    "html",
    "query",
    "report",
    "comparison",
    "conventions",
    "overlap",
    "speed",
    "speed_page",
    "page",
    "provenance",
    "overview",
    "style",
    "figures",
    "galleries",
    "sheets",
    "catalogue",
    "fetch",
    "words",
    "book",
    "datasets",
    "standins",
    "metrics",
)
TRAINING = ("run", "checks", "compute", "train", "pack", "evaluate", "losses", "heatmaps", "warps", "nets", "noise")


def name_of(path: Path) -> str:
    """Dotted name of a module from its file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def statements(node: ast.AST, everywhere: bool) -> list[ast.Import | ast.ImportFrom]:
    """Import statements: all, or those that run when the module is imported; those for type checkers never run."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            found.append(child)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not everywhere:
            continue
        elif isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        else:
            found += statements(child, everywhere)
    return found


@cache
def imports(module: str, everywhere: bool = True) -> frozenset[str]:
    """What a module imports: modules of the package with their dotted names, others by their first name."""
    found = set()
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8")), everywhere):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{module}: relative import in line {node.lineno}"
            names = [f"{node.module}.{a.name}" for a in node.names if f"{node.module}.{a.name}" in MODULES]
            if len(names) < len(node.names):
                names.append(node.module)
        found |= {name if name in MODULES else name.partition(".")[0] for name in names}
    return frozenset(found)


@cache
def loaded(module: str) -> frozenset[str]:
    """All that importing a module loads, itself and the packages around it included."""
    waiting, found = [module], set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in MODULES:
            waiting += imports(name, everywhere=False)
            waiting += [name.rpartition(".")[0]] if "." in name else []
    return frozenset(found)


def within(module: str, parts: tuple[str, ...]) -> bool:
    """Whether a module is one of those parts of the package, or inside one."""
    return any(module == f"landmarklib.{part}" or module.startswith(f"landmarklib.{part}.") for part in parts)


def ours(module: str) -> set[str]:
    """Modules of the package that a module imports anywhere, without the package itself."""
    return {name for name in imports(module) if name.startswith("landmarklib.")}


def test_the_graph_is_read_from_the_files():
    assert imports("landmarklib.evaluate") >= {"landmarklib.coords", "landmarklib.types", "torch", "numpy"}
    assert "torch" in imports("landmarklib.compute") - imports("landmarklib.compute", everywhere=False)
    assert "torch" not in imports("landmarklib.types")
    assert loaded("landmarklib.warps") >= {"landmarklib", "landmarklib.coords", "torch"}


def test_only_the_command_line_imports_run():
    assert {module for module in MODULES if "landmarklib.run" in imports(module)} == {"landmarklib.__main__"}


def test_nothing_imports_the_command_line():
    assert {module for module in MODULES if "landmarklib.__main__" in imports(module)} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, READING) or m == "landmarklib.__main__"])
def test_reading_loads_neither_torch_nor_training(module):
    reached = loaded(module)
    assert "torch" not in reached
    assert {name for name in reached if within(name, TRAINING)} == set()
    assert {name for name in reached if name.startswith("landmarklib.methods.")} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, READING)])
def test_reading_never_imports_torch_or_training_later_either(module):
    assert "torch" not in imports(module)
    assert {name for name in ours(module) if within(name, (*TRAINING, "methods"))} == set()


@pytest.mark.parametrize("module", ["landmarklib.run", "landmarklib.checks", "landmarklib.compute"])
def test_torch_is_imported_only_where_something_is_trained(module):
    assert "torch" not in loaded(module)


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, ("datasets",))])
def test_data_sets_are_numpy_only_and_know_no_method(module):
    assert {name for name in ours(module) if not within(name, ("datasets", "standins", "types"))} == set()
    files = {"scipy"} if module.endswith(".archive") else set()  # which reads MATLAB's
    assert imports(module) & {"torch", "pandas", "scipy", "sklearn", "matplotlib"} == files


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, ("standins",))])
def test_stand_ins_know_no_data_set(module):
    assert {name for name in ours(module) if not within(name, ("standins", "datasets.raster", "types"))} == set()
    assert imports(module) & {"torch", "pandas", "sklearn", "matplotlib"} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, ("methods",))])
def test_methods_know_no_data_set_table_or_record(module):
    allowed = ("methods", "nets", "losses", "heatmaps", "warps", "noise", "coords", "types")
    assert {name for name in ours(module) if not within(name, allowed)} == set()


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("types", ()),
        ("coords", ("types",)),
        ("metrics", ("types",)),
        ("experiment", ("types",)),
        ("heatmaps", ("coords", "types")),
        ("noise", ()),
        ("warps", ("noise", "heatmaps", "coords", "types")),
        ("losses", ("noise", "heatmaps", "warps", "coords", "types")),
        ("nets", ("nets", "noise", "heatmaps", "coords", "types")),
        ("tables.selection", ("types",)),
        ("tables", ("tables", "experiment", "metrics", "types")),
        ("record", ("experiment", "metrics", "types")),
        ("checkpoint", ("record", "experiment", "types")),
        ("importing", ("speed", "tables", "record", "experiment", "types")),
        ("claims", ("tables", "record", "experiment", "types")),
        ("checks", ("compute", "bundling", "datasets", "record", "experiment", "types")),
        ("bundling", ("datasets", "experiment", "types")),
        ("pack", ("warps", "noise", "types")),
        ("train", ("pack", "evaluate", "heatmaps", "warps", "coords", "metrics", "experiment", "types")),
        ("evaluate", ("heatmaps", "coords", "metrics", "types")),
    ],
)
def test_a_layer_imports_only_what_lies_below(part, allowed):
    modules = [module for module in MODULES if within(module, (part,))]
    assert modules
    for module in modules:
        assert {name for name in ours(module) if not within(name, allowed)} == set(), module


def test_importing_runs_in_no_circle():
    """Every module can stand after all that its import needs; `from package import module` needs the module only."""
    needs = {module: {n for n in imports(module, everywhere=False) if n in MODULES} for module in MODULES}
    while needs:
        free = {module for module, needed in needs.items() if not needed & needs.keys()}
        assert free, f"in a circle: {sorted(needs)}"
        needs = {module: needed for module, needed in needs.items() if module not in free}


def test_benchmarks_are_measured_and_read_without_html():
    assert "jinja2" not in loaded("landmarklib.speed")
    assert "jinja2" in loaded("landmarklib.speed_page")


def test_plotting_is_imported_where_a_figure_is_drawn():
    drawing = {module for module in MODULES if imports(module) & {"matplotlib", "seaborn"}}
    assert drawing == {"landmarklib.style"}
    assert loaded("landmarklib.style") & {"matplotlib", "seaborn"} == set()
