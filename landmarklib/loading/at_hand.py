"""Whether images of a data set can be shown at once: a page that only shows some neither fails nor waits. No torch."""

from __future__ import annotations

from pathlib import Path

from landmarklib import loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import PART, STAND_IN, whole
from landmarklib.loading import tiers

QUICK = 5_000  # pictures of a stand-in, which are drawn within a minute; more of them are not drawn for a page


def lacking(name: str, root: str | Path | None = None) -> str:
    """What images of a data set lack to be shown at once, and how to get it, as text; "" where nothing is.

    It draws nothing and cuts nothing.

    name: of the data set; it may be a stand-in or a part.
    root: the data root that was given, or None for the usual ones.
    """
    if name.startswith(STAND_IN):
        return _undrawn(name, root)
    dataset = loading.get(whole(name))
    if dataset.load:
        return ""
    not_all = f"The photos of {dataset.title} are not all here: `landmarklib data check {dataset.name}` says more."
    try:
        found = tiers.part(dataset, root) if name.startswith(PART) else tiers.here(dataset, root)
    except DataMissing:
        found = None
    except UserError:  # its words name folders of this machine, which belong on no page
        return not_all
    if found is None:
        return f"The photos of {dataset.title} are not on this machine. {dataset.obtain}"
    return "" if name.startswith(PART) or found.name == name else not_all


def _undrawn(name: str, root: str | Path | None) -> str:
    dataset = loading.get(name)
    n = sum(dataset.counts.values())
    if n <= QUICK or tiers.bundled(dataset, root) or tiers.is_drawn(dataset, root):
        return ""
    return (
        f"The {n:,} pictures of {dataset.title} are not drawn on this machine, which takes minutes. "
        f"`landmarklib data show {name}` draws them once."
    )
