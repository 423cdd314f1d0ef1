"""The spaCy project of this package, laid out in a folder of the user's."""

import shutil
from importlib.resources import files
from pathlib import Path

from spacy_bioner.errors import OutputError
from spacy_bioner.files import Outputs

_LIST = "project_files.txt"
"""The names of the files; setup.py copies them into the wheel."""


def lay_out_project(folder: Path) -> list[Path]:
    """Copies project.yml and what belongs to it: configs, a catalogue for corpora of one's own, the sample.

    Args:
        folder: where to; made if it isn't there.

    Returns:
        The files.

    Raises:
        OutputError: if one of them is there already.
    """
    place = Path(str(files("spacy_bioner.training")))
    source = place / "project"
    if not source.is_dir():  # not installed: the source stands around
        source = place.parent.parent
    patterns = (place / _LIST).read_text(encoding="utf8").split()
    found = [path.relative_to(source) for pattern in patterns for path in sorted(source.glob(pattern))]
    for path in found:
        if (folder / path).exists():
            raise OutputError(f"{folder / path} is there already: name another folder. [B468]")
    with Outputs() as outputs:
        for path in found:
            shutil.copyfile(source / path, outputs.temporary(folder / path))
    return [folder / path for path in found]
