"""MNIST (LeCun et al. 1998): handwritten digits without landmarks, for landmarks that are found and not taught."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from landmarklib.core import subsets
from landmarklib.core.dataset import Dataset, Source
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

SIDE, N_VALIDATION, SEED = 28, 1000, 0  # validation images are counted per digit
COUNTS = {  # of each digit
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "t10k": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


def read(folder: Path, digit: int | None = None) -> dict[str, Listing]:
    """The publisher's training images in two parts, and its test images. There are no points.

    digit: the one whose images are read; None for all.
    """
    return _listings({part: _digits(folder, part) for part in COUNTS}, digit)


def _listings(digits: Mapping[str, Int[np.ndarray, " _"]], digit: int | None = None) -> dict[str, Listing]:
    found = {}
    for split, (part, places) in _places(digits, digit).items():
        n, ids = len(places), tuple(f"{part}/{i:05d}" for i in places)
        whole, shown = np.tile([0.0, 0.0, SIDE, SIDE], (n, 1)), {"digit": digits[part][places]}
        found[split] = layout.listing((), ids, attributes=shown if digit is None else {}, boxes=whole)
    return found


def images(folder: Path, split: str, digit: int | None = None) -> UInt8[np.ndarray, "N 1 H W"]:
    """The pixels of a split, in the order of its listing."""
    digits = {part: _digits(folder, part) for part in COUNTS}
    part, places = _places(digits, digit)[split]
    pixels = _idx(folder / f"{part}-images-idx3-ubyte.gz", (len(digits[part]), SIDE, SIDE))
    return pixels[places][:, None]


def _places(
    digits: Mapping[str, Int[np.ndarray, " _"]], digit: int | None = None
) -> dict[str, tuple[str, Int[np.ndarray, " _"]]]:
    """Which file each split is in, and where. A round of `label_order` has one image of each digit."""
    n, shown = len(digits["train"]), digits["train"]
    order = subsets.label_order(tuple(f"train/{i:05d}" for i in range(n)), shown, SEED)
    n_val = n * 10 * N_VALIDATION // sum(COUNTS["train"])
    test = np.arange(len(digits["t10k"]))
    if digit is not None:
        order = order[shown[order] == digit]
        n_val = len(order) * N_VALIDATION // COUNTS["train"][digit]
        test = test[digits["t10k"] == digit]
    return {
        "train": ("train", np.sort(order[n_val:])),
        "val": ("train", np.sort(order[:n_val])),
        "test": ("t10k", test),
    }


def _digits(folder: Path, part: str) -> Int[np.ndarray, " n"]:
    """The digits of a file: all of the publisher's, or fewer."""
    path = folder / f"{part}-labels-idx1-ubyte.gz"
    digits = _idx(path, (sum(COUNTS[part]),), or_fewer=True).astype(np.int64)
    if digits.max() > 9:
        raise UserError(f"{path}: label {digits.max()} at place {digits.argmax()}; expected 0 to 9")
    for digit, (n, expected) in enumerate(zip(np.bincount(digits, minlength=10), COUNTS[part], strict=True)):
        if n != expected and len(digits) == sum(COUNTS[part]):
            raise UserError(f"{path}: the digit {digit} is there {n:,} times; expected {expected:,}")
    return digits


