"""Unpacking downloaded archives safely: no path leaves the folder, and no bomb fills the disk."""

import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from spacy_bioner.errors import FormatError
from spacy_bioner.files import MOST_INFLATED, most_inflated

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
MOST_FILES = 10_000
_BLOCK = 512  # of tar
_PIECE = 1 << 20
_MOST_HEADER = 1 << 20  # bytes of one; tarfile reads it as a whole
_NO_NAME = re.compile(r'[\x00-\x1f\\:*?"<>|]')  # what some file system takes for more than a name
_JUNK = re.compile(r"(^|/)(__MACOSX(/|$)|\._|\.DS_Store$)")


def is_archive(path: Path) -> bool:
    """Whether a name is that of an archive that can be unpacked here."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpacks .tar, .tar.gz or .zip, whichever it is by its content; archives in it too, beside themselves.

    Only files and folders: paths that climb or begin at the root, links, devices and encrypted members are
    refused, and so are more than `MOST_FILES` members, or more than `MOST_INFLATED` times the archive's size;
    all of a .tar.gz counts, headers, what isn't kept, and what stands behind the last member.

    Args:
        archive: the archive.
        folder: where to unpack it; made if it isn't there.

    Returns:
        The files.

    Raises:
        FormatError: if it is no whole archive, or has one of these. What was unpacked by then is left there.
    """
    if not archive.is_file():
        raise FormatError(archive, None, "there is no such file [B156]")
    left = _Left(archive, most_inflated(archive))
    found = _unpack(archive, folder, left)
    for path in [path for path in found if is_archive(path)]:
        found.remove(path)
        inner = path.with_name(path.name.split(".")[0] or "inner")
        if inner.exists():
            inner = path.with_name(f"{path.name}.unpacked")
        found += _unpack(path, inner, left)
    return found


class _Left:
    """How much more an archive may become."""

    def __init__(self, archive: Path, size: int) -> None:
        self._archive = archive
        self._bytes = size
        self._files = MOST_FILES

    def take(self, size: int, *, file: bool = False) -> None:
        self._bytes -= size
        self._files -= file
        if self._bytes < 0:
            raise FormatError(
                self._archive,
                None,
                f"more than {MOST_INFLATED} times as large when unpacked: unpack it yourself, if it's what "
                "it should be, and name the folder [B157]",
            )
        if self._files < 0:
            raise FormatError(self._archive, None, f"more than {MOST_FILES} files in it [B158]")


def _unpack(archive: Path, folder: Path, left: _Left) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    try:
        with archive.open("rb") as file:
            zipped = file.read(2) == b"PK"
        for name, content in _zip_members(archive, left) if zipped else _tar_members(archive, left):
            if _JUNK.search(name):
                continue
            target = folder / _safe(archive, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                while piece := content.read(_PIECE):
                    if zipped:  # all of a tar is counted as it is read
                        left.take(len(piece))
                    out.write(piece)
            found.append(target)
    except FileExistsError as error:
        raise FormatError(
            archive, None, f"not a sound archive (two members of the name {Path(error.filename).name}) [B159]"
        ) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        NotImplementedError,  # zipfile's, of a compression or encryption that it doesn't know
        OverflowError,  # tarfile's, of the length of a header
    ) as error:
        raise FormatError(archive, None, f"not a sound archive ({error}): fetch it again [B160]") from None
    return found


class _Counted:
    """The content of a tar archive, packed or not, each byte of which counts when it is first reached."""

    def __init__(self, archive: Path, file: Any, left: _Left) -> None:
        self._archive, self._file, self._left = archive, file, left
        self._reached = 0

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int) -> int:
        self._reach(place)
        return self._file.seek(place)

    def read(self, size: int) -> bytes:
        if size > max(_PIECE, _MOST_HEADER):
            raise FormatError(self._archive, None, f"not a sound archive (a header of {size:,} bytes) [B161]")
        data = self._file.read(size)
        self._reach(self._file.tell())
        return data

    def _reach(self, place: int) -> None:
        if place > self._reached:
            self._left.take(place - self._reached)
            self._reached = place


def _tar_members(archive: Path, left: _Left) -> Iterator[tuple[str, IO[bytes]]]:
    with archive.open("rb") as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        counted: Any = _Counted(archive, gzip.GzipFile(fileobj=file) if packed else file, left)
        with tarfile.open(fileobj=counted, mode="r:") as tar:
            yield from _members(archive, tar, left)


def _members(archive: Path, tar: tarfile.TarFile, left: _Left) -> Iterator[tuple[str, IO[bytes]]]:
    end = 0
    for member in tar:
        left.take(0, file=True)
        if member.isdir():
            end = member.offset_data
            continue
        if not member.isreg() or member.issparse():
            raise FormatError(
                archive, None, f"not a sound archive (a link or device in it: {member.name!r}) [B162]"
            )
        content = tar.extractfile(member)
        assert content is not None  # of a regular file
        yield member.name, content
        end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
    # Python takes a file that ends between two members for a whole archive
    assert tar.fileobj is not None
    tar.fileobj.seek(end)
    if tar.fileobj.read(_BLOCK) != bytes(_BLOCK):
        raise FormatError(archive, None, "not a sound archive (it ends too early): fetch it again [B163]")
    while tar.fileobj.read(_PIECE):
        pass  # gzip's own checksum stands at the end


def _zip_members(archive: Path, left: _Left) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():
            left.take(0, file=True)
            if info.is_dir():
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise FormatError(
                    archive, None, f"not a sound archive (a link or device in it: {info.filename!r}) [B164]"
                )
            if info.flag_bits & 1:
                raise FormatError(
                    archive, None, f"{info.filename!r} in it is encrypted: unpack it yourself [B165]"
                )
            with zipped.open(info) as content:
                yield info.filename, content


def _safe(archive: Path, name: str) -> Path:
    """A member's path below the folder that it is unpacked to."""
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or not parts or ".." in parts or any(map(_NO_NAME.search, parts)):
        raise FormatError(
            archive, None, f"not a sound archive (a path that leads out of it: {name!r}) [B166]"
        )
    return Path(os.path.join(*parts))
