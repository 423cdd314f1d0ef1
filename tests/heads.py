"""A `transformer` and a `bioner` on it, as the tests put them into pipelines."""

from pathlib import Path
from typing import Any

from spacy.language import Language


def add_heads(nlp: Language, encoder: Path, pooling: dict[str, str], **settings: Any) -> None:
    """Adds an encoder in float32, and heads with such a pooling and other settings."""
    layer = {
        "@architectures": "spacy-bioner.TransformerModel.v1",
        "name": str(encoder),
        "precision": "float32",
    }
    nlp.add_pipe("transformer", config={"model": layer})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": pooling,
    }
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": listener, **settings}
    nlp.add_pipe("bioner", config={"model": heads})
