"""Pictures of what a network sees at each landmark. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landmarklib import loading
from landmarklib.core import metrics
from landmarklib.records.record import Record
from landmarklib.report import style

COLUMNS = 2


def embeddings(shown: Sequence[Record | None]):
    """t-SNE of the landmarks of test images, a panel per run, a colour and mark per landmark. Returns a Figure.

    Above a panel stands the share of landmarks whose nearest neighbour in another image is the same landmark. Without
    a run that has them, the picture says so.
    """
    having = [r for r in shown if r is not None and r.embedding]
    if not having:
        return style.message("The runs of this picture are not computed yet.")
    plt = style.pyplot()
    names = loading.get(having[0].experiment.dataset).landmarks
    n_lines, legend = -(-len(having) // COLUMNS), 0.2 * -(-len(names) // 3)
    figure, axes = plt.subplots(
        n_lines,
        COLUMNS,
        figsize=(style.WIDTH, 2.5 * n_lines + legend),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(having) :]:
        axis.axis("off")
    for axis, r in zip(axes.flat, having, strict=False):
        kinds, x, y = np.array(r.embedding).T
        for k, (name, colour, marker) in enumerate(style.styled(names)):
            axis.scatter(
                x[kinds == k], y[kinds == k], s=7, lw=0, color=colour, marker=marker, label=name, rasterized=True
            )
        same = r.metrics[metrics.NEIGHBOURS]["mean"]
        axis.set_title(f"{r.experiment.row}\n{same:.0f}% beside their own kind", fontsize=style.SMALL)
        axis.set(xticks=[], yticks=[], xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8, markerscale=2)
    return figure
