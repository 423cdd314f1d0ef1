"""Where a named knowledge base is."""

from pathlib import Path

from spacy_bioner.errors import KnowledgeError

EMBEDDED = Path(__file__).parent / "data"
"""The folder of the knowledge bases that come with the package."""
SUFFIX = ".kb"


def find_base(name: str | Path) -> Path:
    """The file of a knowledge base: one that comes with the package, by its name, or any other by its path.

    Raises:
        KnowledgeError: if there is none.
    """
    embedded = EMBEDDED / f"{name}{SUFFIX}"
    if "/" not in str(name) and embedded.is_file():
        return embedded
    path = Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in EMBEDDED.glob(f"*{SUFFIX}"))) or "none"
        raise KnowledgeError(
            f"There is no knowledge base '{name}': name a file that `spacy bioner kb build` made, or one "
            f"that comes with the package ({known})."
        )
    return path
