"""Leave out of pages what they do not use, and tell search engines what they are about.

Live cells are not used: their scripts name an address elsewhere, twice on a page, which is an error on its console.
Icons are drawn by `book.css`, so the script that draws two thousand of them, heavier than any page, stays away, and so
does MathJax where there is no formula.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

ICONS = re.compile(r"""\s*<(?:script|link)\b[^>]*\bfontawesome\.js[^>]*>(?:</script>)?""")
LONGEST = 155  # characters of a description


def setup(app):
    """Connect all to the builder."""
    app.connect("html-page-context", _describe)
    app.connect("html-page-context", _without_idle_files, priority=900)
    app.connect("build-finished", _without_icon_script)
    return {"version": "1", "parallel_read_safe": True}


def _describe(app, pagename, templatename, context, doctree):
    """The first paragraph of a page, as its description."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) > LONGEST:
            text = text[:LONGEST].rsplit(" ", 1)[0] + " …"
        context["metatags"] += f'\n<meta name="description" content="{escape(text)}">'
        return


def _without_idle_files(app, pagename, templatename, context, doctree):
    formulas = bool(doctree) and any(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)))
    idle = ("thebe",) if formulas else ("thebe", "mathjax")
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not any(name in _said(file).lower() for name in idle)]


def _said(file) -> str:
    """All that a file's tag says."""
    return " ".join(map(str, (getattr(file, "filename", file), getattr(file, "attributes", ""))))


def _without_icon_script(app, exception):
    if exception or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if (lean := ICONS.sub("", text)) != text:
            page.write_text(lean, encoding="utf-8")
    for file in (Path(app.outdir) / "_static" / "scripts").glob("fontawesome.js*"):
        file.unlink()
