"""The reader of MNIST, on small files in its format and, where they are there, on the real ones."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from readers import read, real

from landmarklib import loading
from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.datasets import mnist
from landmarklib.formats import archive as files
from landmarklib.loading import cutting, inspection

DIGITS = {"train": np.tile(np.arange(10), 3), "t10k": np.arange(10)[::-1]}
PIXELS = {"train": np.arange(30, dtype=np.uint8), "t10k": 100 + np.arange(10, dtype=np.uint8)}


def idx(values: np.ndarray) -> bytes:
    axes = b"".join(n.to_bytes(4, "big") for n in values.shape)
    return bytes([0, 0, 8, values.ndim]) + axes + values.astype(np.uint8).tobytes()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """30 training and 10 test images; every pixel of an image is its place, of test images 100 more."""
    monkeypatch.setattr(mnist, "COUNTS", {"train": (3,) * 10, "t10k": (1,) * 10})
    monkeypatch.setattr(mnist, "N_VALIDATION", 1)
    for part, digits in DIGITS.items():
        images = np.repeat(PIXELS[part], 28 * 28).reshape(-1, 28, 28)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(digits)))
    return tmp_path


def test_digits_and_pixels_belong_together(archive):
    splits = read("mnist", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 20, "val": 10, "test": 10}
    for name, listing in splits.items():
        assert listing.files == () and listing.points.shape == (len(listing), 0, 2) == (*listing.visible.shape, 2)
        part = "t10k" if name == "test" else "train"
        places = [int(i.removeprefix(f"{part}/")) for i in listing.ids]
        assert listing.attributes["digit"].tolist() == DIGITS[part][places].tolist()
        images = loading.get("mnist").images(archive, name)
        assert images.shape == (len(listing), 1, 28, 28) and images.dtype == np.uint8
        assert (images == PIXELS[part][places][:, None, None, None]).all()
    assert sorted(splits["val"].attributes["digit"]) == list(range(10))
    assert sorted(splits["train"].ids + splits["val"].ids) == [f"train/{i:05d}" for i in range(30)]


@pytest.mark.parametrize("digit", [3, 5, 6])
def test_one_digit_has_its_images_of_every_split(archive, digit):
    """Those that it has among all digits."""
    alone, among = mnist.read(archive, digit=digit), mnist.read(archive)
    for name, listing in alone.items():
        chosen = among[name].attributes["digit"] == digit
        assert list(listing.ids) == [i for i, of_digit in zip(among[name].ids, chosen, strict=True) if of_digit]
        assert dict(listing.attributes) == {} and listing.boxes.tolist() == [[0, 0, 28, 28]] * len(listing)
        assert np.array_equal(mnist.images(archive, name, digit=digit), mnist.images(archive, name)[chosen])
    assert {name: len(listing) for name, listing in alone.items()} == {"train": 2, "val": 1, "test": 1}


def test_a_digit_is_enlarged_to_35_pixels_in_the_middle_of_45(tmp_path):
    """A pixel of the archive is 1.25 pixels wide, behind 5 black ones."""
    d = loading.get("mnist_3")
    (square,) = cutting.squares(d.write_standin(tmp_path, {"train": 0, "val": 1, "test": 1})["test"], d.recipe)
    assert square.tolist() == [-4, -4, 36] and d.size == 45
    assert not cutting.cut(np.zeros((1, 28, 28), np.uint8), square, 45).any()
    full = cutting.cut(np.full((1, 28, 28), 255, np.uint8), square, 45)[0]
    assert (full[7:-7, 7:-7] == 255).all() and not full[:3].any() and not full[:, -3:].any()
    assert full[22, [4, 40]].max() < 128 < full[22, [5, 39]].min()  # its edges are between these
    one = np.zeros((1, 28, 28), np.uint8)
    one[0, 9, 17] = 255  # its centre is at (17.5 + 4) * 1.25 - 0.5 in x and (9.5 + 4) * 1.25 - 0.5 in y
    found = cutting.cut(one, square, 45)[0].astype(float)
    y, x = np.indices(found.shape)
    assert [(v * found).sum() / found.sum() for v in (x, y)] == pytest.approx([26.375, 16.375], abs=0.1)


def test_a_stand_in_of_a_digit_has_that_digit_alone(tmp_path):
    counts = {"train": 10, "val": 2, "test": 3}
    written = loading.get("mnist_5").write_standin(tmp_path, counts)
    assert {name: len(listing) for name, listing in written.items()} == {"train": 10, "val": 2, "test": 3}
    assert sum(len(listing) for listing in mnist.read(tmp_path, digit=3).values()) == 0


def packed(data: bytes) -> bytes:
    # without the time, which would be in the names of tests, and another one in each worker
    return gzip.compress(data, mtime=0)


LABELS = idx(DIGITS["train"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing; the archive is not there or half unpacked"),
        (b"", "begins with nothing; expected 00000801"),
        (LABELS, r"not a whole gzip file \(Not a gzipped file"),
        (packed(LABELS)[:-12], r"not a whole gzip file \("),
        (packed(LABELS)[:12] + b"\xff" * 9 + packed(LABELS)[21:], r"not a whole gzip file \("),
        (packed(idx(np.zeros((30, 28, 28)))), "begins with 00000803; expected 00000801, bytes with 1 axes"),
        (packed(LABELS[:6]), "6 bytes unpacked; the header alone has 8"),
        (packed(idx(np.append(DIGITS["train"], 0))), "the header says 31; expected at most 30"),
        (packed(idx(DIGITS["train"][:0])), "the header says 0; expected at most 30"),
        (packed(LABELS[:-1]), "29 values; expected 30"),
        (packed(LABELS + b"\0"), "more than 30 values; expected 30"),
        (packed(LABELS[:-1] + b"\x0a"), "label 10 at place 29; expected 0 to 9"),
        (packed(LABELS[:-1] + b"\x00"), "the digit 0 is there 4 times; expected 3"),
    ],
)
def test_a_bad_file_is_named(archive, content, message):
    path = archive / "train-labels-idx1-ubyte.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"train-labels-idx1-ubyte.gz: {message}"):
        read("mnist", archive)


def test_a_part_of_the_images_is_split_by_the_same_shares(archive):
    for part, n in (("train", 12), ("t10k", 4)):
        images, digits = np.full((n, 28, 28), 7), DIGITS[part][:n]
        (archive / f"{part}-images-idx3-ubyte.gz").write_bytes(packed(idx(images)))
        (archive / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed(idx(digits)))
    splits = read("mnist", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 8, "val": 4, "test": 4}
    assert len(loading.get("mnist").images(archive, "train")) == 8


def test_images_and_labels_of_different_number_are_refused(archive):
    (archive / "train-labels-idx1-ubyte.gz").write_bytes(packed(idx(DIGITS["train"][:20])))
    with pytest.raises(UserError, match=r"train-images.*: the header says 30 x 28 x 28; expected 20 x 28 x 28"):
        loading.get("mnist").images(archive, "train")


def test_images_of_another_size_are_refused(archive):
    (archive / "t10k-images-idx3-ubyte.gz").write_bytes(packed(idx(np.zeros((10, 28, 27)))))
    with pytest.raises(UserError, match=r"t10k-images.*: the header says 10 x 28 x 27; expected 10 x 28 x 28"):
        loading.get("mnist").images(archive, "test")


def test_the_check_compares_images_with_entries(archive, monkeypatch):
    monkeypatch.setenv("LANDMARKLIB_DATA", str(archive.parent))
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("mnist").startswith(
        "mnist: a part: train 20 of 50,000, val 10 of 10,000, test 10 of 10,000"
    )


def test_the_real_archive():
    splits = real("mnist")
    counts = {name: np.bincount(listing.attributes["digit"]).tolist() for name, listing in splits.items()}
    assert counts["val"] == [1000] * 10 and counts["test"] == list(mnist.COUNTS["t10k"])
    assert counts["train"] == [4923, 5742, 4958, 5131, 4842, 4421, 4918, 5265, 4851, 4949]
    assert subsets.ids_hash(list(splits["val"].ids)) == "0a277301eae0"


@pytest.mark.parametrize("digit", [3, 5, 6])
def test_the_real_archive_of_a_digit(digit):
    splits, d = real(f"mnist_{digit}"), loading.get(f"mnist_{digit}")
    assert {name: len(listing) for name, listing in splits.items()} == d.counts and d.counts["val"] == 1000
    assert {name: subsets.ids_hash(list(listing.ids)) for name, listing in splits.items()} == d.ids


@pytest.mark.parametrize(
    ("name", "md5"),
    [
        ("train-images-idx3", "6bbc9ace898e44ae57da46a324031adb"),
        ("train-labels-idx1", "a25bea736e30d166cdddb491f175f624"),
        ("t10k-images-idx3", "2646ac647ad5339dbf082846283269ea"),
        ("t10k-labels-idx1", "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_the_real_archive_has_the_publishers_bytes(name, md5):
    try:
        folder = files.find("mnist", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    content = gzip.decompress((folder / f"{name}-ubyte.gz").read_bytes())
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
