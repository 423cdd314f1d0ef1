"""From gold mentions to training targets: which labels each token of a Doc may have.

What isn't known is never taught as "no": tokens whose annotation is missing, and those of a mention that
can't be learned (see `corpora.gold_annotation`), may have any label. Types that a Doc's corpus doesn't
annotate don't count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.array_types import Ints
from spacy_bioner.components.spans import place_of
from spacy_bioner.corpora.annotations import mapped
from spacy_bioner.corpora.gold_annotation import (
    ALL_TYPES,
    GoldAnnotation,
    Unknown,
    gold_annotation,
    unknown_characters,
)
from spacy_bioner.corpora.soft_labels import SoftLabels, get_soft_labels
from spacy_bioner.models.crf import LABELS, B, I, O
from spacy_bioner.models.decoder import Found, Gold, Taught
from spacy_bioner.text.folding import is_blank

_SENTENCE = 25  # words: those of a sentence of the corpora, on average
_LONG = 100  # words: hardly a sentence has more


@dataclass(frozen=True, slots=True)
class Naming:
    """Where gold entities are, and what their types are called.

    Attributes:
        labels: the types that the component knows.
        label_map: other names for the types of the data; see `annotations.mapped`.
        spans_key: where in `doc.spans` gold entities may be.
    """

    labels: Sequence[str]
    label_map: Mapping[str, str]
    spans_key: str

    def gold(self, reference: Doc, corpus: str) -> GoldAnnotation:
        """The gold annotation of a Doc that is from a corpus, by the names that types have here."""
        return gold_annotation(
            reference, self.spans_key, name_of=lambda own: mapped(self.label_map, corpus, own)
        )


@dataclass(frozen=True, slots=True)
class Known:
    """The corpus of a gold Doc, and the types that it annotates, by the component's names for them."""

    corpus: str
    types: set[str]


def targets(example: Example, known: Known, naming: Naming, words: Ints | None = None) -> Gold | Taught:
    """What a gold Doc says of the tokens of the predicted one, or what a teacher says of them.

    Of mentions of one type, the outermost are learned; of the tokens of two that cross, nothing is known.

    Args:
        example: the Docs.
        known: what the gold Doc annotates.
        naming: where gold entities are, and the names of types.
        words: the numbers of the predicted Doc's tokens that count, see `words_of`.

    Returns:
        Which labels are allowed, (tokens, types, 3); and which types the Doc annotates, (types,). Or a
        teacher's probabilities, if the gold Doc has soft labels.
    """
    reference, size = example.reference, len(example.predicted)
    soft = get_soft_labels(reference)
    if soft is not None and size == len(reference):
        return _taught(soft, naming.labels)
    counts = numpy.array([label in known.types for label in naming.labels], dtype=bool)
    allowed = numpy.zeros((size, len(naming.labels), LABELS), dtype=bool)
    allowed[:, :, O] = True
    to_tokens = token_map(example)
    gold = naming.gold(reference, known.corpus)
    blank = frozenset[int]() if words is None else frozenset(range(size)) - frozenset(words.tolist())
    columns = {label: i for i, label in enumerate(naming.labels)}
    for name, unknown in gold.unknown.items():
        column = slice(None) if name == ALL_TYPES else columns.get(name)
        if column is not None:
            for i in unknown:
                allowed[to_tokens(i, i + 1)[0], column] = True
    exactly: list[tuple[int, int, int]] = []
    for span, name in gold.taught:
        column = columns.get(name)
        if column is None:
            continue
        tokens, exact = to_tokens(span.start, span.end)
        # the heads don't see blank tokens: a mention begins with its first word for them
        tokens = [token for token in tokens if token not in blank]
        if tokens and exact:
            exactly.append((tokens[0], tokens[-1] + 1, column))
        elif tokens:
            allowed[tokens[0] : tokens[-1] + 1, column] = True  # ends inside a token: nothing is known
    for start, end, column in exactly:
        allowed[start:end, column] = False
        allowed[start, column, B] = True
        allowed[start + 1 : end, column, I] = True
    return allowed, counts


