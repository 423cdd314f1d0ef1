"""Soft labels: what a teacher thinks of each token, for a student to learn from.

A teacher's answers are a folder of numbered parts and a manifest, answers.json. A part is a .spacy file with
the Docs, and a .safetensors file with the probabilities that a token begins a mention of a type, or is inside
one, in steps of 1/255. Tokens where both are zero in these steps, which most are, aren't stored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner.array_types import Array
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.errors import FormatError
from spacy_bioner.files import Outputs

MANIFEST = "answers.json"
_KEY = "spacy_bioner_soft_labels"
_STEPS = 255


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """A teacher's probabilities for the tokens of a Doc.

    Attributes:
        types: the entity types that the teacher knows.
        probabilities: that a token begins a mention, and that it goes on with one, (tokens, types, 2).
    """

    types: tuple[str, ...]
    probabilities: Array


def set_soft_labels(doc: Doc, labels: SoftLabels) -> None:
    """Gives a Doc soft labels, and notes that no corpus annotates it."""
    set_annotation(doc, Annotation("", ()))
    doc.user_data[_KEY] = labels


def get_soft_labels(doc: Doc) -> SoftLabels | None:
    """The soft labels of a Doc; None if it has none."""
    found: SoftLabels | None = doc.user_data.get(_KEY)
    return found


def part_path(folder: Path, number: int) -> Path:
    """The .spacy file of a part."""
    return folder / f"part-{number:04}.spacy"


def write_part(folder: Path, number: int, docs: Sequence[Doc], probabilities: Sequence[Array]) -> None:
    """Writes a part of a teacher's answers; it appears when it is complete.

    Args:
        folder: the folder.
        number: of the part, from 0.
        docs: the Docs.
        probabilities: for each Doc those of B and I, (tokens, types, 2).
    """
    steps = [numpy.rint(numpy.clip(own, 0, 1) * _STEPS).astype("uint8") for own in probabilities]
    where = [numpy.nonzero(own.any(axis=2)) for own in steps]
    arrays = {
        "entries": numpy.cumsum([0, *(len(tokens) for tokens, _ in where)]),
        "token": numpy.concatenate([numpy.zeros(0, "int32"), *(t.astype("int32") for t, _ in where)]),
        "type": numpy.concatenate([numpy.zeros(0, "uint8"), *(t.astype("uint8") for _, t in where)]),
        "steps": numpy.concatenate(
            [numpy.zeros((0, 2), "uint8"), *(own[at] for own, at in zip(steps, where, strict=True))]
        ),
    }
    path = part_path(folder, number)
    with Outputs() as outputs:
        save_file(arrays, outputs.temporary(path.with_suffix(".safetensors")))
        # the one that is looked for comes last
        docbin(docs).to_disk(outputs.temporary(path))


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the manifest of a teacher's answers says.

    Raises:
        FormatError: if there is none, or it isn't one.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
        if not isinstance(manifest["types"], list) or not isinstance(manifest["parts"], int):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError):
        raise FormatError(
            path, None, "not a teacher's answers: make them with spacy bioner distill [B240]"
        ) from None
    return manifest


def read_answers(folder: Path, vocab: Vocab | None = None) -> list[Doc]:
    """Reads the Docs that a teacher has answered for, with their soft labels.

    Raises:
        FormatError: if the folder isn't a teacher's answers, or a part of it is damaged.
    """
    manifest = read_manifest(folder)
    types = tuple(manifest["types"])
    docs: list[Doc] = []
    for number in range(manifest["parts"]):
        path = part_path(folder, number)
        own = read_docbin(path, vocab)
        try:
            arrays = load_file(path.with_suffix(".safetensors"))
            bounds = arrays["entries"]
            if len(bounds) != len(own) + 1:
                raise ValueError
            for doc, start, end in zip(own, bounds[:-1], bounds[1:], strict=True):
                probabilities = numpy.zeros((len(doc), len(types), 2), dtype="float32")
                at = arrays["token"][start:end], arrays["type"][start:end]
                probabilities[at] = arrays["steps"][start:end] / _STEPS
                set_soft_labels(doc, SoftLabels(types, probabilities))
        except (OSError, ValueError, KeyError, IndexError, SafetensorError):
            why = "not what belongs to the .spacy file beside it: make the answers again [B551]"
            raise FormatError(path.with_suffix(".safetensors"), None, why) from None
        docs += own
    return docs
