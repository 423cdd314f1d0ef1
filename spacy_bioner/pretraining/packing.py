"""The third step of pretraining: text as word pieces, packed."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import Outputs, sha256, write_json
from spacy_bioner.pretraining.packed_pieces import MANIFEST, Pieces, write_part
from spacy_bioner.pretraining.text_files import (
    TEXT,
    check_output,
    read_documents,
    read_manifest,
)
from spacy_bioner.pretraining.vocabulary import FILE, load_tokenizer

_DOCUMENTS = 64
"""How many documents are turned into word pieces at a time."""


def pack(text: Path, vocabulary: Path, output: Path) -> dict[str, Any]:
    """Turns text into packed word pieces, with the tokenizer beside them.

    Args:
        text: a folder made by `prepare_text`.
        vocabulary: a folder made by `train_vocabulary`, or another with a vocab.txt of BERT's form.
        output: the folder to make: see `spacy_bioner.pretraining.packed_pieces`.

    Returns:
        The manifest.

    Raises:
        FormatError: if the text isn't what `prepare_text` made, or the vocabulary isn't one.
        PretrainingError: if the vocabulary is larger than 16 bits can count, or the output holds something
            else.
    """
    check_output(output, MANIFEST)
    described = read_manifest(text, TEXT, "pretrain-text")
    tokenizer = load_tokenizer(vocabulary)
    if len(tokenizer) > 1 << 16:
        raise PretrainingError(
            f"{vocabulary}: {len(tokenizer):,} word pieces are more than {1 << 16:,}. [B507]"
        )
    unknown: Counter[str] = Counter()

    def packed(entry: dict[str, Any], target: Path) -> dict[str, Any]:
        path = text / entry["file"]
        if sha256(path) != entry["sha256"]:
            raise FormatError(path, None, f"not the file that {TEXT} describes: make the text again [B508]")
        stream = _stream(path, tokenizer)
        unknown["pieces"] += int((stream == tokenizer.unk_token_id).sum())
        name = entry["file"].removesuffix(".txt.xz") + ".pieces.xz"
        return write_part(target / name, stream)

    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        folder.mkdir()
        tokenizer.save_pretrained(folder)
        parts = [packed(entry, folder) for entry in described["parts"]]
        manifest = {
            "format": 1,
            "pieces": sum(part["pieces"] for part in parts),
            "unknown": unknown["pieces"],
            "vocabulary": {
                "size": len(tokenizer),
                "cased": not tokenizer.do_lower_case,
                "sha256": sha256(folder / FILE),
            },
            "parts": parts,
            "held_out": packed(described["held_out"], folder),
            "text": {key: value for key, value in described.items() if key not in ("format", "parts")},
        }
        write_json(folder / MANIFEST, manifest)
    return manifest


def _stream(path: Path, tokenizer: Any) -> Pieces:
    """The word pieces of a file's documents, [SEP] after each document."""
    documents = read_documents(path)
    stream: list[Pieces] = [np.empty(0, dtype=np.uint16)]
    end = np.array([tokenizer.sep_token_id], dtype=np.uint16)
    while batch := list(islice(documents, _DOCUMENTS)):
        paragraphs = [paragraph for document in batch for paragraph in document]
        encoded = iter(tokenizer.backend_tokenizer.encode_batch_fast(paragraphs, add_special_tokens=False))
        for document in batch:
            stream += [np.array(next(encoded).ids, dtype=np.uint16) for _ in document]
            stream.append(end)
    return np.concatenate(stream)
