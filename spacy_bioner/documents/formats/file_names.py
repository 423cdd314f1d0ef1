"""Ids of documents as names of files, and back.

Letters and digits of ASCII, "-", "_", "." and "~" stand for themselves, everything else for the bytes of its
UTF-8 form, as in addresses of the web ("%2F"): no id can climb out of its folder. So does the first character
of an id that would be no name, or one that some system keeps for itself (".", "..", "CON"). The second
document of an id is "ID%~2", and so on; one without an id is "%~1".
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from spacy_bioner.errors import ConversionError

_RESERVED = re.compile(r"\.|(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_REPEATED = re.compile(r"%~(\d{1,9})$")
_LONGEST = 200  # bytes: file systems allow 255, and endings are added


class FileNames:
    """Gives each document of a folder a name, without its ending."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def name(self, identifier: str) -> str:
        """The name for the next document of an id.

        Raises:
            ConversionError: if it would be too long, or isn't text.
        """
        try:
            name = quote(identifier, safe="")
        except UnicodeEncodeError:
            raise ConversionError(
                f"Document {identifier!r}: its id can't be written as UTF-8. [B057]"
            ) from None
        if _RESERVED.match(name):
            name = f"%{ord(name[0]):02X}{name[1:]}"
        if len(name) > _LONGEST:
            raise ConversionError(
                f"Document '{identifier[:40]}...': its id is too long for the name of a file. [B058]"
            )
        folded = name.lower()  # some file systems make no difference between "a" and "A"
        self._given[folded] += 1
        count = self._given[folded]
        return name if name and count == 1 else f"{name}%~{count}"


def document_id(path: Path) -> str:
    """The id of the document that a file's name stands for."""
    return unquote(_REPEATED.sub("", _stem(path)), errors="replace")


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Files by their names, those of the same id in the order in which they were written."""
    return sorted(paths, key=_place)


def _place(path: Path) -> tuple[str, int]:
    repeated = _REPEATED.search(_stem(path))
    return _REPEATED.sub("", _stem(path)), int(repeated[1]) if repeated else 1


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name
