"""Trained pipelines by name."""

from pathlib import Path

import spacy
from spacy.language import Language

from spacy_bioner.errors import PipelineError


def load_pipeline(name: str | Path) -> Language:
    """Loads a trained pipeline.

    Args:
        name: a package that is installed, or a folder.

    Raises:
        PipelineError: if there is none, or what is there is damaged or needs what isn't installed.
    """
    try:
        return spacy.load(name)
    except (OSError, ValueError) as error:
        raise PipelineError(f"The pipeline '{name}' can't be loaded.\n{error}") from None
