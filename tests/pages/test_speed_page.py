"""The page "How fast": what it shows of recorded benchmarks."""

from __future__ import annotations

import re

from measured import made

from landmarklib.pages import speed_page
from landmarklib.records import benchmarks


def test_the_page_shows_ratio_spread_facts_and_origin():
    first = made(provenance={"device": "CPU x", "commit": "abc", "dirty": True, "date": "2026-01-01"})
    page = speed_page.page([first, made(device="cuda")])
    assert page.count("## A thing") == 1 and "4.00 (2.40 to 5.60)" in page
    assert "**CPU x**" in page and "**cuda**" in page and "None" not in page
    assert "peak &lt;1&gt;: 7 GFLOP/s" in page and "commit abc with changes" in page
    assert speed_page.page([]) == "No benchmark is recorded yet.\n"


def inference(groups: dict[str, float], device: str = "cpu") -> benchmarks.Benchmark:
    """A benchmark of inference by hand: group -> rate of what comes first in it, plain layers at half of it."""
    found = [t for g, r in groups.items() for t in benchmarks.timings(g, {"ours, float32": [r], "plain": [r / 2]})]
    return made(name=speed_page.INFERENCE, device=device, timings=tuple(found), provenance={"device": f"the {device}"})


def test_the_papers_speeds_stand_beside_ours_on_each_device():
    ours = {"RCN, 300-W": 30.0, "RCN+, 300-W": 32.0, "Seq-MT, 300-W": 1234.0}
    text = speed_page.page([inference(ours), inference({"Seq-MT, Blocks": 900.0}, "cuda")])
    text = text[text.index("### Beside the paper") :]
    assert "ours, the cpu [images/s]" in text and "ours, the cuda [images/s]" in text
    lines = [re.findall(r"<td>(.*?)</td>", line, re.S) for line in re.findall(r"<tr>(.*?)</tr>", text, re.S)]
    own = ["validation images", "no", "no", "no"]
    assert ["RCN", "545", "30", "not measured yet", *own] in lines
    assert ["Seq-MT", "487", "1,234", "not measured yet", *own] in lines
    assert ["RAR", "4", *["not timed here"] * 2, "test images", "yes", "yes", "yes"] in lines
    assert ["CFSS", "none given", *["not timed here"] * 2, "test images", "yes", "no", "no"] in lines
    assert "Beside the paper" not in speed_page.page([made()])


def test_a_record_from_before_the_networks_of_300w_were_timed_lacks_them_and_says_so():
    text = speed_page.beside_paper([inference({"Seq-MT": 900.0})])
    assert text.count("not measured yet") == 4 and "900" not in text and "487" in text


def test_the_figure_has_a_mark_for_every_contender_but_ours_below_the_name_of_its_group():
    other = tuple(benchmarks.timings("points", {"ours": [1.0], "third": [2.0]}))
    (axis,) = speed_page.ratios(made()).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["other"] and not axis.texts
    (axis,) = speed_page.ratios(made(timings=made().timings + other)).axes
    assert [(text.get_text(), text.get_position()[1]) for text in axis.texts] == [("warp", 0), ("points", 2)]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["other", "third"]
    assert list(axis.get_yticks()) == [1, 3]
