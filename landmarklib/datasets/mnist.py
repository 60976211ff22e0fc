"""MNIST (LeCun et al. 1998): handwritten digits without landmarks, for landmarks that are found and not taught."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from landmarklib.datasets import Dataset, Source, archive, labels
from landmarklib.types import Listing, Recipe, UserError

SIDE, N_VALIDATION, SEED = 28, 1000, 0  # validation images are counted per digit
COUNTS = {  # of each digit
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "t10k": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's training images in two parts, and its test images. There are no points."""
    found = {}
    for split, (part, places) in _places(folder).items():
        n = len(places)
        ids = tuple(f"{part}/{i:05d}" for i in places)
        digits = {"digit": _digits(folder, part)[places]}
        whole = np.tile([0.0, 0.0, SIDE, SIDE], (n, 1))
        found[split] = Listing((), np.zeros((n, 0, 2)), np.zeros((n, 0), bool), ids, digits, whole)
    return found


def images(folder: Path, split: str) -> UInt8[np.ndarray, "N 1 H W"]:
    """The pixels of a split, in the order of its listing."""
    part, places = _places(folder)[split]
    pixels = _idx(folder / f"{part}-images-idx3-ubyte.gz", (sum(COUNTS[part]), SIDE, SIDE))
    return pixels[places][:, None]


def _places(folder: Path) -> dict[str, tuple[str, np.ndarray]]:
    """Which file each split is in, and where. A round of `label_order` has one image of each digit."""
    digits = _digits(folder, "train")
    order = labels.label_order(tuple(f"train/{i:05d}" for i in range(len(digits))), digits, SEED)
    n = 10 * N_VALIDATION
    test = np.arange(len(_digits(folder, "t10k")))
    return {"train": ("train", np.sort(order[n:])), "val": ("train", np.sort(order[:n])), "test": ("t10k", test)}


def _digits(folder: Path, part: str) -> np.ndarray:
    path = folder / f"{part}-labels-idx1-ubyte.gz"
    digits = _idx(path, (sum(COUNTS[part]),)).astype(np.int64)
    if digits.max() > 9:
        raise UserError(f"{path}: label {digits.max()} at place {digits.argmax()}; expected 0 to 9")
    for digit, (n, expected) in enumerate(zip(np.bincount(digits, minlength=10), COUNTS[part], strict=True)):
        if n != expected:
            raise UserError(f"{path}: the digit {digit} is there {n:,} times; expected {expected:,}")
    return digits


def _idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, ...]:
    """Bytes in IDX: two zeros, type 8, the number of axes, their lengths as big-endian 32 bits, then the values."""
    header, values = 4 + 4 * len(shape), int(np.prod(shape))
    with archive.reading(path, "not a whole gzip file", EOFError, zlib.error), gzip.open(path) as file:
        data = file.read(header + values + 1)  # one more tells a longer file, and no more than that is unpacked
    magic = bytes([0, 0, 8, len(shape)])
    if data[:4] != magic:
        raise UserError(
            f"{path}: begins with {data[:4].hex() or 'nothing'}; expected {magic.hex()}, bytes with {len(shape)} axes"
        )
    if len(data) < header:
        raise UserError(f"{path}: {len(data)} bytes unpacked; the header alone has {header}")
    expected = " x ".join(map(str, shape))
    if (axes := tuple(np.frombuffer(data[4:header], ">u4").tolist())) != shape:
        raise UserError(f"{path}: the header says {' x '.join(map(str, axes))}; expected {expected}")
    if len(data) != header + values:
        more = "more than " if len(data) > header + values else ""
        raise UserError(f"{path}: {more}{min(len(data) - header, values):,} values; expected {expected}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


ADDRESS = "https://storage.googleapis.com/cvdf-datasets/mnist"  # a mirror of the publisher's own files
SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

DATASET = Dataset(
    name="mnist",
    title="MNIST",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": 50000, "val": 10000, "test": 10000},
    size=35,
    unit="none: there are no landmarks",
    tier="paper",
    licence="CC BY-SA 3.0",
    obtain="`landmarklib data fetch mnist`; or download the four *-ubyte.gz files of MNIST (yann.lecun.com/exdb/mnist or a mirror) into a folder `mnist` below the data root; leave them packed.",
    citation="LeCun et al., Proceedings of the IEEE 1998",
    assumptions=(
        "Validation images are 1,000 training images of each digit, chosen by hashing their places; thewlis2017 has 1,000 of each of 3, 5 and 6 and does not say which.",
        "Images are 28 x 28 here; thewlis2017 enlarges them to 35 x 35 and puts 5 black pixels around them.",
    ),
    folder="mnist",
    sources=tuple(Source(f"{ADDRESS}/{file}", sha256, f"mnist/{file}") for file, sha256 in SHA256.items()),
    read=read,
    images=images,
    recipe=Recipe("box", 1.0),
    attributes={"digit": 10},
    layout="train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz",
    traps=(
        "There are no landmarks; a method can only be looked at, or judged by what its points say about the digit.",
        "thewlis2017 uses the digits 3, 5 and 6 only, one network each.",
        "Lengths in the header are big-endian. Copies differ in their packed bytes; compare the unpacked ones.",
    ),
)
