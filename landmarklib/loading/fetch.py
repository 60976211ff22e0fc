"""`landmarklib data fetch`: download a data set that may be had without asking. No torch.

A file comes from its publisher and is kept if it has the known SHA-256.

What was downloaded before a line broke is kept and gone on with. An archive is unpacked aside and put in place when it
is whole, so a stopped fetch leaves no half data set.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from pathlib import Path

from landmarklib import loading
from landmarklib.core import progress
from landmarklib.core.dataset import Source
from landmarklib.core.errors import UserError
from landmarklib.formats import archive

CHUNK = 1 << 16
PATIENCE = 30  # seconds without a byte


def fetch(name: str, root: str | Path | None = None) -> Path:
    """Download and unpack a data set below the data root.

    Returns its folder. What is there and right already is left as it is.

    Raises UserError where there is nothing to download, the network fails, a file has another checksum, or a file of
    the same name is in the way.
    """
    d = loading.get(name)
    if not d.sources:
        raise UserError(f"{name} cannot be fetched. {d.obtain}")
    base = archive.roots(root)[0]
    try:
        for source in d.sources:
            _have(source, base)
    except OSError as error:
        raise UserError(f"cannot write below {base}: {error.strerror or error}") from None
    return base / d.folder


def _have(source: Source, base: Path) -> None:
    target = base / source.to
    if target.exists():
        if target.is_file() and _sha256(target) != source.sha256:
            raise UserError(f"{target}: exists and is another file than the publisher's; move it away and try again")
        return  # a folder is there only when it is whole
    if target.suffix:
        _download(source, target)
        return
    packed = base / "downloads" / source.url.rstrip("/").rpartition("/")[2]
    if not packed.exists() or _sha256(packed) != source.sha256:
        _download(source, packed)
    _unpack(packed, target)
    packed.unlink()


def _download(source: Source, path: Path) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        pooch.retrieve(source.url, f"sha256:{source.sha256}", path.name, path.parent, downloader=_Resuming(part))
    except requests.RequestException as error:
        kept = f"; {part.stat().st_size:,} bytes are kept, the same command goes on from there" if part.exists() else ""
        raise UserError(f"{source.url}: {_first_line(error)}{kept}") from None
    except ValueError:  # pooch's word for another checksum; it has removed the file
        raise UserError(
            f"{source.url}: what arrived has another SHA-256 than {source.sha256}; nothing is kept"
        ) from None


class _Resuming:
    """A downloader for pooch that goes on where an earlier one stopped, if the server can."""

    def __init__(self, part: Path):
        self.part = part

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download to `part`, then move it to the name that pooch checks."""
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as answer:
            if answer.status_code == 416:  # nothing is left: an earlier one had it all
                answer.close()
            else:
                answer.raise_for_status()
                have = have if answer.status_code == 206 else 0
                self._write(answer, have)
        shutil.move(self.part, output_file)

    def _write(self, answer: object, have: int) -> None:
        import requests

        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        bar = progress.bar(desc=self.part.stem, total=total, initial=have, unit="B", unit_scale=True, unit_divisor=1024)
        with open(self.part, "ab" if have else "wb") as file, bar:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        if total is not None and self.part.stat().st_size < total:
            raise requests.ConnectionError(f"the line broke after {self.part.stat().st_size:,} of {total:,} bytes")


def _unpack(packed: Path, target: Path) -> None:
    """The archive's folder of the target's name, beside which nothing is written."""
    aside = target.with_name(target.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if zipfile.is_zipfile(packed):
            with zipfile.ZipFile(packed) as found:
                for member in progress.bar(found.infolist(), desc=f"unpacking {packed.name}", unit="file"):
                    archive.safe_join(aside, member.filename)
                    found.extract(member, aside)
        else:
            with tarfile.open(packed) as found:
                for member in progress.bar(found, desc=f"unpacking {packed.name}", unit="file"):
                    found.extract(member, aside, filter="data")
        inner = aside / target.name
        target.parent.mkdir(parents=True, exist_ok=True)
        (inner if inner.is_dir() else aside).replace(target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{packed}: not an archive that can be unpacked ({_first_line(error)})") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
