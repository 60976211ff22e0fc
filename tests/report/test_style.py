"""Pictures are SVG that follows a page's colours, light or dark; a bitmap stands on white."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from landmarklib.report import style


@pytest.fixture
def drawn():
    """A picture with text, axes, a line to compare with, a hollow mark and a line of a row's colour."""
    figure, axis = style.pyplot().subplots(figsize=(style.WIDTH, 2.0), layout="constrained")
    axis.plot([1, 2], [1, 2], color=style.COLOURS[0], marker="o", mfc=style.PAPER)
    axis.axhline(1.5, color=style.MUTED)
    axis.set(xlabel="labelled images", ylabel="error, px")
    yield figure
    style.pyplot().close(figure)


def colours(svg: str) -> set[str]:
    """Those that drawn things have, without the rules for dark pages."""
    return set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)))


def test_all_that_is_drawn_is_in_a_row_s_colour_or_in_one_that_follows_the_page(drawn):
    found = colours(style.svg(drawn))
    assert found == {style.INK, style.MUTED, style.PAPER, style.COLOURS[0].lower()}


def test_a_dark_page_has_rules_for_each_colour_that_follows_it(drawn):
    (rules,) = re.findall(r"@media \(prefers-color-scheme: dark\) \{(.*)\}</style>", style.svg(drawn))
    for light, dark in style.ON_DARK.items():
        assert f'[style*="fill: {light}"]{{fill: {dark} !important}}' in rules
        assert f'[style*="stroke: {light}"]{{stroke: {dark} !important}}' in rules


def contrast(one: str, other: str) -> float:
    """Ratio of two colours' luminances, as WCAG 2 has it."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return float(
            np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)
        )

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", [style.PAPER, style.ON_DARK[style.PAPER]])
def test_text_and_lines_stand_out_on_light_and_dark_pages(paper):
    dark = paper != style.PAPER
    ink, muted = ((style.ON_DARK[c] if dark else c) for c in (style.INK, style.MUTED))
    assert contrast(ink, paper) > 7 and contrast(muted, paper) > 4.5
    assert contrast(style.COLOURS[0], paper) > 3


def test_it_is_valid_has_no_background_and_the_size_of_its_bitmap(drawn):
    root = ElementTree.fromstring(style.svg(drawn))
    width, height = (float(root.get(name)) for name in ("width", "height"))
    left, top, right, bottom = map(float, root.get("viewBox").split())
    assert (left, top) == (0, 0)
    assert width == pytest.approx(right * style.DPI / style.POINTS_PER_INCH, abs=0.5)
    assert height == pytest.approx(bottom * style.DPI / style.POINTS_PER_INCH, abs=0.5)
    assert style.svg(drawn) == style.svg(drawn)


def test_a_file_follows_the_page_as_svg_and_stands_on_white_as_bitmap(tmp_path):
    for name in ("a.svg", "a.png"):
        style.save(style.message("No record yet: landmarklib run blocks"), tmp_path / name)
    assert "prefers-color-scheme" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert np.array(Image.open(tmp_path / "a.png").convert("RGBA"))[0, 0].tolist() == [255] * 4
