"""The pages of data sets."""

from __future__ import annotations

from html import unescape

import pytest

from landmarklib import datasets, loading
from landmarklib.pages import catalogue


@pytest.mark.parametrize("name", datasets.names())
def test_a_page_says_what_a_reader_needs(name):
    d = loading.get(name)
    page = catalogue.page(d, pictured=True)
    assert page.startswith(f"# {d.title}\n")
    for fact in (d.licence, d.citation, *d.assumptions, *d.known_issues):
        assert fact in unescape(page.replace("<code>", "`").replace("</code>", "`")), fact
    assert f"landmarklib data check {name}" in page or d.load
    assert ("none of its own images" in page) == (d.load is None)
    assert f"../_generated/{name}.png" in page and ":alt:" in page
    assert f"{name}.png" not in catalogue.page(d, pictured=False)


def test_every_set_has_a_line_with_a_link():
    table = catalogue.overview()
    for name in datasets.names():
        assert f'<a href="data/{name}.html">' in table


@pytest.mark.parametrize("name", ["shapes", "mtfl", "mnist"])
def test_pictures_are_drawn_never_photos(name):
    shown = catalogue.samples(loading.get(name))
    assert len(shown) == catalogue.SHOWN
    assert all(sample.points.shape == (len(loading.get(name).landmarks), 2) for sample in shown)


def test_many_landmarks_are_counted_by_part():
    assert catalogue.named(("nose", "left eye")) == "nose; left eye"
    assert catalogue.named([*(f"jaw {i}" for i in range(17)), *(f"lip {i}" for i in range(19)), "chin"]) == (
        "37: jaw (17); lip (19); chin"
    )
    assert catalogue.named(()) == "none"
