"""Scores of a pipeline on other tasks than entities: relations, labels of texts, pairs of texts, answers.

Beside each score stands what can be had without an encoder: all pairs related, the most frequent label, the
words that two texts have in common, and what a bag of words learns.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch

from spacy_bioner.components.pipelines import (
    entity_finders,
    load_pipeline,
    named_classifiers,
    named_multilabel,
    named_relations,
)
from spacy_bioner.components.relation_comparison import Ranking, compare
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.bag_of_words import labels_by_words, relations_by_words, similarity_by_words
from spacy_bioner.evaluation.task_scorers import are_sentences, score_abstracts
from spacy_bioner.files import Outputs, write_json
from spacy_bioner.models.devices import use_device

_BATCH = 64  # Docs that go through together
PARTS = ("relations", "pairs", "answers", "cats")
"""How the names of the scores begin that are told."""

Scores = dict[str, Any]


def evaluate_tasks(
    model: str | Path | Language,
    data: Path,
    *,
    train: Sequence[Path] = (),
    output: Path | None = None,
    gpu_id: int = -1,
) -> Scores:
    """Scores a pipeline on a .spacy file.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded.
        data: the file.
        train: .spacy files that the pipeline was trained on: a bag of words learns from them as well, as a
            baseline.
        output: a JSON file for the scores.
        gpu_id: the GPU to use; -1 for the CPU.

    Returns:
        The scores of the pipeline's components. Of `relations`, they are with the gold entities; where the
        pipeline finds entities itself, its scores with those are under "predicted_entities", and "gap" is
        what F1 loses by them. They are None where the data annotates no relations. Under "trivial" is what
        can be had without an encoder; under "unknown_labels", if there are any, how often the data has labels
        that the pipeline doesn't know, and that so aren't scored.

    Raises:
        PipelineError: if the pipeline can't be loaded or has no component that is scored here.
        FormatError: if the file can't be read.
    """
    use_device(gpu_id)
    nlp = model if isinstance(model, Language) else load_pipeline(model)
    docs = read_docbin(data, nlp.vocab)
    if not docs:
        raise PipelineError(f"{data}: there are no documents in it. [B355]")
    related = named_relations(nlp)
    scores = _scored(nlp, docs, gold_entities=bool(related))
    if not scores:
        raise PipelineError(
            f"The pipeline ({', '.join(nlp.pipe_names)}) has no component that is scored here: relations, "
            "pairs, answers, textcat or textcat_multilabel. `spacy bioner evaluate` scores entities. [B356]"
        )
    if related and entity_finders(nlp):
        found = _scored(nlp, docs, gold_entities=False)
        scores["predicted_entities"] = found
        if scores["relations_f"] is not None:
            scores["gap"] = scores["relations_f"] - found["relations_f"]
    scores["trivial"] = _trivial(nlp, docs)
    if train:
        trained = [doc for path in train for doc in read_docbin(path, nlp.vocab)]
        scores["trivial"] |= _by_words(nlp, trained, docs)
    if unknown := _unknown_labels(nlp, docs):
        scores["unknown_labels"] = unknown
    scores = {"documents": len(docs), **scores}
    if output is not None:
        with Outputs() as outputs:
            write_json(outputs.temporary(output), scores)
    return scores


def _scored(nlp: Language, docs: Sequence[Doc], gold_entities: bool) -> Scores:
    examples: list[Example] = []
    for batch in minibatch(docs, _BATCH):
        inputs = [with_same_tokens(doc) for doc in batch]
        for made, doc in zip(inputs, batch, strict=True):
            if gold_entities:
                made._.arguments = doc._.arguments
        examples += map(Example, nlp.pipe(inputs), batch)
        for example in examples[-len(batch) :]:  # a transformer's output is large
            if example.predicted.has_extension("trf_data"):
                example.predicted._.trf_data = None
    scores: Scores = {}
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "score"):
            found = pipe.score(examples)
            scores |= {key: value for key, value in found.items() if key.startswith(PARTS)}
    for _, pipe in named_multilabel(nlp):
        if are_sentences(docs):
            scores |= score_abstracts(examples, float(pipe.cfg["threshold"]))
    return scores


def _trivial(nlp: Language, docs: Sequence[Doc]) -> dict[str, float]:
    """What can be had without learning, by the name of the score."""
    found: dict[str, float] = {}
    for _, pipe in named_relations(nlp):
        found |= {f"relations_f, all pairs {label}": f1 for label, f1 in _all_pairs(pipe, docs).items()}
    labels = Counter(label for doc in docs for label, value in doc.cats.items() if value)
    if labels and all(sum(map(bool, doc.cats.values())) == 1 for doc in docs):
        label, count = labels.most_common(1)[0]
        found[f"accuracy, all {label}"] = count / len(docs)
    if (pearson := similarity_by_words(docs)) is not None:
        found["pairs_pearson, words in common"] = pearson
    return found


def _by_words(nlp: Language, train: Sequence[Doc], docs: Sequence[Doc]) -> dict[str, float]:
    """What bags of words make of the data, by the name of the score."""
    found: dict[str, float | None] = {}
    for _, pipe in named_relations(nlp):
        found["relations_f"] = relations_by_words(pipe, train, docs)
    if named_classifiers(nlp):
        found |= labels_by_words(train, docs)
    return {f"{name}, bag of words": score for name, score in found.items() if score is not None}


def _unknown_labels(nlp: Language, docs: Sequence[Doc]) -> dict[str, int]:
    """How often the data has labels that no component of the pipeline that gives such knows."""
    found: Counter[str] = Counter()
    for _, pipe in named_relations(nlp):
        found.update(r.label for doc in docs for r in pipe.gold(doc) if r.label not in pipe.labels)
    classifiers = named_classifiers(nlp)
    known = {label for _, pipe in classifiers for label in pipe.labels}
    if classifiers:
        given = [label for doc in docs for label, value in doc.cats.items() if value]
        found.update(label for label in given if label not in known)
    return dict(sorted(found.items()))


def _all_pairs(pipe: Any, docs: Sequence[Doc]) -> dict[str, float]:
    """The F1 of the most frequent label, given to all pairs of gold entities that are asked about."""
    gold = [relation.label for doc in docs for relation in pipe.gold(doc) if relation.label in pipe.labels]
    if not gold:
        return {}
    label = Counter(gold).most_common(1)[0][0]
    ranking = Ranking()
    for doc in docs:
        pairs = pipe.all_pairs(doc, label)
        ranking.add(compare(doc, doc, pairs, pipe.labels, pipe.cfg))
    if not ranking.gold:  # the Docs don't say that their corpus annotates relations
        return {}
    right = sum(is_right for _, is_right in ranking.scored)
    return {label: 2 * right / (len(ranking.scored) + ranking.gold)}