def _idx(path: Path, shape: tuple[int, ...], or_fewer: bool = False) -> UInt8[np.ndarray, ...]:
    """Bytes in IDX: two zeros, type 8, the number of axes, their lengths as big-endian 32 bits, then the values.

    or_fewer: along the first axis.
    """
    header, values = 4 + 4 * len(shape), int(np.prod(shape))
    with archive.reading(path, "not a whole gzip file"), gzip.open(path) as file:
        data = file.read(header + values + 1)  # one more tells a longer file, and no more than that is unpacked
    magic = bytes([0, 0, 8, len(shape)])
    if data[:4] != magic:
        raise UserError(
            f"{path}: begins with {data[:4].hex() or 'nothing'}; expected {magic.hex()}, bytes with {len(shape)} axes"
        )
    if len(data) < header:
        raise UserError(f"{path}: {len(data)} bytes unpacked; the header alone has {header}")
    axes = tuple(np.frombuffer(data[4:header], ">u4").tolist())
    if axes != shape and not (or_fewer and 0 < axes[0] < shape[0] and axes[1:] == shape[1:]):
        expected = f"{'at most ' if or_fewer else ''}{' x '.join(map(str, shape))}"
        raise UserError(f"{path}: the header says {' x '.join(map(str, axes))}; expected {expected}")
    values, expected = int(np.prod(axes)), " x ".join(map(str, axes))
    if len(data) != header + values:
        more = "more than " if len(data) > header + values else ""
        raise UserError(f"{path}: {more}{min(len(data) - header, values):,} values; expected {expected}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(axes)


def write_standin(
    folder: Path, counts: Mapping[str, int], seed: int = 0, digit: int | None = None
) -> dict[str, Listing]:
    """A stand-in in the publisher's four files, with fewer images, as many of each digit as in the publisher's.

    digit: the only one there is; None for all.
    """
    from landmarklib.standins import digits as pen

    shown, first = {}, 0
    for part, n in (("train", counts["train"] + counts["val"]), ("t10k", counts["test"])):
        all_digits = np.repeat(np.arange(10), COUNTS[part])
        mixed = np.random.RandomState(SEED).permutation(all_digits)[:n]
        shown[part] = mixed if digit is None else np.full(n, digit)
        parts = (slice(i, i + 1024) for i in range(0, n, 1024))
        drawn = (pen.draw(len(d), SIDE, seed, first + p.start, digit=d) for p in parts for d in [shown[part][p]])
        pixels = np.concatenate([d.images[:, 0] for d in drawn])
        for file, values in ((f"{part}-images-idx3", pixels), (f"{part}-labels-idx1", shown[part])):
            header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
            packed = gzip.compress(header + values.astype(np.uint8).tobytes(), mtime=0)
            (folder / f"{file}-ubyte.gz").write_bytes(packed)
        first += n
    return _listings(shown, digit)


ADDRESS = "https://storage.googleapis.com/cvdf-datasets/mnist"  # a mirror of the publisher's own files
FILES = {  # SHA-256 and size in bytes
    "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
}
DATASET = Dataset(
    name="mnist",
    title="MNIST",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": 50000, "val": 10000, "test": 10000},
    ids={"train": "fcb23d449cd5", "val": "0a277301eae0", "test": "578a9e9146fb"},
    size=35,
    unit="none: there are no landmarks",
    tier="paper",
    licence="CC BY-SA 3.0",
    obtain="`landmarklib data fetch mnist`; or download the four *-ubyte.gz files of MNIST (yann.lecun.com/exdb/mnist "
    "or a mirror) into a folder `mnist` below the data root; leave them packed.",
    citation="LeCun et al., Proceedings of the IEEE 1998",
    assumptions=(
        "Validation images are 1,000 training images of each digit, chosen by hashing their places (a sixth of a part "
        "of the archive); thewlis2017 has 1,000 of each of 3, 5 and 6 and does not say which.",
        "Images are 28 x 28 in the archive and enlarged to 35 x 35, as thewlis2017 does, which also puts 5 black "
        "pixels around them.",
    ),
    folder="mnist",
    sources=tuple(Source(f"{ADDRESS}/{file}", *known, f"mnist/{file}") for file, known in FILES.items()),
    read=read,
    images=images,
    write_standin=write_standin,
    recipe=Recipe("box", 1.0),
    attributes={"digit": 10},
    layout="train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
    "t10k-labels-idx1-ubyte.gz",
    known_issues=(
        "There are no landmarks; a method can only be looked at, or judged by what its points say about the digit.",
        "thewlis2017 uses the digits 3, 5 and 6 only, one network each.",
        "Lengths in the header are big-endian. Copies differ in their packed bytes; compare the unpacked ones.",
    ),
)


def of_digit(digit: int, ids: Mapping[str, str]) -> Dataset:
    """The images of one digit, which thewlis2017 discovers landmarks on alone.

    ids: as a data set has them.
    """
    n_train, n_test = (COUNTS[part][digit] for part in COUNTS)
    return replace(
        DATASET,
        name=f"mnist_{digit}",
        title=f"MNIST, the digit {digit}",
        counts={"train": n_train - N_VALIDATION, "val": N_VALIDATION, "test": n_test},
        ids=ids,
        size=45,
        assumptions=(
            DATASET.assumptions[0],
            "The image of 28 x 28 is enlarged to 35 x 35, with 5 black pixels around it.",
            "Test images are the publisher's; thewlis2017 does not say which it shows.",
        ),
        read=partial(read, digit=digit),
        images=partial(images, digit=digit),
        write_standin=partial(write_standin, digit=digit),
        recipe=Recipe("box", 45 / 35),
        attributes={},
        known_issues=DATASET.known_issues[2:],
    )
