"""Weights for a run to begin with: an earlier run's, or a published encoder's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import BertConfig, BertForMaskedLM

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import sha256
from spacy_bioner.pretraining.respelling import respell
from spacy_bioner.pretraining.text_files import RECORD, read_manifest

WEIGHTS = "model.safetensors"
SOURCE = "source.json"
"""Beside a published encoder's weights: its name, address and licence."""
_SHAPE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_act",
)
_HEAD = "cls."
_EMBEDDINGS = "bert.embeddings.word_embeddings.weight"


@dataclass(frozen=True, slots=True)
class Start:
    """Weights to begin with.

    Attributes:
        folder: where they are.
        sha256: their checksum.
        record: how they were made; for a published encoder its name, address and licence, as far as known.
        published: whether they are a published encoder's. Such weights may have another vocabulary and lack
            the head that guesses masked words.
    """

    folder: Path
    sha256: str
    record: dict[str, Any]
    published: bool = False

    def before(self, data: dict[str, Any], seed: int) -> dict[str, Any]:
        """What another run's record says of this one: of the text, only if it was another.

        Args:
            data: what the other run is made of.
            seed: the other run's.

        Raises:
            PretrainingError: if it would see the same text in the same order again.
        """
        if self.published:
            return self.record
        kept = {key: value for key, value in self.record.items() if key not in ("format", "data")}
        if self.record["data"]["parts"] != data["parts"]:
            return kept | {"data": self.record["data"]}
        if self.record["settings"]["seed"] == seed:
            raise PretrainingError(
                f"{self.folder} was trained on this text with seed {seed}, and would see it in the same "
                "order again: give another seed. [B512]"
            )
        return kept

    def load(self, model: BertForMaskedLM, vocabulary: tuple[str, ...]) -> None:
        """Copies them into a model.

        A published encoder's vectors are respelled if the model has another vocabulary, and what it lacks of
        the head that guesses stays as it is in the model.

        Raises:
            FormatError: if the folder has no vocabulary of BERT's form, or no model of BERT's.
            PretrainingError: if they are of another shape, or an earlier run's of another vocabulary or
                without the head that guesses.
        """
        pieces = self._pieces()
        if pieces != vocabulary and not self.published:
            raise PretrainingError(
                f"{self.folder} has another vocabulary than the packed text: pack it with `spacy bioner "
                f"pretrain-pack TEXT {self.folder} OUTPUT`. [B513]"
            )
        config = BertConfig.from_pretrained(self.folder, local_files_only=True)
        for name in _SHAPE:
            theirs, wanted = getattr(config, name), getattr(model.config, name)
            if theirs != wanted:
                raise PretrainingError(
                    f"{self.folder} has {name}={theirs}, and the settings say {wanted}. [B514]"
                )
        first, found = BertForMaskedLM.from_pretrained(
            self.folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        missing = set(found["missing_keys"])
        if not all(self.published and name.startswith(_HEAD) for name in missing):
            names = ", ".join(sorted(missing))
            raise PretrainingError(f"{self.folder} lacks {names}: name weights that `pretrain` wrote. [B515]")
        weights = {name: value for name, value in first.float().state_dict().items() if name not in missing}
        if pieces != vocabulary:
            vectors, _ = respell(weights[_EMBEDDINGS], pieces, vocabulary)
            # what belongs to the old vocabulary: the vectors, and the head's copy and bias
            weights = {name: value for name, value in weights.items() if len(value) != len(pieces)}
            weights[_EMBEDDINGS] = vectors
        model.load_state_dict(weights, strict=False)
        model.tie_weights()

    def _pieces(self) -> tuple[str, ...]:
        try:
            return tuple((self.folder / "vocab.txt").read_text(encoding="utf8").splitlines())
        except FileNotFoundError:
            raise FormatError(
                self.folder / "vocab.txt", None, "not there: name a BERT with its vocabulary [B516]"
            ) from None


def read_start(folder: Path) -> Start:
    """Finds weights that an earlier run wrote, or a published encoder's.

    Raises:
        FormatError: if the folder has neither a record of a run nor the config of a BERT.
        PretrainingError: if it has no weights in one file.
    """
    published = not (folder / RECORD).is_file() and _is_bert(folder)
    record = _source(folder) if published else read_manifest(folder, RECORD, "pretrain")
    if not (folder / WEIGHTS).is_file():
        raise PretrainingError(
            f"{folder} has no {WEIGHTS}: name weights that `pretrain` wrote in one file. [B517]"
        )
    checksum = sha256(folder / WEIGHTS)
    return Start(folder, checksum, record | {"sha256": checksum}, published)


def _is_bert(folder: Path) -> bool:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf8"))["model_type"] == "bert"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _source(folder: Path) -> dict[str, Any]:
    """What is known of where a published encoder is from."""
    path = folder / SOURCE
    known: Any = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    return {"published": {"name": folder.resolve().name} | dict(known)}
