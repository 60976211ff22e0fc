"""Columns of structs of a MATLAB file: what is asked for, as scipy reads it, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from landmarklib.core.errors import UserError
from landmarklib.formats import mat5, matlab

FIELDS = ("text", "n", "in.x", "in.y", "many")


def rows(size: int, **fields: object) -> np.ndarray:
    array = np.empty((1, size), [(name, object) for name in fields])
    for i in range(size):
        array[0, i] = tuple(value(i) if callable(value) else value for value in fields.values())
    return array


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def path(request, tmp_path):
    """Sixty structs with structs in them, beside what nobody asks for; larger than a window."""
    kinds = (float, np.uint8, np.int16, np.float32)
    value = rows(
        60,
        text=lambda i: f"photo {i}",
        n=lambda i: kinds[i % 4](i),
        other=lambda i: np.ones((300, i)),
        **{"in": lambda i: rows(i % 3, x=lambda k: 10.5 * i + k, skipped="words") if i != 5 else 3.0},
        many=lambda i: [np.arange(6.0).reshape(2, 3), np.zeros((0, 0)), 2 + 1j, np.eye(2, dtype=object)][i % 4],
    )
    savemat(tmp_path / "a.mat", {"before": np.ones(9), "s": value, "after": 1}, do_compression=request.param)
    return tmp_path / "a.mat"


def test_columns_are_what_scipy_reads(path):
    found, scipys = matlab.table(path, "s", FIELDS), matlab.struct(path, "s")
    assert found.counts.tolist() == [60] and set(found.fields) == {"text", "n", "in", "many"}
    assert [found["text"][i] for i in range(60)] == [entry["text"] for entry in scipys]
    assert found["n"].numbers.tolist() == [entry["n"] for entry in scipys] == list(range(60)) and not found["n"].odd
    inner = found["in"]
    assert inner.counts.tolist() == [-1 if i == 5 else i % 3 for i in range(60)]
    assert inner.starts()[:5].tolist() == [0, 0, 1, 3, 3] and inner.empty()[:4].tolist() == [True, False, False, True]
    assert inner["x"].numbers.tolist() == [10.5 * i + k for i in range(60) if i != 5 for k in range(i % 3)]
    assert inner["y"].absent(0) and inner["y"].empty().all() and not inner["x"].absent(0)
    assert np.array_equal(found["many"][0], np.arange(6).reshape(2, 3)) and found["many"][1].size == 0
    assert found["many"][2] is None and found["many"][3] is None and np.isnan(found["many"].numbers).all()


def test_what_is_not_there_is_told(path):
    table = matlab.table(path, "s", FIELDS)
    with pytest.raises(UserError, match=r"a\.mat: s\.in is no array of structs; expected the fields x$"):
        table["in"].check(path, 5, ("x",), "s.in")
    with pytest.raises(UserError, match=r"a\.mat: s\.in\(1\) has no field y; expected x, y$"):
        table["in"].check(path, 1, ("x", "y"), "s.in")
    table["in"].check(path, 0, ("x", "y"), "s.in")
    assert matlab.table(path, "other", FIELDS).counts.tolist() == [mat5.NOT_THERE]
    assert matlab.table(path, "before", FIELDS).counts.tolist() == [mat5.NO_ARRAY]


def test_damaged_bytes_are_refused_or_read(path):
    content, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for turn in range(40):
        damaged = bytearray(content)
        if turn % 2:
            del damaged[rng.integers(len(content)) :]
        for place in rng.integers(len(damaged), size=4):
            damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            matlab.table(path, "s", FIELDS)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 10


def test_compressed_bytes_of_another_check_sum_are_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"s": rows(3, n=float)}, do_compression=True)
    content = bytearray((tmp_path / "a.mat").read_bytes())
    content[-1] ^= 1
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mat: not a MATLAB file that can be read \(.*incorrect data check"):
        matlab.table(tmp_path / "a.mat", "s", ["n"])
