"""Files are whole or not there, whoever is killed, and have the rights that the user wants; locks say what is wrong; a
path that a user names is one, and a folder that is to be written can be.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from landmarklib.core import files
from landmarklib.core.errors import UserError


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_file_has_the_rights_that_the_umask_gives(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        files.write_in_one_step(tmp_path / "a", lambda file: file.write(b"1"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_what_is_written_is_on_the_disk_before_it_is_put_in_place(tmp_path, monkeypatch):
    done, sync, put = [], os.fsync, os.replace

    def fsync(descriptor):
        done.append(("sync", os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        sync(descriptor)

    def replace(source, target):
        done.append(("replace", os.stat(source).st_ino, os.stat(source).st_size))
        put(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    files.write_in_one_step(tmp_path / "a", lambda file: file.write(b"12345"))
    (first, synced, size), second = done
    assert (first, second, size) == ("sync", ("replace", synced, 5), 5)


def test_what_killed_writers_left_is_removed_and_what_others_write_is_not(tmp_path):
    left, held, mine = (tmp_path / name for name in (".landmarklib-1.tmp", ".landmarklib-2.tmp", "mine.tmp"))
    for path in (left, held, mine):
        path.write_bytes(b"half")
    with open(held, "rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        files.write_in_one_step(tmp_path / "a", lambda file: file.write(b"1"))
        assert names(tmp_path) == {held.name, mine.name, "a"}
    files.write_in_one_step(tmp_path / "a", lambda file: file.write(b"2"))
    assert names(tmp_path) == {mine.name, "a"}


def test_a_file_that_is_taken_for_a_dead_writer_s_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    lock, locked = fcntl.flock, []

    def late(file, how):
        if how == fcntl.LOCK_EX and not locked:
            os.unlink(file.name)
        locked.append(how)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    files.write_in_one_step(tmp_path / "a", lambda file: file.write(b"1"))
    assert (tmp_path / "a").read_bytes() == b"1" and len(locked) == 2


def test_writers_of_one_folder_leave_each_other_s_files(tmp_path):
    def write(file):
        files.write_in_one_step(tmp_path / "b", lambda other: other.write(b"inner"))
        file.write(b"outer")

    files.write_in_one_step(tmp_path / "a", write)
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"outer", b"inner"]


def test_a_lock_that_is_held_is_waited_for_or_not(tmp_path, capsys):
    path = tmp_path / "locks" / "a.lock"
    with files.lock(path, ""):
        with pytest.raises(TimeoutError), files.lock(path, "", patience=0.0):
            pass
        with pytest.raises(TimeoutError), files.lock(path, "", patience=0.001, waiting="another process has it"):
            pass
    assert capsys.readouterr().err == "landmarklib: another process has it\n"
    with files.lock(path, "", patience=0.0):
        pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionError(13, "Permission denied"),
            "ask for the right to write there, or choose another results folder",
        ),
        (OSError(28, "No space left on device"), "choose another results folder"),
    ],
    ids=["of another user", "no inode"],
)
def test_a_lock_that_cannot_be_is_one_line(tmp_path, monkeypatch, error, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(UserError) as refused, files.lock(tmp_path / "a.lock", files.RESULTS):
        pass
    assert str(refused.value) == f"cannot lock {tmp_path / 'a.lock'}: {error.strerror}; {words}"


def test_a_home_is_written_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.named("results", "~/mine") == tmp_path / "mine"
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
