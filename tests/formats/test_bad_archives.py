"""What `landmarklib data check` says of forty-odd ways in which an archive can be wrong.

It is one line that names the file; the exit status is 2, and nothing is written.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from readers import draw

from landmarklib import loading
from landmarklib.__main__ import main
from landmarklib.core.errors import UserError
from landmarklib.core.types import Crop
from landmarklib.formats import archive
from landmarklib.loading import crops

N = 4  # images per split of the archives that are damaged


@cache
def whole(name: str, place: Path) -> Path:
    """The root of a small whole archive; made once."""
    dataset = loading.get(name)
    (place / name / dataset.folder).mkdir(parents=True)
    dataset.write_standin(place / name / dataset.folder, dict.fromkeys(dataset.counts, N), seed=3)
    return place / name


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("whole")


def first(folder: Path, pattern: str) -> Path:
    """The first file of that pattern."""
    return sorted(folder.rglob(pattern))[0]


def text(pattern: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Rewrite a text file."""

    def damage(folder: Path) -> None:
        path = first(folder, pattern)
        path.write_bytes(change(path.read_bytes().decode()).encode())

    return damage


def written(pattern: str, content: bytes) -> Callable[[Path], None]:
    """Put something else in a file's place."""
    return lambda folder: first(folder, pattern).write_bytes(content) and None


def cut(pattern: str, share: float = 0.5) -> Callable[[Path], None]:
    """Keep the beginning of a file only."""

    def damage(folder: Path) -> None:
        path = first(folder, pattern)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return damage


def gone(pattern: str) -> Callable[[Path], None]:
    """Remove a file."""
    return lambda folder: first(folder, pattern).unlink()


def folder_instead(pattern: str) -> Callable[[Path], None]:
    """A folder where a file belongs."""

    def damage(folder: Path) -> None:
        path = first(folder, pattern)
        path.unlink()
        path.mkdir()

    return damage


def renamed(pattern: str) -> Callable[[Path], None]:
    """An image under another name."""
    return lambda folder: first(folder, pattern).rename(first(folder, pattern).with_name("other.jpg")) and None


def cmyk(folder: Path) -> None:
    """An image for the printer."""
    draw(folder / "four.jpg", mode="CMYK")
    (folder / "four.jpg").replace(first(folder, "lfw_5590/*.jpg"))


def linked(folder: Path) -> None:
    """An image that is a link to a file that is not there."""
    path = first(folder, "lfw_5590/*.jpg")
    path.unlink()
    path.symlink_to(folder.parent / "outside.jpg")


def word(i: int, value: str) -> Callable[[str], str]:
    """Another word in the first line of a list."""

    def change(lines: str) -> str:
        head, _, rest = lines.partition("\n")
        words = head.split()
        words[i] = value
        return f"{' '.join(words)}\n{rest}"

    return change


def matrix(pattern: str, **arrays) -> Callable[[Path], None]:
    """Another MATLAB file."""
    return lambda folder: scipy.io.savemat(first(folder, pattern), arrays)


def arrays(pattern: str, **values) -> Callable[[Path], None]:
    """Another .npz file."""
    return lambda folder: np.savez(first(folder, pattern), **values)


def document(pattern: str, change: Callable[[dict], None]) -> Callable[[Path], None]:
    """Change a JSON file."""

    def damage(folder: Path) -> None:
        path = first(folder, pattern)
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def twice(lines: str) -> str:
    """The first line again in the second one's place."""
    parts = lines.splitlines(keepends=True)
    return "".join([parts[0], parts[0], *parts[2:]])


