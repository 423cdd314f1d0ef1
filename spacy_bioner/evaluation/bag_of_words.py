"""Bags of words as baselines of other tasks: what words alone tell of labels, relations and similarities.

They are spaCy's linear classifier on single words and pairs of neighbours (`spacy.TextCatBOW.v3`), trained on
the data that the pipeline was trained on; and of similarities, how many words two texts have in common.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import TYPE_CHECKING

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import fix_random_seed

from spacy_bioner.components.relation_comparison import Ranking, compare
from spacy_bioner.corpora.relation_records import Argument, Related
from spacy_bioner.documents.two_texts import SEPARATOR
from spacy_bioner.evaluation.counts import Counts
from spacy_bioner.evaluation.task_scorers import are_sentences, correlation, score_abstracts
from spacy_bioner.text.rough_sentences import words_of

if TYPE_CHECKING:
    from spacy_bioner.components.relations import Relations

_EPOCHS, _BATCH = 10, 32
_ASIDE = 5  # of so many Docs one is set aside to choose the threshold of relations on
_AROUND = 5  # words before and behind a pair that count
_LEAST = 0.01  # what is less probable is no candidate


def labels_by_words(train: Sequence[Doc], test: Sequence[Doc]) -> dict[str, float]:
    """Scores a bag of words on labels of texts, or of pairs of texts.

    Args:
        train: Docs with labels in `doc.cats`.
        test: the same.

    Returns:
        `accuracy` where each text has one label; else, with labels of a probability of at least 0.5,
        `cats_micro_f`, and `abstracts_f` of numbered sentences of abstracts.
    """
    is_exclusive = all(sum(map(bool, doc.cats.values())) == 1 for doc in chain(train, test))
    labels = sorted({label for doc in train for label, value in doc.cats.items() if value})
    if len(labels) < 2:
        return {}
    nlp = _classifier(labels, is_exclusive)
    _learn(nlp, [(doc, {label: float(bool(doc.cats.get(label))) for label in labels}) for doc in train])
    found = list(nlp.pipe(_copy(nlp, doc) for doc in test))
    if is_exclusive:
        best = [max(doc.cats, key=lambda label: doc.cats[label]) for doc in found]
        right = sum(bool(doc.cats.get(label)) for doc, label in zip(test, best, strict=True))
        return {"accuracy": right / len(test)}
    counts = Counts()
    for number, (gold, made) in enumerate(zip(test, found, strict=True)):
        counts.add(
            [(number, 0, label) for label, value in gold.cats.items() if value],
            [(number, 0, label) for label, value in made.cats.items() if value >= 0.5],
        )
    scores = {"cats_micro_f": counts.total().f1}
    if are_sentences(test):
        scores["abstracts_f"] = score_abstracts(list(map(Example, found, test)))["abstracts_f"]
    return scores


def relations_by_words(pipe: "Relations", train: Sequence[Doc], test: Sequence[Doc]) -> float | None:
    """F1 of a bag of the words between and around two gold entities.

    The threshold is the best on a fifth of the training data, which isn't learned from.

    Args:
        pipe: says which pairs are asked about, and which labels there are.
        train: gold Docs.
        test: the same.

    Returns:
        F1; None if the training data has no relation.
    """
    known = [doc for doc in train if pipe.annotated(doc) is not None]
    nlp = _classifier(pipe.labels, exclusive=False)
    learned = [doc for number, doc in enumerate(known) if number % _ASIDE]
    texts = [(text, labels) for doc in learned for _, text, labels in _pairs(nlp, pipe, doc)]
    if not any(any(labels.values()) for _, labels in texts):
        return None
    _learn(nlp, texts)
    ranking = Ranking()
    for doc in known[::_ASIDE]:
        ranking.add(compare(doc, doc, _found(nlp, pipe, doc), pipe.labels, pipe.cfg))
    threshold, _ = ranking.best(0.5, _LEAST)
    counts = Counts()
    for doc in test:
        found = [related for related in _found(nlp, pipe, doc) if related.score >= threshold]
        compared = compare(doc, doc, found, pipe.labels, pipe.cfg)
        if compared is not None:
            counts.add(compared.gold, compared.found)
    return counts.total().f1


def similarity_by_words(test: Iterable[Doc]) -> float | None:
    """Pearson's correlation of gold similarities with the share of words that both texts have (Jaccard)."""
    pairs = []
    for doc in test:
        first, separator, second = doc.text.partition(SEPARATOR)
        words = set(words_of(first)), set(words_of(second))
        if separator and doc._.similarity is not None and (words[0] or words[1]):
            pairs.append((doc._.similarity, len(words[0] & words[1]) / len(words[0] | words[1])))
    return correlation(pairs)


