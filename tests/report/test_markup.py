"""No text of a table, a record or a file reaches a page as HTML or Markdown, and markup is never escaped twice."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import options_to_items

from landmarklib import datasets, loading, tables
from landmarklib.core import files
from landmarklib.pages import catalogue, conventions, overlap, overview, speed_page, status, survived, table_page
from landmarklib.records import benchmarks, query, record
from landmarklib.records.record import Record
from landmarklib.report import claim_cards, claim_tables, claims, comparison, markup, provenance

ESCAPED = "&lt;script&gt;&amp;"
RAW = (  # HTML, directives, a role, links, maths, and what ends a line for Markdown or for a page that includes another
    '<script>&"\n\n```{include} /etc/passwd\n```\n\n:::{include} /etc/passwd\n:::\r\r'
    "# a\x0b\x0c```{image} b\n```\x85\u2028\u2029"
    "{download}`/etc/passwd` ![a](b) [c](javascript:d) $e$ $$f$$ {{ g }} *h* (i)=\n%j\n+++"
)
LINE = " ".join(RAW.split())  # the same in one line, as the files of results may have it
STARTS = (
    "```{include} x",
    ":::{include} x",
    "{download}`x`",
    "# x",
    "- x",
    "1. x",
    "1) x",
    "> x",
    "    x",
    "% x",
    "(x)=",
    "+++",
)
STARTS += ("$$x$$", "[x](y)", "<b>", "***", "---", "===", ": x", "| x |", "~~~{include} x", "`x`", "\\begin{align}x")
MAY_BE = {
    "heading",
    "paragraph",
    "inline",
    "text",
    "html_block",
    "fence",
    "strong",
    "bullet_list",
    "list_item",
    "softbreak",
}
BLOCKS = tables.get("blocks")
TEMPLATES = sorted((Path(markup.__file__).parent / "templates").glob("*.html"))


def unchecked(value, **changes):
    """A copy with these fields, whatever the rules of its kind say: pages do not rely on them."""
    changed = copy.copy(value)
    for name, field in changes.items():
        object.__setattr__(changed, name, field)
    return changed


@pytest.fixture(scope="module")
def table() -> tables.Table:
    """Blocks with such a title, row, published line, claim and budget."""
    row = unchecked(next(r for r in BLOCKS.rows if r.name == "Seq-MT (L+A)"), name=RAW)
    inequality = unchecked(BLOCKS.claims[0].comparisons[0], lower=RAW, higher=RAW)
    return unchecked(
        BLOCKS,
        title=RAW,
        rows=(row,),
        references=(unchecked(tables.Reference("a", {0.01: 1.0}), name=RAW, note=RAW),),
        claims=(unchecked(BLOCKS.claims[0], id="H1", text=RAW, comparisons=(inequality,)),),
        budgets={name: unchecked(b, note=RAW) for name, b in BLOCKS.budgets.items()},
    )


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Two runs of that row that hardly tell classes apart, the second with a flag, and one that failed.

    Their device, commit and so on are such a text.
    """
    done = {"error_px": {"mean": 5.0, "low": 4.0, "high": 6.0, "n": 9}}
    done["accuracy_percent"] = {"mean": 9.0, "low": 8.0, "high": 10.0, "n": 9}
    told = dict.fromkeys(("device", "form", "commit", "date", "code"), RAW)
    experiments = [unchecked(e, row=RAW, key=e.key) for e in BLOCKS.experiments([0.01], [0, 1, 2], ["Seq-MT (L+A)"])]
    rest = {"provenance": told, "data": {"tier": RAW, "fingerprint": RAW}, "seconds": 1.0}
    first, second, third = (Record(e, "done", metrics=done, **rest) for e in experiments)
    return [first, replace(second, warnings=(RAW,)), replace(third, status="failed", reason=RAW, metrics={})]


@cache
def parser() -> MarkdownIt:
    """The book's parser of Markdown."""
    extensions = yaml.safe_load((Path(__file__).parents[2] / "book" / "_config.yml").read_text())["parse"]
    found = MdParserConfig(enable_extensions=extensions["myst_enable_extensions"])
    return create_md_parser(found, RendererHTML)


