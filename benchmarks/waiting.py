"""What a reader waits for: generating the data, importing the reading side, re-executing a notebook whose records are
all there.

Each is repeated; the least time counts, since anything else on the machine can only add to it.

    python benchmarks/waiting.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from landmarklib.datasets import blocks, shapes
from landmarklib.pages import notebooks


def least_seconds(action: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        waits: dict[str, Callable[[], object]] = {
            "3,200 Blocks images": lambda: blocks.generate(3200, 0),
            "3,200 Shapes images": lambda: shapes.generate(3200, 0),
            "python -c 'import landmarklib.report.comparison'": lambda: subprocess.run(
                [sys.executable, "-c", "import landmarklib.report.comparison"], check=True
            ),
            **{
                f"notebook {name}, nothing missing": lambda n=name: notebooks.execute(n, folder=Path(folder))
                for name in notebooks.names()
            },
        }
        for name, action in waits.items():
            print(f"{name:<40} {least_seconds(action, repeats):6.2f} s")


if __name__ == "__main__":
    main()
