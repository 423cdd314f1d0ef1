"""File formats, one module each: from files to Documents and back. None of them imports spaCy."""

import re
from pathlib import Path
from typing import Literal

from spacy_bioner.files import numbered_lines

Format = Literal["columns", "pubtator"]


def detect(path: Path) -> Format:
    """Tells the format of a text file from its first line that isn't empty.

    Raises:
        FormatError: if there is no such file, or it isn't text.
    """
    for _, line in numbered_lines(path):
        if line.strip():
            return "pubtator" if re.match(r"[^|\t]+\|t\|", line) else "columns"
    return "columns"
