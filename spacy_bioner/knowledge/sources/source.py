"""What a source gives to a knowledge base."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        content = self.path.read_bytes() if self.path.is_file() else b""
        return {
            "name": self.name,
            "file": self.path.name,
            "version": self.version,
            "licence": self.licence,
            "sha256": hashlib.sha256(content).hexdigest() if content else "",
            "concepts": len(self.concepts),
        }
