"""A student that learns from gold and from teachers: their probabilities on unlabelled text (Hinton 2015).

First the teachers answer, once: texts become Docs, and each token gets the probabilities that it begins a
mention of a type or goes on with one (`corpora.soft_labels`). Then a pipeline is trained on gold and answers
mixed. A teacher that doesn't know a type says nothing of it, so teachers may have different types; of a type
that several know, the student learns the mean.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_bioner.annotation.inputs import Item, find_inputs, read_items
from spacy_bioner.annotation.long_texts import pieces
from spacy_bioner.array_types import Array
from spacy_bioner.components.pipelines import load_pipeline, named_bioners
from spacy_bioner.components.token_probabilities import token_probabilities
from spacy_bioner.corpora.provenance import versions
from spacy_bioner.corpora.soft_labels import MANIFEST, part_path, write_part
from spacy_bioner.errors import PipelineError
from spacy_bioner.files import Outputs, checksum, write_json
from spacy_bioner.models.crf import B, I
from spacy_bioner.models.devices import use_device
from spacy_bioner.terminal import msg
from spacy_bioner.text.tokenizer import create_tokenizer
from spacy_bioner.training.loop import train as train_pipeline

_PART = 512
"""Docs a part: what is lost when it is stopped."""
_LONGEST = 1500
"""Characters of a Doc: about an abstract; longer texts are cut at ends of paragraphs or sentences."""
_ASKED = "asked.json"


def distill(
    teachers: Sequence[str | Path],
    config: Path,
    output: Path,
    *,
    texts: Sequence[Path],
    train: Sequence[Path],
    dev: Sequence[Path],
    answers: Path | None = None,
    mix: float = 0.5,
    temperature: float = 1.0,
    limit: int = 0,
    gpu_id: int = -1,
    **options: Any,
) -> Path:
    """Trains a student on gold and on what teachers say of unlabelled text.

    What was stopped goes on with the same call: the answers by parts, the training from its checkpoint.

    Args:
        teachers: pipelines with `bioner`, by package or folder.
        config: the student's config.
        output: the folder to make, as `train` does.
        texts: unlabelled text, in any format that `annotate` reads.
        train, dev: .spacy files of gold, to train and to choose on.
        answers: the folder for the answers; OUTPUT.answers if None.
        mix: the share of the words of an epoch that teachers have answered for, under 1.
        temperature: what the teachers' scores are divided by: over 1 for softer answers.
        limit: how many texts to ask for, after long ones are cut; 0 for all.
        gpu_id: the GPU to use; -1 for the CPU.
        options: further arguments of `train`: encoder, name, seed ...

    Returns:
        The folder.

    Raises:
        BionerError: if teachers, texts, data or config can't be had.
    """
    if not 0 <= mix < 1:
        raise PipelineError(f"The mix is {mix}: it must be from 0 to less than 1. [B421]")
    folder = answers or output.with_name(f"{output.name}.answers")
    ask(teachers, texts, folder, temperature=temperature, limit=limit, gpu_id=gpu_id)
    return train_pipeline(
        config, output, train=train, dev=dev, answers=folder, mix=mix, gpu_id=gpu_id, **options
    )


def ask(
    teachers: Sequence[str | Path],
    texts: Sequence[Path],
    output: Path,
    *,
    temperature: float = 1.0,
    limit: int = 0,
    gpu_id: int = -1,
) -> Path:
    """Has teachers answer for unlabelled text, or goes on with that; see `distill` for the arguments.

    Returns:
        The folder of the answers.

    Raises:
        PipelineError: if a teacher has no `bioner`, the temperature isn't positive, there is no text, or the
            folder holds answers to something else.
        FormatError: if the texts can't be read.
    """
    if temperature <= 0:
        raise PipelineError(f"The temperature is {temperature}: it must be more than 0. [B422]")
    use_device(gpu_id)
    loaded = [_teacher(name) for name in teachers]
    types = sorted({label for nlp in loaded for _, pipe in named_bioners(nlp) for label in pipe.labels})
    asked = {
        "teachers": [f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}" for nlp in loaded],
        "weights": [_fingerprint(nlp) for nlp in loaded],
        "texts": [{"file": path.name, "sha256": checksum(path)} for path in texts],
        "types": types,
        "temperature": temperature,
        "limit": limit,
    }
    _check(output, asked)
    if (output / MANIFEST).is_file():
        return output
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / _ASKED, asked)
    aside: list[str] = []
    docs = islice(_docs(loaded[0], texts, aside), limit or None)
    number = words = count = 0
    with tqdm(unit=" texts", disable=None) as bar:
        while batch := list(islice(docs, _PART)):
            if not part_path(output, number).is_file():
                answered = [_answers(nlp, batch, types, temperature) for nlp in loaded]
                write_part(output, number, batch, [_mean(own) for own in zip(*answered, strict=True)])
            number, count, words = number + 1, count + len(batch), words + sum(map(len, batch))
            bar.update(len(batch))
    if not number:
        raise PipelineError(f"There is no text in {', '.join(map(str, texts))}. [B423]")
    if aside:
        msg.warn(f"{len(aside)} texts can't be read, and are left out: {aside[0]} ...")
    made = asked | {"parts": number, "docs": count, "words": words, "unread": len(aside)}
    made["versions"] = versions()
    with Outputs() as outputs:
        write_json(outputs.temporary(output / MANIFEST), made)
    return output


def _teacher(name: str | Path) -> Language:
    nlp = load_pipeline(name)
    if not named_bioners(nlp):
        raise PipelineError(
            f"The teacher '{name}' has no `bioner`: a student learns its probabilities. [B424]"
        )
    return nlp


def _fingerprint(nlp: Language) -> str:
    """What tells a teacher's heads from those of another training."""
    heads = b"".join(pipe.model.to_bytes() for _, pipe in named_bioners(nlp))
    return hashlib.sha256(heads).hexdigest()


