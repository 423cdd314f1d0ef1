"""The embedded encoder: a small BERT, pretrained on biomedical text by this project, that needs no download.

Its files are part of the package; README.md beside this module is its model card, training.json the record of
its training.
"""

from importlib.resources import files
from pathlib import Path

from spacy_bioner.errors import EncoderError
from spacy_bioner.files import sha256

WEIGHTS = "model.safetensors"


def embedded(checksum: str) -> Path:
    """The encoder's folder in the package, in the layout of `transformers`.

    Args:
        checksum: what the weights' SHA-256 must be.

    Raises:
        EncoderError: if the package's weights aren't those.
    """
    folder = Path(str(files("spacy_bioner.encoders.mini")))
    found = sha256(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else "none"
    if found != checksum:
        raise EncoderError(
            f"The weights of the embedded encoder aren't those of this release (SHA-256 {found}, and not "
            f"{checksum}): install spacy-bioner again. [B189]"
        )
    return folder
