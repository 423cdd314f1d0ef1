"""Fitting a token classifier of transformers to the entities that its pipeline finds.

Folded heads lack what a pipeline finds entities with: transitions, and the mean of a token's pieces. Weights
can make up for much of it (docs/huggingface.md has figures). They are taught the pipeline's own entities in
some texts, as gold ones are (Hinton, Vinyals and Dean 2015 call it distillation): each word, as transformers'
pipeline counts words, has the label B, I or O on its first piece. Training begins with the pipeline's encoder
and the folded heads. All weights learn: a linear layer alone, fitted to the encoder as it is, agreed less.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from spacy.language import Language
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm
from transformers.pipelines.token_classification import AggregationStrategy

from spacy_bioner.errors import PipelineError
from spacy_bioner.huggingface.to_huggingface import Classifier, Fit, Span, find, token_pipeline, trimmed
from spacy_bioner.models.transformer.pieces import batches

_EPOCHS = 4
_UPDATES = 300  # at least, where texts are few
_BATCH = 1500  # word pieces, with padding
_WARM_UP = 0.1  # of the updates
_RATE = 5e-5
_UNLABELLED = -100  # what transformers leaves out of its loss


@dataclass(frozen=True, slots=True)
class Word:
    """What transformers' pipeline gives one label.

    Attributes:
        start, end: where in the text it is, without the white space that byte-level pieces may begin with.
        place: of its first word piece.
    """

    start: int
    end: int
    place: int


def fit_classifier(nlp: Language, classifier: Classifier, texts: Sequence[str]) -> Classifier:
    """Teaches a token classifier the entities that its pipeline finds in some texts.

    The learning rate is the one that the pipeline was trained with. Nothing is drawn but the order of the
    texts, from a fixed seed.

    Args:
        nlp: the pipeline.
        classifier: what `to_hf` made of it; its model is changed.
        texts: the texts.

    Returns:
        The same, with counts of what it learned from.

    Raises:
        PipelineError: if it has the pipeline's own weights already, or there is no text, or the pipeline
            finds no entity of its types in them.
    """
    if classifier.same_weights:
        raise PipelineError(
            "The pipeline has one label set, and its weights are copied: leave out --fit. [B473]"
        )
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise PipelineError("There is no text to fit on. [B474]")
    entities: dict[int, list[Span]] = defaultdict(list)
    for span in find(nlp, classifier.types, texts):
        entities[span[0]].append(span)
    if not entities:
        names = ", ".join(classifier.types)
        raise PipelineError(
            f"The pipeline finds no entity ({names}) in the {len(texts):,} texts "
            "to fit on: give others. [B475]"
        )
    run = token_pipeline(classifier.model, classifier.tokenizer)
    sequences = []
    counted = inside = 0
    for i, text in enumerate(texts):
        ids, words = read(run, text)
        labels, exact = labelled(words, entities[i], classifier.model.config.label2id)
        targets = torch.full_like(ids, _UNLABELLED)
        targets[[word.place for word in words]] = torch.tensor(labels, dtype=targets.dtype)
        sequences.append((ids, targets))
        counted += len(words)
        inside += len(entities[i]) - exact
    _train(classifier, sequences, _learning_rate(nlp))
    found = sum(map(len, entities.values()))
    return replace(classifier, fit=Fit(len(texts), counted, found, inside))


def read(run: Any, text: str) -> tuple[torch.Tensor, list[Word]]:
    """The word pieces of a text, cut off where transformers' pipeline does, and its words in it."""
    (inputs,) = run.preprocess(text, is_split_into_words=False)
    ids = inputs["input_ids"][0]
    words: list[Word] = []
    pieces = run.gather_pre_entities(
        text,
        ids,
        ids,  # in place of scores, which it hands through
        inputs["offset_mapping"][0],
        inputs["special_tokens_mask"][0].numpy(),
        AggregationStrategy.FIRST,
    )
    for piece in pieces:
        start, end = trimmed(text, piece["start"], piece["end"])
        if piece["is_subword"] and words:
            words[-1] = replace(words[-1], end=end)
        else:
            words.append(Word(start, end, piece["index"]))
    return ids, words


def labelled(words: Sequence[Word], entities: Sequence[Span], label2id: Mapping[str, int]) -> tuple[Any, int]:
    """The labels of words by the entities that they share characters with; the first of two has a word.

    Args:
        words: the words of a text.
        entities: those that the pipeline finds in it.
        label2id: the numbers of the labels.

    Returns:
        A number for each word, and how many entities begin and end where words do.
    """
    labels = [label2id["O"]] * len(words)
    free = set(range(len(words)))
    exact = 0
    for _, start, end, name in sorted(entities):
        own = [i for i in sorted(free) if words[i].start < end and words[i].end > start]
        free -= set(own)
        for i in own:
            labels[i] = label2id[f"{'B' if i == own[0] else 'I'}-{name}"]
        exact += bool(own) and (words[own[0]].start, words[own[-1]].end) == (start, end)
    return labels, exact


def _train(classifier: Classifier, sequences: Sequence[tuple[Any, Any]], rate: float) -> None:
    """Fine-tunes all weights, without dropout: what is to be learned is a function, and has no noise."""
    model, pad = classifier.model, classifier.tokenizer.pad_token_id or 0
    members = batches([len(ids) for ids, _ in sequences], _BATCH)
    updates = max(_EPOCHS * len(members), _UPDATES)
    rising = max(round(_WARM_UP * updates), 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min((k + 1) / rising, (updates - k) / (updates - rising + 1))
    )
    random = Random(0)
    order: list[int] = []
    model.eval()
    for _ in tqdm(range(updates), "fit", leave=False, disable=None):  # no bar but on a terminal
        if not order:
            order = random.sample(range(len(members)), len(members))
        batch = [sequences[i] for i in members[order.pop()]]
        ids = pad_sequence([ids for ids, _ in batch], batch_first=True, padding_value=pad)
        mask = pad_sequence([torch.ones_like(ids) for ids, _ in batch], batch_first=True)
        labels = pad_sequence([targets for _, targets in batch], batch_first=True, padding_value=_UNLABELLED)
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def _learning_rate(nlp: Language) -> float:
    """The highest that the pipeline's config has for training; what suits most encoders if it has none."""
    optimizer = nlp.config["training"].get("optimizer") or {}
    schedule = optimizer.get("learn_rate")
    return float(schedule.get("initial_rate", _RATE)) if isinstance(schedule, dict) else _RATE