def check_inert(page: str, *, directives: tuple[str, ...] = (), code: bool = False) -> None:
    """In a page in Markdown, once it is included, no text is markup.

    directives: heads of those that it has.
    code: what stands in backticks may be code.
    """
    tokens = parser().parse("\n".join(page.splitlines()))
    tokens = [token for block in tokens for token in (block, *(block.children or ()))]
    allowed = MAY_BE | ({"code_inline"} if code else set())
    assert {re.sub("_(open|close)$", "", token.type) for token in tokens} - {"myst_role"} <= allowed
    assert {t.meta["name"] for t in tokens if t.type == "myst_role"} <= {"cite:t"}
    assert {t.info for t in tokens if t.type == "fence"} <= {*directives, "sh"}
    assert "<script" not in "".join(t.content for t in tokens if t.type == "html_block")


def measured_of(p: SimpleNamespace) -> overview.Measured:
    return overview.Measured(p.table, p.runs, p.runs, p.verdicts)


PARTS = {
    "beside_paper": lambda p: comparison.beside_paper(p.table, p.runs),
    "long_table": lambda p: comparison.long_table(p.table, p.runs),
    "other_metrics": lambda p: comparison.other_metrics(p.table, p.runs),
    "bookkeeping": lambda p: table_page.bookkeeping(p.table, p.runs, p.records),
    "cards": lambda p: claim_cards.cards(p.table, p.verdicts, p.records),
    "picture": lambda p: survived.picture([(measured_of(p), p.verdicts[0])]),
    "in_points": lambda p: survived.in_points([(measured_of(p), p.verdicts[0])]),
    "key": lambda p: table_page.key(unchecked(p.table, rows=(unchecked(p.table.rows[0], fractions=(0.01,)),)), p.runs),
    "details": lambda p: table_page.details(p.table, p.runs, p.records, p.verdicts),
    "per_seed": lambda p: table_page.per_seed(p.runs.assign(matched_percent=99.0)),
    "measures": lambda p: table_page.measures(p.table, p.runs, p.table.metrics, RAW),
    "download": lambda p: table_page.download(RAW, p.runs),
    "origin": lambda p: provenance.origin(p.table, p.records),
    "flagged": lambda p: provenance.flagged(p.records),
    "unlearnt": lambda p: provenance.warn_untrained_heads(p.table, p.runs)[0],
    "per_inequality": lambda p: claim_tables.per_inequality(p.table, p.verdicts),
    "claims_list": lambda p: overview.claims_list([(measured_of(p), p.verdicts[0])]),
}


@pytest.fixture(scope="module")
def parts(table, records) -> SimpleNamespace:
    """What the parts of the table's page are made of."""
    runs = record.frame(records)
    return SimpleNamespace(table=table, records=records, runs=runs, verdicts=claims.evaluate(table, runs))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_tables_page_escapes_what_it_shows(parts, name):
    shown = PARTS[name](parts)
    assert "<script" not in shown and ESCAPED in shown
    check_inert(f"# a page\n\n<div>{shown}</div>\n")


def test_the_summary_of_conventions_escapes_the_tables_names(parts):
    runs = parts.runs.assign(**{metric: 8.0 for metric in ("nme_percent", conventions.CONVENTIONS[1].metric)})
    shown = conventions.summary(parts.table, runs)
    assert "<script" not in shown and ESCAPED in shown
    check_inert(shown)


def test_pages_in_markdown_show_texts_of_tables_as_text(parts, monkeypatch):
    told = {"protocol": (RAW, *STARTS), "paper": RAW, "where": RAW, "name": RAW}
    table, nothing = unchecked(parts.table, **told), (parts.table, parts.runs[:0], [])
    monkeypatch.setattr(tables, "names", lambda: [RAW])
    monkeypatch.setattr(tables, "get", lambda name: table)
    monkeypatch.setattr(query, "read_recorded", lambda *_, **__: nothing)
    check_inert(status.deviations_page(), code=True)
    check_inert(status.status_page())
    check_inert(conventions.page())
    check_inert(overview.claims_page([measured_of(parts)]))
    check_inert(survived.page([measured_of(parts)]))


def without_alt(text: str) -> str:
    """A page without the texts of its pictures, which are no HTML: Sphinx makes attributes of them and escapes them."""
    return re.sub(r"^:alt: .*$", "", text, flags=re.M)