def _check(output: Path, asked: Mapping[str, Any]) -> None:
    """Raises PipelineError if a folder holds something else than answers to the same questions."""
    if not output.is_dir() or not any(output.iterdir()):
        return
    path = output / _ASKED
    earlier = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    different = [name for name in asked if earlier.get(name) != asked[name]]
    if different:
        raise PipelineError(
            f"{output} holds something else than answers of these teachers to these texts (different: "
            f"{', '.join(different)}): name another folder, or remove it. [B425]"
        )


def _docs(nlp: Language, texts: Sequence[Path], aside: list[str]) -> Iterator[Doc]:
    """Unlabelled texts as Docs, with the tokens that a student will have; notes those that can't be read."""
    tokenizer = create_tokenizer()(nlp)
    for item in read_items(find_inputs(texts)):
        if not isinstance(item, Item):
            aside.append(f"{item.file}, document {item.number}: {item.reason}")
            continue
        for piece in pieces(item.document, _LONGEST):
            if piece.text.strip():
                yield tokenizer(piece.text)


def _answers(nlp: Language, docs: Sequence[Doc], types: Sequence[str], temperature: float) -> list[Array]:
    """A teacher's probabilities for each Doc: (tokens, types, 2), not a number for types it doesn't know."""
    answers = [numpy.full((len(doc), len(types), 2), numpy.nan) for doc in docs]
    for name, pipe in named_bioners(nlp):
        columns = [types.index(label) for label in pipe.labels]
        own = [Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc]) for doc in docs]
        found = token_probabilities(nlp, name, own, temperature=temperature)
        for target, probabilities in zip(answers, found, strict=True):
            target[:, columns] = probabilities[:, :, [B, I]]
    return answers


def _mean(answers: Sequence[Array]) -> Array:
    """The mean of several teachers' probabilities, over those that know the type."""
    stacked = numpy.stack(answers)
    known = ~numpy.isnan(stacked)
    total: Array = numpy.where(known, stacked, 0.0).sum(axis=0) / numpy.maximum(known.sum(axis=0), 1)
    return total
