"""Serve the formulas' script from the book itself, so that pages need no network: one file of sphinx-mathjax-offline,
fonts inside.
"""

from importlib import metadata
from pathlib import Path

SCRIPT = "tex-svg.js"


def setup(app):
    """Copy MathJax into the static files and point Sphinx to it."""
    app.connect("builder-inited", _copy)
    app.config.mathjax_path = f"mathjax/{SCRIPT}"
    return {"version": "1", "parallel_read_safe": True}


def _copy(app):
    files = metadata.files("sphinx-mathjax-offline")
    source = next(file for file in files if file.name == SCRIPT).locate()
    target = Path(app.outdir) / "_static" / "mathjax" / SCRIPT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(Path(source).read_bytes())
