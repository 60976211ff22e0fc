"""Which modules a file of this library imports: the one reader of imports, for what follows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from landmarklib.core.files import PACKAGE


def statements(tree: ast.AST, at_import: bool = False) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements, wherever they stand.

    at_import: only those that run when the module is imported; not those within functions or for type checkers.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        elif at_import and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        else:
            yield from statements(node, at_import)


def imported(tree: ast.AST, at_import: bool = False) -> list[str]:
    """Names that a module imports; `from a import b` gives both a and a.b, since b may be a module.

    at_import: only what is imported when the module is, as for `statements`.
    """
    found: list[str] = []
    for node in statements(tree, at_import):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif node.module and node.level == 0:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def modules() -> dict[str, Path]:
    """Every module of this library by its dotted name, with its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def source(module: str) -> Path | None:
    """The file of a module of this library; None for what is none of its modules."""
    first, *rest = module.split(".")
    path = PACKAGE.joinpath(*rest)
    if first != PACKAGE.name:
        return None
    found = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return found if found.is_file() else None


@cache
def needed(module: str, at_import: bool = False) -> frozenset[str]:
    """What a module of this library imports: modules of the library by their dotted names, others by their first name.

    `from package import module` needs that module alone.
    at_import: only what is imported when the module is, as for `statements`.
    """
    found = set()
    for node in statements(ast.parse(source(module).read_text(encoding="utf-8")), at_import):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if source(name) else node.module for name in inside]
        found |= {name if source(name) else name.partition(".")[0] for name in names}
    return frozenset(found)


def loaded(module: str) -> set[str]:
    """All that importing a module of this library loads, itself and the packages around it included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if source(name):
                waiting += [*needed(name, at_import=True), name.rpartition(".")[0] or name]
    return found


def within(module: str, package: str) -> list[Path]:
    """The files of a package that a module of it reaches by imports within it, in order; its own is among them."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = source(name)
        if path and name.startswith(f"{package}.") and path not in found:
            found.add(path)
            waiting += imported(ast.parse(path.read_text(encoding="utf-8")))
    return sorted(found)
