"""`landmarklib data fetch`, against a server of this machine that can break off, lie and resume."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import tarfile
import threading
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar

import pytest

from landmarklib import datasets, loading
from landmarklib.__main__ import main
from landmarklib.core import files as core_files
from landmarklib.core.dataset import Source
from landmarklib.core.errors import UserError
from landmarklib.core.files import lock
from landmarklib.formats import archive
from landmarklib.loading.fetch import fetch

CONTENT = bytes(range(256)) * 4000  # about a megabyte

SAFE = pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python cannot unpack .tgz safely")
KINDS = ["zip", pytest.param("tgz", marks=SAFE)]


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `breaks` is how many bytes it sends before it breaks off, once.

    headers_instead: what it says instead of the right length. before: what it does first.
    """

    files: ClassVar[dict[str, bytes]] = {}
    breaks: int | None = None
    ranges: ClassVar[list[str | None]] = []
    status: int = 200
    headers_instead: ClassVar[dict[str, str] | None] = None
    before: ClassVar[list] = []

    def do_GET(self):
        body, asked = self.files.get(self.path), self.headers.get("Range")
        self.ranges.append(asked)
        for each in self.before:
            each()
        if body is None:
            return self.send_error(404, "no such file")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if asked and start >= len(body):
            return self.send_error(416)
        self.send_response(206 if asked else self.status)
        told = {"Content-Length": str(len(body) - start)} if self.headers_instead is None else self.headers_instead
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        stop = type(self).breaks
        type(self).breaks = None
        with suppress(ConnectionError):  # whom it is too much goes away
            self.wfile.write(body[start:stop])
        self.close_connection = True

    def log_message(self, *arguments):
        """Silence."""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A data set `little` whose source is a server here.

    Returns a function that sets what is served, and the data root.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(Server, "ranges", [])
    monkeypatch.setattr(Server, "files", {})
    monkeypatch.setattr(Server, "before", [])
    for name in ("status", "headers_instead"):
        monkeypatch.setattr(Server, name, getattr(Server, name))
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")

    def serve(name: str, body: bytes, to: str, sha256: str | None = None):
        Server.files[f"/{name}"] = body
        address, digest = f"http://127.0.0.1:{server.server_port}/{name}", hashlib.sha256(body).hexdigest()
        source = Source(address, sha256 or digest, len(body), to)
        dataset = replace(loading.get("mnist"), name="little", folder="little", sources=(source,))
        monkeypatch.setattr(loading, "get", lambda name: dataset)
        return tmp_path / "root"

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def files(root) -> set[str]:
    """All but the locks, and the list of what was unpacked."""
    found = (path for path in root.rglob("*") if path.is_file() and path.suffix not in (".lock", ".json"))
    return {path.relative_to(root).as_posix() for path in found}