def _taught(soft: SoftLabels, labels: Sequence[str]) -> Taught:
    """A teacher's probabilities, with the types in the component's order."""
    probabilities = numpy.zeros((len(soft.probabilities), len(labels), LABELS))
    probabilities[..., O] = 1.0
    for column, label in enumerate(labels):
        if label in soft.types:
            given = soft.probabilities[:, soft.types.index(label)]
            probabilities[:, column, [B, I]] = given
            probabilities[:, column, O] = 1.0 - given.sum(axis=1)
    return Taught(probabilities, numpy.array([label in soft.types for label in labels], dtype=bool))


def token_map(example: Example) -> Callable[[int, int], tuple[list[int], bool]]:
    """From tokens of the reference (first, and one after the last) to those of the predicted Doc.

    The function that is returned gives the tokens, and whether they have exactly the same text.
    """
    predicted, reference = example.predicted, example.reference
    if len(predicted) == len(reference) and (predicted.to_array("ORTH") == reference.to_array("ORTH")).all():
        return lambda start, end: (list(range(start, end)), True)
    alignment = example.alignment.y2x

    def to_tokens(start: int, end: int) -> tuple[list[int], bool]:
        tokens = sorted({int(i) for i in alignment[start:end]})
        if not tokens:
            return [], False
        ours = predicted[tokens[0] : tokens[-1] + 1].text
        theirs = reference[start:end].text
        return tokens, "".join(ours.split()).lower() == "".join(theirs.split()).lower()

    return to_tokens


def words_of(docs: Iterable[Doc]) -> list[Ints | None]:
    """The numbers of each Doc's tokens that are more than white space; None for all.

    Corpora have no other tokens, texts do, and nobody taught the heads what to make of these: a line break
    would become a mention, or a non-breaking space inside a mention end it.
    """
    words: list[Ints | None] = []
    for doc in docs:
        kept = [i for i, token in enumerate(doc) if not is_blank(token.text)]
        words.append(None if len(kept) == len(doc) else numpy.array(kept, dtype="int64"))
    return words


def sentence_count(reference: Doc) -> float:
    """How many sentences a Doc counts as in the loss.

    Those that it marks, or else one. One with more than 100 words counts as one more for every 25 words above
    that, since no sentence is that long.
    """
    marked = reference.has_annotation("SENT_START")
    lengths = [len(sentence) for sentence in reference.sents] if marked else [len(reference)]
    return sum(1.0 + max(0, length - _LONG) / _SENTENCE for length in lengths)


@dataclass(frozen=True, slots=True)
class Truth:
    """A Doc's gold annotation, to judge predicted entities by.

    Attributes:
        types: the types that it annotates.
        gold: its entities, in characters.
        unknown: the characters of which nothing is known.
        starts, ends: where the predicted Doc's tokens begin and end.
    """

    types: set[str]
    gold: set[tuple[int, int, str]]
    unknown: Unknown
    starts: list[int]
    ends: list[int]

    def judge(self, start: int, end: int, label: str) -> bool | None:
        """Whether an entity, in tokens, is right; None if that isn't known."""
        place = (self.starts[start], self.ends[end - 1], label)
        right = place in self.gold
        if label not in self.types or (not right and self.unknown.hides(*place)):
            return None
        return right

    def judge_all(self, found: Iterable[Found], judged: Mapping[str, list[tuple[float, bool]]]) -> None:
        """Adds probability and verdict of each entity to those of its type, where a verdict is possible."""
        for start, end, label, probability in found:
            right = self.judge(start, end, label)
            if right is not None:
                judged[label].append((probability, right))


def truth_of(example: Example, known: Known, naming: Naming) -> Truth:
    """The gold annotation of a Doc, with where the tokens of the predicted one are."""
    reference = example.reference
    found = naming.gold(reference, known.corpus)
    gold = {(*place_of(span)[:2], name) for span, name in found.taught}
    tokens = list(example.predicted)
    starts, ends = [t.idx for t in tokens], [t.idx + len(t) for t in tokens]
    return Truth(known.types, gold, unknown_characters(reference, found), starts, ends)