def test_the_page_of_speeds_escapes_what_a_file_says():
    timings = tuple(benchmarks.timings(RAW, {RAW: [1.0], f"{RAW} other": [2.0]}))
    told = {"device": RAW, "commit": RAW, "date": RAW, "versions": {RAW: RAW}}
    text = {"title": RAW, "text": RAW, "unit": RAW}
    b = benchmarks.Benchmark(
        speed_page.INFERENCE, **text, device="cpu", timings=timings, facts={RAW: RAW}, provenance=told
    )
    shown = without_alt(speed_page.page([b]))
    assert "<script" not in shown and shown.count(ESCAPED) > 10
    assert RAW in speed_page.alt(b)  # so there was something to leave out
    pictures = tuple(f"{{image}} _generated/{speed_page.INFERENCE}-{device}.svg" for device in ("cpu", "cuda"))
    check_inert(speed_page.page([b, replace(b, device="cuda")]), directives=pictures)


def test_the_page_of_overlaps_escapes_what_a_file_says(tmp_path, monkeypatch):
    overlap.save(overlap.Overlap("mtfl", LINE, LINE, 9, {LINE: (0.1, 0.2)}), tmp_path)
    published = [{"dataset": "mtfl", "attribute": RAW, "mean": 0.1, "max": 0.2, "note": RAW}]
    monkeypatch.setattr(overlap, "published", lambda: published)
    shown = overlap.page(tmp_path)
    assert "<script" not in shown and shown.count(ESCAPED) >= 4
    check_inert(shown, code=True)


def test_the_page_of_a_data_set_escapes_what_its_file_says(monkeypatch):
    texts = dict.fromkeys(("title", "unit", "licence", "obtain", "citation", "layout"), RAW)
    d = replace(loading.get("mtfl"), **texts, assumptions=(RAW,), known_issues=(RAW,), landmarks=(RAW,), mirror=(0,))
    shown = without_alt(catalogue.page(d, pictured=True))
    assert "<script" not in shown and shown.count(ESCAPED) > 8
    check_inert(catalogue.page(d, pictured=True), directives=("{figure} ../_generated/mtfl.png",), code=True)
    monkeypatch.setattr(datasets, "names", lambda: ["mtfl"])
    monkeypatch.setattr(loading, "get", lambda name: d)
    shown = catalogue.overview()
    assert "<script" not in shown and shown.count(ESCAPED) == 1


def test_markup_is_taken_as_it_is_and_text_is_not():
    shown = markup.to_html(pd.DataFrame({RAW: [markup.link("a.html", "<b>"), "<b>"]}, dtype=object))
    assert re.findall(r"<td>(.*)</td>", shown) == ['<a href="a.html">&lt;b&gt;</a>', "&lt;b&gt;"]
    assert "<script" not in shown
    assert markup.Html("<b>") + "<i>" == "<b>&lt;i&gt;" and markup.Html("<b>")._repr_html_() == "<b>"


def test_what_stands_in_backticks_is_code():
    assert markup.code("see `a < b` & c") == "see <code>a &lt; b</code> &amp; c"
    assert markup.markdown("see `a < b` & <c>") == "see `a < b` &amp; &lt;c&gt;"
    assert (
        markup.markdown("```<b>` and `<i>") == "&#96;&#96;&#96;&lt;b&gt;` and `&lt;i&gt;"
    )  # which is no code to Markdown


@pytest.mark.parametrize("text", [*STARTS, RAW])
def test_a_text_on_a_page_in_markdown_is_shown_as_it_is(text):
    (opening, line, closing) = parser().parse(markup.plain(text))
    assert (opening.type, closing.type) == ("paragraph_open", "paragraph_close")
    assert {token.type for token in line.children} <= {"text", "text_special"}
    shown = "".join(token.content for token in line.children)
    assert shown == re.sub(r"[\n\r\v\f\x85\u2028\u2029]+", " ", text).strip()


@pytest.mark.parametrize("text", ["a", '"', "a # b", "|", "> a", "'", "\\", "a: b", *STARTS, RAW])
def test_the_words_of_a_picture_reach_its_directive_as_they_are(text):
    (fence,) = parser().parse(markup.picture("a.png", text, "A caption."))
    assert (fence.type, fence.info) == ("fence", "{figure} a.png")
    lines = fence.content.splitlines()
    (option,), _ = options_to_items(lines[0].removeprefix(":"))
    assert option == ("alt", re.sub(r"[\n\r\v\f\x85\u2028\u2029]+", " ", text)) and lines[1:] == ["", "A caption."]


def test_a_template_that_lacks_a_value_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="text"):
        markup.render("paragraph")


def test_every_template_is_used():
    library = "".join(path.read_text(encoding="utf-8") for path in files.PACKAGE.rglob("*.py"))
    assert TEMPLATES
    for path in TEMPLATES:
        assert re.search(rf'render\(\s*"{path.stem}"', library), path.stem
