"""Foreign MATLAB and SQLite files end a process of their own at worst, never this one."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from landmarklib.core.errors import UserError
from landmarklib.formats import confined, matlab, parsers, sqlite

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


def base(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as file, file:
        for statement in ("CREATE TABLE faces (name, x)", *statements):
            file.execute(statement)
    return path


@pytest.fixture
def faces(tmp_path) -> Path:
    return base(tmp_path / "a.sqlite", "INSERT INTO faces VALUES ('é', 1), (NULL, 2.5), (x'00', 3)")


def test_rows_come_back_as_they_are(faces):
    assert sqlite.query(faces, "SELECT * FROM faces") == [("é", 1), (None, 2.5), (None, 3)]


def test_an_array_comes_back_as_scipy_gives_it(tmp_path):
    whole = np.arange(24.0).reshape(2, 3, 4)
    savemat(tmp_path / "a.mat", {"a": whole.transpose(2, 0, 1), "b": np.array([[np.nan, np.inf]])})
    found = matlab.matrix(tmp_path / "a.mat", "a", [4, 2, None])
    assert np.array_equal(found, whole.transpose(2, 0, 1)) and found.flags.f_contiguous and found.flags.writeable
    assert np.array_equal(matlab.matrix(tmp_path / "a.mat", "b", [1, 2]), [[np.nan, np.inf]], equal_nan=True)


def test_structs_and_cells_come_back_as_dicts_and_arrays(tmp_path):
    cells = np.empty((1, 3), object)
    cells[0, :] = [np.zeros((2, 2), np.uint8), np.ones((2, 2), np.uint8), "words"]
    rows = np.array([[(1.0, "x"), (np.zeros((0, 0)), "yz")]], [("n", object), ("text", object)])
    savemat(tmp_path / "a.mat", {"s": {"one": {"k": True}, "rows": rows, "cells": cells, "f": np.float32([1.5, 2])}})
    found = matlab.struct(tmp_path / "a.mat", "s")
    assert found["one"] == {"k": 1} and found["rows"][0] == {"n": 1, "text": "x"} and found["rows"][1]["n"].size == 0
    assert found["f"].dtype == np.float32 and found["f"].tolist() == [1.5, 2]
    first, second, third = found["cells"]
    assert first.dtype == np.uint8 and not first.any() and second.all() and third == "words"
    assert matlab.struct(tmp_path / "a.mat", "other") is None


def test_a_view_without_an_end_is_stopped(faces, monkeypatch):
    monkeypatch.setattr(confined, "SECONDS", 0.1)
    base(faces.with_name("b.sqlite"), f"CREATE VIEW endless AS {ENDLESS} SELECT count(*) FROM n")
    with pytest.raises(
        UserError, match=r"b\.sqlite: not an SQLite file [^\n]* \(it takes more than 0\.\d+ s to read\)$"
    ):
        sqlite.query(faces.with_name("b.sqlite"), "SELECT * FROM endless")
    assert sqlite.query(faces, "SELECT x FROM faces WHERE name = 'é'") == [(1,)]


def test_more_memory_than_a_file_may_take_is_refused(faces, monkeypatch):
    monkeypatch.setattr(confined, "MEMORY", 1 << 24)
    with pytest.raises(UserError, match=r"a\.sqlite: [^\n]* \(it takes more than \d+ MB of memory to read\)$"):
        sqlite.query(faces, f"{ENDLESS} SELECT hex(zeroblob(1000000)) FROM n LIMIT 1000")
    savemat(faces.with_name("b.mat"), {"a": np.zeros((1, 1 << 22))}, do_compression=True)
    with pytest.raises(UserError, match=r"b\.mat: not a MATLAB file that can be read \(it takes more than \d+ MB"):
        matlab.matrix(faces.with_name("b.mat"), "a", [1, None])


def test_a_crash_of_the_reader_is_one_line_and_the_next_file_is_read(faces, monkeypatch):
    crash = "import os; print('ready', flush=True); input(); os.kill(os.getpid(), 11)"
    real = confined.subprocess.Popen
    confined._end()
    with monkeypatch.context() as patch:
        patch.setattr(confined.subprocess, "Popen", lambda command, **how: real([sys.executable, "-c", crash], **how))
        with pytest.raises(UserError, match=r"a\.mat: not a MATLAB file [^\n]* \(its reader died of SIGSEGV\)$"):
            savemat(faces.with_name("a.mat"), {"a": np.zeros(3)})
            matlab.struct(faces.with_name("a.mat"), "a")
    assert matlab.struct(faces.with_name("a.mat"), "a").tolist() == [0, 0, 0]


def test_nothing_is_read_where_no_such_process_can_be_had(faces, monkeypatch):
    confined._end()
    for program, words in ((os.devnull, "none can be started"), ("/bin/true", "this system does not offer")):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(UserError, match=rf"a\.sqlite: not read: [^\n]*{words}"):
            sqlite.query(faces, "SELECT * FROM faces")


def test_a_process_that_waited_for_too_long_is_replaced(faces):
    sqlite.query(faces, "SELECT * FROM faces")
    before = confined._process
    os.kill(before.pid, signal.SIGALRM)
    assert len(sqlite.query(faces, "SELECT * FROM faces")) == 3
    assert confined._process.pid != before.pid
    sqlite.query(faces, "SELECT * FROM faces")


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.mat")
    (tmp_path / "folder.mat").mkdir()
    for name in ("pipe.mat", "folder.mat"):
        with pytest.raises(UserError, match=rf"{name}: not a MATLAB file that can be read \(it is no file\)"):
            matlab.struct(tmp_path / name, "a")


def test_an_answer_is_plain_whatever_was_read():
    arrays = parsers.Arrays()
    assert arrays.plain({1, 2}) is None and arrays.plain(np.array([1j])) is None and arrays.plain(b"bytes") is None
    assert arrays.plain([np.float32(0.5), (None, "x")]) == [0.5, [None, "x"]] and arrays.content == b""
