"""`landmarklib data fetch`, against a server of this machine that can break off, lie and resume."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from dataclasses import replace
from typing import ClassVar

import pytest

from landmarklib import datasets, loading
from landmarklib.__main__ import main
from landmarklib.core.dataset import Source
from landmarklib.core.errors import UserError
from landmarklib.formats import archive
from landmarklib.loading.fetch import fetch

CONTENT = bytes(range(256)) * 4000  # about a megabyte


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `breaks` is how many bytes it sends before it breaks off, once."""

    files: ClassVar[dict[str, bytes]] = {}
    breaks: int | None = None
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self):
        body, asked = self.files.get(self.path), self.headers.get("Range")
        self.ranges.append(asked)
        if body is None:
            return self.send_error(404, "no such file")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if asked and start >= len(body):
            return self.send_error(416)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = type(self).breaks
        type(self).breaks = None
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
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(Server, "ranges", [])
    monkeypatch.setattr(Server, "files", {})
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")

    def serve(name: str, body: bytes, to: str, sha256: str | None = None):
        Server.files[f"/{name}"] = body
        source = Source(f"http://127.0.0.1:{server.server_port}/{name}", sha256 or hashlib.sha256(body).hexdigest(), to)
        dataset = replace(loading.get("mnist"), name="little", folder="little", sources=(source,))
        monkeypatch.setattr(loading, "get", lambda name: dataset)
        return tmp_path / "root"

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def files(root) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


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


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_an_archive_is_unpacked(served, kind):
    root = served(f"set.{kind}", packed(kind, {"inner/a.txt": b"a", "inner/b/c.txt": b"c"}), "little/inner")
    fetch("little", root)
    assert files(root) == {"little/inner/a.txt", "little/inner/b/c.txt"}
    fetch("little", root)
    assert len(Server.ranges) == 1


@pytest.mark.parametrize("kind", ["zip", "tgz"])
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


@pytest.mark.parametrize("target", ["/tmp", "../.."])
def test_links_of_an_archive_do_not_leave_its_folder_either(served, target):
    out, link = io.BytesIO(), tarfile.TarInfo("inner/link")
    link.type, link.linkname = tarfile.SYMTYPE, target
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        file.addfile(link)
    root = served("set.tgz", out.getvalue(), "little/inner")
    with pytest.raises(UserError, match=r"not an archive that can be unpacked .*link"):
        fetch("little", root)
    assert not list((root / "little").iterdir())


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
