"""What is recorded, what is stale, and where the code deviates from a paper."""

from __future__ import annotations

import pandas as pd

from landmarklib import tables
from landmarklib.core import files
from landmarklib.pages import notebooks
from landmarklib.records import query, staleness
from landmarklib.report import markup


def deviations() -> list[tuple[str, str]]:
    """(file, sentence) of every comment in the library that starts with DEVIATION:, with its continuation lines."""
    found = []
    for path in sorted([*files.PACKAGE.rglob("*.py"), *files.PACKAGE.rglob("*.toml")]):
        lines = path.read_text(encoding="utf-8").splitlines()
        for i, line in enumerate(lines):
            if not line.strip().startswith("# DEVIATION:"):
                continue
            words = [line.strip().removeprefix("# DEVIATION:").strip()]
            for following in lines[i + 1 :]:
                if not following.strip().startswith("# "):
                    break
                words.append(following.strip()[2:])
            found.append((path.relative_to(notebooks.ROOT).as_posix(), " ".join(words)))
    return found


def deviations_page() -> str:
    """The deviations as a list, then each table's training protocol: what the papers leave open or we do otherwise."""
    lines = [f"- {markup.markdown(text[0].upper() + text[1:])} (`{path}`)" for path, text in deviations()]
    for name in tables.names():
        table = tables.get(name)
        if not table.protocol:
            continue
        lines += ["", f"**{markup.plain(table.title)}** ({markup.plain(f'{table.paper}, {table.where}')})", ""]
        lines += [f"- {markup.markdown(text)}" for text in table.protocol]
    return "\n".join(lines) + "\n"


def status() -> pd.DataFrame:
    """A line per table and budget: runs, seeds, failures, flags, staleness of the records, dates, hours."""
    lines = []
    for name in tables.names():
        table, _, records = query.read_recorded(tables.get(name))
        for budget in table.budgets:
            part = [r for r in records if r.experiment.budget == budget]
            dates = sorted({r.provenance.get("date", "") for r in part})
            lines.append(
                {"table": name, "budget": budget, "runs": len(part), "seeds": len({r.experiment.seed for r in part})}
                | {"failed": sum(r.status == "failed" for r in part), "flagged": sum(bool(r.warnings) for r in part)}
                | {
                    "versions since then": staleness.standings(part),
                    "hours": round(sum(r.seconds for r in part) / 3600, 2),
                }
                | {"computed": " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "never"}
            )
    return pd.DataFrame(lines)


def status_page() -> str:
    """The status table without the lines that have no run, and a sentence that names those."""
    frame = status()
    empty = [f"{line.table} at {line.budget}" for line in frame[frame.runs == 0].itertuples()]
    missing = f"\nNo run is recorded yet of {markup.plain(', '.join(empty))}.\n" if empty else ""
    shown = frame[frame.runs > 0].assign(hours=frame.hours.map("{:.2f}".format))
    return f"{markup.to_html(shown, kind='status')}\n{missing}"
