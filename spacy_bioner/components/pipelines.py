"""Trained pipelines by name."""

from pathlib import Path

import spacy
from safetensors import SafetensorError
from spacy.language import Language

from spacy_bioner.errors import PipelineError
from spacy_bioner.files import holds_other


def load_pipeline(name: str | Path) -> Language:
    """Loads a trained pipeline.

    Args:
        name: a package that is installed, or a folder.

    Raises:
        PipelineError: if there is none, or what is there is damaged or needs what isn't installed.
    """
    try:
        return spacy.load(name)
    # what a package that is no pipeline, a damaged file, or a missing dependency lead to
    except (OSError, ValueError, ImportError, AttributeError, TypeError, KeyError, SafetensorError) as error:
        reason = str(error) or type(error).__name__
        raise PipelineError(f"The pipeline '{name}' can't be loaded.\n{reason}") from error


def check_output(folder: Path) -> None:
    """Raises PipelineError if there is something else than a pipeline where one is to be written."""
    if holds_other(folder, "meta.json"):
        raise PipelineError(f"{folder} holds something else than a pipeline: name another folder.")
