"""The minutes of a rented GPU, on a bare machine with torch: compare it with the CPU, time it, fill the largest open
table with what is left.

Each phase is a process with a time limit of its own. Where a comparison fails, nothing more is spent. A second call
skips comparisons that passed with this code, and goes on with the records. On `--device cpu` it is a rehearsal: the
same phases with tiny settings, into build/rehearsal.

    python benchmarks/gpu.py [--seconds 780] [--device cuda] [--table TABLE] [--data auto]
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
WHEELS, SITE = BUILD / "wheels", BUILD / "site"
COMPARISONS = "tests/training/test_gpu.py"  # with the CPU
WHEELS_FOR = (3, 12)  # the Python that `make wheels` downloads for
START = 20.0  # seconds that a process takes to import torch and to wake a GPU; the last phase also ends so much early
LEAST = 20.0  # seconds of training that are worth starting


class Kind(NamedTuple):
    """What differs between a GPU and a rehearsal. limits: most seconds of the comparisons, of the speeds and of
    training; chosen: pytest's words; benchmarks: arguments by script. budgets: the first before the second.
    """

    budgets: Sequence[str]
    results: Path
    tested: Path
    limits: tuple[float, float, float]
    chosen: Sequence[str]
    benchmarks: Mapping[str, Sequence[str]]


GPU = Kind(
    ("converged", "paper"),
    ROOT / "gpu-results",
    BUILD / "tested-on-cuda",
    (90.0, 60.0, math.inf),
    ("-m", "essential"),
    {
        "pack_step": ("--rounds", "3"),
        "train_step": ("--no-compile", "--rounds", "3"),
        "evaluation": ("--images", "3200", "--photos", "1280", "--rounds", "3"),
        "against_kornia": ("--rounds", "5"),
    },
)
REHEARSAL = Kind(
    ("smoke",),
    BUILD / "rehearsal",
    BUILD / "rehearsal" / "tested-on-cpu",
    (120.0, 90.0, 80.0),
    ("-m", "essential", "-k", "losses or from_points or never_stopped"),
    {
        "pack_step": ("--packs", "2,1", "--budget", "smoke", "--rounds", "1"),
        "train_step": ("--no-compile", "--rounds", "1", "--batch", "2", "--threads", "1"),
        "evaluation": ("--images", "8", "--photos", "2", "--budget", "smoke", "--rounds", "1", "--threads", "1"),
        "against_kornia": ("--sides", "8", "--rounds", "1", "--threads", "1"),
    },
)


class Open(NamedTuple):
    """What is missing of a table at a budget: on which tier of data, how many runs, how many images they process
    (`methods.images_processed`).
    """

    table: str
    budget: str
    data: str
    runs: int
    images: float


class Phase(NamedTuple):
    """A phase of the plan: seconds from the start at which it begins, at the latest, and how many it may take."""

    name: str
    start: float
    limit: float


def open_budgets(
    budgets: Sequence[str], folders: Sequence[Path], names: Sequence[str], data: str = "auto"
) -> list[Open]:
    """What is missing of these tables, budget by budget, at each the most images to process first.

    Of tables with such a budget whose data are here, generated or bundled.

    A run whose record is in one of the folders is not missing. data: only that tier (`ensure.ensure`).
    """
    from landmarklib import methods, tables
    from landmarklib.records import record

    found = []
    for budget, name in product(budgets, names):
        table = tables.get(name)
        if budget not in table.budgets or not (here := on(table, budget, data)):
            continue
        tier, variant = here
        experiments = variant.experiments(budget=budget)
        missing = [e for e in experiments if not any(record.path_of(folder, e).exists() for folder in folders)]
        if missing:
            found.append(Open(name, budget, tier, len(missing), sum(map(methods.images_processed, missing))))
    return sorted(found, key=lambda o: (budgets.index(o.budget), -o.images))


def on(table, budget: str, data: str = "auto"):
    """The best tier of data that is here for a table, generated or bundled, and the table on it; None without any."""
    from landmarklib import loading
    from landmarklib.core.errors import UserError
    from landmarklib.loading import bundling, tiers
    from landmarklib.records import query

    for kind, variant in table.variants().items():
        tier = query.OPEN.get(kind, kind)
        try:
            sets = [loading.get(name) for name in (variant.dataset, *variant.tests)]
            if data in ("auto", tier) and all(d.load or tiers.bundled(d) for d in sets):
                bundling.check(variant.experiments(budget=budget))
                return tier, variant
        except UserError:  # it has no such tier, or the bundle has other crops
            continue
    return None


def plan(seconds: float, kind: Kind, tested: bool) -> list[Phase]:
    """The phases in their order. Raises UserError where nothing would be left for training."""
    from landmarklib.core.errors import UserError

    compare, speed, training = kind.limits
    phases = [] if tested else [Phase("compare", 0.0, compare)]
    begun = compare * (not tested)
    phases.append(Phase("speed", begun, speed))
    begun += speed
    if seconds < begun + 2 * START + LEAST:
        raise UserError(f"--seconds: {seconds:g} leaves no time for training; at least {begun + 2 * START + LEAST:g}")
    return [*phases, Phase("train", begun, min(training, seconds - begun))]


def in_words(phases: Sequence[Phase], kind: Kind, opened: Sequence[Open]) -> str:
    """The plan, a line for each phase."""
    what = {
        "compare": "losses, gradients, packs, captured steps and a resumed run against the CPU; a failure ends it all",
        "speed": ", ".join(kind.benchmarks),
        "train": "; then ".join(
            f"{o.table} at {o.budget} ({o.data} data, {o.runs} runs, {o.images:,.0f} images processed)" for o in opened
        ),
    }
    lines = [f"{_clock(p.start)} to {_clock(p.start + p.limit)}  {p.name:<8} {what[p.name]}" for p in phases]
    return "\n".join(["The plan; a phase that ends early leaves its time to the next:", *lines])


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def digest() -> str:
    """Of all that the comparisons depend on: code, tests, torch."""
    found = hashlib.sha256(metadata.version("torch").encode())
    for path in [
        ROOT / COMPARISONS,
        ROOT / "tests/packs.py",
        ROOT / "tests/experiments.py",
        *sorted((ROOT / "landmarklib").rglob("*.py")),
    ]:
        found.update(path.read_bytes())
    return found.hexdigest()


def unpack_wheels() -> None:
    """Install what the machine lacks from build/wheels, if it is there, into build/site."""
    wheels = sorted(WHEELS.glob("*.whl"))
    if not wheels or sys.version_info[:2] != WHEELS_FOR:
        return
    listed, known = "\n".join(path.name for path in wheels), SITE / "wheels.txt"
    if not known.exists() or known.read_text(encoding="utf-8") != listed:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
        subprocess.run([*pip, "--target", str(SITE), *map(str, wheels)], check=True)
        known.write_text(listed, encoding="utf-8")
    sys.path.insert(0, str(SITE))


def trouble(command: Sequence[str], seconds: float, device: str) -> str:
    """Run Python with these words for so many seconds at most; what went wrong, "" for nothing."""
    path = os.pathsep.join([str(SITE), str(ROOT), os.environ.get("PYTHONPATH", "")])
    # A bare machine may have any plugins of pytest.
    ours = {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "LANDMARKLIB_TEST_DEVICE": device}
    if device == "cpu":
        ours["OMP_NUM_THREADS"] = "1"  # a rehearsal is not alone on its machine
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=os.environ | ours, start_new_session=True)
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"did not end in {seconds:.0f} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return f"exit status {status}" if status else ""


def compare(kind: Kind, device: str, limit: float) -> str:
    """Run the comparisons and remember that they passed; what went wrong, "" for nothing."""
    # On a GPU torch may warn of what no CPU build warns of: that is shown and fails nothing.
    pytest = ["-m", "pytest", "-q", "--tb=short", "-o", "addopts=", "-o", "filterwarnings=default"]
    wrong = trouble([*pytest, "-p", "no:cacheprovider", *kind.chosen, COMPARISONS], limit, device)
    if not wrong:
        kind.tested.parent.mkdir(parents=True, exist_ok=True)
        kind.tested.write_text(digest(), encoding="utf-8")
    return wrong


def time_it(kind: Kind, device: str, limit: float) -> None:
    """Run the benchmarks one after the other, while there is time; say which failed."""
    end = time.monotonic() + limit
    for name, arguments in kind.benchmarks.items():
        if name == "against_kornia" and find_spec("kornia") is None:
            print("speed: against_kornia is left out, kornia is not here", flush=True)
            continue
        keep = ["--device", device, "--results", str(kind.results / "benchmarks")]
        left = end - time.monotonic()
        wrong = trouble([f"benchmarks/{name}.py", *arguments, *keep], left, device) if left > 0 else "no time was left"
        if wrong:
            print(f"speed: {name} has no record: {wrong}; going on", flush=True)


def train(kind: Kind, device: str, opened: Sequence[Open], end: float) -> None:
    """Fill the tables one after the other until that time of the monotonic clock, with the records that are at home
    already.
    """
    from landmarklib import tables
    from landmarklib.records import record

    for o in opened:
        left = end - time.monotonic()
        if left < 2 * START + LEAST:
            break
        _, variant = on(tables.get(o.table), o.budget, o.data)
        for e in variant.experiments(budget=o.budget):
            home, there = (record.path_of(folder, e) for folder in (record.results_folder(), kind.results))
            if home.exists() and not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(home, there)
        words = [f"data={o.data}", f"budget={o.budget}", f"device={device}", f"results={kind.results}"]
        command = ["-m", "landmarklib", "run", o.table, *words, f"deadline={left - 2 * START:.0f}"]
        if wrong := trouble(command, left, device):
            print(f"train: {o.table} at {o.budget} stopped: {wrong}; what is finished is kept", flush=True)


def spend(seconds: float, device: str, table: str | None, data: str) -> int:
    """All phases; 0, or 1 where a comparison failed."""
    from landmarklib import tables
    from landmarklib.engine import checks
    from landmarklib.records import record

    begun, kind = time.monotonic(), REHEARSAL if device == "cpu" else GPU
    os.environ.setdefault("LANDMARKLIB_DATA", str(BUILD / "data"))
    if kind is REHEARSAL:
        shutil.rmtree(kind.results, ignore_errors=True)
    checks.device(device)
    folders = [kind.results, record.results_folder()]
    opened = open_budgets(kind.budgets, folders, [table] if table else tables.names(), data)
    tested = kind.tested.exists() and kind.tested.read_text(encoding="utf-8") == digest()
    phases = plan(seconds, kind, tested)
    if not opened:
        of = table or "any table"
        print(f"Nothing is missing at the budget {' or '.join(kind.budgets)} of {of} whose data are here.")
        phases = phases[:-1]
    print(in_words(phases, kind, opened), flush=True)
    limits = {phase.name: phase.limit for phase in phases}
    if "compare" in limits and (wrong := compare(kind, device, limits["compare"])):
        print(
            f"gpu: the comparisons with the CPU failed ({wrong}); nothing is trained on this machine", file=sys.stderr
        )
        return 1
    time_it(kind, device, limits["speed"])
    train(kind, device, opened, min(begun + seconds, time.monotonic() + kind.limits[-1]))
    left = open_budgets(kind.budgets, folders, list(dict.fromkeys(o.table for o in opened)), data)
    for o in opened:
        runs = next((n.runs for n in left if (n.table, n.budget) == (o.table, o.budget)), 0)
        print(f"{o.table} at {o.budget}: {o.runs - runs} of {o.runs} missing runs are made")
    took = f"{time.monotonic() - begun:.0f} s"
    print(took if kind is REHEARSAL else f"{took}; at home: landmarklib results import {kind.results.name}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=780.0, help="of the machine, in all")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu for a rehearsal")
    parser.add_argument("--table", help="the table to fill; by default the largest open one, then the next")
    parser.add_argument("--data", default="auto", help="auto, paper, open or stand-in")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    unpack_wheels()
    from landmarklib.core.errors import UserError

    try:
        return spend(arguments.seconds, arguments.device, arguments.table, arguments.data)
    except UserError as error:
        print(f"gpu: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
