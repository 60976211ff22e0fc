"""Paths that a user names, and folders that are to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from landmarklib.core import files
from landmarklib.core.errors import UserError


def test_a_home_is_written_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert files.named("results", "~/mine") == Path("/home/me/mine")
    assert files.named("results", Path("a") / "b") == Path("a") / "b"


def test_a_user_without_a_home_is_told(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    with pytest.raises(UserError, match=r"^--data: the home folder of '~/x' is not known; write it in full$"):
        files.named("--data", "~/x")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~no-such-user/x", "results: the home folder of '~no-such-user/x' is not known; write it in full"),
        ("x" * 5000, "results: 'xxx.*xxx': File name too long; choose another path"),
        ("a\0b", "results: 'a.x00b': .*null.*; choose another path"),
    ],
)
def test_what_cannot_be_a_path_is_refused_in_a_short_line(path, words):
    with pytest.raises(UserError, match=f"^{words}$") as caught:
        files.named("results", path)
    assert len(str(caught.value)) < 200


def test_a_folder_that_can_be_made_is_not_made_and_a_file_in_its_place_is_refused(tmp_path):
    files.writable("results", tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "a", Path("/dev/null"), Path("/dev/null/a")):
        with pytest.raises(UserError, match=rf"^--out: cannot write to {folder}: .*; choose another folder$"):
            files.writable("--out", folder)
