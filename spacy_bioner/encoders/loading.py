"""Configs and tokenizers of transformers out of a folder or the hub. No code that lies beside them is run.

A checkpoint may name Python files of its own (`auto_map`). Unless told otherwise, transformers asks on the
terminal whether to run them, and takes a "y" from a pipe for an answer. Every load of this package says no.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacy_bioner.errors import EncoderError

NO_CODE: dict[str, Any] = {"trust_remote_code": False}
"""What every call of transformers' `from_pretrained` gets here."""


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Has transformers' modules that are imported inside leave TensorFlow alone.

    Where TensorFlow is installed, transformers 4 imports it with every model, for pictures in TensorFlow's
    form. That takes seconds, and no model of ours sees a picture. Afterwards transformers finds TensorFlow
    as before.
    """
    from transformers.utils import import_utils

    if not hasattr(import_utils, "_tf_available"):  # transformers 5 knows TensorFlow no more
        yield
        return
    available = import_utils._tf_available
    import_utils._tf_available = False
    try:
        yield
    finally:
        import_utils._tf_available = available


def load_config(name: str | Path, **settings: Any) -> Any:
    """Loads the config of a checkpoint.

    Args:
        name: a folder, or the id of a repository.
        settings: for transformers, among them `revision`.

    Raises:
        EncoderError: if the checkpoint needs code of its own.
    """
    from transformers import AutoConfig

    return _without_code(AutoConfig, name, settings)


def load_plain_tokenizer(name: str | Path, **settings: Any) -> Any:
    """Loads a tokenizer as its settings say; see `spacy_bioner.encoders.casing` for one that keeps capitals.

    Args:
        name: a folder, or the id of a repository.
        settings: for transformers, among them `revision`.

    Raises:
        EncoderError: if the tokenizer needs code of its own.
    """
    from transformers import AutoTokenizer

    return _without_code(AutoTokenizer, name, settings)


def _without_code(kind: Any, name: str | Path, settings: dict[str, Any]) -> Any:
    try:
        return kind.from_pretrained(name, **{**settings, **NO_CODE})
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise EncoderError(
            f"'{name}' needs code of its own (auto_map in its settings), which isn't run here: use "
            "a checkpoint of a model that transformers has. [B188]"
        ) from None
