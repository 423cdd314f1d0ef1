"""Weights of an earlier run, for another to begin with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import BertForMaskedLM

from spacy_bioner.errors import PretrainingError
from spacy_bioner.files import sha256
from spacy_bioner.pretraining.text_files import RECORD, read_manifest

WEIGHTS = "model.safetensors"
_SHAPE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")


@dataclass(frozen=True, slots=True)
class Start:
    """Weights to begin with.

    Attributes:
        folder: where they are.
        sha256: their checksum.
        record: how they were made.
    """

    folder: Path
    sha256: str
    record: dict[str, Any]

    def before(self, data: dict[str, Any], seed: int) -> dict[str, Any]:
        """What another run's record says of this one: of the text, only if it was another.

        Args:
            data: what the other run is made of.
            seed: the other run's.

        Raises:
            PretrainingError: if it would see the same text in the same order again.
        """
        kept = {key: value for key, value in self.record.items() if key not in ("format", "data")}
        if self.record["data"]["parts"] != data["parts"]:
            return kept | {"data": self.record["data"]}
        if self.record["settings"]["seed"] == seed:
            raise PretrainingError(
                f"{self.folder} was trained on this text with seed {seed}, and would see it in the same "
                "order again: give another seed."
            )
        return kept

    def load(self, model: BertForMaskedLM, vocabulary: tuple[str, ...]) -> None:
        """Copies them into a model.

        Raises:
            PretrainingError: if they are of another shape or vocabulary, or lack the head that guesses.
        """
        pieces = tuple((self.folder / "vocab.txt").read_text(encoding="utf8").splitlines())
        if pieces != vocabulary:
            raise PretrainingError(
                f"{self.folder} has another vocabulary than the packed text: pack it with `spacy bioner "
                f"pretrain-pack TEXT {self.folder} OUTPUT`."
            )
        first, missing = BertForMaskedLM.from_pretrained(
            self.folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        for name in _SHAPE:
            theirs, wanted = getattr(first.config, name), getattr(model.config, name)
            if theirs != wanted:
                raise PretrainingError(f"{self.folder} has {name}={theirs}, and the settings say {wanted}.")
        if missing["missing_keys"]:
            names = ", ".join(sorted(missing["missing_keys"]))
            raise PretrainingError(f"{self.folder} lacks {names}: name weights that `pretrain` wrote.")
        model.load_state_dict(first.float().state_dict())


def read_start(folder: Path) -> Start:
    """Finds weights that an earlier run wrote.

    Raises:
        FormatError: if the folder has no record of its training.
        PretrainingError: if it has no weights in one file.
    """
    record = read_manifest(folder, RECORD, "pretrain")
    if not (folder / WEIGHTS).is_file():
        raise PretrainingError(f"{folder} has no {WEIGHTS}: name weights that `pretrain` wrote in one file.")
    checksum = sha256(folder / WEIGHTS)
    return Start(folder, checksum, record | {"sha256": checksum})
