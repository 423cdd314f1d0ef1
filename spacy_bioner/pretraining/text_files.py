"""Text for pretraining: files with a paragraph a line and an empty line between documents, xz or plain."""

import json
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import entries, holds_other

SUFFIXES = (".txt", ".txt.xz")
TEXT = "text.json"
"""What describes prepared text, in its folder."""
RECORD = "training.json"
"""What describes how weights were made, beside them."""

XZ_PRESET = 1
"""How hard xz tries: it is a tenth of the default's time for an eighth more bytes."""


def text_files(paths: Iterable[Path]) -> dict[str, Path]:
    """The text files that some paths stand for, by name without suffix: a folder for those in it.

    Raises:
        FormatError: if a path isn't there, or a folder has no such file.
        PretrainingError: if two files have the same name.
    """
    files: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise FormatError(path, None, "there is no such file or folder [B518]")
        found = [file for file in entries(path) if _is_text(file)] if path.is_dir() else [path]
        if not found:
            raise FormatError(path, None, f"there is no text in this folder ({', '.join(SUFFIXES)}) [B519]")
        for file in found:
            name = file.name.removesuffix(".xz").removesuffix(".txt")
            if name in files:
                raise PretrainingError(
                    f"{files[name]} and {file} would both become '{name}': rename one. [B520]"
                )
            files[name] = file
    return files


def _is_text(path: Path) -> bool:
    return path.is_file() and path.name.endswith(SUFFIXES)


def read_documents(path: Path) -> Iterator[list[str]]:
    """Reads the documents of a file, each a list of paragraphs; one without a paragraph is none.

    Raises:
        FormatError: if there is no such file, it isn't xz though it is called so, or it isn't UTF-8.
    """
    paragraphs: list[str] = []
    try:
        with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    line = raw.decode("utf8").strip()
                except UnicodeDecodeError:
                    raise FormatError(path, number, "not UTF-8; convert the file to UTF-8 [B521]") from None
                if line:
                    paragraphs.append(line)
                elif paragraphs:
                    yield paragraphs
                    paragraphs = []
    except FileNotFoundError:
        raise FormatError(path, None, "there is no such file [B522]") from None
    except (lzma.LZMAError, EOFError):
        raise FormatError(path, None, "not a whole xz file; fetch it again [B523]") from None
    if paragraphs:
        yield paragraphs


def write_documents(path: Path, documents: Iterable[list[str]]) -> None:
    """Writes documents as `read_documents` reads them, compressed."""
    with lzma.open(path, "wt", encoding="utf8", newline="\n", preset=XZ_PRESET) as file:
        for paragraphs in documents:
            file.write("\n".join(paragraphs) + "\n\n")


def read_manifest(folder: Path, name: str, step: str) -> dict[str, Any]:
    """Reads the JSON that says what a step of pretraining made.

    Args:
        folder: what the step made.
        name: the name of the file in it.
        step: the verb that makes it, for the error.

    Raises:
        FormatError: if it isn't there, or isn't of this form.
    """
    path = folder / name
    try:
        manifest = json.loads(path.read_text(encoding="utf8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(path, None, f"not there: make the folder with spacy bioner {step} [B524]") from None
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != 1:
        raise FormatError(path, None, f"not what spacy bioner {step} writes: make the folder again [B525]")
    return manifest


def check_output(folder: Path, name: str) -> None:
    """Raises PretrainingError if a folder holds something else than an earlier output with that manifest."""
    if holds_other(folder, name):
        raise PretrainingError(
            f"{folder} holds something else than earlier output: name another folder. [B526]"
        )
