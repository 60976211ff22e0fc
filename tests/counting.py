"""A table that counts labelled images, as it is written, and records of it made by hand."""

from __future__ import annotations

from pathlib import Path

from made import made

from landmarklib import tables
from landmarklib.records.record import Record
from landmarklib.tables import reading

TEXT = """
schema = 1
name = "few"
title = "Few labels"
paper = "t2017"
where = "Table 2"
citation = "made for tests"
dataset = "blocks"
metrics = ["error_px", "error_px from 1 label", "error_px from 10 labels"]
unit = "px"
select = "error_px"
size = 32
labels = [1, 10, 40, "all"]
seeds = [0, 1]
default_budget = "cpu"
n_maps = 0
protocol = []
regressor = { origin = "corner", ridge = 0.1, few = [1, 10], draws = 2 }

[budgets.smoke]
images = 64
batch = 8
batch_unlabelled = 8
rate = 0.001
warmup = 2
plateau = 0.4
n_evaluations = 2
evaluation_images = 32
train_images = 320
test_images = 64

[budgets.cpu]
images = 640
images_exponent = 0.5
batch = 8
batch_unlabelled = 8
rate = 0.001
warmup = 2
plateau = 0.4
n_evaluations = 2
evaluation_images = 32
methods.fse_supervised.labels.10.images = 320

[[rows]]
name = "FSE"
method = "fse"
labels = ["all"]
weights = { align = 1, diversity = 1 }
published = { all = 10.53 }
published_also = { "error_px from 1 label" = { all = 14.79 }, "error_px from 10 labels" = { all = 13.85 } }

[[rows]]
name = "Supervised"
method = "fse_supervised"
weights = { landmarks = 1 }
published = { "1" = 28.87, "10" = 22.31, all = 14.25 }

[[rows]]
name = "With ELT"
method = "seq_mt"
weights = { landmarks = 900, elt = 270 }
needs_unlabelled = true
labels = [1, 10]

[[references]]
name = "TCDCN"
published = { all = 7.65 }

[[claims]]
id = "T5"
text = "Few labels do for a regressor where they do not for a network."
comparisons = [
    { lower = ["FSE"], higher = ["Supervised"], labels = ["all"], against = [1], metrics = ["error_px from 1 label"], higher_metrics = ["error_px"] },
    { lower = ["FSE"], higher = ["Supervised"], labels = ["all"], against = [10], metrics = ["error_px from 10 labels"], higher_metrics = ["error_px"] },
]

[[claims]]
id = "T6"
text = "More labels help."
comparisons = [{ lower = ["Supervised"], higher = ["Supervised"], labels = [10, "all"], against = [1, 10] }]
"""  # noqa: E501


def written(folder: Path, text: str = TEXT) -> Path:
    """The file of such a table, in a folder of tables."""
    path = folder / "t2017" / "few.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, *changes: tuple[str, str]) -> tables.Table:
    """The table after these replacements in its text."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return reading.read(written(folder, text))


def records(table: tables.Table, row: str, labels: object, *values: float, **also: float) -> list[Record]:
    """Records of one cell, a seed for each value. also: other metrics, the same in each."""
    made_of = table.experiments([labels], range(len(values)), [row])
    others = {name.replace("_from_", " from ").replace("_label", " label"): value for name, value in also.items()}
    return [
        made(
            e,
            metrics={
                name: {"mean": v, "low": v, "high": v, "n": 2 if " from " in name else 64}
                for name, v in {"error_px": value, **others}.items()
            },
            data={"tier": "paper", "fingerprint": "f00", "n_labelled": e.n_labelled(table.n_train(e.budget))},
        )
        for e, value in zip(made_of, values, strict=True)
    ]
