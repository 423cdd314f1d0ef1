"""Running a pipeline on gold texts, and counting what it finds."""

import time
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_bioner.components.calibration import Judged
from spacy_bioner.components.pipelines import bioners, gold_keys, spans_keys
from spacy_bioner.components.spans import flat_view, scored_spans
from spacy_bioner.components.truncation import Cut, count_cut
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.conversion import to_doc
from spacy_bioner.corpora.gold_annotation import Unknown, warn_of_untrusted
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.counts import RELAXED, Counts
from spacy_bioner.evaluation.gold import Gold, check_lengths, gold_of
from spacy_bioner.evaluation.limits import Impossible
from spacy_bioner.evaluation.matching import Judgement, distinct, judge
from spacy_bioner.evaluation.type_names import TypeNames, map_option, type_names


@dataclass(frozen=True, slots=True)
class Compared:
    """A text with what was made of its mentions of the types that are scored."""

    gold: Gold
    judged: list[Judgement]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        counts: the mentions counted, by type: strict.
        relaxed: the same, where pairs of one type with a character in common count as well.
        kinds: how often each kind of `matching.Judgement` was made, by kind and type.
        impossible: what the pipeline can't find.
        compared: the texts, with what was made of their mentions.
        docs, tokens: how much was read.
        seconds: how long the pipeline took.
        unscored: predicted mentions of types that the data doesn't annotate, or on tokens whose annotation is
            missing; they count neither way.
        not_found_by_pipeline: types that the data annotates and the pipeline doesn't know, with the number
            of their gold mentions; they count neither way.
        common_names: whether types were compared by their common names, and not the corpora's own.
        cut: what the encoder's windows cut off.
        judged: the probability of each predicted span of a `bioner` that counts, and whether it is right.
        flat: the counts of the flat view, `doc.ents`, where gold overlaps and so the spans are scored;
            None where the flat view is what is scored.
    """

    counts: Counts
    relaxed: Counts
    kinds: Counter[tuple[str, str]]
    impossible: Impossible
    compared: list[Compared]
    docs: int
    tokens: int
    seconds: float
    unscored: int
    not_found_by_pipeline: Mapping[str, int]
    common_names: bool
    cut: Cut
    judged: Judged
    flat: Counts | None = None


def evaluate_docs(nlp: Language, docs: Sequence[Doc], *, retokenize: bool = False) -> Evaluation:
    """Runs a pipeline on Docs with gold entities, and counts; see `evaluate_gold`.

    Args:
        nlp: the pipeline.
        docs: the Docs.
        retokenize: whether the pipeline gets the raw text, as in use; otherwise it gets the gold tokens, as
            published results on these corpora do.

    Raises:
        PipelineError: if there is nothing to compare: no Docs, or no type in common.
    """
    return evaluate_gold(nlp, [gold_of(doc, retokenize, gold_keys(nlp)) for doc in docs])


def evaluate_gold(nlp: Language, golds: Sequence[Gold]) -> Evaluation:
    """Runs a pipeline on texts with gold mentions, and counts: offsets in characters, and type.

    Where gold mentions of annotated types overlap, all spans that the pipeline finds are scored, and the
    flat view beside; else the flat view is.

    A type counts only on texts whose corpus annotates it (see `corpora.annotations`); under which names
    types are compared, `type_names` says.

    Args:
        nlp: the pipeline. It gets the raw text, or the tokens of a `Gold` that has some.
        golds: the texts.

    Raises:
        PipelineError: if there is nothing to compare: no texts, or no type in common; or if a text is longer
            than the pipeline takes.
    """
    if not golds:
        raise PipelineError("There are no documents in the data. [B339]")
    check_lengths(golds, nlp.max_length)
    warn_of_untrusted(sum(gold.untrusted for gold in golds), *gold_keys(nlp))
    names = type_names(nlp, golds)
    overlap = any(map(_overlap, golds, names.annotated)) and bool(spans_keys(nlp))
    comparison = _Comparison(nlp, names, overlap)
    seconds = 0.0
    for gold, types, (doc, passed) in zip(golds, names.annotated, _timed(nlp, golds), strict=True):
        seconds += passed
        comparison.add(gold, types, doc)
    if not comparison.scored_types:
        own = sorted({name for types in names.annotated for name in types})
        raise PipelineError(
            f"Nothing to compare: the data annotates {', '.join(own) or 'no type'}, and the pipeline "
            f"finds {', '.join(names.known) or 'no entities'}. Say what is the same with "
            f"{map_option(own, names.known)}, or with --corpus which corpus of the catalogue the data is "
            "from. [B340]"
        )
    return Evaluation(
        comparison.counts,
        comparison.relaxed,
        comparison.kinds,
        comparison.impossible,
        comparison.compared,
        len(golds),
        comparison.tokens,
        seconds,
        comparison.unscored,
        dict(comparison.unknown),
        names.common,
        count_cut(nlp, (_tokenized(nlp, gold) for gold in golds)),
        comparison.judged,
        comparison.flat if overlap else None,
    )


def _overlap(gold: Gold, types: Collection[str]) -> bool:
    """Whether mentions of a text overlap, of types that it annotates."""
    places = sorted({(m.start, m.end, m.type) for m in gold.mentions if m.type in types})
    return any(after[0] < before[1] for before, after in pairwise(places))


class _Comparison:
    """Compares what a pipeline found with the gold mentions, text by text; see `Evaluation`."""

    def __init__(self, nlp: Language, names: TypeNames, overlap: bool) -> None:
        self._names = names
        self._keys = spans_keys(nlp)
        self._of_heads = {label for pipe in bioners(nlp) for label in pipe.written}
        self._overlap = overlap
        self.counts, self.relaxed, self.flat = Counts(), Counts(), Counts()
        self.kinds = Counter[tuple[str, str]]()
        self.impossible = Impossible(spans=overlap)
        self.compared: list[Compared] = []
        self.judged: list[tuple[float, bool]] = []
        self.tokens = self.unscored = 0
        self.unknown = Counter[str]()
        self.scored_types: set[str] = set()

    def add(self, gold: Gold, types: Collection[str], doc: Doc) -> None:
        """Compares one text.

        Args:
            gold: the text.
            types: the types that it annotates, by its own names.
            doc: what the pipeline made of it.
        """
        name_of, known = self._names.of_pipeline, self._names.known
        mentions = [m for m in gold.mentions if m.type in types]
        named = [replace(m, type=self._names.of_gold(gold.corpus, m.type)) for m in mentions]
        scored = self._scored_types(gold, types)
        theirs = distinct(mention for mention in named if mention.type in scored)
        places = {(mention.spans, mention.type) for mention in theirs}
        unknown = gold.unknown.renamed(lambda own: self._names.of_gold(gold.corpus, own))
        counted = _Counted(unknown, scored, places)
        probabilities = {
            (span.start_char, span.end_char, span.label_): probability
            for key in self._keys
            for span, probability in scored_spans(doc, key)
        }
        found = self._found(doc, scored, probabilities)
        if self._overlap:
            flat = [m for m in found if counted(m.start, m.end, m.type)]
            self.flat.add_judged(judge(theirs, flat))
            found = distinct([*found, *self._spans(scored, probabilities)])
        pairs = judge(theirs, [m for m in found if counted(m.start, m.end, m.type)])
        self.tokens += len(doc)
        self.scored_types |= scored
        self.unknown.update(mention.type for mention in named if mention.type not in known)
        self.unscored += sum(
            not counted(ent.start_char, ent.end_char, name_of(ent.label_)) for ent in doc.ents
        )
        self.judged += [
            (probability, (((start, end),), name_of(label)) in places)
            for (start, end, label), probability in probabilities.items()
            if counted(start, end, name_of(label))
        ]
        self.counts.add_judged(pairs)
        self.relaxed.add_judged(pairs, RELAXED)
        self.kinds.update((pair.kind, pair.type) for pair in pairs)
        self.impossible.add(theirs, doc)
        self.compared.append(Compared(gold, pairs))

    def _scored_types(self, gold: Gold, types: Collection[str]) -> set[str]:
        """The types that are scored on a text: those that it annotates and the pipeline knows."""
        return {self._names.of_gold(gold.corpus, own) for own in types} & set(self._names.known)

    def _found(
        self, doc: Doc, scored: Container[str], probabilities: Mapping[tuple[int, int, str], float]
    ) -> list[Mention]:
        """The entities in the flat view of the types that are scored."""
        wanted = {label for label in self._of_heads if self._names.of_pipeline(label) in scored}
        return [
            Mention(
                ((ent.start_char, ent.end_char),),
                self._names.of_pipeline(ent.label_),
                score=probabilities.get((ent.start_char, ent.end_char, ent.label_)),
            )
            for ent in flat_view(doc, self._keys, wanted)
        ]

    def _spans(
        self, scored: Container[str], probabilities: Mapping[tuple[int, int, str], float]
    ) -> list[Mention]:
        """All that heads found of the types that are scored, overlapping or not."""
        return [
            Mention(((start, end),), self._names.of_pipeline(label), score=probability)
            for (start, end, label), probability in probabilities.items()
            if self._names.of_pipeline(label) in scored
        ]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Tells whether something that was found is right or wrong; it is neither where too little is known."""

    unknown: Unknown
    types: Container[str]
    places: Container[Any]

    def __call__(self, start: int, end: int, name: str) -> bool:
        right = (((start, end),), name) in self.places
        return name in self.types and (right or not self.unknown.hides(start, end, name))


def _timed(nlp: Language, golds: Sequence[Gold]) -> Iterator[tuple[Doc, float]]:
    """The pipeline's Docs, each with the seconds that the pipeline took to give it."""
    inputs = (gold.text if gold.doc is None else with_same_tokens(gold.doc) for gold in golds)
    docs = nlp.pipe(inputs)
    for _ in tqdm(golds, "evaluating", leave=False, disable=None):
        start = time.perf_counter()
        doc = next(docs)
        yield doc, time.perf_counter() - start


def _tokenized(nlp: Language, gold: Gold) -> Doc:
    """A Doc as the pipeline gets it, with the gold mentions that fit it as entities."""
    if gold.doc is not None:
        return gold.doc
    return to_doc(Document(gold.text, mentions=gold.mentions), nlp.vocab, nlp.make_doc)[0]
