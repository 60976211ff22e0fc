"""The book's page "How fast": a section per benchmark, a picture per device, the paper's beside ours. No torch."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from landmarklib.records.benchmarks import Benchmark, Timing
from landmarklib.report import markup, style

INFERENCE = "evaluation"  # the benchmark that stands beside the paper's Table 4
CONDITIONS = {  # of that table, in words
    "selected_on": "hyperparameters chosen on",
    "all_training_images": "trained on all training images",
    "extra_data": "extra data",
    "augmented_by_hand": "augmentation designed by hand",
}


def to_html(benchmark: Benchmark) -> markup.Html:
    """The benchmark as a table, its facts, and where it comes from."""
    lines = []
    for t in benchmark.timings:
        low, middle, high = t.ours
        first = t == next(x for x in benchmark.timings if x.group == t.group)
        lines.append(
            {"": t.group, "contender": t.contender, benchmark.unit: f"{t.rate[1]:,.0f}"}
            | {"speed-up of ours": "ours" if first else f"{middle:.2f} ({low:.2f} to {high:.2f})"}
        )
    p = benchmark.provenance
    versions = ", ".join(f"{name} {version}" for name, version in p.get("versions", {}).items())
    settings = ", ".join(f"{name} {value}" for name, value in benchmark.settings.items())
    commit = f"commit {p['commit']}{' with changes' * bool(p.get('dirty'))}" if p.get("commit") else ""
    where = "; ".join(part for part in (settings, versions, commit, p.get("date", "")) if part)
    table = markup.to_html(pd.DataFrame(lines), sortable=False, kind="speed")
    return markup.render("speed", table=table, facts=benchmark.facts, where=where)


def page(benchmarks: Sequence[Benchmark]) -> str:
    """A section per benchmark: what was timed, a picture for each device, the table."""
    if not benchmarks:
        return "No benchmark is recorded yet.\n"
    parts = []
    for name in dict.fromkeys(b.name for b in benchmarks):
        same = [b for b in benchmarks if b.name == name]
        parts += [f"## {markup.plain(same[0].title)}", "", markup.plain(same[0].text), ""]
        for b in same:
            parts += [f"**{markup.plain(b.provenance.get('device', b.device))}**", ""]
            parts += [markup.picture(f"_generated/{b.name}-{b.device}.svg", alt(b)), "", to_html(b), ""]
        if name == INFERENCE:
            parts += [beside_paper(same), ""]
    return "\n".join(parts)


def published() -> list[dict[str, Any]]:
    """honari2018, Table 4: method, training conditions, rate if one is given, group that times its network here."""
    return tomllib.loads((Path(__file__).parent / "speed.toml").read_text(encoding="utf-8"))["published"]


def beside_paper(benchmarks: Sequence[Benchmark]) -> str:
    """The paper's speeds beside ours, a column per device, then its training conditions.

    A record from before a network was timed is said to lack it.
    """
    papers = published()
    columns = {"method": [p["method"] for p in papers]}
    columns["the paper's, GPU [images/s]"] = [f"{p['rate']:g}" if "rate" in p else "none given" for p in papers]
    for b in benchmarks:
        first = {t.group: t for t in reversed(b.timings)}  # ours comes first
        device = b.provenance.get("device", b.device)
        columns[f"ours, {device} [{b.unit}]"] = [_ours(p, first) for p in papers]
    for name, words in CONDITIONS.items():
        columns[words] = [{True: "yes", False: "no"}.get(p[name], p[name]) for p in papers]
    frame = pd.DataFrame(columns)
    return "\n".join(
        [
            "### Beside the paper",
            "",
            "{cite:t}`honari2018`, Table 4, gives images a second on a GPU that it does not name; ours were measured "
            "on the device at the head of the column, in float32. So only the order within a column compares. "
            "RAR, Lv et al., CFSS and the TCDCN of 300-W are models of others. The conditions are the paper's; runs "
            "here choose on validation images, and augment the training images by jitter.",
            "",
            markup.to_html(frame, sortable=False, kind="speed"),
        ]
    )


def _ours(paper: Mapping[str, Any], first: Mapping[str, Timing]) -> str:
    if "group" not in paper:
        return "not timed here"
    return f"{first[paper['group']].rate[1]:,.0f}" if paper["group"] in first else "not measured yet"


def alt(benchmark: Benchmark) -> str:
    """The picture in words."""
    what = "the speed-up of ours over each contender, with its spread over rounds."
    return f"{benchmark.title} on {benchmark.device}: {what}"


def ratios(benchmark: Benchmark):
    """The speed-up of ours over each contender, on a log axis, with 10% and 90% quantiles. Returns a Figure."""
    plt = style.pyplot()
    firsts: dict[str, Timing] = {}
    for t in benchmark.timings:
        firsts.setdefault(t.group, t)
    shown = [t for t in benchmark.timings if t is not firsts[t.group]]
    groups = list(firsts)
    drawn, axis = plt.subplots(figsize=(style.WIDTH, 0.9 + 0.34 * (len(shown) + len(groups))), layout="constrained")
    labels, y = {}, 0
    for group in groups:
        if len(groups) > 1:  # its name stands inside, where there is room for it on a phone
            axis.text(0.02, y, group, transform=axis.get_yaxis_transform(), va="center", fontsize=9, weight="bold")
            y += 1
        for t in (t for t in shown if t.group == group):
            low, middle, high = t.ours
            mark = {"color": style.COLOURS[0], "marker": "o", "capsize": 3}
            axis.errorbar(middle, y, xerr=[[middle - low], [high - middle]], **mark)
            labels[y] = t.contender
            y += 1
    axis.axvline(1, color=style.MUTED, lw=1)
    axis.set(xscale="log", xlabel="speed-up of ours", ylim=(y - 0.4, -0.6))
    least, most = axis.get_xlim()
    few = most > 30 * least
    places = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000] if few else [0.2, 0.5, 1, 2, 3, 5, 10, 20]
    style.plain_numbers(axis.xaxis, places)
    axis.set_yticks(list(labels), list(labels.values()))
    axis.grid(alpha=0.3, axis="x")
    return drawn
