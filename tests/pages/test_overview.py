"""All tables and claims at a glance: none is left out, and each says what it was measured on."""

from __future__ import annotations

import html
import re

import pytest

from landmarklib import tables
from landmarklib.pages import overview
from landmarklib.report import claims


def test_every_claim_of_honari2018_is_in_a_table():
    known = {c.id for name in tables.names() if tables.get(name).paper == "honari2018" for c in tables.get(name).claims}
    numbers = {int(found[1]) for c in known if (found := re.match(r"H(\d+)", c))}
    assert numbers == set(range(1, 28))


@pytest.fixture(scope="module")
def page() -> str:
    return overview.claims_page(overview.read())


def test_the_page_of_claims_has_each_one_with_a_link_to_its_table(page):
    of_papers, ours = page.split("## Questions of ours")
    wanted = [(tables.get(name), c) for name in tables.names() for c in tables.get(name).claims]
    assert sum(page.count(f'<a href="tables/{name}.html">') for name in tables.names()) == len(wanted)
    for table, claim in wanted:
        part = of_papers if claim.of_paper else ours
        lines = [line for line in part.split("<tr>") if f"<td>{claim.id}<br>" in line and f">{table.title}</a>" in line]
        assert len(lines) == 1 and claim.text in html.unescape(lines[0])


def test_the_counts_are_those_of_the_lines(page):
    for part in page.split("## ")[1:]:
        number, counts = re.search(r"Of (\d+): (.*)\.\n", part).groups()
        verdicts = [re.findall(r"<td>(.*?)</td>", line, re.S)[1] for line in part.split("<tr>")[1:]]
        assert int(number) == len(verdicts)
        assert counts == ", ".join(f"**{count}**" for count in claims.counted([v.split(":")[0] for v in verdicts]))


def test_a_verdict_on_other_data_says_so(page):
    (line,) = (line for line in page.split("<tr>") if "<td>H26<br>" in line)
    assert "<td>paper, smaller images</td>" in line
    (line,) = (line for line in page.split("<tr>") if "<td>H8<br>" in line)
    assert "<td>stand-in, smaller images</td>" in line
    (line,) = (line for line in page.split("<tr>") if "<td>H17<br>" in line)
    assert "<td>none</td>" in line and "<td>incomplete</td>" in line and "<td>not run</td>" in line
    (line,) = (line for line in page.split("<tr>") if "<td>H4<br>" in line)
    assert "<td>paper</td>" in line
