"""Reading lines with their numbers, and writing outputs that appear only when complete."""

import hashlib
import io
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from spacy_bioner.errors import FormatError, OutputError
from spacy_bioner.workplaces import Workplace, remove_abandoned

_GZIP = b"\x1f\x8b"
_GZIP_FORMAT = 31  # zlib's wbits for gzip's header and checksum
_FOLLOWED = "something that gzip didn't pack is behind its end: everything before that was read [B141]"
_CHUNK = 1 << 16
MOST_INFLATED = 100
"""How many times as large as the file its content may be, beyond the first 16 MiB; text rarely passes 20."""
_ANY_INFLATED = 16 << 20
# a list of numbers, or of texts without spaces, as json.dumps indents it
_FLAT_LIST = re.compile(r'\[((?:\n\s*(?:-?[\d.eE+-]+|"[^"\\\s]*"),?)+)\n\s*\]')


def numbered_lines(path: Path, *, checked_later: bool = True) -> Iterator[tuple[int, str]]:
    """Reads a UTF-8 text file line by line, without line ends, a byte order mark left out.

    Only LF and CRLF end a line, and a CR that ends the file: other characters that Unicode counts as line
    ends are text, and so is a CR elsewhere.

    Args:
        path: the file.
        checked_later: whether the caller sees to `check_end`, as the readers of documents do.

    Yields:
        The number of the line, from 1, and the line.

    Raises:
        FormatError: if there is no such file, it is a folder, it holds bytes that aren't UTF-8, or its lines
            end with CR alone.
    """
    for number, line in lines_or_errors(path, checked_later=checked_later):
        if isinstance(line, FormatError):
            raise line
        yield number, line


def checked_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Reads as `numbered_lines` does; raises after the last line if a packed file goes on behind its end."""
    return numbered_lines(path, checked_later=False)


def lines_or_errors(path: Path, *, checked_later: bool = True) -> Iterator[tuple[int, str | FormatError]]:
    """Reads as `numbered_lines` does, with the error in place of a line that isn't text in UTF-8."""
    with open_input(path, checked_later=checked_later) as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"not UTF-8 (byte {error.start + 1} of the line); convert the file to UTF-8 [B139]"
                yield number, FormatError(path, number, message)
                continue
            if number == 1 and line.startswith("\ufeff"):
                line = line[1:]
            if "\0" in line:
                yield number, FormatError(path, number, "a NUL byte: this is a binary file, not text [B001]")
                continue
            line = line.removesuffix("\n").removesuffix("\r")
            if number == 1 and "\r" in line and not raw.endswith(b"\n"):
                raise FormatError(path, None, "its lines end with CR alone; convert it to LF or CRLF [B002]")
            yield number, line


def most_inflated(path: Path) -> int:
    """How many bytes may come out of a packed file."""
    return max(_ANY_INFLATED, MOST_INFLATED * path.stat().st_size)


class _Inflated(io.RawIOBase):
    """The content of a gzip file, up to a limit: a few KB can hold gigabytes of one and the same byte.

    It ends where gzip's part of the file does; `is_followed` says whether something else is behind that.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._member, self._packed = zlib.decompressobj(wbits=_GZIP_FORMAT), b""
        self._left = most_inflated(path)
        self.is_followed = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._next(len(buffer))
        except (EOFError, zlib.error) as error:
            raise FormatError(self._path, None, f"not a whole gzip file ({error}) [B003]") from None
        self._left -= len(data)
        if self._left < 0:
            message = (
                f"more than {MOST_INFLATED} times as large without gzip: unpack it, if that is right [B140]"
            )
            raise FormatError(self._path, None, message)
        buffer[: len(data)] = data
        return len(data)

    def _next(self, most: int) -> bytes:
        """More of the content, of its members one after the other; nothing at the end."""
        while True:
            if self._member.eof and not self._begin_another():
                return b""
            self._packed = self._packed or self._file.read(_CHUNK)
            if not self._packed:
                raise EOFError("it ends before its content does")
            data = self._member.decompress(self._packed, most)
            self._packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if data:
                return data

    def _begin_another(self) -> bool:
        """Goes on to the next member, past zeros between them; False if there is none."""
        self._packed = self._packed.lstrip(b"\0")
        while len(self._packed) < len(_GZIP) and (more := self._file.read(_CHUNK)):
            self._packed = (self._packed + more).lstrip(b"\0")
        if self._packed.startswith(_GZIP):
            self._member = zlib.decompressobj(wbits=_GZIP_FORMAT)
            return True
        self.is_followed = bool(self._packed)
        return False


@contextmanager
def open_input(path: Path, *, checked_later: bool = False) -> Iterator[BinaryIO]:
    """Opens a file to be read as bytes, as its content where gzip has packed it, whatever its name.

    Args:
        path: the file.
        checked_later: whether the caller sees to `check_end`, so that what was read isn't lost.

    Raises:
        FormatError: if it isn't there or can't be read; while reading, if it is no whole gzip file, or one
            that would become more than `MOST_INFLATED` times as large; on leaving, if something that gzip
            didn't pack was found behind the end of what it did.
    """
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(path, None, "there is no such file [B004]") from None
    except IsADirectoryError:
        raise FormatError(path, None, "this is a folder, not a file [B005]") from None
    except PermissionError:
        raise FormatError(path, None, "no permission to read it [B006]") from None
    with file:
        if file.peek(2)[:2] == _GZIP:
            content = _Inflated(path, file)
            yield io.BufferedReader(content)
            if content.is_followed and not checked_later:
                raise FormatError(path, None, _FOLLOWED)
        else:
            yield file


def check_end(path: Path) -> None:
    """Raises FormatError if a file, packed with gzip, has something behind the end of that."""
    with open_input(path) as file:
        if isinstance(file, io.BufferedReader) and isinstance(file.raw, _Inflated):
            while file.read(_CHUNK):
                pass


def read_text(path: Path) -> str:
    """Reads a whole UTF-8 text file, a byte order mark left out and line ends as they are.

    Raises:
        FormatError: as `numbered_lines`.
    """
    with open_input(path, checked_later=True) as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(path, line, "not UTF-8; convert the file to UTF-8 [B007]") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FormatError(path, line, "a NUL byte: this is a binary file, not text [B008]")
    return text


def write_json(path: Path, content: object) -> None:
    """Writes JSON for people to read too: lists of numbers and short texts on one line."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(_FLAT_LIST.sub(_on_one_line, text) + "\n", encoding="utf8")


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{', '.join(line.strip().rstrip(',') for line in found[1].strip().splitlines())}]"


