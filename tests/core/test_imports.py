"""The reader of imports."""

from __future__ import annotations

import ast

from landmarklib.core import imports

SOURCE = """
import a.b
from c import d
from . import e
if TYPE_CHECKING:
    import f
class G:
    import g
    def method(self):
        import h
def function():
    from i import j
"""


def test_names_that_are_imported():
    tree = ast.parse(SOURCE)
    assert imports.imported(tree) == ["a.b", "c", "c.d", "f", "g", "h", "i", "i.j"]
    assert imports.imported(tree, at_import=True) == ["a.b", "c", "c.d", "g"]


def test_a_package_and_a_module_have_their_files():
    modules = imports.modules()
    assert modules["landmarklib.core"].name == "__init__.py" and modules["landmarklib.core.warps"].name == "warps.py"
    assert all(imports.source(module) == path for module, path in modules.items())
    assert imports.source("landmarklib.core.no_such") is None and imports.source("torch.nn") is None


def test_what_a_module_needs_is_read_from_its_file():
    assert imports.needed("landmarklib.core.warps") >= {"landmarklib.core.coords", "landmarklib.core.noise", "torch"}
    assert "torch" in imports.needed("landmarklib.core.coords")
    assert "torch" not in imports.needed("landmarklib.core.coords", at_import=True)


def test_what_importing_a_module_loads():
    found = imports.loaded("landmarklib.core.augmentation")
    assert found >= {"landmarklib", "landmarklib.core", "landmarklib.core.coords", "torch", "numpy"}
    assert "torch" not in imports.loaded("landmarklib.core.coords")
