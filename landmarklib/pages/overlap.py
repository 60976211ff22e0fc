"""Adjusted mutual information (AMI) of an attribute and the landmarks: honari2018, supplement S.5.2 and Table S2.

Every coordinate, and an attribute that is a real number, is divided into LEVELS steps of equal width. A landmark has
AMI(A; x) + AMI(A; y), as if its two coordinates were independent. The table has the mean and the maximum over
landmarks. AMI is normalized by the larger entropy, scikit-learn's rule until 2018.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from landmarklib import loading
from landmarklib.core import files
from landmarklib.core.errors import UserError
from landmarklib.core.kinds import CHECKED, Some
from landmarklib.core.mistakes import checked
from landmarklib.core.types import whole
from landmarklib.loading import crops, cutting, photos, tiers
from landmarklib.records import environment, record
from landmarklib.records.schema import Name, Provenance, Real, Words, parsed
from landmarklib.report import markup

SCHEMA = 1
LEVELS = 20
RANDOM = "random"  # an attribute of as many classes as LEVELS, drawn: what chance gives


@dataclass(frozen=True)
class Overlap:
    """One data set's training split: attribute -> (mean, largest) over landmarks."""

    __pydantic_config__ = CHECKED

    dataset: Name
    title: Name
    tier: Name
    n: Some  # images
    values: dict[Name, tuple[Real, Real]]
    points: Words = ""  # hash of the points
    provenance: Provenance = field(default_factory=dict)
    schema: int = SCHEMA


def levels(values: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Steps from 0 to LEVELS - 1, all of one width, from the least value to the largest."""
    low, high = values.min(), values.max()
    if high == low:
        return np.zeros(len(values), np.int64)
    return np.minimum(LEVELS - 1, (LEVELS * (values - low) / (high - low)).astype(np.int64))


def with_landmarks(attribute: np.ndarray, points: Float[np.ndarray, "N K 2"]) -> Float[np.ndarray, " K"]:
    """AMI(A; x) + AMI(A; y) of every landmark.

    attribute: N classes, texts, or real numbers, which are divided into levels.
    points: in pixels; NaN where unknown, which is left out, as is an unknown attribute.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    found = []
    for xy in points.transpose(1, 0, 2):
        known = np.isfinite(xy).all(1)
        if real := np.issubdtype(attribute.dtype, np.floating):
            known &= np.isfinite(attribute)
        a = levels(attribute[known]) if real else attribute[known]
        found.append(sum(adjusted_mutual_info_score(a, levels(v), average_method="max") for v in xy[known].T))
    return np.array(found)


def measure(name: str, data: str = "auto") -> Overlap:
    """Every attribute of a data set against its landmarks, in pixels of the crops of its training split.

    data: the tier.
    Raises DataMissing, and UserError where the data set has no attribute or no landmark.
    """
    dataset = loading.get(name)
    if not dataset.attributes or not dataset.landmarks:
        raise UserError(
            f"{name} has no attributes with landmarks; try {', '.join(sorted({p['dataset'] for p in published()}))}"
        )
    dataset = tiers.choose(dataset, None, data)
    if dataset.load:
        a = dataset.load(None, "train", dataset.size)
        points, visible, attributes = a.points, a.visible, dict(a.attributes)
    else:
        folder = tiers.folder(dataset)
        listing = dataset.read(folder)["train"]
        taken = crops.cut_out(dataset, photos.Split(folder, "train", listing))
        points = cutting.to_crop(listing.points, taken, dataset.size)
        visible, attributes = listing.visible, dict(listing.attributes)
    points = np.where(visible[..., None], points, np.nan)
    attributes[RANDOM] = np.random.default_rng(0).integers(LEVELS, size=len(points))
    values = {}
    for attribute, value in attributes.items():
        if attribute in dataset.attributes or attribute in (RANDOM, "person"):
            each = with_landmarks(np.asarray(value), points)
            values[attribute] = round(float(each.mean()), 4), round(float(each.max()), 4)
    digest = hashlib.sha256(np.nan_to_num(np.round(points, 2), nan=-1e6).tobytes()).hexdigest()[:12]
    provenance = environment.describe("")
    return Overlap(dataset.name, dataset.title, dataset.tier, len(points), values, digest, provenance)


def save(overlap: Overlap, folder: Path) -> Path:
    """Write its file below the results folder, in one step."""
    path = folder / record.OVERLAP / f"{overlap.dataset}.json"
    text = json.dumps(asdict(overlap), indent=1)
    files.write_in_one_step(path, lambda file: file.write(f"{files.compact(text)}\n".encode()))
    return path


def load_all(folder: Path) -> list[Overlap]:
    """What has been measured. Raises UserError that names a file that is none of these."""
    paths = sorted((folder / record.OVERLAP).glob("*.json"))
    return [checked(Overlap, parsed(path, "measurement", SCHEMA), f"{path}: measurement") for path in paths]


def published() -> list[dict[str, Any]]:
    """Table S2: data set, attribute, mean, largest, and what is doubtful about it."""
    return tomllib.loads((Path(__file__).parent / "overlap.toml").read_text(encoding="utf-8"))["published"]


def beside_paper(measured: Sequence[Overlap]) -> pd.DataFrame:
    """A line for each attribute that was measured or is in the paper."""
    lines = []
    papers = {(p["dataset"], p["attribute"]): p for p in published()}
    for overlap in measured:
        name = whole(overlap.dataset)
        for attribute, (mean, largest) in overlap.values.items():
            paper = papers.pop((name, attribute), {})
            lines.append(
                {"data set": overlap.title, "attribute": attribute, "mean": _three(mean), "largest": _three(largest)}
                | _printed(paper)
                | {"images": overlap.n, "data tier": overlap.tier}
            )
    for (name, attribute), paper in papers.items():
        lines.append(
            {"data set": loading.get(name).title, "attribute": attribute, "mean": "not run", "largest": "not run"}
            | _printed(paper)
            | {"images": 0, "data tier": "none"}
        )
    return pd.DataFrame(lines)


def _printed(paper: dict[str, Any]) -> dict[str, str]:
    """The paper's two values of an attribute, where it has them."""
    mean, largest = (_three(paper[value]) if paper else "none" for value in ("mean", "max"))
    return {"paper: mean": mean, "paper: largest": largest}


def _three(value: float) -> str:
    """With three decimals, as the paper has it, and no minus before a zero."""
    return f"{round(value, 3) + 0.0:.3f}"


def page(results: str | Path | None = None) -> str:
    """The table as HTML, and what is doubtful about the paper's values."""
    table = markup.to_html(beside_paper(load_all(record.results_folder(results))), kind="overlap")
    notes = [f"{loading.get(p['dataset']).title}, {p['attribute']}: {p['note']}" for p in published() if "note" in p]
    lines = [f"- {markup.markdown(note)}" for note in notes]
    return "\n".join([table, "", "Of the paper's values:", "", *lines, ""])