def _classifier(labels: Iterable[str], exclusive: bool) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": exclusive, "ngram_size": 2}
    pipe = nlp.add_pipe(
        "textcat" if exclusive else "textcat_multilabel",
        name="textcat",
        config={"model": {**model, "no_output_layer": False, "length": 1 << 18}},
    )
    for label in labels:
        pipe.add_label(label)  # type: ignore[attr-defined]
    return nlp


def _learn(nlp: Language, texts: Sequence[tuple[Doc, dict[str, float]]]) -> None:
    examples = [Example.from_dict(_copy(nlp, doc), {"cats": cats}) for doc, cats in texts]
    optimizer = nlp.initialize(lambda: examples[:100])
    for _ in range(_EPOCHS):
        for batch in minibatch(examples, _BATCH):
            nlp.update(batch, sgd=optimizer)


def _copy(nlp: Language, doc: Doc) -> Doc:
    return Doc(nlp.vocab, words=[token.lower_ for token in doc])


def _pairs(nlp: Language, pipe: "Relations", doc: Doc) -> Iterator[tuple[Related, Doc, dict[str, float]]]:
    """All pairs of a Doc that are asked about, the words of each, and its labels."""
    gold: dict[tuple[Argument, Argument], set[str]] = {}
    for related in pipe.gold(doc):
        gold.setdefault((related.head, related.child), set()).add(related.label)
    for related in pipe.all_pairs(doc, ""):
        own = gold.get((related.head, related.child), set())
        words = _words(doc, related.head, related.child)
        yield related, Doc(nlp.vocab, words=words), {label: float(label in own) for label in pipe.labels}


def _words(doc: Doc, head: Argument, child: Argument) -> list[str]:
    """The types of two entities, and the words between and around their nearest mentions."""
    ends = [[(spans[0][0], spans[-1][1]) for spans in argument.mentions] for argument in (head, child)]
    first, second = min((sorted(pair) for pair in product(*ends)), key=lambda pair: pair[1][0] - pair[0][1])
    is_reversed = first not in ends[0]
    before = [token.lower_ for token in doc if token.idx < first[0]][-_AROUND:]
    between = [token.lower_ for token in doc if first[1] <= token.idx < second[0]]
    behind = [token.lower_ for token in doc if token.idx >= second[1]][:_AROUND]
    named = [("<", before), ("=", between), (">", behind)]
    return [f"{head.type} {child.type} {is_reversed}", *(side + word for side, own in named for word in own)]


def _found(nlp: Language, pipe: "Relations", doc: Doc) -> list[Related]:
    """Relations with the probabilities that words give them; one a pair where labels exclude each other."""
    pairs = [(related, text) for related, text, _ in _pairs(nlp, pipe, doc)]
    found = []
    for (related, _), made in zip(pairs, nlp.pipe([text for _, text in pairs]), strict=True):
        labels = sorted(made.cats, key=lambda label: -made.cats[label])
        for label in labels[:1] if pipe.cfg["exclusive"] else labels:
            if made.cats[label] >= _LEAST:
                found.append(replace(related, label=label, score=made.cats[label]))
    return found
