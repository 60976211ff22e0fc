"""`landmarklib data fetch`: download a data set that may be had without asking. No torch.

A file comes from its publisher and is kept if it has the known SHA-256.

What was downloaded before a line broke is kept and gone on with. An archive is unpacked aside and put in place after
that, and the sizes of its files are written down at the end: a folder is whole if all of them are there. One process
at a time fetches a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path

from landmarklib import loading
from landmarklib.core import files, progress
from landmarklib.core.dataset import Source
from landmarklib.core.errors import UserError
from landmarklib.formats import archive

CHUNK = 1 << 16
PATIENCE = 30  # seconds without a byte
FOLDER = "downloads"  # below the first data root: archives, what they hold, locks
MINE = "exists and is another file than the publisher's; move it away and try again"


def fetch(name: str, root: str | Path | None = None) -> Path:
    """Download and unpack a data set below the data root.

    Returns its folder. What is there and right already is left as it is; what is lacking in a folder is added.

    Raises UserError where there is nothing to download, the network fails, a file has another checksum, or a file of
    the same name is in the way.
    """
    d = loading.get(name)
    if not d.sources:
        raise UserError(f"{name} cannot be fetched. {d.obtain}")
    base = archive.roots(root)[0]
    try:
        for source in d.sources:
            if not _is_whole(source, base):
                waiting = f"another process fetches {source.to}; waiting for it"
                with files.lock(_beside(source, base, ".lock"), files.DATA, waiting=waiting):
                    if not _is_whole(source, base):  # else another process has just fetched it
                        _have(source, base)
    except OSError as error:
        raise files.refusal("write below", base, error, files.DATA) from None
    return base / d.folder


def _beside(source: Source, base: Path, ending: str) -> Path:
    """A file about a source in the folder of downloads."""
    return base / FOLDER / f"{_file_name(source)}-{source.sha256[:8]}{ending}"


def _file_name(source: Source) -> str:
    return source.url.rstrip("/").rpartition("/")[2]


def _is_archive(source: Source) -> bool:
    return not Path(source.to).suffix


def _is_whole(source: Source, base: Path) -> bool:
    """Whether a source is in its place. Raises UserError for something else in that place."""
    target = base / source.to
    if not target.exists():
        return False
    if target.is_dir() != _is_archive(source) or (target.is_file() and _sha256(target) != source.sha256):
        raise UserError(f"{target}: {MINE}")
    if target.is_file():
        return True
    try:
        sizes = json.loads(_beside(source, base, ".json").read_bytes())
        return all((target / file).stat().st_size == size for file, size in sizes.items())
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError):  # not unpacked by us, or not to the end
        return False


def _have(source: Source, base: Path) -> None:
    target = base / source.to
    if not _is_archive(source):
        _download(source, target)
        return
    packed = base / FOLDER / _file_name(source)
    if not packed.exists() or _sha256(packed) != source.sha256:
        _download(source, packed)
    sizes = json.dumps(_unpack(packed, target), indent=0).encode()
    files.write_in_one_step(_beside(source, base, ".json"), lambda file: file.write(sizes), files.DATA)
    packed.unlink()


def _download(source: Source, path: Path) -> None:
    import requests

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _receive(source, part)
    except (requests.RequestException, ValueError) as error:  # an address that is none is a ValueError
        kept = f"; {_size(part):,} bytes are kept, the same command goes on from there" if part.exists() else ""
        raise UserError(f"{source.url}: {_first_line(error)}{kept}") from None
    if _sha256(part) != source.sha256:
        part.unlink()
        raise UserError(f"{source.url}: what arrived has another SHA-256 than {source.sha256}; nothing is kept")
    part.replace(path)


def _receive(source: Source, part: Path) -> None:
    """Download to `part`, from where an earlier one stopped if the server can, and no more than the source's size."""
    import requests

    have = _size(part) if part.exists() else 0
    if have == source.size:
        return
    if have > source.size:  # of another file
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(source.url, headers=headers, stream=True, timeout=PATIENCE) as answer:
        if answer.status_code == 416:  # the server's file is shorter than what is here: of another one
            part.unlink()
        answer.raise_for_status()
        have = have if answer.status_code == 206 else 0
        length, rest = answer.headers.get("Content-Length"), source.size - have
        if length not in (None, str(rest)):
            raise UserError(
                f"{source.url}: the server has {length!r} bytes for us where the publisher's file has {rest:,}, "
                "as a page that asks to log in would; none of them is taken"
            )
        bar = progress.bar(
            desc=part.stem, total=source.size, initial=have, unit="B", unit_scale=True, unit_divisor=1024
        )
        with open(part, "ab" if have else "wb") as file, bar:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk[: source.size - have])
                have += len(chunk)
                bar.update(len(chunk))
                if have > source.size:
                    break
    if have > source.size:
        part.unlink()
        raise UserError(f"{source.url}: more arrives than the {source.size:,} bytes of the file; nothing is kept")
    if have < source.size:
        raise requests.ConnectionError(f"the line broke after {have:,} of {source.size:,} bytes")


def _unpack(packed: Path, target: Path) -> dict[str, int]:
    """Unpack the archive's folder of the target's name, beside which nothing is written. Returns its files' sizes."""
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
                if not hasattr(tarfile, "data_filter"):  # which keeps all that is written below `aside`
                    now = platform.python_version()
                    raise UserError(f"{packed}: unpacking it safely needs Python 3.11.4 or newer, and this is {now}")
                for member in progress.bar(found, desc=f"unpacking {packed.name}", unit="file"):
                    found.extract(member, aside, filter="data")
        inner = aside / target.name if (aside / target.name).is_dir() else aside
        sizes = {p.relative_to(inner).as_posix(): _size(p) for p in sorted(inner.rglob("*")) if p.is_file()}
        if target.exists():
            _add(inner, list(sizes), target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            inner.replace(target)
        return sizes
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{packed}: not an archive that can be unpacked ({_first_line(error)})") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _add(folder: Path, names: list[str], target: Path) -> None:
    """Add the files of a folder that another one lacks, or has the beginning of.

    Raises UserError for a file that is neither, before anything is changed.
    """
    there = [name for name in names if os.path.lexists(target / name)]
    for name in there:
        if not _begins(target / name, folder / name):
            raise UserError(f"{target / name}: {MINE}")
    same = {name for name in there if _size(target / name) == _size(folder / name)}
    for name in (name for name in names if name not in same):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / name, target / name)


def _begins(part: Path, whole: Path) -> bool:
    """Whether one file is the beginning of another, or all of it."""
    if not part.is_file() or _size(part) > _size(whole):
        return False
    with open(part, "rb") as left, open(whole, "rb") as right:
        while chunk := left.read(CHUNK):
            if chunk != right.read(len(chunk)):
                return False
    return True


def _size(path: Path) -> int:
    return path.stat().st_size


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
