"""Recording what a result depends on: data by checksum, software by version."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.sentence_tables import sentence_table
from spacy_bioner.files import sha256

META_KEY = "spacy_bioner"
"""Where a pipeline's meta says how it was made."""

VERSIONED = ("spacy-bioner", "spacy", "spacy-transformers", "thinc", "transformers", "torch")
TABLE = "sentence_table"
"""The key of a file's table of sentences in a pipeline's meta."""


@dataclass(frozen=True, slots=True)
class Data:
    """A .spacy file that a pipeline was made with.

    Attributes:
        file: its name.
        sha256: its checksum.
        docs: how many Docs it has.
        corpora: the names of the corpora that its Docs are from, each with the types that it annotates.
        sentences: the table of its sentences, see `sentence_table`.
    """

    file: str
    sha256: str
    docs: int
    corpora: Mapping[str, tuple[str, ...]]
    sentences: str = ""

    def to_meta(self, *, table: bool = False) -> dict[str, Any]:
        """The same for a pipeline's meta or a report; with the table of sentences if asked for."""
        corpora = {name: list(types) for name, types in self.corpora.items()}
        made = {"file": self.file, "sha256": self.sha256, "docs": self.docs, "corpora": corpora}
        return made | ({TABLE: self.sentences} if table else {})


def describe_data(path: Path) -> Data:
    """Looks at a .spacy file; raises FormatError if it isn't one."""
    docs = read_docbin(path)
    corpora: dict[str, dict[str, None]] = {}
    for doc in docs:
        if annotation := get_annotation(doc):
            corpora.setdefault(annotation.corpus, {}).update(dict.fromkeys(annotation.types))
    table = sentence_table(doc.text for doc in docs)
    named = {name: tuple(types) for name, types in corpora.items()}
    return Data(path.name, sha256(path), len(docs), named, table)


def versions() -> dict[str, str]:
    """The versions of what a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}}


def software() -> dict[str, str]:
    """The versions of what a result depends on, and of a source checkout a checksum of this package's code.

    A checkout is known by the setup.cfg beside the package.
    """
    package = Path(str(files("spacy_bioner")))
    found = versions()
    if (package.parent / "setup.cfg").is_file():
        code = sorted(path for kind in ("*.py", "*.toml") for path in package.rglob(kind))
        lines = (f"{sha256(path)}  {path.relative_to(package).as_posix()}\n" for path in code)
        found["code"] = hashlib.sha256("".join(lines).encode()).hexdigest()
    return found
