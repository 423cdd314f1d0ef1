"""The catalogue of knowledge bases: sources, licence and checksums of each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from spacy_bioner.errors import KnowledgeError
from spacy_bioner.knowledge.building import Choice


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a knowledge base is built of: its folder's address, its name, its checksum if known."""

    address: str
    file: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class CataloguedBase:
    """A knowledge base of the catalogue.

    Attributes:
        name: its name.
        title: what it is, for people.
        licence: of its sources.
        sources: its sources, those whose identifiers are kept first.
        choice: what of them goes into it.
    """

    name: str
    title: str
    licence: str
    sources: tuple[SourceFile, ...]
    choice: Choice = field(default_factory=Choice)


def load_bases() -> Mapping[str, CataloguedBase]:
    """The knowledge bases of the catalogue, by name."""
    text = (files("spacy_bioner.knowledge") / "bases.toml").read_text(encoding="utf8")
    return {
        name: CataloguedBase(
            name,
            entry["title"],
            entry["licence"],
            tuple(SourceFile(**source) for source in entry["sources"]),
            Choice(**entry.get("choice", {})),
        )
        for name, entry in tomllib.loads(text)["bases"].items()
    }


def find_entry(name: str) -> CataloguedBase:
    """The entry of a name; raises KnowledgeError if there is none."""
    catalogue = load_bases()
    if name not in catalogue:
        raise KnowledgeError(
            f"The catalogue has no knowledge base '{name}', but {', '.join(sorted(catalogue))}. Others are "
            "made with `spacy bioner kb build`. [B270]"
        )
    return catalogue[name]
