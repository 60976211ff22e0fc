"""Which modules a file of this library imports: the one reader of imports, for what follows them."""

from __future__ import annotations

import ast
from pathlib import Path

from landmarklib.core.files import PACKAGE


def imported(tree: ast.AST) -> list[str]:
    """Names that a module imports; `from a import b` gives both a and a.b, since b may be a module."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def source(module: str) -> Path | None:
    """The file of a module of this library; None for what is none of its modules."""
    first, *rest = module.split(".")
    path = PACKAGE.joinpath(*rest)
    if first != PACKAGE.name:
        return None
    found = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return found if found.is_file() else None


def within(module: str, package: str) -> list[Path]:
    """The files of a package that a module of it reaches by imports within that package, its own among them, in order."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = source(name)
        if path and name.startswith(f"{package}.") and path not in found:
            found.add(path)
            waiting += imported(ast.parse(path.read_text(encoding="utf-8")))
    return sorted(found)
