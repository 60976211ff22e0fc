"""The wings of the library: imports go one way, reading needs no torch, and nothing grows too large."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import landmarklib
from landmarklib.core import imports

WINGS = (  # a module imports from its own wing and from those before it
    "core",
    "formats",
    "losses",
    "nets",
    "methods",
    "drawing",
    "standins",
    "datasets",
    "tables",
    "loading",
    "records",
    "training",
    "engine",
    "report",
    "pages",
    "commands",
)
TORCH_WINGS = ("losses", "nets", "training")
TORCH_MODULES = {f"landmarklib.core.{name}" for name in ("heatmaps", "noise", "warps", "augmentation")}
DRAWN_DATA = ("formats", "drawing", "standins", "datasets")  # wings that read and draw data, and know no method
WITHOUT_WING = ("test_wings.py", "test_env.py", "test_benchmark_scripts.py")  # tests of the repository, not of a wing
MODULES = imports.modules()
TESTS = Path(__file__).parent
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 300, 50, 8


def wing(module: str) -> str:
    """The wing of a module of the library; empty for the package itself."""
    return [*module.split("."), ""][1]


def ours(module: str) -> set[str]:
    """Modules of the library, in its wings or not, that a module imports anywhere."""
    return {name for name in imports.needed(module) if name in MODULES}


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a module, methods and inner ones included."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of a function's parameters, but for what a method is called on."""
    a = function.args
    names = [parameter.arg for parameter in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if parameter]
    return [name for name in names if name not in ("self", "cls")]


def test_every_module_but_the_entry_points_is_in_a_wing():
    assert {wing(module) for module in MODULES} == {"", "__main__", *WINGS}


def test_the_package_tells_readers_of_the_wings_in_this_order():
    assert tuple(re.findall(r"^(\w+): .+\.$", landmarklib.__doc__, re.M)) == WINGS


def test_imports_go_to_the_same_wing_or_a_lower_one():
    """Those within functions and those for type checkers, too."""
    height = {name: i for i, name in enumerate(("", *WINGS))}  # the entry points may import everything
    up = [
        f"{module} imports {name}"
        for module in MODULES
        for name in ours(module)
        if wing(module) in WINGS and height.get(wing(name), len(height)) > height[wing(module)]
    ]
    assert up == []


def test_imports_run_in_no_circle():
    """Every module can stand after all that it imports, functions and type checkers included."""
    needs = {module: imports.needed(module, at_import=False) & MODULES.keys() - {module} for module in MODULES}
    while needs:
        free = {module for module, needed in needs.items() if not needed & needs.keys()}
        assert free, f"in a circle: {sorted(needs)}"
        needs = {module: needed for module, needed in needs.items() if module not in free}


def test_commands_are_for_the_command_line_alone():
    outside = [module for module in MODULES if wing(module) != "commands"]
    assert {module for module in outside if "commands" in map(wing, ours(module))} == {"landmarklib.__main__"}


def test_torch_is_loaded_by_what_trains_alone():
    """Importing anything else, the command line and the engine included, loads none."""
    reading = [module for module in MODULES if wing(module) not in TORCH_WINGS and module not in TORCH_MODULES]
    assert [module for module in reading if "torch" in imports.loaded(module)] == []


def test_data_know_no_method_and_need_numpy_alone():
    drawn = [module for module in MODULES if wing(module) in DRAWN_DATA]
    assert {wing(name) for module in drawn for name in ours(module)} <= {"core", *DRAWN_DATA}
    needed = {name for module in drawn for name in imports.needed(module)}
    assert needed & {"torch", "pandas", "sklearn", "jinja2"} == set()


def test_plotting_is_imported_where_a_figure_is_drawn():
    plotting = {"matplotlib", "seaborn"}
    assert {module for module in MODULES if imports.needed(module) & plotting} == {"landmarklib.report.style"}
    assert imports.loaded("landmarklib.report.style") & plotting == set()


def test_html_is_written_in_one_module():
    assert {module for module in MODULES if "jinja2" in imports.needed(module)} == {"landmarklib.report.markup"}


def test_modules_are_short():
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: n for module, n in lines.items() if n > MOST_LINES} == {}


def test_functions_are_short_and_take_few_parameters():
    all_of_them = [(f"{module}.{f.name}", f) for module in MODULES for f in functions(module)]
    long = {name: f.end_lineno - f.lineno + 1 for name, f in all_of_them}
    assert {name: n for name, n in long.items() if n > MOST_LINES_OF_A_FUNCTION} == {}
    many = {name: len(parameters(f)) for name, f in all_of_them if f.name != "ensure"}
    assert {name: n for name, n in many.items() if n > MOST_PARAMETERS} == {}


def test_tests_lie_in_the_folder_of_their_wing():
    assert {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")} <= {".", *WINGS}
    assert {path.name for path in TESTS.glob("test_*.py")} == set(WITHOUT_WING)
