"""What the readers' tests share: small images, and the archives of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmarklib import loading
from landmarklib.core.errors import DataMissing
from landmarklib.core.types import Listing
from landmarklib.loading import inspection


def draw(path: Path, width: int = 40, height: int = 30, seed: int = 0, mode: str = "RGB") -> None:
    """A small picture of noise in the format of the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def read(name: str, folder: Path) -> Mapping[str, Listing]:
    """The splits of an archive in that folder."""
    return loading.get(name).read(folder)


def real(name: str) -> Mapping[str, Listing]:
    """The splits of the archive that this machine has; skips the test where it has none."""
    try:
        return inspection.listings(name)[1]
    except DataMissing as reason:
        pytest.skip(str(reason))
