"""The embedded encoder: a small BERT, pretrained on biomedical text by this project, that needs no download.

Its files are part of the package; README.md beside this module is its model card, training.json the record of
its training.
"""

from importlib.resources import files
from pathlib import Path

from spacy_bioner.catalogue.encoders import copy_encoder
from spacy_bioner.errors import EncoderError
from spacy_bioner.files import sha256

WEIGHTS = "model.safetensors"


def unpack(folder: Path, checksum: str) -> Path:
    """Writes the encoder to a folder, in the layout of `transformers`, unless it is there already.

    Args:
        folder: where to write config.json, model.safetensors, the tokenizer's files and training.json.
        checksum: what the weights' SHA-256 must be.

    Returns:
        The folder.

    Raises:
        EncoderError: if the package's weights aren't those.
    """
    if (folder / WEIGHTS).is_file() and sha256(folder / WEIGHTS) == checksum:
        return folder
    source = Path(str(files("spacy_bioner.mini")))
    found = sha256(source / WEIGHTS) if (source / WEIGHTS).is_file() else "none"
    if found != checksum:
        raise EncoderError(
            f"The weights of the embedded encoder aren't those of this release (SHA-256 {found}, and not "
            f"{checksum}): install spacy-bioner again."
        )
    copy_encoder(source, folder, {"source": "spacy-bioner, embedded", "sha256": checksum})
    return folder