FAULTS = {
    # lists
    "list missing": (
        "mtfl",
        gone("training.txt"),
        r"training\.txt: missing; the archive is not there or half unpacked",
    ),
    "list empty": ("mtfl", written("training.txt", b"\r\n \r\n"), r"training\.txt: empty"),
    "list of zero bytes": ("mtfl", written("testing.txt", b""), r"testing\.txt: empty"),
    "list is a folder": ("mtfl", folder_instead("training.txt"), r"training\.txt: cannot be read as text"),
    "list of another encoding": ("mtfl", written("training.txt", b"\xff\xfe\x00b"), r"training\.txt: cannot be read"),
    "line cut off": ("mtfl", cut("training.txt", 0.9), r"training\.txt, line \d+: \d+ words; expected 15"),
    "not a number": ("mtfl", text("training.txt", word(3, "x12")), r"training\.txt, line 1: .*x12.*; expected"),
    "NaN": ("mtfl", text("training.txt", word(3, "nan")), r"training\.txt, line 1: .*nan.*; expected"),
    "infinite": ("mtfl", text("training.txt", word(3, "inf")), r"training\.txt, line 1: .*inf.*; expected"),
    "out of the frame": (
        "mtfl",
        text("training.txt", word(3, "5000")),
        r": 1 fault: \S+\.jpg: .* at \(5000, .* lies 4,840\.5 px outside of the photo; at most 160 px",
    ),
    "class that is not there": ("mtfl", text("training.txt", word(14, "9")), r"training\.txt: .* has pose 9; expected"),
    "duplicate": ("mtfl", text("training.txt", twice), r"training\.txt: .* is listed twice"),
    "path that leaves": (
        "mtfl",
        text("training.txt", word(0, "../../secret.jpg")),
        r"secret\.jpg' leaves the data set",
    ),
    "absolute path": ("mtfl", text("training.txt", word(0, "/etc/hostname")), r"'/etc/hostname' leaves the data set"),
    "path with backslashes that leaves": (
        "mtfl",
        text("training.txt", word(0, "..\\..\\x.jpg")),
        r"leaves the data set",
    ),
    # images
    "image cut off": ("mtfl", cut("lfw_5590/*.jpg"), r"\.jpg: not an image that can be decoded"),
    "image of zero bytes": ("mtfl", written("lfw_5590/*.jpg", b""), r"\.jpg: not an image that can be decoded"),
    "page instead of an image": ("mtfl", written("lfw_5590/*.jpg", b"<html>"), r"\.jpg: not an image"),
    "image renamed": ("mtfl", renamed("lfw_5590/*.jpg"), r"has no photo that can be read \(.*\.jpg: missing\)"),
    "image for the printer": ("mtfl", cmyk, r"\.jpg: colours are CMYK; expected RGB or grey"),
    "image that is a dead link": (
        "mtfl",
        linked,
        r"\.jpg: missing; .* is a link to .*outside\.jpg, which is not there",
    ),
    # .pts
    "wrong number of points": (
        "w300",
        text("*.pts", lambda t: t.replace("}", "1.0 1.0\n}")),
        r"\.pts: 69 points; expected 68",
    ),
    "another number of points announced": (
        "w300",
        text("*.pts", lambda t: t.replace("68", "5", 1)),
        r"\.pts, line 2: 'n_points:  5'; expected",
    ),
    "image under two endings": (
        "w300",
        lambda folder: draw(first(folder, "afw/*.pts").with_suffix(".png")),
        r"afw: \S+\.jpg and \S+\.png; expected one",
    ),
    "half a point": ("w300", text("*.pts", lambda t: t.replace("{\n", "{\n1.0\n", 1)), r"\.pts"),
    # MATLAB, numpy
    "MATLAB file cut off": ("lspet", cut("joints.mat"), r"joints\.mat: not a MATLAB file that can be read"),
    "text instead of a MATLAB file": ("lspet", written("joints.mat", b"hello"), r"joints\.mat: not a MATLAB file"),
    "axes of the other set": (
        "lspet",
        matrix("joints.mat", joints=np.zeros((3, 14, 9))),
        r"joints\.mat: joints is 3 x",
    ),
    "array missing": ("lspet", matrix("joints.mat", other=np.zeros(3)), r"joints\.mat: no array of numbers 'joints'"),
    "MATLAB file missing": ("lsp", gone("joints.mat"), r"joints\.mat: missing"),
    "npz cut off": ("yaleb", cut("*.npz"), r"\.npz: not an \.npz file of plain arrays"),
    "pickled array": (
        "yaleb",
        lambda folder: np.savez(first(folder, "*.npz"), images=np.array([{}], object)),
        r"\.npz: not an \.npz file of plain arrays",
    ),
    "another shape": ("yaleb", arrays("*.npz", images=np.zeros((2, 3), np.uint8)), r"\.npz: images is 2 x 3; expected"),
    "column missing": ("yaleb", text("*.csv", lambda t: t.replace("subject", "who", 1)), r"\.csv, line 1: no column"),
    "person in two splits": ("ytf68", text("*.csv", lambda t: t.replace(",train,", ",val,", 1)), r"\.csv"),
    "unknown split": (
        "ytf68",
        text("*.csv", lambda t: t.replace(",train,", ",training,", 1)),
        r"\.csv, line \d+: split",
    ),
    # gzip, JSON, XML, SQLite
    "gzip cut off": ("mnist", cut("train-images*"), r"train-images.*gz"),
    "not gzip": ("mnist", written("t10k-labels*", b"12345"), r"t10k-labels.*gz"),
    "another magic number": (
        "mnist",
        written("t10k-labels*", gzip.compress(b"\x00\x00\x08\x03", mtime=0)),
        r"begins with",
    ),
    "broken JSON": ("atrw", cut("keypoint_train.json"), r"keypoint_train\.json: not a JSON file that can be read"),
    "NaN in JSON": (
        "atrw",
        document("keypoint_val.json", lambda d: d["annotations"][0]["keypoints"].__setitem__(0, float("nan"))),
        r"keypoint_val\.json: not a JSON file",
    ),
    "JSON list": ("atrw", written("keypoint_val.json", b"[]"), r"keypoint_val\.json: list; expected a JSON object"),
    "XML with entities": (
        "hgr1",
        text("*.xml", lambda t: '<!DOCTYPE x [<!ENTITY a "b">]>' + t[t.rfind("?>") + 2 if "?>" in t else 0 :].lstrip()),
        r"\.xml",
    ),
    "XML cut off": ("hgr1", cut("*.xml"), r"\.xml"),
    "SQLite file of noise": ("aflw", written("*.sqlite", b"noise" * 400), r"\.sqlite"),
    "SQLite file missing": ("aflw", gone("*.sqlite"), r"\.sqlite: missing"),
    "struct missing": ("mpii", matrix("*.mat", RELEASE=np.zeros(3)), r"\.mat"),
    "part that is not there": ("cub", text("part_locs.txt", word(1, "99")), r"part_locs\.txt"),
    "unreadable cat": ("cats", text("*.cat", lambda t: t.replace("9 ", "8 ", 1)), r"\.cat"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_line_that_names_the_file(fault, place, tmp_path, monkeypatch, capsys):
    name, damage, message = FAULTS[fault]
    root = tmp_path / "data"
    shutil.copytree(whole(name, place), root, symlinks=True)
    folder = root / loading.get(name).folder
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    damage(folder)
    before = sorted(root.rglob("*"))
    assert main(["data", "check", name, "--data", str(root)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("landmarklib: ")]
    assert len(said) == 1
    assert re.search(message, said[0]), said[0]
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("fault", [f for f, (name, *_) in FAULTS.items() if f.startswith("image ") and name == "mtfl"])
def test_crops_of_a_damaged_image_are_not_half_written(fault, place, tmp_path, monkeypatch):
    name, damage, _ = FAULTS[fault]
    root = tmp_path / "data"
    shutil.copytree(whole(name, place), root)
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    damage(root / loading.get(name).folder)
    with pytest.raises(UserError):
        crops.load(loading.get(name), "train", Crop(16), root)
    assert not [path for path in root.rglob("*") if path.suffix in (".npy", ".part")]


@pytest.mark.parametrize("name", sorted({name for name, *_ in FAULTS.values()}))
def test_the_same_archives_undamaged_are_right(name, place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    assert main(["data", "check", name, "--data", str(whole(name, place))]) == 0
    assert "all decode" in capsys.readouterr().out


def test_line_ends_and_a_byte_order_mark_do_not_matter(place, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    root = tmp_path / "data"
    shutil.copytree(whole("mtfl", place), root)
    path = root / "mtfl" / "training.txt"
    before = loading.get("mtfl").read(root / "mtfl")["train"]
    lines = path.read_bytes().decode("utf-8-sig").splitlines()
    for content in ("\n".join(lines), "\r\n".join(lines) + "\r\n", "\ufeff" + "\n".join(lines) + "\n \n"):
        path.write_bytes(content.encode())
        after = loading.get("mtfl").read(root / "mtfl")["train"]
        assert after.ids == before.ids
        np.testing.assert_array_equal(after.points, before.points)


def test_an_archive_in_the_wrong_folder_says_where_it_was_looked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    assert main(["data", "check", "mtfl", "--data", str(tmp_path)]) == 2
    assert f"looked for {tmp_path / 'mtfl'}" in capsys.readouterr().err