def test_a_file_arrives_once(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    assert fetch("little", root) == root / "little"
    assert (root / "little/a.bin").read_bytes() == CONTENT
    fetch("little", root)
    assert len(Server.ranges) == 1
    assert files(root) == {"little/a.bin"}


def test_a_broken_line_is_gone_on_with(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    Server.breaks = 300_000
    with pytest.raises(
        UserError, match=r"a\.bin: .*300,?000 .*; 262,144 bytes are kept, the same command goes on from there"
    ):
        fetch("little", root)
    assert files(root) == {"little/a.bin.part"}
    fetch("little", root)
    assert Server.ranges == [None, "bytes=262144-"]
    assert (root / "little/a.bin").read_bytes() == CONTENT
    assert files(root) == {"little/a.bin"}


def test_a_whole_part_needs_no_byte_more(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    (root / "little").mkdir(parents=True)
    (root / "little/a.bin.part").write_bytes(CONTENT)
    fetch("little", root)
    assert files(root) == {"little/a.bin"}


def test_another_checksum_leaves_nothing(served):
    root = served("a.bin", CONTENT, "little/a.bin", sha256="0" * 64)
    with pytest.raises(UserError, match="another SHA-256 than 0000"):
        fetch("little", root)
    assert files(root) == set()


def test_a_part_of_another_file_is_noticed(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    (root / "little").mkdir(parents=True)
    (root / "little/a.bin.part").write_bytes(b"something else")
    with pytest.raises(UserError, match="another SHA-256"):
        fetch("little", root)
    fetch("little", root)
    assert files(root) == {"little/a.bin"}


def test_a_file_in_the_way_is_not_touched(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    (root / "little").mkdir(parents=True)
    (root / "little/a.bin").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"a\.bin: exists and is another file than the publisher's"):
        fetch("little", root)
    assert (root / "little/a.bin").read_bytes() == b"mine"


def test_what_the_server_has_not(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    Server.files.clear()
    with pytest.raises(UserError, match="404"):
        fetch("little", root)
    assert files(root) == set()


@pytest.mark.parametrize("length", ["abc", "-5", "17", "99999999999999"])
def test_a_length_that_is_not_the_file_s_is_named_and_nothing_is_taken(served, monkeypatch, length):
    root = served("a.bin", CONTENT, "little/a.bin")
    monkeypatch.setattr(Server, "headers_instead", {"Content-Length": length})
    with pytest.raises(UserError, match=f"a.bin: the server has '{length}' bytes for us where .* has 1,024,000, "):
        fetch("little", root)
    assert files(root) == set()


@pytest.mark.parametrize("place", ["http://[bad", "file:///etc/passwd", "/a.bin", "http://x" + "y" * 70 + "/a"])
def test_a_redirection_to_nowhere_is_no_other_checksum(served, monkeypatch, place):
    root = served("a.bin", CONTENT, "little/a.bin")
    monkeypatch.setattr(Server, "status", 302)
    monkeypatch.setattr(Server, "headers_instead", {"Location": place, "Content-Length": str(len(CONTENT))})
    with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:\d+/a\.bin: [^\n]+$") as refused:
        fetch("little", root)
    assert "SHA-256" not in str(refused.value) and files(root) == set()


def test_an_answer_without_end_is_cut_off(served, monkeypatch):
    root = served("a.bin", CONTENT, "little/a.bin")
    Server.files["/a.bin"] = CONTENT * 10
    monkeypatch.setattr(Server, "headers_instead", {})
    with pytest.raises(UserError, match=r"a\.bin: more arrives than the 1,024,000 bytes of the file; nothing is kept"):
        fetch("little", root)
    assert files(root) == set()


def test_a_part_that_is_longer_than_the_file_is_of_another_one(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    (root / "little").mkdir(parents=True)
    (root / "little/a.bin.part").write_bytes(b"x" * len(CONTENT) + b"x")
    fetch("little", root)
    assert Server.ranges == [None] and files(root) == {"little/a.bin"}


def test_one_process_at_a_time_fetches_a_file(served, capsys):
    root = served("a.bin", CONTENT, "little/a.bin")
    locks = []

    def try_lock():
        (path,) = (root / "downloads").glob("*.lock")
        with suppress(TimeoutError), lock(path, "", patience=0.0):
            locks.append(path)

    Server.before.append(try_lock)
    fetch("little", root)
    assert len(Server.ranges) == 1 and locks == []


def test_what_another_process_has_just_fetched_is_not_fetched_again(served, monkeypatch):
    root = served("a.bin", CONTENT, "little/a.bin")

    @contextmanager
    def after_another(path, *_, **__):
        path.parent.mkdir(parents=True)
        (root / "little").mkdir()
        (root / "little/a.bin").write_bytes(CONTENT)
        yield

    monkeypatch.setattr(core_files, "lock", after_another)
    fetch("little", root)
    assert Server.ranges == []


def packed(kind: str, names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as file:
            for name, body in names.items():
                file.writestr(name, body)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as file:
            for name, body in names.items():
                member = tarfile.TarInfo(name)
                member.size = len(body)
                file.addfile(member, io.BytesIO(body))
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_unpacked(served, kind):
    root = served(f"set.{kind}", packed(kind, {"inner/a.txt": b"a", "inner/b/c.txt": b"c"}), "little/inner")
    fetch("little", root)
    assert files(root) == {"little/inner/a.txt", "little/inner/b/c.txt"}
    fetch("little", root)
    assert len(Server.ranges) == 1


PHOTOS = {"inner/a.txt": b"a photo", "inner/b/c.txt": b"another", "inner/b/d.txt": b"a third"}


def spoil(kind: str, root):
    """What may be in the place of the folder."""
    (root / "little/inner").mkdir(parents=True)
    if kind == "half":
        (root / "little/inner/a.txt").write_bytes(b"a photo")
        (root / "little/inner/b").mkdir()
        (root / "little/inner/b/c.txt").write_bytes(b"anot")
        (root / "little/inner/mine.txt").write_bytes(b"a note")
        os.utime(root / "little/inner/a.txt", ns=(1, 1))


@pytest.mark.parametrize("kind", ["empty", "half"])
def test_a_folder_that_is_not_whole_is_made_whole(served, kind):
    root = served("set.zip", packed("zip", PHOTOS), "little/inner")
    spoil(kind, root)
    for _ in range(2):
        fetch("little", root)
        assert {name: (root / "little" / name).read_bytes() for name in PHOTOS} == PHOTOS
    mine = root / "little/inner/mine.txt"
    assert len(Server.ranges) == 1 and files(root) == {f"little/{name}" for name in PHOTOS} | (
        {"little/inner/mine.txt"} if kind == "half" else set()
    )
    if kind == "half":  # what is right stays as it is, and so does what the archive does not have
        assert mine.read_bytes() == b"a note" and (root / "little/inner/a.txt").stat().st_mtime_ns == 1


@pytest.mark.parametrize(
    "damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"anot"), lambda p: p.write_bytes(b"")]
)
def test_what_a_folder_has_lost_is_fetched_again(served, damage):
    root = served("set.zip", packed("zip", PHOTOS), "little/inner")
    fetch("little", root)
    damage(root / "little/inner/b/c.txt")
    fetch("little", root)
    assert (root / "little/inner/b/c.txt").read_bytes() == b"another" and len(Server.ranges) == 2


def test_a_file_of_the_user_in_a_folder_is_named_and_nothing_is_changed(served):
    root = served("set.zip", packed("zip", PHOTOS), "little/inner")
    (root / "little/inner/b").mkdir(parents=True)
    (root / "little/inner/b/d.txt").write_bytes(b"my own")
    with pytest.raises(UserError, match=r"inner/b/d\.txt: exists and is another file than the publisher's; move it"):
        fetch("little", root)
    assert files(root) == {"little/inner/b/d.txt", "downloads/set.zip"}
    (root / "little/inner/b/d.txt").unlink()
    fetch("little", root)
    assert len(Server.ranges) == 1 and files(root) == {f"little/{name}" for name in PHOTOS}


def test_a_folder_in_the_place_of_a_file_and_the_other_way_round(served):
    root = served("a.bin", CONTENT, "little/a.bin")
    (root / "little/a.bin").mkdir(parents=True)
    with pytest.raises(UserError, match=r"a\.bin: exists and is another file than the publisher's"):
        fetch("little", root)
    root = served("set.zip", packed("zip", PHOTOS), "little/inner")
    (root / "little/inner").write_text("a file")
    with pytest.raises(UserError, match=r"inner: exists and is another file than the publisher's"):
        fetch("little", root)
    assert Server.ranges == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "inner/../../outside.txt"])
def test_an_archive_does_not_leave_its_folder(served, kind, name, tmp_path):
    root = served(f"set.{kind}", packed(kind, {"inner/a.txt": b"a", name: b"b"}), "little/inner")
    if kind == "tgz" and name.startswith("/"):
        fetch("little", root)  # the leading stroke is taken away, so this is a name beside the folder `inner`
        assert files(root / "little") == {"inner/a.txt"}
    else:
        with pytest.raises(UserError, match=r"leaves|outside"):
            fetch("little", root)
        assert not list((root / "little").iterdir())
    assert not list(tmp_path.rglob("outside.txt"))


@SAFE
@pytest.mark.parametrize("target", ["/tmp", "../.."])
def test_links_of_an_archive_do_not_leave_its_folder_either(served, target):
    out, link = io.BytesIO(), tarfile.TarInfo("inner/link")
    link.type, link.linkname = tarfile.SYMTYPE, target
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        file.addfile(link)
    root = served("set.tgz", out.getvalue(), "little/inner")
    with pytest.raises(UserError, match=r"not an archive that can be unpacked .*link"):
        fetch("little", root)
    assert files(root) == {"downloads/set.tgz"}


def test_a_python_that_cannot_unpack_safely_says_so(served, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    root = served("set.tgz", packed("tgz", {"inner/a.txt": b"a"}), "little/inner")
    with pytest.raises(
        UserError, match=r"set\.tgz: unpacking it safely needs Python 3\.11\.4 or newer, and this is 3\."
    ):
        fetch("little", root)
    assert files(root) == {"downloads/set.tgz"}


def test_not_an_archive(served):
    root = served("set.tgz", b"<html>please log in</html>", "little/inner")
    with pytest.raises(UserError, match="not an archive that can be unpacked"):
        fetch("little", root)
    assert not (root / "little").exists()


def test_what_may_not_be_fetched_says_how_to_get_it(capsys):
    assert main(["data", "fetch", "mtfl"]) == 2
    assert "cannot be fetched. " in capsys.readouterr().err


def test_every_source_is_named_by_a_whole_checksum():
    sources = [source for name in datasets.names() for source in loading.get(name).sources]
    assert sources
    for source in sources:
        assert len(source.sha256) == 64
        assert int(source.sha256, 16) >= 0
        assert source.url.startswith("https://")
