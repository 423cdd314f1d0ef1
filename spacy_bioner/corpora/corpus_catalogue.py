"""The catalogue of corpora: entity types, source, licence and checksums of each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from spacy_bioner.errors import CorpusError

PROJECT_CATALOGUE = Path("corpus/corpora.toml")
"""Where a project keeps entries of its own; read beside the package's, if it is there."""

SPLITS = {
    "train": "train",
    "train_dev": "train_dev",
    "devel": "devel",
    "dev": "devel",
    "test": "test",
}
"""The usual names of splits, and the one name that each has here."""

ENTITIES = "entities"
TASKS = (ENTITIES, "relations", "documents", "pairs", "questions")
"""What a corpus can be for."""


@dataclass(frozen=True, slots=True)
class Split:
    """One file of a corpus: its path in the corpus's source, and the git blob ids that it may have."""

    file: str
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus of the catalogue.

    Attributes:
        name: its name.
        types: the entity types that it annotates, by its own names, each with the common name under which
            corpora meet; none for corpora of other tasks whose files name the entities, or have none.
        splits: its files, by split.
        base: the address or folder that they are under; empty if a user must get them by hand.
        title: the collection that it is from, with its variant: to be printed beside every score.
        licence, citation: of the corpus.
        by_hand: how to get it, if it can't be downloaded.
        local: whether its files are a project's own, under `base` and free to change.
        collection: the short name of the collection.
        task: "entities", or what else it is for: "relations", "documents", "pairs" or "questions".
        format: the format of its files; found from their content if empty.
    """

    name: str
    types: Mapping[str, str]
    splits: Mapping[str, Split]
    base: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    by_hand: str = ""
    local: bool = False
    collection: str = ""
    task: str = ENTITIES
    format: str = ""

    @property
    def only_type(self) -> str | None:
        """The type of its mentions where tags name none: the one that it has, if it has one."""
        return next(iter(self.types)) if len(self.types) == 1 else None


@dataclass(frozen=True, slots=True)
class CorpusCatalogue:
    """Corpora by name."""

    corpora: Mapping[str, Corpus] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Corpus:
        """The corpus of that name, in whatever case; raises CorpusError if there is none."""
        for known, corpus in self.corpora.items():
            if known.lower() == name.lower():
                return corpus
        raise CorpusError(
            f"The corpus '{name}' isn't in the catalogue. It has: {', '.join(self.corpora)}. "
            f"A corpus of your own needs an entry in {PROJECT_CATALOGUE} (see docs/corpora.md). [B210]"
        )


def load_corpora(extra: Path | None = None, *, project: bool = True) -> CorpusCatalogue:
    """Reads the package's catalogue, and a project's own beside it.

    Args:
        extra: a file with entries of the same form, which add to the package's and go before them; by
            default `PROJECT_CATALOGUE` under the current folder, if it is there.
        project: whether to look for that file; without it the package's catalogue is all there is.

    Raises:
        CorpusError: if a file can't be read or an entry lacks something.
    """
    own = Path(str(files("spacy_bioner.corpora") / "corpora.toml"))
    if extra is None and project and PROJECT_CATALOGUE.exists():
        extra = PROJECT_CATALOGUE
    corpora: dict[str, Corpus] = {}
    for path in (own, *([extra] if extra else [])):
        try:
            data = tomllib.loads(path.read_text(encoding="utf8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CorpusError(f"{path}: not a catalogue: {error} [B211]") from None
        for name, entry in data.get("corpora", {}).items():
            same = next((known for known in corpora if known.lower() == name.lower()), name)
            corpora.pop(same, None)
            corpora[name] = _corpus(path, name, entry, data.get("sources", {}))
    return CorpusCatalogue(corpora)


def _corpus(path: Path, name: str, entry: dict[str, Any], sources: dict[str, Any]) -> Corpus:
    try:
        source = sources[entry["source"]] if "source" in entry else {}
        splits = {
            split: Split(value["file"], tuple(value.get("blobs", ())))
            for split, value in entry["splits"].items()
        }
        unknown = [split for split in splits if split not in SPLITS.values()]
        task = entry.get("task", ENTITIES)
        if task not in TASKS:
            raise CorpusError(f"{path}: the task of the corpus '{name}' is one of {', '.join(TASKS)}. [B212]")
        types = entry["types"] if task == ENTITIES else entry.get("types", {})
        if unknown or not splits or not isinstance(types, dict) or (task == ENTITIES and not types):
            raise CorpusError(
                f"{path}: the corpus '{name}' needs types, each with its common name, and splits named "
                f"{', '.join(dict.fromkeys(SPLITS.values()))}. [B213]"
            )
        base = entry.get("folder", source.get("base", ""))
        if "folder" in entry:
            base = str(path.parent / base)
        title = ", ".join(filter(None, [source.get("title", ""), entry.get("variant", "")]))
        return Corpus(
            name,
            dict(types),
            splits,
            base,
            title,
            entry.get("licence", ""),
            entry.get("citation", ""),
            entry.get("by_hand", ""),
            local="folder" in entry,
            collection=entry.get("source", ""),
            task=task,
            format=entry.get("format", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: the entry of the corpus '{name}' lacks {error}. [B214]") from None
