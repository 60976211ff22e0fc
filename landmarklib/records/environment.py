"""Where and when something is computed: commit, versions, device, date."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from landmarklib.core import files

# that change how fast a form is, by the names that Linux has for them
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "sve", "bf16")


def device_name(device) -> str:
    """What computed it, in words: the processor's or the GPU's name."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = _cpuinfo().get("model name") or platform.processor() or platform.machine()
    return f"CPU {name}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"


def processor(device: str) -> str:
    """The kind of a device: two of one kind compute the same digits, and what is fast on one is on the other.

    Of a processor: maker, family and the widest instructions. Imports torch for a GPU alone.
    """
    if device != "cpu":
        import torch

        return torch.cuda.get_device_name(device)
    told = _cpuinfo()
    maker = told.get("vendor_id") or told.get("CPU implementer") or platform.processor() or platform.machine()
    family = told.get("cpu family") or told.get("CPU architecture") or ""
    has = (told.get("flags") or told.get("Features") or "").split()
    return " ".join(filter(None, ["CPU", maker, family, *(name for name in INSTRUCTIONS if name in has)]))


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first processor, by its names; nothing elsewhere."""
    told: dict[str, str] = {}
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            told.setdefault(name.strip(), value.strip())
    return told


def describe(device: str) -> dict[str, Any]:
    """Where and when something is computed: commit, whether the library differs from it, versions, device, date."""
    versions = {}
    for name in ("torch", "numpy", "scipy", "pandas"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    commit, dirty = _commit()
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "versions": versions,
        "device": device,
        "date": datetime.now(UTC).date().isoformat(),
    }


def _commit() -> tuple[str, bool]:
    """Short commit of the library's own checkout and whether the library differs from it; "" outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(files.PACKAGE), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        return git("rev-parse", "--short=12", "HEAD"), bool(git("status", "--porcelain", "--", str(files.PACKAGE)))
    except OSError:
        return "", False