def plain_name(path: Path) -> str:
    """A file's name without the ending of gzip."""
    return path.name[:-3] if path.name.lower().endswith(".gz") else path.name


def ending(path: Path) -> str:
    """The ending of a file's name in small letters, without that of gzip."""
    return Path(plain_name(path)).suffix.lower()


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entries(folder: Path) -> list[Path]:
    """What is in a folder, in the order of the names, but for what is hidden."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def holds_other(folder: Path, mark: str) -> bool:
    """Whether there is something in a folder, but not the file that is in everything that may be replaced."""
    return folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file()


def files_in(path: Path) -> list[Path]:
    """The files in a folder and those below, in order, but for hidden ones; a file is all that is in it."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file())
    return [f for f in found if not any(part.startswith(".") for part in f.relative_to(path).parts)]


def checksum(path: Path) -> str:
    """The checksum of a file; of a folder, that of what `sha256sum` prints of the files in it."""
    if not path.is_dir():
        return sha256(path)
    lines = (f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files_in(path))
    return hashlib.sha256("".join(lines).encode("utf8", "surrogateescape")).hexdigest()


class Outputs:
    """Files and folders that appear under their names when all of them are complete, or not at all.

    As a context manager: write each output to `outputs.temporary(path)`; on leaving, all are renamed, one
    after the other. If the block raises, or the process is killed in it, what stood there before still
    stands. What is replaced hands on its mode; of a link, what it leads to is replaced. Two runs beside each
    other don't meet: each writes in a hidden folder of its own, which is locked as long as its process lives.
    What a killed process left behind begins with a point, ends with ".partial", and is removed the next time.
    """

    def __init__(self) -> None:
        self._pending: dict[Path, Workplace] = {}
        self._folders: list[Path] = []

    def __enter__(self) -> "Outputs":
        return self

    def temporary(self, path: Path, *, folder: bool = False) -> Path:
        """Where to write what shall become `path`; its folder is made, nothing stands there yet.

        Args:
            path: the output.
            folder: whether it is to be a folder.

        Raises:
            OutputError: if the output can't be there: a file stands where it or its folder should be, or a
                folder where a file should be, or one output would be in another, which is a folder.
        """
        path = path if path.name else path.absolute()
        path = path.resolve() if path.is_symlink() else path
        if path.name in ("", ".."):
            raise OutputError(f"{path}: an output needs a name. [B009]")
        pairs = [(other, path) for other in self._folders]
        pairs += [(path, other) for other in self._pending] if folder else []
        for outer, inner in pairs:
            if outer.resolve() in inner.resolve().parents:
                raise OutputError(
                    f"{inner} would be in {outer}, which is replaced as a whole: name another. [B010]"
                )
        if path.exists() and path.is_dir() != folder:
            kinds = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
            raise OutputError(f"{path} is {kinds[0]}, and the output would be {kinds[1]}. [B011]")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise OutputError(f"{path.parent}: can't be made a folder ({error.strerror}). [B012]") from None
        remove_abandoned(path)
        if path in self._pending:
            self._pending.pop(path).clear()
        self._pending[path] = Workplace(path)
        if folder:
            self._folders.append(path)
        return self._pending[path].new

    def __exit__(self, error: object, *_: object) -> None:
        with ExitStack() as stack:
            for place in self._pending.values():
                stack.callback(place.clear)
            if error is None:
                for place in self._pending.values():
                    place.hand_over()


def remove(path: Path) -> None:
    """Removes a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
