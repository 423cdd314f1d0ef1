"""What a source gives to a knowledge base."""

import hashlib
import lzma
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError
from spacy_bioner.knowledge.concepts import Concept


@dataclass(slots=True)
class Source:
    """The concepts of one source.

    Attributes:
        name: what it is called.
        path: the file they were read from.
        concepts: the concepts.
        version: its version, if it says so.
        licence: its licence, if it says so.
    """

    name: str
    path: Path
    concepts: list[Concept]
    version: str = ""
    licence: str = ""

    def to_json(self) -> dict[str, Any]:
        """What a knowledge base keeps of its source: name, file with checksum, version and licence."""
        content = self.path.read_bytes() if self.path.is_file() else b""
        return {
            "name": self.name,
            "file": self.path.name,
            "version": self.version,
            "licence": self.licence,
            "sha256": hashlib.sha256(content).hexdigest() if content else "",
            "concepts": len(self.concepts),
        }


_XZ = b"\xfd7zXZ"


@contextmanager
def open_text(path: Path) -> Iterator[Path]:
    """A file to be read as text: itself, or a temporary one of its content where xz has packed it.

    Raises:
        FormatError: if it isn't there, or isn't a whole xz file.
    """
    if not path.is_file():
        raise FormatError(path, None, "there is no such file [B284]")
    with path.open("rb") as file:
        if file.read(len(_XZ)) != _XZ:
            yield path
            return
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.name.removesuffix(".xz")
        try:
            with lzma.open(path, "rb") as content, unpacked.open("wb") as output:
                shutil.copyfileobj(content, output)
        except (lzma.LZMAError, EOFError) as error:
            raise FormatError(path, None, f"not a whole xz file ({error}) [B285]") from None
        yield unpacked
