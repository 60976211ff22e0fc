"""The pictures: label-efficiency curves, effects of the claims, galleries of predictions, probability maps, speeds. No torch.

Galleries redraw test images from the data set's generator, so they need no picture files. Colours are Okabe and Ito's, which readers who do not
see red and green apart can tell; markers and dashes say the same again.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd

from landmarklib import claims, datasets, metrics, report, speed
from landmarklib.record import Record
from landmarklib.tables import Table

WIDTH = 4.4  # inches; with it, fonts of 10 pt are 11 px high on a page 390 px wide
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vPX*<>h"
TRUTH, FOUND, ERROR = "#009E73", "#D55E00", "#F0E442"


def styled(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each name with a colour and a marker, a pair that no other one has: colours come again, with other markers."""
    return zip(names, cycle(COLOURS), cycle(MARKERS), strict=False)


def curve(table: Table, runs: pd.DataFrame):
    """Error against labelled fraction, a panel per method that has been run: ours with its spread over seeds, the paper's dashed. Returns a Figure."""
    plt = pyplot()
    frame = report.cells(table, runs)
    methods = {name: table.row(name).method for name in frame.method}
    measured = {methods[name] for name in frame.method[frame.n_seeds > 0]} or set(methods.values())
    families = [method for method in dict.fromkeys(methods.values()) if method in measured]
    figure, axes = plt.subplots(
        len(families), 1, figsize=(WIDTH, 2.8 * len(families)), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, family in zip(axes[:, 0], families, strict=True):
        rows = [name for name, method in methods.items() if method == family]
        for i, (name, colour, marker) in enumerate(styled(rows)):
            part = frame[frame.method == name].sort_values("fraction")
            ours, paper = part[part.n_seeds > 0], part[part.paper.notna()]
            beside = 1.04 ** (i - (len(rows) - 1) / 2)  # else spreads hide each other
            spread = ours.sd.fillna(0) if ours.sd.notna().any() else None
            axis.errorbar(
                ours.fraction * beside, ours["mean"], spread, color=colour, marker=marker, capsize=3, label=name
            )
            axis.plot(paper.fraction * beside, paper.paper, color=colour, marker=marker, mfc="white", ls="--", lw=1)
        if table.rows[0].published:
            axis.plot([], [], color="0.4", marker="o", mfc="white", ls="--", lw=1, label="paper")
        axis.set(xscale="log", yscale="log", ylabel=report.label(table.metrics[0]))
        axis.set_title(", ".join(dict.fromkeys(name.split(" (")[0] for name in rows)))
        _plain_ticks(axis, sorted(frame.fraction.unique()))
        axis.legend(fontsize=8, frameon=False)
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("training images with landmarks [%]")
    return figure


def _plain_ticks(axis, fractions: Sequence[float]) -> None:
    """Ticks at the label fractions, and error ticks as plain numbers: the defaults of a log axis print powers of ten over each other."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

    axis.xaxis.set_major_locator(FixedLocator(fractions))
    axis.set_xticks(fractions, [report.percent(f).rstrip("%") for f in fractions])
    axis.xaxis.set_minor_locator(NullLocator())
    low, high = axis.get_ylim()
    coarse = FixedLocator([0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 100])
    axis.yaxis.set_major_locator(MaxNLocator(6) if high < 3 * low else coarse)
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def effects(table: Table, verdicts: Sequence[claims.Verdict]):
    """Every claim's mean effect with its 95% interval, and the paper's as a hollow mark; right of zero supports the claim. Returns a Figure.

    Claims about another quantity than the table's are left to the table of the claims.
    """
    plt = pyplot()
    own = metrics.base(table.metrics[0])
    verdicts = [v for v in verdicts if metrics.base(v.claim.comparisons[0].metric) == own]
    figure, axis = plt.subplots(figsize=(WIDTH, 1.2 + 0.5 * len(verdicts)), layout="constrained")
    labelled: set[str] = set()
    for y, v in enumerate(verdicts):
        if np.isfinite(v.effect):
            spread = [[v.effect - v.low], [v.high - v.effect]] if np.isfinite(v.low) else None
            label = None if "ours" in labelled else "ours"
            labelled.add("ours")
            axis.errorbar(v.effect, y - 0.13, xerr=spread, color=COLOURS[0], marker="o", capsize=4, label=label)
        papers = [c.paper for c in v.comparisons if np.isfinite(c.paper)]
        if papers:
            label = None if "paper" in labelled else "paper"
            labelled.add("paper")
            axis.plot(np.mean(papers), y + 0.13, color=COLOURS[1], marker="D", mfc="white", ls="", label=label)
    axis.axvline(0, color="0.4", lw=1)
    axis.set_yticks(range(len(verdicts)), [f"{v.claim.id}: {v.verdict}" for v in verdicts])
    axis.set_ylim(max(len(verdicts), 1) - 0.5, -0.5)
    axis.set_xlabel(f"mean difference of errors [{table.unit}], 95% interval over seeds")
    if labelled:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    axis.grid(alpha=0.3, axis="x")
    return figure


def gallery(table: Table, shown: Sequence[Record | None], kind: str = "fixed"):
    """Test images with truth, prediction and the line between them; a line of images per run. Returns a Figure.

    kind: `fixed` shows the same images for every run, `worst` each run's own worst ones, `best`, `median` likewise. Images are cut to where the points are.
    """
    runs = [r for r in shown if r is not None and r.gallery]
    if not runs:
        return _message("The runs of this picture are not computed yet.")
    plt = pyplot()
    entries = [[g for g in r.gallery if g["kind"] == kind][:4] for r in runs]
    columns = max(len(e) for e in entries)
    side = WIDTH / columns * 1.3
    figure, axes = plt.subplots(
        len(runs), columns, figsize=(WIDTH, side * len(runs)), squeeze=False, layout="constrained"
    )
    for line, r, chosen in zip(axes, runs, entries, strict=True):
        test = datasets.split(table.dataset, "test", r.experiment.size)
        for axis, g in zip(line, chosen, strict=True):
            _draw(axis, test, g)
        line[0].set_ylabel(r.experiment.row.replace(" (", "\n("), fontsize=9)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def runs_of(records: Sequence[Record], rows: Sequence[str], fraction: float, seed: int = 0) -> list[Record]:
    """The run of each of these rows at that label fraction with that seed, where there is one."""
    done = {(r.experiment.row, r.experiment.fraction, r.experiment.seed): r for r in records if r.status == "done"}
    return [done[row, fraction, seed] for row in rows if (row, fraction, seed) in done]


def best(records: Sequence[Record], row: str) -> Record | None:
    """The run of that row with the best validation value: what one would keep. None if there is none."""
    return min(_of_row(records, row), key=_validation, default=None)


def worst(records: Sequence[Record], row: str) -> Record | None:
    """The run of that row with the worst validation value. None if there is none."""
    return max(_of_row(records, row), key=_validation, default=None)


def _of_row(records: Sequence[Record], row: str) -> list[Record]:
    return [r for r in records if r.experiment.row == row and r.status == "done" and r.curve]


def _validation(r: Record) -> float:
    """What the kept weights reached on validation images, as a number of which less is better."""
    sign = 1 if metrics.lower_is_better(r.experiment.select) else -1
    return min(sign * point["validation"][r.experiment.select] for point in r.curve)


def distribution(table: Table, records: Sequence[Record], most: float = 20.0):
    """How many test images have at most which error (the cumulative error distribution), a panel per labelled fraction and a line per method, mean over seeds.

    Drawn from the 21 quantiles that each record keeps. most: the largest error shown. Returns a Figure.
    """
    done = [r for r in records if r.status == "done"]
    if not done:
        return _message("No run yet.")
    plt = pyplot()
    fractions = sorted({r.experiment.fraction for r in done})
    size = (WIDTH, 2.8 * len(fractions))
    figure, axes = plt.subplots(len(fractions), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    share = np.linspace(0, 100, len(done[0].quantiles))
    dashes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
    for axis, fraction in zip(axes[:, 0], fractions, strict=True):
        for i, row in enumerate(table.rows):
            curves = [r.quantiles for r in _of_row(done, row.name) if r.experiment.fraction == fraction]
            if curves:
                below = 100 * np.mean([metrics.area(quantiles) for quantiles in curves])
                label = f"{row.name}: {below:.0f}%"
                colour, dash = COLOURS[i % len(COLOURS)], dashes[i % len(dashes)]
                axis.plot(np.mean(curves, 0), share, color=colour, ls=dash, label=label)
        axis.axvline(metrics.FAILURE, color="0.4", lw=1)
        axis.set(title=f"{report.percent(fraction)} labelled", ylabel="test images [%]", xlim=(0, most), ylim=(0, 100))
        legend = axis.legend(fontsize=8, frameon=False, loc="lower right", title=f"area below {metrics.FAILURE:g}%")
        legend.get_title().set_fontsize(8)
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel(report.label(table.metrics[0]).replace(" [", " at most ["))
    return figure


def starts(table: Table, runs: pd.DataFrame):
    """Accuracy against the share of points on their own shape, a mark per start. Returns a Figure."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2), layout="constrained")
    axis.axhline(99, color="0.4", lw=1, ls="--", label="accuracy in the paper")
    for row, colour, marker in zip(table.rows, COLOURS[1::-1], MARKERS, strict=False):
        part = runs[(runs.row == row.name) & (runs.status == "done")] if len(runs) else runs
        if len(part):
            style = {"facecolor": "none", "edgecolor": colour, "marker": marker, "s": 50, "lw": 1.5}
            label = f"{row.name}, {len(part)} starts"
            axis.scatter(part.own_percent, part.accuracy_percent, **style, label=label)
            for (x, y), n in part.groupby([part.own_percent.round(), part.accuracy_percent.round()]).size().items():
                if 1 < n and x < 90:  # starts that lock alike hide each other
                    axis.annotate(f"{n} starts", (x, y), (8, 0), textcoords="offset points", va="center", fontsize=9)
    low = runs.accuracy_percent.min() if "accuracy_percent" in runs else 80
    axis.set(xlabel=report.label("own_percent"), ylabel=report.label("accuracy_percent"))
    axis.set(xlim=(45, 103), ylim=(min(80, low - 2), 101))
    axis.legend(loc="center left", fontsize=8)
    axis.grid(alpha=0.3)
    return figure


def _draw(axis, test, g: dict) -> None:
    """One image, cut to a square around truth and prediction."""
    found, truth = np.array(g["points"]), test.points[g["index"]]
    both, side = np.concatenate([truth, found]), test.images.shape[-1]
    low, high = both.min(0), both.max(0)
    half = max(0.17 * side, (high - low).max() / 2 + 0.09 * side)
    (x, y) = (low + high) / 2
    axis.imshow(test.images[g["index"], 0], cmap="gray", vmin=0, vmax=255)
    for a, b in zip(truth, found, strict=True):
        axis.plot(*zip(a, b, strict=True), color=ERROR, lw=1.5, zorder=2)
    axis.scatter(*truth.T, facecolor="none", edgecolor=TRUTH, lw=1.5, marker="o", s=30, label="truth", zorder=3)
    axis.scatter(*found.T, color=FOUND, marker="x", lw=1.2, s=18, label="prediction", zorder=4)
    axis.plot([], [], color=ERROR, lw=1.5, label="error")
    axis.set_title(f"{g['error_px']:.1f} px", fontsize=9)
    axis.set(xticks=[], yticks=[], xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor="black")


def probability_maps(table: Table, r: Record | None, n_images: int = 4):
    """Images on top, below them the softmax of each landmark's map (bright where it is high), predicted point as a ring. Returns a Figure."""
    plt = pyplot()
    entries = [g for g in r.gallery if "maps" in g][:n_images] if r else []
    if not entries:
        return _message("There is no run here that keeps its probability maps.")
    dataset = datasets.get(table.dataset)
    test, size = datasets.split(table.dataset, "test", r.experiment.size), r.experiment.size
    names = [name.split(" (")[0] for name in dataset.landmarks]
    figure, axes = plt.subplots(
        len(names) + 1,
        len(entries),
        figsize=(WIDTH, WIDTH / len(entries) * (len(names) + 1)),
        squeeze=False,
        layout="constrained",
    )
    for column, g in zip(axes.T, entries, strict=True):
        image = test.images[g["index"], 0]
        column[0].imshow(image, cmap="gray")
        for k, text in enumerate(g["maps"]):
            probability = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(size, size)
            # Probabilities of a peaked softmax span many decades: the square root shows the tails.
            column[k + 1].imshow(np.sqrt(probability / 255), cmap="cividis", vmin=0, vmax=1)
            for axis in (column[0], column[k + 1]):
                _ring(axis, g["points"][k], COLOURS[k])
    for axis, name in zip(axes[:, 0], ["image", *names], strict=True):
        axis.set_ylabel(name, fontsize=9)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


def _message(text: str):
    """A picture that says why there is none. Returns a Figure."""
    plt = pyplot()
    figure = plt.figure(figsize=(WIDTH, 0.6))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=9)
    return figure


