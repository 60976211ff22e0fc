"""The built book: strict, without anything from elsewhere, every page with what it promises."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest

from landmarklib import loading, tables
from landmarklib.core import files
from landmarklib.core.errors import UserError
from landmarklib.pages import book, notebooks, overview, status

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The book, built from a copy of its sources and the committed records."""
    copy = tmp_path_factory.mktemp("site") / "book"
    shutil.copytree(
        ROOT / "book", copy, ignore=shutil.ignore_patterns("_build", "_generated", "data", "tables", "__pycache__")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "BOOK", copy)
        first = book.build()
    return first.parent


def pages(site: Path) -> list[Path]:
    return [p for p in site.rglob("*.html") if "_static" not in p.parts]


def test_a_missing_builder_is_named_before_the_work(monkeypatch):
    monkeypatch.setattr(notebooks, "find_spec", lambda name: None if name == "jupyter_book" else name)
    monkeypatch.setattr(notebooks, "execute", lambda *_: pytest.fail("a notebook was executed"))
    with pytest.raises(UserError, match=r"jupyter_book is not installed .*pip install"):
        book.build()


def test_no_page_loads_anything_from_elsewhere(site):
    assert book.remote_references(site) == []


def test_pictures_of_results_follow_light_and_dark(site):
    shown = [
        name
        for p in (site / "tables").glob("*.html")
        for name in re.findall(r'src="([^"]*_images/[^"]*)"', p.read_text())
    ]
    assert len(shown) > 50 and {Path(name).suffix for name in shown} == {".svg"}


def test_a_page_has_no_script_that_it_does_not_use(site):
    for page in pages(site):
        text = page.read_text()
        assert not any(name in text for name in ("THEBE_JS_URL", "sphinx-thebe", "fontawesome.js"))
        assert ("tex-svg.js" in text) == ('class="math' in text), page


def test_every_icon_is_drawn(site):
    style = (site / "_static" / "book.css").read_text()
    drawn = [c for p in pages(site) for c in re.findall(r'<(?:i|span) class="([^"]*\bfas?\b[^"]*)"', p.read_text())]
    used = {name for classes in drawn for name in classes.split() if name.startswith("fa-")}
    icons = used - {"fa-solid", "fa-lg"}
    assert len(icons) > 8 and [name for name in sorted(icons) if f".{name} {{" not in style] == []


def test_every_page_of_results_is_described_in_a_line(site):
    for page in [site / "index.html", *(site / "tables").glob("*.html")]:
        (words,) = re.findall(r'<meta name="description" content="([^"]*)">', text := page.read_text())
        assert 40 < len(html.unescape(words)) <= 160, page
        assert re.search(r'<link rel="icon" href="[./]*_static/favicon.svg', text), page


def test_a_remote_script_would_be_seen(tmp_path):
    (tmp_path / "x.html").write_text('<script async src="https://cdn.example.org/x.js"></script>')
    assert book.remote_references(tmp_path) == ["x.html: cdn.example.org/x.js"]


def test_every_table_has_its_page_with_its_methods(site):
    for name in tables.names():
        text = (site / "tables" / f"{overview.page_of(name)}.html").read_text()
        for row in tables.get(name).rows:
            assert row.name in text


def test_the_first_page_lists_all_tables_of_the_four_papers(site):
    text = (site / "index.html").read_text()
    assert len(re.findall(r"<tr>", text)) >= 36
    for paper in ("honari2018", "thewlis2017", "rahaman2021", "moskvyak2021"):
        assert paper in text


def test_the_first_page_leads_to_the_card_of_every_claim_of_the_papers(site):
    targets = re.findall(r'href="tables/([\w-]+)\.html#(claim-[^"]*)"', (site / "index.html").read_text())
    wanted = [(name, c) for name in tables.names() for c in tables.get(name).claims if c.of_paper]
    assert len(targets) == len(set(targets)) == len(wanted)
    for name, anchor in targets:
        assert (site / "tables" / f"{name}.html").read_text().count(f'id="{anchor}"') == 1


def test_claims_stand_before_every_table_of_their_page_and_no_tick_on_generated_data(site):
    for name in tables.names():
        text = (site / "tables" / f"{overview.page_of(name)}.html").read_text()
        if any(c.of_paper for c in tables.get(name).claims):
            assert text.index('class="headline"') < text.index('class="claim-cards"') < text.index("<table")
            assert text.index("</table>") < text.index('class="bookkeeping"')
        assert "✓" not in text or not loading.generated(tables.get(name).dataset)


def test_no_cell_of_any_table_is_blank(site):
    for page in pages(site):
        assert not re.search(r"<td>\s*(nan|NaN|None)?\s*</td>", page.read_text()), page


def test_every_picture_has_a_text(site):
    for page in pages(site):
        for picture in re.findall(r"<img[^>]*>", page.read_text()):
            assert re.search(r'alt="[^"]{3,}"', picture), f"{page.name}: {picture[:120]}"


def test_formulas_come_from_the_book_itself(site):
    assert (site / "_static" / "mathjax" / "tex-svg.js").is_file()
    assert "mathjax/tex-svg.js" in (site / "methods.html").read_text()


def test_no_deviation_is_noted_where_the_book_would_miss_it():
    library = [path for kind in ("*.py", "*.toml") for path in files.PACKAGE.rglob(kind)]
    texts = [path.read_text(encoding="utf-8") for path in library if path != Path(status.__file__)]
    noted = sum(text.count("DEVIATION") for text in texts)
    assert len(status.deviations()) == noted


def test_every_deviation_in_the_code_is_on_the_methods_page(site):
    found = status.deviations()
    assert found
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (site / "methods.html").read_text()))
    text = html.unescape(text).replace("’", "'")  # as the book sets apostrophes
    for path, sentence in found:
        assert path in text
        assert re.sub(r"`", "", sentence)[1:60] in text
