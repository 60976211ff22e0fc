"""HTML for readers, and metrics in words. No torch.

Every fragment of HTML that is longer than a tag is a file of `templates/`. jinja2 fills it in, and escapes every value
that is no `Html` yet.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from landmarklib.core import metrics

UNITS = {"error_px": "px", "angle_error_degrees": "degrees"}  # others are in percent
LABELS = {
    "error_px": "landmark error [px]",
    "nme_percent": "NME [%]",
    "failures_percent": f"images with an NME over {metrics.FAILURE:g}% [%]",
    "auc_percent": f"area under the distribution of the NME up to {metrics.FAILURE:g}% [%]",
    "pck_percent": "correct points [%]",
    "accuracy_percent": "class accuracy [%]",
    "matched_percent": "points nearer to their own shape [%]",
    "angle_error_degrees": "error of the head's angles [degrees]",
}


APPROXIMATE = (
    "≈: a run from before every error was kept is among them. Its area is taken from 21 quantiles of its errors and "
    "the share of its failures."
)


class Html(Markup):
    """HTML that a notebook shows as such and a template takes as it is. Text that is added to it is escaped."""

    def _repr_html_(self) -> str:
        return str(self)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def marked(number: str, exact: bool = True) -> str:
    """A number as readers see it, marked where it is an approximation; `APPROXIMATE` says of what."""
    return number if exact else f"≈ {number}"


def render(template: str, /, **values: object) -> Html:
    """A file of `templates/` by its name, with these values. Raises jinja2.UndefinedError for one that it lacks."""
    return Html(_templates().get_template(f"{template}.html").render(values))


def to_html(frame: pd.DataFrame, sortable: bool = True, kind: str = "") -> Html:
    """A frame as a table that scrolls in its own box. Values are shown as `str` has them: round numbers before.

    sortable: at a click on a column's head.
    kind: its further classes.
    """
    classes = " ".join(f"dataframe {'sortable' if sortable else ''} {kind}".split())
    return render("frame", classes=classes, columns=list(frame), rows=list(frame.itertuples(index=False, name=None)))


def link(href: str, text: str) -> Html:
    """A link within the book."""
    return render("link", href=href, text=text)


def code(text: str) -> Html:
    """A text in which what stands in `backticks` is code."""
    return render("code", parts=re.split(r"`([^`]+)`", text))


def markdown(text: str) -> str:
    """A text for a page in Markdown, where it may have emphasis and `code`, but no HTML."""
    parts = re.split(r"((?<!`)`[^`\n]+`(?!`))", text)  # Markdown itself escapes what is code
    return "".join(
        part if i % 2 else part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for i, part in enumerate(parts)
    )


def unit(metric: str) -> str:
    """The unit of a metric."""
    return UNITS.get(metrics.base(metric), "%")


def label(metric: str) -> str:
    """A metric in words, with its unit."""
    words, _, of = LABELS[metrics.base(metric)].rpartition(" [")
    return f"{words} {metric.partition(' ')[2]}".rstrip() + f" [{of}"


def percent(fraction: float) -> str:
    """0.05 -> 5%."""
    return f"{100 * fraction:g}%"
