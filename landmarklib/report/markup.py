"""HTML and Markdown for readers, and metrics in words. No torch.

Every fragment of HTML that is longer than a tag is a file of `templates/`. jinja2 fills it in, and escapes every value
that is no `Html` yet. In a page in Markdown HTML ends at a blank line, and what follows is Markdown, so no fragment has
one. Text of a record, a benchmark or a table stands in Markdown as `plain` or `markdown` give it, or in a `picture`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from landmarklib.core import metrics

# others are in percent
UNITS = {
    "error_px": "px",
    "angle_error_degrees": "degrees",
    "equivariance_px": "px",
    "scatter_px": "px",
    "equivariance_ratio": "1",
}
LABELS = {
    "error_px": "landmark error [px]",
    "nme_percent": "NME [%]",
    "failures_percent": f"images with an NME over {metrics.FAILURE:g}% [%]",
    "auc_percent": f"area under the distribution of the NME up to {metrics.FAILURE:g}% [%]",
    "pck_percent": "correct points [%]",
    "swapped_percent": "points found on the other side [%]",
    metrics.NEIGHBOURS: "points whose nearest neighbour is the same point [%]",
    "within_percent": "points found [%]",
    "accuracy_percent": "class accuracy [%]",
    "matched_percent": "points nearer to their own shape [%]",
    "angle_error_degrees": "error of the head's angles [degrees]",
    "equivariance_px": "points from where the warp takes them [px]",
    "scatter_px": "points from their mean over photos of one thing [px]",
    "equivariance_ratio": "equivariance ratio [1]",
    "feature_match_percent": "pixels found by their features [%]",
    "pixel_accuracy_percent": "pixel accuracy [%]",
}


APPROXIMATE = (
    "≈: a run from before every error was kept is among them. Its area is taken from 21 quantiles of its errors and "
    "the share of its failures."
)
# What ends a line for Markdown, or for Python's `splitlines`, by which a page is included in another.
LINE_ENDS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029\0]+")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
ACTIVE = re.compile(r"[&<>\\`*_{}\[\]$~^|]")  # what may mean something within a line of Markdown
AT_START = re.compile(r"^(\d+(?=[.)]))?([!-/:-@])")  # what may mean something at its start: a list, a heading, a fence


class Html(Markup):
    """HTML that a notebook shows as such and a template takes as it is. Text that is added to it is escaped."""

    @classmethod
    def escape(cls, text: object) -> Html:
        """The text as HTML of one line; what is HTML stays as it is."""
        return super().escape(_one_line(text))

    def _repr_html_(self) -> str:
        return str(self)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_one_line,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def marked(number: str, exact: bool = True) -> str:
    """A number as readers see it, marked where it is an approximation; `APPROXIMATE` says of what."""
    return number if exact else f"≈ {number}"


def _one_line(value: object) -> object:
    """A text without line ends; what is HTML, or no text, as it is."""
    return LINE_ENDS.sub(" ", value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
    """A text in which what stands in `backticks` is code, as HTML."""
    return render("code", parts=CODE.split(text))


def plain(text: str) -> str:
    """A text for a page in Markdown, on one line, in which nothing is markup."""
    entities = ACTIVE.sub(_entity, str(_one_line(text)).strip())
    return entities if entities.startswith("&") else AT_START.sub(lambda m: (m[1] or "") + _entity(m[2]), entities)


def markdown(text: str) -> str:
    """The same, in which what stands in `backticks` is code."""
    first, *parts = CODE.split(str(_one_line(text)).strip())
    rest = (f"`{part}`" if i % 2 == 0 else ACTIVE.sub(_entity, part) for i, part in enumerate(parts))
    return "".join([plain(first) + " " * first.endswith(" "), *rest])


def picture(path: str, alt: str, caption: str = "") -> str:
    """A picture of the book for a page in Markdown, with a caption if there is one.

    path: from the page's folder.
    alt: the picture in words.
    """
    quoted = json.dumps(_one_line(alt), ensure_ascii=False)
    kind, below = ("figure", ["", caption]) if caption else ("image", [])
    return "\n".join([f"```{{{kind}}} {path}", f":alt: {quoted}", *below, "```"])


def _entity(found: re.Match | str) -> str:
    character = found if isinstance(found, str) else found[0]
    return {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, f"&#{ord(character)};")


def unit(metric: str) -> str:
    """The unit of a metric."""
    return UNITS.get(metrics.base(metric), "%")


def label(metric: str) -> str:
    """A metric in words, with its unit."""
    words, _, of = LABELS[metrics.base(metric)].rpartition(" [")
    return f"{words} {metric.partition(' ')[2]}".rstrip() + f" [{of}"
