"""Fetching knowledge bases of the catalogue: their sources are checked, then built."""

from pathlib import Path

from spacy_bioner.downloads import download
from spacy_bioner.errors import FetchError, KnowledgeError
from spacy_bioner.files import Outputs, sha256
from spacy_bioner.knowledge.base_catalogue import SourceFile, find_entry
from spacy_bioner.knowledge.bases import FOLDER, SUFFIX
from spacy_bioner.knowledge.building import build
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase


def fetch_base(name: str, assets: Path, base: str = "") -> tuple[Path, str]:
    """Builds assets/kb/NAME.kb of its sources, which go to assets/kb/NAME/, unless it is there.

    Args:
        name: its name in the catalogue.
        assets: the folder.
        base: a local folder or an address that has the sources, in place of their own addresses.

    Returns:
        The file, and "there already" or "built".

    Raises:
        KnowledgeError: if the catalogue has no such knowledge base.
        FetchError: if a source can't be had, or its checksum isn't the catalogue's.
    """
    entry = find_entry(name)
    output = assets / FOLDER / f"{name}{SUFFIX}"
    if output.is_file() and _is_readable(output):
        return output, "there already"
    paths = [_fetch_source(source, output.with_suffix(""), base) for source in entry.sources]
    build(paths, output, entry.choice, name)
    return output, "built"


def _is_readable(path: Path) -> bool:
    """Whether it is a knowledge base of this version."""
    try:
        KnowledgeBase.open(path)
    except KnowledgeError:
        return False
    return True


def _fetch_source(source: SourceFile, folder: Path, base: str) -> Path:
    target = folder / source.file
    if target.is_file() and source.sha256:
        _check(target, source, f"delete {target} to fetch it again")
        return target
    with Outputs() as outputs:
        temporary = outputs.temporary(target)
        place = download(base or source.address, source.file, temporary)
        _check(temporary, source, f"what came from {place} was not kept")
    return target


def _check(path: Path, source: SourceFile, help_text: str) -> None:
    found = sha256(path)
    if source.sha256 and found != source.sha256:
        raise FetchError(
            f"{source.file}: the wrong file. Its sha256 is {found}, and should be {source.sha256}; "
            f"{help_text}. [B271]"
        )
