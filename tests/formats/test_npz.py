"""Arrays of .npz files: what is refused by its header is never unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from landmarklib.core.errors import UserError
from landmarklib.formats import npz


def header(shape: object, descr: str = "|u1") -> bytes:
    """The beginning of an array's file."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


def packed(path: Path, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("images.npy", content)
    return path


@pytest.fixture
def nothing_unpacked(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an array was unpacked")

    monkeypatch.setattr(np.lib.format, "read_array", refuse)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header((2, 3)) + bytes(1 << 24), r"images has 16,777,216 bytes; its header says 6"),
        (header((1 << 20, 1 << 23)) + bytes(6), r"images is 1048576 x 8388608; expected|images has 6 bytes"),
        (header((2, 3), "<f8") + bytes(6), r"images has 6 bytes; its header says 48"),
        (header((-2, -3)) + bytes(6), r"images has 6 bytes"),
        (header((2, 3), "|O") + bytes(48), r"images is of object; expected numbers or text"),
        (header((2, 3), "|V1") + bytes(6), r"images is of \|V1; expected"),
        (header((2, 3)).replace(b"descr", b"other") + bytes(6), r"correct keys"),
        (header((2, 3))[:30], r"EOF"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(1 << 18), r"EOF"),
        (b"\x93NUMPY\x09\x00" + bytes(99), r"we only support|version"),
        (header((3, 2)) + bytes(6), r"images is 3 x 2; expected 2 x 3"),
    ],
)
def test_what_a_header_shows_to_be_wrong_is_not_unpacked(tmp_path, nothing_unpacked, content, words):
    with pytest.raises(UserError, match=rf"a\.npz: [^\n]*({words})"):
        npz.array(packed(tmp_path / "a.npz", content), "images", [2, 3])


def test_other_compressions_than_numpys_are_refused(tmp_path, nothing_unpacked):
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(UserError, match=r"a\.npz: [^\n]*compressed in another way"):
            npz.array(packed(tmp_path / "a.npz", header((2, 3)) + bytes(6), compression), "images", [2, 3])


def test_all_arrays_together_take_no_more_than_was_said(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(100, np.uint8), b=np.array("text"), c=np.zeros(100, np.uint8))
    with npz.opened(tmp_path / "a.npz", "not right", 216) as file:
        assert [*file] == ["a", "b", "c"] and [file.load(name).nbytes for name in file] == [100, 16, 100]
    with (
        pytest.raises(UserError, match=r"a\.npz: not right \(c takes 100 bytes; expected at most 99\)"),
        npz.opened(tmp_path / "a.npz", "not right", 215) as file,
    ):
        [file.load(name) for name in file]


def test_an_array_of_another_shape_or_name_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros((2, 3)))
    for name, shape, words in (("a", (3, 2), r"a is \(2, 3\); expected \(3, 2\)"), ("b", (), "no array b")):
        with pytest.raises(UserError, match=words), npz.opened(tmp_path / "a.npz", "not right", 99) as file:
            file.load(name, shape)
