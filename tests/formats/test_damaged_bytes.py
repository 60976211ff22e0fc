"""Whatever happens to the bytes of an archive: it is read, or refused in one line that says where."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from landmarklib import loading
from landmarklib.core.errors import UserError
from landmarklib.core.types import Crop
from landmarklib.formats import archive
from landmarklib.loading import crops, inspection

N, TIMES = 2, 6
SETS = ("aflw", "atrw", "bbcpose", "hgr1", "mnist", "mtfl", "yaleb")  # SQLite, JSON, MATLAB, XML, gzip, lists, .npz
WORDS = (b"-5", b"1e300", b"nan", b"9" * 400, b"", b"0", b"\x00", b"\xff", b"1e999", b"null", b"[]")


def flipped(content: bytearray, rng: np.random.Generator) -> None:
    for place in rng.integers(len(content), size=rng.integers(1, 8)):
        content[place] ^= 1 << rng.integers(8)


def short(content: bytearray, rng: np.random.Generator) -> None:
    del content[rng.integers(len(content)) :]


def null(content: bytearray, rng: np.random.Generator) -> None:
    place = rng.integers(len(content))
    content[place:place] = b"\0"


def another_number(content: bytearray, rng: np.random.Generator) -> None:
    if numbers := [*re.finditer(rb"-?\d+(\.\d+)?", bytes(content))]:
        begin, end = numbers[rng.integers(len(numbers))].span()
        content[begin:end] = WORDS[rng.integers(len(WORDS))]


DAMAGES: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (flipped, short, null, another_number)


@pytest.mark.parametrize("name", SETS)
def test_damaged_archives_are_read_or_refused_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    dataset, rng = loading.get(name), np.random.default_rng(25)
    folder = tmp_path / dataset.folder
    folder.mkdir(parents=True)
    dataset.write_standin(folder, dict.fromkeys(dataset.counts, N), seed=3)
    kinds: dict[str, list] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kinds.setdefault(path.suffix, []).append(path)
    refused = 0
    for turn in range(TIMES):
        paths = [*kinds.values()][turn % len(kinds)]
        path = paths[rng.integers(len(paths))]
        content = bytearray(before := path.read_bytes())
        DAMAGES[rng.integers(len(DAMAGES))](content, rng)
        path.write_bytes(content)
        try:
            inspection.check(name, tmp_path)
            for split in dataset.counts:
                crops.load(dataset, split, Crop(4), tmp_path)
        except UserError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)
            refused += 1
        path.write_bytes(before)
        shutil.rmtree(tmp_path / crops.FOLDER, ignore_errors=True)
    assert 0 < refused
    assert "all decode" in inspection.check(name, tmp_path)
