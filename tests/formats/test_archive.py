"""Lists, documents and pictures: what cannot be, or is too much, is one line that names the file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmarklib.core.errors import UserError
from landmarklib.formats import archive


def png(path: Path, width: int, height: int) -> Path:
    """A grey picture of that size by its header, which has hardly any pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, pixels = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), zlib.compress(bytes(99))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def test_a_picture_with_too_many_pixels_is_refused_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "convert", None)
    path = png(tmp_path / "a.png", 10_000, 5001)
    for read in (archive.image, archive.size):
        with pytest.raises(UserError, match=r"a\.png: 10,000 x 5,001 pixels; expected at most 50,000,000$"):
            read(path)
        with pytest.raises(UserError, match=r"b\.png: not an image that can be decoded"):
            read(png(tmp_path / "b.png", 60_000, 60_000))
    assert archive.size(png(tmp_path / "c.png", 10_000, 5000)) == (10_000, 5000)


def test_large_pictures_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGE", 3)
    held, convert = [], Image.Image.convert
    monkeypatch.setattr(
        Image.Image, "convert", lambda i, mode: held.append(archive._alone.locked()) or convert(i, mode)
    )
    for name, shape in (("a.png", (1, 3)), ("b.png", (2, 2))):
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / name)
        archive.image(tmp_path / name)
    assert held == [False, True] and not archive._alone.locked()


def test_a_format_for_which_programs_are_started_is_not_tried(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(UserError, match=r"a\.jpg: not an image that can be decoded"):
        archive.size(tmp_path / "a.jpg")


def test_null_bytes_are_refused_in_lists_and_names(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a 1\nb\x00 2\n")
    with pytest.raises(UserError, match=r"a\.txt, line 2: a null byte"):
        archive.lines(tmp_path / "a.txt")
    for name in ("a\0.jpg", "a" * 256, "\ud800.jpg"):
        with pytest.raises(UserError, match=r"no file can have the name '[^\n]{1,80}'$"):
            archive.safe_join(tmp_path, name)


@pytest.mark.parametrize("word", ["1e300", "-1e9", "nan", "inf", "9" * 400])
def test_numbers_that_no_list_has_are_refused(word):
    with pytest.raises(UserError, match=r"a\.txt, line 3: '[^\n]{1,60}'; expected x"):
        archive.numbers(Path("a.txt"), 3, ["1", word], "x")
    assert archive.numbers(Path("a.txt"), 3, ["999999999", "-2.5"], "x") == [999999999, -2.5]


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000, "Infinity", "[" * 100_000])
def test_documents_that_no_program_writes_are_refused(tmp_path, value):
    (tmp_path / "a.json").write_text(f'{{"a": {value}}}')
    with pytest.raises(UserError, match=r"^[^\n]*a\.json: not a JSON file that can be read \([^\n]{1,200}\)$"):
        archive.document(tmp_path / "a.json")


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 4, 9), (0, 0, np.nan, 9), (0, 0, 9, 1e300)])
def test_boxes_without_an_area_are_refused(box):
    boxes = np.array([(0, 0, 1, 1), box], float)
    with pytest.raises(UserError, match=r"a\.txt: the box of b\.jpg is [^\n]*; expected left, top, right, bottom"):
        archive.check_boxes(Path("a.txt"), boxes, ["a.jpg", "b.jpg"])
    archive.check_boxes(Path("a.txt"), boxes[:1], ["a.jpg"])
