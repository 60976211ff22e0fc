"""What all pictures share: width, colours, markers, ticks, how they are saved. No torch.

Colours are Okabe and Ito's, which readers who do not see red and green apart can tell; markers and dashes say the same
again. A picture has no background, and is drawn in INK, MUTED and PAPER besides: these follow the page, light or dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import cycle
from pathlib import Path
from textwrap import wrap

WIDTH = 4.4  # inches; with it, fonts of 10 pt are 11 px high on a page 390 px wide
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vPX*<>h"
SMALL, POINTS_PER_INCH, CHARACTER, DPI = (
    9,
    72,
    0.55,
    150,
)  # size of small text in points; width of a character in its size
INK, MUTED, PAPER = "#262626", "#666666", "#fffffe"  # text and axes; lines to compare with; what is hollow
ON_DARK = {INK: "#d6d6d6", MUTED: "#a8a8a8", PAPER: "#121212"}  # the same on a dark page
TRUTH, FOUND, ERROR = "#009E73", "#D55E00", "#F0E442"


def styled(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each name with a colour and a marker, a pair that no other one has: colours come again, with other markers."""
    return zip(names, cycle(COLOURS), cycle(MARKERS), strict=False)


def plain_ticks(axis, labels: Mapping[float, str]) -> None:
    """Ticks at these places of the axis of labels, with their texts, and error ticks as plain numbers.

    The defaults of a log axis print powers of ten over each other.
    """
    from matplotlib.ticker import MaxNLocator

    plain_numbers(axis.xaxis, list(labels))
    axis.set_xticks(list(labels), list(labels.values()))
    low, high = axis.get_ylim()
    plain_numbers(axis.yaxis, [0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 100])
    if high < 3 * low:
        axis.yaxis.set_major_locator(MaxNLocator(6))


def plain_numbers(scale, places: Sequence[float | int]) -> None:
    """Ticks of an x or y axis at these places only, as plain numbers."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    scale.set_major_locator(FixedLocator(places))
    scale.set_major_formatter(StrMethodFormatter("{x:g}"))
    scale.set_minor_locator(NullLocator())


def beside(axis, text: str, inches: float) -> None:
    """A text upright beside a picture so high, in as many lines as it takes; words and what stands apart stay whole."""
    most = max(8, int(inches * POINTS_PER_INCH / (SMALL * CHARACTER)))
    lines = (wrap(line, most, break_on_hyphens=False, break_long_words=False) for line in text.split("\n"))
    axis.set_ylabel("\n".join(line for part in lines for line in part), fontsize=SMALL)


def message(text: str):
    """A picture that says why there is none. Returns a Figure."""
    plt = pyplot()
    lines = wrap(text, 62, break_on_hyphens=False)  # a command stays whole
    figure = plt.figure(figsize=(WIDTH, 0.45 + 0.15 * len(lines)))
    figure.add_axes((0, 0, 1, 1)).axis("off")  # a notebook shows no figure without axes
    figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=9)
    return figure


def save(figure, path: Path) -> None:
    """Write a picture, and let go of it. As .svg it follows the page; anything else stands on white."""
    if path.suffix == ".svg":
        path.write_text(svg(figure), encoding="utf-8")
    else:
        figure.savefig(path, facecolor="white")
    pyplot().close(figure)


def svg(figure) -> str:
    """A picture as SVG, whose colours follow the page that shows it, light or dark (`color-scheme` of CSS)."""
    drawn = StringIO()
    figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}: {dark} !important}}'
        for light, dark in ON_DARK.items()
        for what in ("fill", "stroke")
    )
    found = drawn.getvalue().replace("</style>", f"@media (prefers-color-scheme: dark) {{{rules}}}</style>", 1)
    return re.sub(r'(width|height)="([\d.]+)pt"', _in_pixels, found, count=2)


def _in_pixels(length: re.Match) -> str:
    """A length in points as one in a page's pixels, as large as a bitmap of the picture would be."""
    return f'{length[1]}="{float(length[2]) * DPI / POINTS_PER_INCH:.0f}"'


def in_notebooks() -> None:
    """Let notebooks show pictures as `svg` has them. Anywhere else it does nothing."""
    from matplotlib import get_backend
    from matplotlib.figure import Figure

    if get_backend().lower() not in ("inline", "module://matplotlib_inline.backend_inline"):
        return
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import configure_inline_support

    if shell := get_ipython():
        configure_inline_support(shell, get_backend())  # sets formats of its own once, else after the first picture
        formatters = shell.display_formatter.formatters
        formatters["image/png"].type_printers.pop(Figure, None)
        formatters["image/svg+xml"].for_type(Figure, svg)


def show(axis, image, **more) -> None:
    """An image, uint8 C x H x W, grey or in colour, in its own brightness. more: for `imshow`."""
    axis.imshow(image[0] if len(image) == 1 else image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255, **more)


def turn(side: int, degrees: float):
    """The transform that turns a picture of that side in pixels about its centre, x towards y."""
    from matplotlib.transforms import Affine2D

    middle = (side - 1) / 2
    return Affine2D().rotate_deg_around(middle, middle, degrees)


def pyplot():
    """matplotlib with this book's style; imported when the first figure is drawn."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(
        context="notebook",
        style="ticks",
        rc={
            "figure.dpi": DPI,
            "savefig.pad_inches": 0.08,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "svg.hashsalt": "the same names in the same picture",
            "text.parse_math": False,  # names may have a $
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
        },
    )
    in_notebooks()
    return plt
