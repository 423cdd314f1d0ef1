"""Finding weights, config and tokenizer among the files of a released checkpoint."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacy_bioner.encoders.archives import is_archive, unpack
from spacy_bioner.encoders.tensorflow import find_checkpoints
from spacy_bioner.errors import BionerError, EncoderError, FormatError

TOKENIZER_FILES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_OTHER_CONFIGS = ("tokenizer_config.json", "generation_config.json", "preprocessor_config.json")
_LARGEST_JSON = 64 << 20


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a checkpoint.

    Attributes:
        weights: model.safetensors or pytorch_model.bin; of a TensorFlow checkpoint what the names of its
            files begin with.
        config: the config.
        tokenizer: the tokenizer's files, by the names that transformers has for them.
    """

    weights: Path
    config: Path
    tokenizer: dict[str, Path] = field(default_factory=dict)

    @property
    def from_tensorflow(self) -> bool:
        """Whether the weights are TensorFlow's."""
        return self.weights.suffix not in (".safetensors", ".bin")

    def files(self) -> list[Path]:
        """All of them."""
        named = f"{self.weights.name}."
        weights = [self.weights]
        if self.from_tensorflow:
            siblings = self.weights.parent.iterdir()
            weights = [path for path in siblings if path.name.startswith((f"{named}index", f"{named}data-"))]
        return sorted({*weights, self.config, *self.tokenizer.values()})


@contextmanager
def opened(source: Path) -> Iterator[Parts]:
    """Finds the parts of a checkpoint in a folder, or in an archive, which is unpacked for as long.

    Raises:
        FormatError: if the archive isn't sound, or there is no such file.
        EncoderError: if a part is missing, or there are several that it could be.
    """
    with TemporaryDirectory() as temporary:
        try:
            if source.is_dir():
                files = [path for path in source.rglob("*") if path.is_file()]
                archives = [path for path in files if is_archive(path)]
                if len(archives) == 1 and not _weights(files):  # SciBERT's, which are archives in archives
                    files += unpack(archives[0], Path(temporary))
            else:
                files = unpack(source, Path(temporary))
            yield find_parts(files, source)
        except BionerError as error:
            # people know the archive, and not where it was unpacked
            error.args = (str(error).replace(f"{temporary}{os.sep}", f"{source}: "),)
            raise


def find_parts(files: Sequence[Path], source: Path) -> Parts:
    """Finds out which files are what.

    Args:
        files: the files.
        source: where they are from, for errors.

    Raises:
        EncoderError: if a part is missing, or there are several that it could be.
    """
    weights = _only(_weights(files), source, "weights")
    if weights is None:
        raise EncoderError(
            f"{source}: there are no weights in it: no model.safetensors, no pytorch_model.bin and no "
            "TensorFlow checkpoint (NAME.index and NAME.data-00000-of-00001). [B167]"
        )
    near = weights.parent
    configs = [path for path in files if path.name.endswith("config.json")]
    configs = [path for path in configs if path.name not in _OTHER_CONFIGS]
    by_name = [path for path in _nearest(configs, near) if path.name == "config.json"]
    config = _only(by_name or _nearest(configs, near), source, "configs")
    if config is None:
        raise EncoderError(f"{source}: there is no config in it (config.json, bert_config.json). [B168]")
    tokenizer = {}
    for name in TOKENIZER_FILES:
        found = _only(_nearest([path for path in files if path.name == name], near), source, f"files {name}")
        if found is not None:
            tokenizer[name] = found
    pieces = [path for path in files if path.suffix == ".model"]
    model = _only(_nearest(pieces, near), source, "sentencepiece models")
    if model is not None:
        tokenizer["spiece.model"] = model
    if not {"vocab.txt", "vocab.json", "tokenizer.json", "spiece.model"} & set(tokenizer):
        raise EncoderError(
            f"{source}: there is no vocabulary in it (vocab.txt, vocab.json with merges.txt, tokenizer.json, "
            "or a sentencepiece .model). [B169]"
        )
    return Parts(weights, config, tokenizer)


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
        FormatError: if it doesn't.
    """
    if path.stat().st_size > _LARGEST_JSON:
        raise FormatError(path, None, "too large for a config [B170]")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(path, None, f"not JSON ({error}) [B171]") from None
    if not isinstance(found, dict):
        raise FormatError(path, None, "no JSON object, with names and values [B172]")
    return found


def _weights(files: Sequence[Path]) -> list[Path]:
    """All that could be the weights, of the kind that is best to have."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if found := [path for path in files if path.name == name]:
            return found
    return find_checkpoints(files)


def _nearest(files: Iterable[Path], folder: Path) -> list[Path]:
    """Those in a folder, or else all."""
    found = list(files)
    return [path for path in found if path.parent == folder] or found


def _only(files: Sequence[Path], source: Path, what: str) -> Path | None:
    if len(files) > 1:
        names = ", ".join(str(Path(*path.parts[-2:])) for path in sorted(files)[:5])
        raise EncoderError(
            f"{source}: there are several {what} in it ({names}). Name a folder with one checkpoint. [B173]"
        )
    return files[0] if files else None
