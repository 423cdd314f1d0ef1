"""Where a named knowledge base is."""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

from spacy_bioner.errors import KnowledgeError

EMBEDDED = Path(__file__).parent / "data"
"""The folder of the knowledge bases that come with the package."""
SUFFIX = ".kb"
FOLDER = "kb"
"""The folder of fetched knowledge bases in assets/."""


def find_base(name: str | Path) -> Path:
    """The file of a knowledge base: one that comes with the package or was fetched, by its name, or any other
    by its path.

    Raises:
        KnowledgeError: if there is none.
    """
    embedded = EMBEDDED / f"{name}{SUFFIX}"
    if "/" not in str(name) and embedded.is_file():
        return embedded
    path = Path(name)
    fetched = Path("assets") / FOLDER / f"{name}{SUFFIX}"
    if "/" not in str(name) and not path.is_file() and fetched.is_file():
        return fetched
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in EMBEDDED.glob(f"*{SUFFIX}"))) or "none"
        raise KnowledgeError(
            f"There is no knowledge base '{name}': name a file that `spacy bioner kb build` made, one that "
            f"comes with the package ({known}), or one that `spacy bioner fetch --kb` brought. [B272]"
        )
    return path


def copy_bases(sources: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Copies knowledge bases to a folder, but for those of the package and those that are there already.

    Args:
        sources: their files by the names that a pipeline has for them.
        folder: where to; a process that has an older file open goes on reading it.

    Returns:
        By name the files in the folder.
    """
    own = {name: source for name, source in sources.items() if source.parent != EMBEDDED}
    files = {name: file.name for name, file in own.items() if file.parent.resolve() == folder.resolve()}
    there = set(files.values())
    free = (file for n in itertools.count() if (file := f"{n}{SUFFIX}") not in there)
    for name in sorted(own.keys() - files.keys()):
        files[name] = next(free)
        new = folder / f"{files[name]}.new"
        shutil.copyfile(own[name], new)
        new.replace(folder / files[name])
    return files