def _ring(axis, point: Sequence[float], colour: str) -> None:
    """A ring that shows what is under it, in a colour with a white edge, so that it stands out on black and on white."""
    for edge, width in (("white", 3.5), (colour, 2)):
        axis.scatter(*point, facecolor="none", edgecolor=edge, lw=width, s=45)


def ratios(benchmark: speed.Benchmark):
    """How many times as fast ours is as each contender, on a log axis; a dot with its 10% and 90% quantiles. Returns a Figure."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    plt = pyplot()

    firsts: dict[str, speed.Timing] = {}
    for t in benchmark.timings:
        firsts.setdefault(t.group, t)
    shown = [t for t in benchmark.timings if t is not firsts[t.group]]
    groups = list(firsts)
    drawn, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.34 * (len(shown) + len(groups))), layout="constrained")
    labels, y = {}, 0
    for group in groups:
        if len(groups) > 1:  # its name stands inside, where there is room for it on a phone
            axis.text(0.02, y, group, transform=axis.get_yaxis_transform(), va="center", fontsize=9, weight="bold")
            y += 1
        for t in (t for t in shown if t.group == group):
            low, middle, high = t.ours
            style = {"color": COLOURS[0], "marker": "o", "capsize": 3}
            axis.errorbar(middle, y, xerr=[[middle - low], [high - middle]], **style)
            labels[y] = t.contender
            y += 1
    axis.axvline(1, color="0.4", lw=1)
    axis.set(xscale="log", xlabel="ours is so many times as fast", ylim=(y - 0.4, -0.6))
    least, most = axis.get_xlim()
    few = most > 30 * least
    axis.xaxis.set_major_locator(
        FixedLocator([0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000] if few else [0.2, 0.5, 1, 2, 3, 5, 10, 20])
    )
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(list(labels), list(labels.values()))
    axis.grid(alpha=0.3, axis="x")
    return drawn


def save(figure, path: Path) -> None:
    """Write a picture, and let go of it."""
    figure.savefig(path)
    pyplot().close(figure)


def pyplot():
    """matplotlib with this book's style; imported when the first figure is drawn."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(
        context="notebook",
        style="ticks",
        rc={
            "figure.dpi": 150,
            "savefig.pad_inches": 0.08,
            "figure.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
        },
    )
    return plt
